"""Roles: the lanes of a build, folded from the runs of its roles."""

from collections.abc import Sequence
from dataclasses import replace

from toolkit.events import Event
from toolkit.harness.watching.plain import count_of, number_of, object_of, text_of
from toolkit.harness.watching.status import Lane, TurnStatus
from toolkit.traces.sources import SOURCES

USUAL = ("planner", "generator", "evaluator")
KEPT_TURNS = 6
"""Of each lane, with their words."""
KEPT_CHARS = 8_000
"""The end of a turn's words."""
MOST_LANES = 24
MOST_FILES = 40
STATES = {"run.suspended": "suspended", "run.resumed": "active", "run.adopted": "active"}
ENDS = ("complete", "cancelled", "error", "orphaned")


class RoleLanes:
    """The fold of runs, words, files and costs into a lane for each role."""

    def __init__(self) -> None:
        self._lanes = {role: Lane(role) for role in USUAL}
        self._turns: dict[str, TurnStatus] = {}
        """Those that are kept, by their runs."""
        self._covers: dict[str, int] = {}
        """Up to which event a snapshot has a run's words."""
        self._calls: dict[str, tuple[str, str]] = {}
        """The run and the path of each call that writes a file, until it is answered."""
        self._sources: set[str] = set()
        self._active: set[str] = set()
        self.has_begun = False

    def expect(self, roles: Sequence[str]) -> None:
        """Have the lanes of these roles, in their order, before they begin."""
        if roles:
            known = dict.fromkeys([*roles, *[r for r in self._lanes if self._lanes[r].n_turns]])
            self._lanes = {role: self._lanes.get(role, Lane(role)) for role in known}

    def apply(self, event: Event) -> None:
        """Take one event in."""
        if event.run is None:
            return
        if event.kind == "run.started":
            self._start(event)
            return
        turn = self._turns.get(event.run)
        if event.kind == "model.usage":
            self._count(event)
        elif event.kind == "run.finished":
            self._active.discard(event.run)
            if turn:
                outcome = text_of(event.data.get("outcome"))
                turn.state = outcome if outcome in ENDS else "error"
        elif turn:
            self._apply_to_turn(event, turn)

    def _lane(self, role: str) -> Lane | None:
        if role not in self._lanes and len(self._lanes) < MOST_LANES:
            self._lanes[role] = Lane(role)
        return self._lanes.get(role)

    def _start(self, event: Event) -> None:
        lane = self._lane(event.actor)
        run = event.run or ""
        if lane is None or run in self._active:
            return
        source = text_of(event.data.get("source"))
        source = source if source in SOURCES else "imported"
        turn = self._turns.get(run) or TurnStatus(run, event.actor)
        turn.source = source
        turn.state = "active"
        self.has_begun = True
        self._sources.add(source)
        self._active.add(run)
        self._turns[run] = turn
        lane.n_turns += 1
        lane.turns.append(turn)
        for old in lane.turns[:-KEPT_TURNS]:
            self._turns.pop(old.run, None)
            self._covers.pop(old.run, None)
        del lane.turns[:-KEPT_TURNS]

    def _count(self, event: Event) -> None:
        lane = self._lane(event.actor)
        if lane is None:
            return
        usage = object_of(event.data.get("usage"))
        cost_usd = max(0.0, number_of(event.data.get("cost_usd")) or 0.0)
        lane.calls += 1
        lane.cost_usd = round(lane.cost_usd + cost_usd, 9)
        lane.tokens += count_of(usage.get("input_tokens")) + count_of(usage.get("output_tokens"))

    def _apply_to_turn(self, event: Event, turn: TurnStatus) -> None:
        data = event.data
        if event.kind in STATES:
            turn.state = STATES[event.kind]
        elif event.kind == "turn.started":
            turn.step = text_of(data.get("step"))
            turn.number = count_of(data.get("number"))
        elif event.kind == "text.delta":
            if (event.seq or 0) > self._covers.get(turn.run, 0):
                turn.words = _end_of(turn.words + text_of(data.get("text")))
        elif event.kind == "run.rolled_back":
            turn.words = ""
            turn.files.clear()
        elif event.kind == "tool.call" and data.get("name") == "write_file":
            self._write(turn, data)
        elif event.kind == "tool.result":
            self._answer(turn, data)

    def _write(self, turn: TurnStatus, data: dict[str, object]) -> None:
        path = text_of(object_of(data.get("arguments")).get("path"))
        self._calls[text_of(data.get("call_id"))] = turn.run, path
        if len(turn.files) < MOST_FILES:
            turn.files.append(path)

    def _answer(self, turn: TurnStatus, data: dict[str, object]) -> None:
        """A file whose writing was refused was not written."""
        run, path = self._calls.pop(text_of(data.get("call_id")), ("", ""))
        if run == turn.run and data.get("error") is True and path in turn.files:
            turn.files.remove(path)

    def replace(self, snapshot: Event) -> None:
        """Take in a snapshot: a run's words so far, in the place of those that are here."""
        covers = snapshot.data.get("covers")
        run = snapshot.run or ""
        if isinstance(covers, bool) or not isinstance(covers, int):
            return
        if covers <= self._covers.get(run, 0) or len(self._covers) > 10_000:
            return
        self._covers[run] = covers
        turn = self._turns.setdefault(run, TurnStatus(run, snapshot.actor))
        turn.words = _end_of(text_of(snapshot.data.get("text")))

    @property
    def is_active(self) -> bool:
        """Whether a turn is under way."""
        return bool(self._active)

    @property
    def source(self) -> str:
        """Of the least live turn; empty where there was none."""
        return next((source for source in SOURCES if source in self._sources), "")

    @property
    def spent_usd(self) -> float:
        """Dollars of all roles."""
        return round(sum(lane.cost_usd for lane in self._lanes.values()), 9)

    @property
    def tokens(self) -> int:
        """Tokens of all roles, in and out."""
        return sum(lane.tokens for lane in self._lanes.values())

    def status(self) -> tuple[Lane, ...]:
        """The lanes, in their order. What is given out does not change."""
        return tuple(_copy_of(lane) for lane in self._lanes.values())


def _copy_of(lane: Lane) -> Lane:
    turns = [replace(turn, files=list(turn.files)) for turn in lane.turns]
    return replace(lane, turns=turns)


def _end_of(text: str) -> str:
    """The end of a text that is longer than what is kept."""
    return text if len(text) <= KEPT_CHARS else text[-KEPT_CHARS:]
