"""Gold plans: the calls that a good agent makes in a situation, on the shop's database; and those
that an agent made, to be made again.

>>> from toolkit.evals import SqliteWorld, audit_cases
>>> from toolkit.harbor import World, situations
>>> with World.open() as world:
...     audit = audit_cases(situations().values(), SqliteWorld(world.database),
...                         gold=lambda situation: gold_plan(situation, world))
>>> audit.summary
'An agent that does nothing passes 14 of 45 cases (31%).'
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from toolkit.harbor.situations import Situation
from toolkit.harbor.toolbox import call
from toolkit.harbor.tools import ToolError
from toolkit.harbor.world import World
from toolkit.traces import Trace

NamedCall = tuple[str, Callable[[], tuple[str, bool]]]
"""The name of a tool, and a call of it with its arguments in it."""


def gold_plan(situation: Situation, world: World) -> list[Callable[[], str]]:
    """The calls of the situation's script, to be made on `world` at the situation's time.

    Each returns what the tool says. It raises ToolError where the tool refuses what it should do,
    or does what it should refuse.
    """
    at_its_time = replace(world, now=situation.now)
    calls: list[Callable[[], str]] = []
    for plan, turn in zip(situation.turns, situation.script(), strict=True):
        for number, (name, arguments) in enumerate(turn.calls, 1):
            is_refused = number == plan.get("refused")
            calls.append(partial(_make, at_its_time, name, arguments, is_refused))
    return calls


def made_calls(trace: Trace, situation: Situation, world: World) -> list[NamedCall]:
    """The calls of a trace, each with the name of its tool, as `replay_calls` takes them: to be
    made on `world` at the situation's time. Each returns what `call` does.
    """
    at_its_time = replace(world, now=situation.now)
    calls: list[NamedCall] = []
    for step in trace.calls:
        name = step.data["name"]
        calls.append((name, partial(call, at_its_time, name, step.data["arguments"])))
    return calls


def _make(world: World, name: str, arguments: dict[str, Any], is_refused: bool) -> str:
    result, is_error = call(world, name, arguments)
    if is_error != is_refused:
        raise ToolError(result if is_error else f"{name} should have been refused, and was not")
    return result
