"""Missteps: the step of a trace at which Harbor's agent first leaves its script."""

from collections import Counter
from typing import Any

from toolkit.harbor.files import content
from toolkit.harbor.situations import Situation
from toolkit.records import canonical
from toolkit.traces import Trace


def first_misstep(trace: Trace, situation: Situation) -> str | None:
    """The id of the first step that a good agent does not take; None where all are good.

    A call is good as often as the script makes it, words are good wherever they stand in it. What
    the customer says is no step of the agent's.
    """
    words = set(content("situations.yaml")["leads"][situation.language])
    for plan in situation.turns:
        words.update(plan["reply"])
    calls = Counter(_key(*call) for turn in situation.script() for call in turn.calls)
    for step in trace.steps:
        if step.kind == "message" and step.actor == "assistant" and step.content not in words:
            return step.id
        if step.kind == "tool.call":
            key = _key(step.data["name"], step.data["arguments"])
            if not calls[key]:
                return step.id
            calls[key] -= 1
    return None


def _key(name: str, arguments: dict[str, Any]) -> str:
    return canonical([name, arguments])
