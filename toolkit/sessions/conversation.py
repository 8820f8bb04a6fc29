"""Conversation: the fold of a session's events. The same events fold to the same conversation
everywhere.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from toolkit import render
from toolkit.events import CONTROL_KINDS, Event
from toolkit.records import canonical
from toolkit.sessions.items import Item, is_control, item_of, items_of_snapshot, step_of
from toolkit.sessions.run_state import RunState
from toolkit.sessions.signals import Signals
from toolkit.traces import Source, Trace
from toolkit.traces.sources import least_live

RUN_LIFE = frozenset(
    {
        "run.started",
        "run.adopted",
        "run.suspended",
        "run.resumed",
        "run.finished",
        "step.started",
        "run.rolled_back",
    }
)
NO_OUTPUT = CONTROL_KINDS | {
    "error",
    "steer.consumed",
    "interrupt.consumed",
    "signal.unused",
    "approval.asked",
    "approval.settled",
    "message.rejected",
}
"""Events on the log about a run that are not its own work."""


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
        if event.kind == "text.snapshot":
            self._replace_words(event)
            return
        seq = event.seq or 0
        if seq <= self.cursor:
            return
        self.cursor = seq
        self.signals.apply(event)
        if event.kind == "text.delta":
            self._add_words(event, seq)
        elif event.kind == "text.done":
            self._check_words(event, seq)
        elif event.kind in RUN_LIFE:
            self._apply_to_run(event)
        elif event.kind in {"joined", "left"}:
            self._come_or_go(event)
        else:
            self._add_item(event, seq)

    def _state(self, event: Event) -> RunState:
        """The state of an event's run, which begins here where nothing was heard of it before."""
        return self.runs.setdefault(event.run or "", RunState(event.actor))

    def _add_item(self, event: Event, seq: int) -> None:
        run = event.run or ""
        state = self.runs.get(run)
        # Somebody's signal does not part an agent's words: the agent, who makes the snapshots, may
        # not know of it.
        is_by_the_agent = state is None or event.actor == state.actor
        if event.kind not in CONTROL_KINDS and is_by_the_agent:
            self._close_words(run, seq)
        if state and event.kind not in NO_OUTPUT:
            state.spoke = True
        self._insert(self._item(event))

    def _item(self, event: Event) -> Item:
        state = self.runs.get(event.run or "")
        return item_of(event, state.step if state else None)

    def _insert(self, item: Item) -> None:
        """Items stand in the order of the log, though a snapshot's come before what lies between
        them.
        """
        if not self.items or item.seq >= self.items[-1].seq:
            self.items.append(item)
        else:
            insort(self.items, item, key=lambda other: other.seq)

    def _add_words(self, event: Event, seq: int) -> None:
        run = event.run or ""
        state = self.runs.get(run)
        if state and seq <= state.words_seq:
            return
        item = self._open.get(run)
        if item is None:
            item = self._item(event)
            self._open[run] = item
            self._insert(item)
        item.parts.append(str(event.data.get("text", "")))
        if state:
            state.words_seq = seq
            state.spoke = True

    def _close_words(self, run: str, seq: int) -> None:
        """What comes after this in the run's words is an item of its own; unless a snapshot has it
        already.
        """
        if run not in self.runs or seq > self.runs[run].words_seq:
            self._open.pop(run, None)

    def _check_words(self, event: Event, seq: int) -> None:
        """Compare the run's words with the hash that its agent gave."""
        state = self._state(event)
        self._close_words(event.run or "", seq)
        items = self.items[self._first_item_of(state) :]
        words = "".join(item.text for item in items if item.is_words_of(event.run))
        state.intact = hash_of(words) == event.data.get("sha256")

    def _replace_words(self, snapshot: Event) -> None:
        """Put a snapshot's words in the place of the run's words so far, unless it is behind
        them.
        """
        items = items_of_snapshot(snapshot)
        if items is None:
            return
        run = snapshot.run or ""
        covers = int(snapshot.data["covers"])
        state = self._state(snapshot)
        if covers <= state.words_seq:
            return
        if state.words_seq:
            self.items = [item for item in self.items if not item.is_words_of(snapshot.run)]
        state.words_seq = covers
        state.spoke = True
        self._open.pop(run, None)
        for item in items:
            self._insert(item)
        if items and snapshot.data["open"]:
            self._open[run] = items[-1]

    def _apply_to_run(self, event: Event) -> None:
        state = self._state(event)
        if state.ended:
            return
        state.apply(event)
        if event.kind == "run.started":
            self._put_last(event.run or "")
        if event.kind == "step.started":
            self._take_back(event, state, state.step)
        elif event.kind == "run.rolled_back":
            self._take_back(event, state, None)

    def _put_last(self, run: str) -> None:
        """Let the runs stand in the order of their starts: a snapshot may have named one before."""
        self.runs[run] = self.runs.pop(run)

    def _come_or_go(self, event: Event) -> None:
        connections = self._connections.setdefault(event.actor, set())
        connection = str(event.data.get("connection", ""))
        if event.kind == "joined":
            connections.add(connection)
        else:
            connections.discard(connection)
        if not connections:
            del self._connections[event.actor]

    def _take_back(self, event: Event, state: RunState, step: str | None) -> None:
        """What an earlier attempt at a step put out no longer counts; without a step, what the run
        put out. An event of no run takes nothing back: it only ends the words before it.
        """
        seq = event.seq or 0
        self._close_words(event.run or "", seq)
        if event.run is None:
            return
        first = self._first_item_of(state)
        kept = []
        for item in self.items[first:]:
            is_output = item.run == event.run and item.seq < seq and not is_control(item)
            if is_output and step in (None, item.step):
                self.replaced.append(item)
            else:
                kept.append(item)
        self.items[first:] = kept

    def _first_item_of(self, state: RunState) -> int:
        """Where the items of a run may begin: no look at one run goes through the entire past."""
        return bisect_left(self.items, state.started, key=lambda item: item.seq)

    @property
    def source(self) -> Source:
        """The least live source of the runs that put something out; ``imported`` where there is
        none.
        """
        return least_live(run.source for run in self.runs.values() if run.spoke) or "imported"

    @property
    def text(self) -> str:
        """The words that runs wrote, in the order in which they began."""
        return "".join(item.text for item in self.items if item.kind == "text.delta")

    def to_json(self) -> str:
        """All that is shown as canonical JSON: equal for any two readers of the same events."""
        items = []
        for i in self.items:
            items.append([i.id, i.kind, i.actor, i.run, i.seq, i.time, i.step, i.text, i.data])
        runs = {id_: [run.actor, run.state, run.source, run.step] for id_, run in self.runs.items()}
        present = sorted(self.present)
        shown = {"cursor": self.cursor, "items": items, "runs": runs, "present": present}
        return canonical(shown)

    @property
    def sha256(self) -> str:
        """The hash of `to_json`."""
        return hash_of(self.to_json())

    def trace(self) -> Trace:
        """The conversation as a Trace; each step keeps the id of the event that it came from."""
        runs = []
        for id_, run in self.runs.items():
            runs.append({"id": id_, "actor": run.actor, "outcome": run.state, "events": run.events})
        meta: dict[str, Any] = {"session": self.session, "cursor": self.cursor, "runs": runs}
        if runs:
            meta["outcome"] = runs[-1]["outcome"]
        steps = tuple(step_of(item) for item in self.items)
        return Trace(self.session, steps, meta, self.source)

    def __repr__(self) -> str:
        return f"Conversation({self.session!r}, {len(self.items)} items, cursor={self.cursor})"

    def _repr_html_(self) -> str:
        rows = []
        for item in self.items:
            rows.append((item.actor, item.kind, item.text or item.data.get("name", "")))
        return render.block(render.table(rows, ("who", "what", "words")))


def fold(session: str, events: Iterable[Event]) -> Conversation:
    """Fold `events`, in order, into a conversation."""
    conversation = Conversation(session)
    for event in events:
        conversation.apply(event)
    return conversation


def hash_of(text: str) -> str:
    """The SHA-256 of a text, which may hold half a surrogate pair."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
