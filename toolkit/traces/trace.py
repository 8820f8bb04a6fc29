"""Trace and Step: what an agent did, in order, whatever format it came in."""

from dataclasses import dataclass, field
from typing import Any, Literal

from toolkit.shown import Shown

Source = Literal["live", "tape", "simulated", "imported"]
"""Where something comes from. It travels with every reply, trace, label and figure."""

TITLE_CHARS = 60


@dataclass(frozen=True, slots=True)
class Step(Shown):
    """One thing that happened in a trace."""

    id: str
    """Unique within its trace: that of the first event that it was folded from, where there is one.
    """
    kind: str
    """``message``, ``tool.call``, ``tool.result``, or the kind of the event that it came from."""
    actor: str
    """``system``, ``user``, ``assistant``, ``tool``, or a name."""
    content: str
    """What a person reads: the words said, the name of the tool called, the tool's answer."""
    time: float | None = None
    """Seconds since 1970 UTC, None where the source has none."""
    data: dict[str, Any] = field(default_factory=dict)
    """The rest: ``call_id``, ``name``, ``arguments`` of a call; ``call_id``, ``error`` of a result.
    """


@dataclass(frozen=True, slots=True)
class Trace:
    """An interaction, from the first message to the last."""

    id: str
    steps: tuple[Step, ...]
    meta: dict[str, Any] = field(default_factory=dict)
    """Everything else that the source said: ``outcome``, ``cost_usd``, ``model``, unknown fields.
    """
    source: Source = "imported"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))

    def text(self, *actors: str) -> str:
        """The words of the trace (those of `actors`, or of all), one paragraph a message."""
        messages = [step for step in self.steps if step.kind == "message"]
        if actors:
            messages = [step for step in messages if step.actor in actors]
        return "\n\n".join(step.content for step in messages)

    @property
    def calls(self) -> tuple[Step, ...]:
        """The steps that call a tool."""
        return tuple(step for step in self.steps if step.kind == "tool.call")

    def result_of(self, call: Step) -> Step | None:
        """The step that answers `call`, or None."""
        call_id = call.data.get("call_id")
        if call_id is None:
            return None
        for step in self.steps:
            if step.kind == "tool.result" and step.data.get("call_id") == call_id:
                return step
        return None

    def __repr__(self) -> str:
        return f"Trace({self.id!r}, {len(self.steps)} steps, {self.source}, {title(self)!r})"

    def _repr_html_(self) -> str:
        from toolkit.traces.page import trace_block

        return trace_block(self)


def title(trace: Trace, max_chars: int = TITLE_CHARS) -> str:
    """The title that the source states, else the first words of the user; empty without either."""
    stated = trace.meta.get("title")
    text = stated if isinstance(stated, str) and stated.strip() else _first_words(trace, "user")
    words = " ".join(text.split(None, max_chars))  # each of the words has a letter at least
    return words if len(words) <= max_chars else words[: max_chars - 1] + "…"


def _first_words(trace: Trace, actor: str) -> str:
    """The first message of an actor that has words: two messages in one line would be a quote that
    nobody said.
    """
    for step in trace.steps:
        if step.kind == "message" and step.actor == actor and step.content.strip():
            return step.content
    return ""
