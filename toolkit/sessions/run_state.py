"""RunState: where one run of a session stands, by the events of its life."""

from dataclasses import dataclass, field

from toolkit.events import Event
from toolkit.sessions.log import FENCES
from toolkit.traces import Source
from toolkit.traces.outcome import OUTCOME_WORDS
from toolkit.traces.sources import SOURCES

OUTCOMES = frozenset(OUTCOME_WORDS)
STATE_WORDS = {
    "active": "answering",
    "suspended": "waiting",
    **OUTCOME_WORDS,
}
"""The states of a run, as every screen calls them."""


@dataclass(slots=True)
class RunState:
    """Where a run stands."""

    actor: str
    state: str = "active"
    """``active``, ``suspended``, or the outcome that ended it."""
    source: Source = "imported"
    """Where its words came from, as its agent stated."""
    spoke: bool = False
    """Whether it put anything out: words, a call of a model or a tool, an event of its own."""
    events: dict[str, str] = field(default_factory=dict)
    """The ids of the events that started and finished it."""
    started: int = 0
    """The sequence number of the event that started it."""
    fence: int = 0
    """The sequence number of the event that says whose it is."""
    step: str | None = None
    """The step that it is at."""
    words_seq: int = 0
    """The last event that added to its words."""
    intact: bool | None = None
    """Whether its words are here as its agent wrote them, by their SHA-256; None until the agent
    says so.
    """

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state in OUTCOMES

    def apply(self, event: Event) -> None:
        """Take in an event of its life, unless it is over."""
        if self.ended:
            return
        if event.kind in FENCES:
            self.fence = event.seq or 0
        if event.kind == "run.started":
            source = event.data.get("source")
            self.source = source if source in SOURCES else "imported"
            self.started = event.seq or 0
            self.events["started"] = event.id
        elif event.kind == "run.adopted":
            self.state = "active"
            self.actor = event.actor
        elif event.kind == "run.suspended":
            self.state = "suspended"
        elif event.kind == "run.resumed":
            self.state = "active"
        elif event.kind == "run.finished":
            outcome = str(event.data.get("outcome"))
            self.state = outcome if outcome in OUTCOMES else "error"
            self.events["finished"] = event.id
        elif event.kind == "step.started":
            self.step = str(event.data.get("step"))
