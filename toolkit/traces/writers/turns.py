"""Turns: the steps of a trace as messages, each with its thoughts, its calls and their results."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from toolkit.traces.fields import object_in
from toolkit.traces.trace import Step
from toolkit.traces.usage import usage_of
from toolkit.traces.words import json_text

ROLES = ("system", "user", "assistant", "tool")
REPLY_KINDS = ("thinking", "message", "tool.call")
"""The kinds of steps that a reply is made of."""
USAGE_EVENT = "model.usage"
"""The kind of step that says what the reply before it used."""


@dataclass(slots=True)
class Turn:
    """A message with what belongs to it."""

    role: str
    first: Step
    thoughts: list[Step] = field(default_factory=list)
    message: Step | None = None
    calls: list[Step] = field(default_factory=list)
    results: list[Step] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    model: str | None = None

    def words(self) -> str:
        """What is said; empty where it only thinks or calls."""
        return self.message.content if self.message else ""

    def thought(self) -> str:
        """All that is thought, a line each."""
        return "\n".join(step.content for step in self.thoughts)

    def last(self) -> Step:
        """The last step of the reply itself, its results apart."""
        if self.calls:
            return self.calls[-1]
        if self.message:
            return self.message
        if self.thoughts:
            return self.thoughts[-1]
        return self.first

    def takes(self, step: Step) -> bool:
        """Whether a step goes on with this turn: thoughts, then words, then calls."""
        if role_of(step) != self.role or self.results or "usage" in step.data:
            return False
        last = self.last()
        for name in ("agent", "branch"):
            if step.data.get(name) != last.data.get(name):
                return False
        if step.kind == "tool.call":
            return last.kind in REPLY_KINDS
        return last.kind == "thinking"


def role_of(step: Step) -> str:
    """The role of a step's actor; a name that is none speaks for the assistant."""
    return step.actor if step.actor in ROLES else "assistant"


def turns_of(steps: Iterable[Step]) -> list[Turn]:
    """The turns of a trace. Steps of other kinds, as errors and compactions, are none."""
    turns: list[Turn] = []
    callers: dict[str, Turn] = {}
    for step in steps:
        if step.kind == USAGE_EVENT and turns:
            reply = turns[-1]
            reply.usage = reply.usage or _usage(step)
            reply.model = reply.model or _model(step)
        elif step.kind == "tool.result":
            call_id = str(step.data.get("call_id"))
            caller = callers.pop(call_id, None)
            if caller is None:
                caller = Turn("tool", step)
                turns.append(caller)
            caller.results.append(step)
        elif step.kind in REPLY_KINDS:
            if not turns or not turns[-1].takes(step):
                turns.append(_turn(step))
            _add(turns[-1], step, callers)
    return turns


def _turn(step: Step) -> Turn:
    return Turn(role_of(step), step, usage=_usage(step), model=_model(step))


def _usage(step: Step) -> dict[str, Any]:
    """What the reply used that a step is of."""
    usage = object_in(step.data, "usage")
    return usage_of(usage)


def _model(step: Step) -> str | None:
    model = step.data.get("model")
    return model if isinstance(model, str) else None


def _add(turn: Turn, step: Step, callers: dict[str, Turn]) -> None:
    """Add a step to its turn; `callers` are the turns by the ids of their calls."""
    if step.kind == "thinking":
        turn.thoughts.append(step)
    elif step.kind == "message":
        turn.message = step
    else:
        turn.calls.append(step)
        call_id = str(step.data.get("call_id"))
        callers[call_id] = turn


def message_of(turn: Turn) -> dict[str, Any]:
    """The message of a turn as OpenAI writes it, without the results of its calls."""
    words = turn.words()
    message: dict[str, Any] = {"role": turn.role, "content": words}
    if turn.thoughts:
        message["reasoning_content"] = turn.thought()
    if turn.calls:
        message["content"] = words or None
        message["tool_calls"] = [_call(step) for step in turn.calls]
    return message


def _call(step: Step) -> dict[str, Any]:
    arguments = step.data.get("arguments")
    if not isinstance(arguments, str):
        arguments = json_text(arguments or {})
    name = step.data.get("name") or step.content
    return {
        "id": step.data.get("call_id"),
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def result_message(step: Step) -> dict[str, Any]:
    """A result as the message of a tool."""
    return {
        "role": "tool",
        "tool_call_id": step.data.get("call_id"),
        "content": step.content,
    }
