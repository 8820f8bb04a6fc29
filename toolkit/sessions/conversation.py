"""Conversation: what a session's events amount to. The same events fold to the same conversation
everywhere.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from toolkit import render
from toolkit.events import CONTROL_KINDS, Event
from toolkit.records import canonical
from toolkit.sessions.items import Item, is_control, item_of, pieces_of, step_of
from toolkit.sessions.log import FENCES
from toolkit.sessions.signals import Signals
from toolkit.traces import Source, Trace

LIFECYCLE = {
    *("run.started", "run.adopted", "run.suspended", "run.resumed", "run.finished"),
    *("joined", "left", "text.done", "step.started", "run.rolled_back"),
}
NO_OUTPUT = CONTROL_KINDS | {
    *("error", "steer.consumed", "interrupt.consumed", "signal.unused"),
    *("approval.asked", "approval.settled", "message.rejected"),
}
"""What is on the log about a run without being its own work."""
ENDED = frozenset({"complete", "cancelled", "error", "orphaned"})
SOURCE_RANK: tuple[Source, ...] = ("simulated", "tape", "imported", "live")
"""A conversation with several sources is called by the first of these."""


@dataclass(slots=True)
class RunState:
    """Where a run stands."""

    actor: str
    state: str = "active"
    """``active``, ``suspended``, or the outcome that ended it."""
    source: Source = "imported"
    """Where its words came from, as its agent stated."""
    spoke: bool = False
    """Whether it put anything out: words, a call of a model or a tool, a thing of its own."""
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
        return self.state in ENDED


class Conversation:
    """The fold of a session's events, one `apply` at a time. Events at or before its `cursor`
    change nothing.
    """

    def __init__(self, session: str):
        self.session = session
        self.cursor = 0
        self.items: list[Item] = []
        self.runs: dict[str, RunState] = {}
        self.replaced: list[Item] = []
        """What was shown here and taken back since, by a later attempt or a roll-back. A reader
        that came later has not seen all of it, as snapshots hold only what stands. So it is no part
        of `to_json`.
        """
        self.signals = Signals()
        """What people asked of the agents, and what became of it."""
        self._open: dict[str, Item] = {}
        self._connections: dict[str, set[str]] = {}

    @property
    def present(self) -> set[str]:
        """The surfaces that have joined, by a connection that has not left."""
        return set(self._connections)

    def apply(self, event: Event) -> None:
        """Take one event in."""
        seq = event.seq or 0
        if event.kind == "text.snapshot":
            self._replace(event)
            return
        if seq <= self.cursor:
            return
        self.cursor = seq
        self.signals.apply(event)
        run = event.run or ""
        if event.kind == "text.delta":
            self._grow(event, str(event.data.get("text", "")))
        elif event.kind in LIFECYCLE:
            self._live(event)
        else:
            # Somebody's signal does not part an agent's words: the agent, who makes the snapshots,
            # may not know of it.
            parts = event.kind not in CONTROL_KINDS
            if parts and (run not in self.runs or event.actor == self.runs[run].actor):
                self._close(run, seq)
            if run in self.runs and event.kind not in NO_OUTPUT:
                self.runs[run].spoke = True
            self._place(self._item(event))

    def _close(self, run: str, seq: int) -> None:
        """What comes after this in the run's words is an item of its own; unless a snapshot has it
        already.
        """
        if run not in self.runs or seq > self.runs[run].words_seq:
            self._open.pop(run, None)

    def _place(self, item: Item) -> None:
        """Items stand in the order of the log, though a snapshot's come before what lies between
        them.
        """
        if not self.items or item.seq >= self.items[-1].seq:
            self.items.append(item)
        else:
            insort(self.items, item, key=lambda one: one.seq)

    def _item(self, event: Event) -> Item:
        state = self.runs.get(event.run or "")
        return item_of(event, state.step if state else None)

    def _grow(self, event: Event, text: str) -> None:
        state = self.runs.get(event.run or "")
        if state and (event.seq or 0) <= state.words_seq:
            return
        item = self._open.get(event.run or "")
        if item is None:
            item = self._open[event.run or ""] = self._item(event)
            self._place(item)
        item.parts.append(text)
        if state:
            state.words_seq, state.spoke = event.seq or 0, True

    def _replace(self, event: Event) -> None:
        """Put a snapshot's words in the place of the run's words so far, unless it is behind them."""
        pieces = pieces_of(event)
        if pieces is None:
            return
        run, covers = event.run or "", int(event.data["covers"])
        state = self.runs.setdefault(run, RunState(event.actor))
        if covers <= state.words_seq:
            return
        if state.words_seq:
            self.items = [
                item for item in self.items if item.run != event.run or item.kind != "text.delta"
            ]
        state.words_seq = covers
        state.spoke = True
        self._open.pop(run, None)
        for piece in pieces:
            self._place(piece)
        if pieces and event.data["open"]:
            self._open[run] = pieces[-1]

    def _live(self, event: Event) -> None:
        if event.kind in {"joined", "left"}:
            self._come_or_go(event)
            return
        run = event.run or ""
        state = self.runs.setdefault(run, RunState(event.actor))
        if event.kind == "text.done":
            self._close(run, event.seq or 0)
            mine = self.items[self._first_of(run) :]
            words = "".join(
                item.text for item in mine if item.run == event.run and item.kind == "text.delta"
            )
            state.intact = sha256(
                words.encode("utf-8", "surrogatepass")
            ).hexdigest() == event.data.get("sha256")
            return
        if state.ended:
            return
        if event.kind in FENCES:
            state.fence = event.seq or 0
        if event.kind == "run.started":
            source = event.data.get("source")
            state.source, state.started = (
                source if source in SOURCE_RANK else "imported",
                event.seq or 0,
            )
            state.events["started"] = event.id
        elif event.kind == "run.finished":
            outcome = str(event.data.get("outcome"))
            state.state = outcome if outcome in ENDED else "error"
            state.events["finished"] = event.id
        elif event.kind == "step.started":
            state.step = str(event.data.get("step"))
            self._take_back(run, state.step, event.seq or 0)
        elif event.kind == "run.rolled_back":
            self._take_back(run, None, event.seq or 0)
        else:
            state.state = "suspended" if event.kind == "run.suspended" else "active"
            state.actor = event.actor if event.kind == "run.adopted" else state.actor

    def _come_or_go(self, event: Event) -> None:
        connections = self._connections.setdefault(event.actor, set())
        connection = str(event.data.get("connection", ""))
        if event.kind == "joined":
            connections.add(connection)
        else:
            connections.discard(connection)
        if not connections:
            del self._connections[event.actor]

    def _take_back(self, run: str, step: str | None, seq: int) -> None:
        """What an earlier attempt at a step put out (or the whole run, for None) no longer counts."""
        first = self._first_of(run)
        mine = (
            item
            for item in self.items[first:]
            if item.run == run and item.seq < seq and not is_control(item)
        )
        old = [item for item in mine if step in (None, item.step)]
        taken_back = {id(item) for item in old}
        self.items[first:] = [item for item in self.items[first:] if id(item) not in taken_back]
        self.replaced += old
        self._close(run, seq)

    def _first_of(self, run: str) -> int:
        """Where the items of a run may begin: no look at one run goes through the whole past."""
        return bisect_left(self.items, self.runs[run].started, key=lambda item: item.seq)

    @property
    def source(self) -> Source:
        """The least live source of the runs that put something out; ``imported`` where there is
        none.
        """
        sources = [run.source for run in self.runs.values() if run.spoke]
        return min(sources, key=SOURCE_RANK.index, default="imported")

    def refusal(self, kind: str, run: str | None = None, request: str | None = None) -> str:
        """Why a cancel, steer, interrupt or approve would reach nobody now, as one sentence.

        Empty where it can reach somebody: a run under way, or a message whose run has not begun. A
        cancel, steer or interrupt names a `run`, or none for whoever runs; an approve names the
        `request` that it answers.
        """
        return self.signals.refusal(kind, run, request)

    @property
    def text(self) -> str:
        """The words that runs wrote, in the order in which they began."""
        return "".join(item.text for item in self.items if item.kind == "text.delta")

    def to_json(self) -> str:
        """All that is shown as canonical JSON: equal for any two readers of the same events."""
        items = [
            [i.id, i.kind, i.actor, i.run, i.seq, i.time, i.step, i.text, i.data]
            for i in self.items
        ]
        runs = {key: [run.actor, run.state, run.source, run.step] for key, run in self.runs.items()}
        return canonical(
            {"cursor": self.cursor, "items": items, "runs": runs, "present": sorted(self.present)}
        )

    @property
    def sha256(self) -> str:
        """The hash of `to_json`."""
        return sha256(self.to_json().encode("utf-8", "surrogatepass")).hexdigest()

    def trace(self) -> Trace:
        """The conversation as a Trace; each step keeps the id of the event that it came from."""
        runs = [
            {"id": k, "actor": r.actor, "outcome": r.state, "events": r.events}
            for k, r in self.runs.items()
        ]
        meta: dict[str, Any] = {"session": self.session, "cursor": self.cursor, "runs": runs}
        if runs:
            meta["outcome"] = runs[-1]["outcome"]
        return Trace(self.session, tuple(step_of(item) for item in self.items), meta, self.source)

    def __repr__(self) -> str:
        return f"Conversation({self.session!r}, {len(self.items)} items, cursor={self.cursor})"

    def _repr_html_(self) -> str:
        rows = [(i.actor, i.kind, i.text or i.data.get("name", "")) for i in self.items]
        return render.block(render.table(rows, ("who", "what", "words")))


def fold(session: str, events: Iterable[Event]) -> Conversation:
    """Fold `events`, in order, into a conversation."""
    conversation = Conversation(session)
    for event in events:
        conversation.apply(event)
    return conversation
