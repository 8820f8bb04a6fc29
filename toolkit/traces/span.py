"""Span: a thing that a traced program did, as calling a model, with its place in the tree."""

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["model", "tool", "agent", "other"]
"""What a span is of; one of another kind only holds spans."""


@dataclass(slots=True)
class Span:
    """A span, whoever wrote it."""

    id: str
    parent: str | None = None
    name: str = ""
    kind: Kind = "other"
    start: float | None = None
    """Seconds since 1970 UTC, as `end`."""
    end: float | None = None
    input: list[Any] = field(default_factory=list)
    """The messages that a model or an agent was given, as `messages` reads them."""
    output: list[Any] = field(default_factory=list)
    """The messages that it answered."""
    arguments: Any = None
    """What a tool was given."""
    result: Any = None
    """What a tool answered; None where the span does not say."""
    call_id: str | None = None
    error: bool | None = None
    """Whether it failed; None where the source does not say."""
    why: str = ""
    """Why it failed."""
    model: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    agent: str | None = None
    """The name of the agent whose span it is."""
    other_fields: dict[str, Any] = field(default_factory=dict)
    """The fields of the source that have no home above: they always go to the trace's meta."""
    as_written: dict[str, Any] = field(default_factory=dict)
    """The input and the output, under the source's names and as they came: they go to the meta
    where the span became no steps."""
    beside_messages: dict[str, Any] = field(default_factory=dict)
    """What stood in the input and the output beside the messages, as ``{"input": {"top_k": 3}}``:
    it goes to the meta where the span became steps."""

    def rename(self, name: str) -> None:
        """Call it by the name of its tool; the name that it had is kept."""
        if name != self.name:
            self.other_fields["name"] = self.name
            self.name = name

    def has_words(self) -> bool:
        return bool(self.input or self.output)
