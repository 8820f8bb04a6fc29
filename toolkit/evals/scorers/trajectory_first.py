"""first_failing_step: the first step of a trace that breaks one of several rules."""

from collections.abc import Iterable
from typing import Any

from toolkit.evals.scorers.scorers import Score, Scorer, score
from toolkit.traces import Trace

NAME = "first_failing_step"


async def first_failing_step(trace: Trace, rules: Iterable[Scorer], case: Any = None) -> Score:
    """The id of the first step that breaks a rule, as a `Score` whose value and ``step`` it is.

    Unscored where no rule names a step: that no rule is broken is no proof that nothing failed.

    >>> import asyncio
    >>> from toolkit.evals import forbidden_calls
    >>> from toolkit.traces import Step
    >>> trace = Trace("t", (Step("s1", "tool.call", "assistant", "drop_table"),))
    >>> asyncio.run(first_failing_step(trace, [forbidden_calls("drop_table")])).step
    's1'
    """
    broken = await _broken_by_step(trace, rules, case)
    for step in trace.steps:
        if step.id in broken:
            return Score(NAME, step.id, "; ".join(broken[step.id]), step=step.id)
    return Score(NAME, None, "no rule names a step")


async def _broken_by_step(trace: Trace, rules: Iterable[Scorer], case: Any) -> dict[str, list[str]]:
    """What is wrong, by the id of the step that breaks a rule."""
    broken: dict[str, list[str]] = {}
    for rule in rules:
        scores = await score(rule, trace, case)
        for each in scores.values():
            if each.value is False and each.step is not None:
                broken.setdefault(each.step, []).append(f"{each.name}: {each.why}")
    return broken
