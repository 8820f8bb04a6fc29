"""Roles: the lanes of a build, folded from the runs of its roles."""

from collections.abc import Sequence
from dataclasses import replace

from toolkit.events import Event
from toolkit.harness.watching.plain import Fields, count_in, number_in, object_in, text_in
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
MOST_SNAPSHOTS = 10_000
"""Runs whose words may come by snapshots."""


class RoleLanes:
    """The fold of runs, words, files and costs into a lane for each role."""

    def __init__(self) -> None:
        self._lanes = {role: Lane(role) for role in USUAL}
        self._turns: dict[str, TurnStatus] = {}
        """Those that are kept, by their runs."""
        self._covers: dict[str, int] = {}
        """Up to which event a snapshot has the words of a run."""
        self._calls: dict[str, tuple[str, str]] = {}
        """The run and the path of each call that writes a file, until it is answered."""
        self._sources: set[str] = set()
        self._active: set[str] = set()
        self.has_begun = False

    def expect(self, roles: Sequence[str]) -> None:
        """Have the lanes of these roles, in their order, before they begin."""
        if not roles:
            return
        at_work = [role for role, lane in self._lanes.items() if lane.n_turns]
        lanes = {}
        for role in (*roles, *at_work):
            lanes[role] = self._lanes.get(role, Lane(role))
        self._lanes = lanes

    def apply(self, event: Event) -> None:
        """Take one event in."""
        if event.run is None:
            return
        turn = self._turns.get(event.run)
        if event.kind == "run.started":
            self._start(event, event.run)
        elif event.kind == "model.usage":
            self._count(event)
        elif event.kind == "run.finished":
            self._active.discard(event.run)
            if turn:
                turn.state = _end_state(event.data)
        elif turn:
            self._apply_to_turn(event, turn)

    def _lane(self, role: str) -> Lane | None:
        """The lane of a role; None for a new one where there are too many."""
        if role not in self._lanes and len(self._lanes) < MOST_LANES:
            self._lanes[role] = Lane(role)
        return self._lanes.get(role)

    def _start(self, event: Event, run: str) -> None:
        """A turn begins, unless it is under way already."""
        lane = self._lane(event.actor)
        if lane is None or run in self._active:
            return
        turn = self._turns.get(run) or TurnStatus(run, event.actor)
        turn.source = _source(event.data)
        turn.state = "active"
        self.has_begun = True
        self._sources.add(turn.source)
        self._active.add(run)
        self._turns[run] = turn
        lane.n_turns += 1
        lane.turns.append(turn)
        self._forget_old_turns(lane)

    def _forget_old_turns(self, lane: Lane) -> None:
        while len(lane.turns) > KEPT_TURNS:
            oldest = lane.turns.pop(0)
            self._turns.pop(oldest.run, None)
            self._covers.pop(oldest.run, None)

    def _count(self, event: Event) -> None:
        """Add a call to a model to what its role has used."""
        lane = self._lane(event.actor)
        if lane is None:
            return
        lane.calls += 1
        cost_usd = number_in(event.data, "cost_usd") or 0.0
        if cost_usd > 0:
            lane.cost_usd = round(lane.cost_usd + cost_usd, 9)
        usage = object_in(event.data, "usage")
        lane.tokens += count_in(usage, "input_tokens")
        lane.tokens += count_in(usage, "output_tokens")

    def _apply_to_turn(self, event: Event, turn: TurnStatus) -> None:
        data = event.data
        if event.kind in STATES:
            turn.state = STATES[event.kind]
        elif event.kind == "turn.started":
            turn.step = text_in(data, "step")
            turn.number = count_in(data, "number")
        elif event.kind == "text.delta":
            self._add_words(event, turn)
        elif event.kind == "run.rolled_back":
            turn.words = ""
            turn.files.clear()
        elif event.kind == "tool.call" and data.get("name") == "write_file":
            self._write(turn, data)
        elif event.kind == "tool.result":
            self._answer(turn, data)

    def _add_words(self, event: Event, turn: TurnStatus) -> None:
        """Add what a turn says, unless a snapshot has it."""
        covered = self._covers.get(turn.run, 0)
        if (event.seq or 0) > covered:
            turn.words = _last_chars(turn.words + text_in(event.data, "text"))

    def _write(self, turn: TurnStatus, data: Fields) -> None:
        call_id = text_in(data, "call_id")
        arguments = object_in(data, "arguments")
        path = text_in(arguments, "path")
        self._calls[call_id] = turn.run, path
        if len(turn.files) < MOST_FILES:
            turn.files.append(path)

    def _answer(self, turn: TurnStatus, data: Fields) -> None:
        """A file whose writing was refused was not written."""
        call_id = text_in(data, "call_id")
        run, path = self._calls.pop(call_id, ("", ""))
        was_refused = data.get("error") is True
        if was_refused and run == turn.run and path in turn.files:
            turn.files.remove(path)

    def replace(self, snapshot: Event) -> None:
        """Take in a snapshot: a run's words so far, in the place of those that are here."""
        run = snapshot.run or ""
        covers = snapshot.data.get("covers")
        if isinstance(covers, bool) or not isinstance(covers, int):
            return
        if covers <= self._covers.get(run, 0) or len(self._covers) > MOST_SNAPSHOTS:
            return
        self._covers[run] = covers
        if run not in self._turns:
            self._turns[run] = TurnStatus(run, snapshot.actor)
        words = text_in(snapshot.data, "text")
        self._turns[run].words = _last_chars(words)

    @property
    def is_active(self) -> bool:
        """Whether a turn is under way."""
        return bool(self._active)

    @property
    def source(self) -> str:
        """Of the least live turn; empty where there was none."""
        for source in SOURCES:
            if source in self._sources:
                return source
        return ""

    @property
    def spent_usd(self) -> float:
        """Dollars of all roles."""
        total_usd = sum(lane.cost_usd for lane in self._lanes.values())
        return round(total_usd, 9)

    @property
    def tokens(self) -> int:
        """Tokens of all roles, in and out."""
        return sum(lane.tokens for lane in self._lanes.values())

    def status(self) -> tuple[Lane, ...]:
        """The lanes, in their order. What is given out does not change."""
        return tuple(_copy(lane) for lane in self._lanes.values())


def _source(data: Fields) -> str:
    """Where the words of a turn come from; what is no known source was imported."""
    source = text_in(data, "source")
    return source if source in SOURCES else "imported"


def _end_state(data: Fields) -> str:
    """How a turn ended; what is no known end is an error."""
    outcome = text_in(data, "outcome")
    return outcome if outcome in ENDS else "error"


def _last_chars(text: str) -> str:
    """The end of a text that is longer than what is kept."""
    return text[-KEPT_CHARS:]


def _copy(lane: Lane) -> Lane:
    turns = []
    for turn in lane.turns:
        turns.append(replace(turn, files=list(turn.files)))
    return replace(lane, turns=turns)
