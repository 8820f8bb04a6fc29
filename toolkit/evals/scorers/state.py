"""diff_state: what is different in a world, and how far that is what was expected.

>>> from toolkit.evals import Effect, Effects
>>> before = {"bookings": {"HB-7": {"status": "booked", "price": 40}}}
>>> after = {"bookings": {"HB-7": {"status": "cancelled", "price": 0}}}
>>> cancelled = Effect.changed("bookings", "HB-7", {"status": "cancelled"})
>>> diff = diff_state(before, after, Effects(cancelled))
>>> diff.matches, diff.summary
(False, '1 collateral, of 1 change')
>>> diff.collateral[0].fields
('price',)
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolkit.evals.scorers.scorers import Score
from toolkit.evals.scorers.state_by_effects import match_effects
from toolkit.evals.scorers.state_by_end import match_end
from toolkit.evals.scorers.state_changes import Change, Changes
from toolkit.evals.scorers.state_counted import counted
from toolkit.evals.scorers.state_effects import Alternatives, Effects, Expected
from toolkit.evals.scorers.state_json import json_changes
from toolkit.evals.scorers.state_rules import StateRules
from toolkit.evals.scorers.state_sqlite import sqlite_changes
from toolkit.evals.scorers.state_table import beside, state_frame, state_html
from toolkit.evals.scorers.world import State, World

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.render import Html
    from toolkit.traces import Trace


@dataclass(frozen=True)
class StateDiff:
    """What is different between two states, row by row, and what of it should not be."""

    changes: tuple[Change, ...]
    """The rows that were added, removed or changed; what is masked is left out."""
    missing: tuple[Change, ...] = ()
    """What should have been done and was not."""
    wrong: tuple[Change, ...] = ()
    """Rows that were meant to change, with fields that are not as they should be."""
    collateral: tuple[Change, ...] = ()
    """Changes that nobody asked for, by row and field; those that must not happen, too."""
    drift: tuple[str, ...] = ()
    """Tables and fields that are gone, new or renamed and should not be, a sentence each."""
    masked_fields: Mapping[str, int] = field(default_factory=dict)
    """How many differences were not counted, by ``table.field``."""
    matches: bool | None = None
    """Whether all is as expected; None where nothing was expected."""
    alternative: int | None = None
    """Which of several ends it was nearest to, from 0; None where there was but one."""

    @property
    def masked(self) -> int:
        """How many differences were not counted."""
        return sum(self.masked_fields.values())

    @property
    def unchanged(self) -> bool:
        """Whether nothing is different that counts."""
        return not self.changes and not self.drift

    @property
    def n_faults(self) -> int:
        """How many rows and sentences are not as expected."""
        return len(self.missing) + len(self.wrong) + len(self.collateral) + len(self.drift)

    @property
    def summary(self) -> str:
        """The counts in a line."""
        parts = []
        for name in ("missing", "wrong", "collateral", "drift"):
            number = len(getattr(self, name))
            if number:
                parts.append(f"{number} {name}")
        n_changes = len(self.changes)
        changes = f"{n_changes} change{'' if n_changes == 1 else 's'}"
        parts.append(f"of {changes}" if parts else changes)
        if self.masked:
            parts.append(f"masked: {self.masked} ({', '.join(self.masked_fields)})")
        return ", ".join(parts)

    def score(self, name: str = "state") -> Score:
        """Whether the state is as expected, as a score; unscored where nothing was expected."""
        if self.matches is None:
            return Score(name, None, f"no state is expected; {self.summary}")
        return Score(name, self.matches, self.summary)

    def frame(self) -> "pd.DataFrame":
        """A row a field: ``verdict, table, key, change, field, before, after, expected, count,
        why``.
        """
        return state_frame(self)

    def beside(self, trace: "Trace") -> "Html":
        """The trace, and beside it what it left behind."""
        return beside(trace, self)

    def _repr_html_(self) -> str:
        return state_html(self)


def diff_state(
    before: State | World,
    after: State | World,
    expected: Expected | None = None,
    rules: StateRules = StateRules(),  # noqa: B008 (it is frozen)
) -> StateDiff:
    """What is different between two states, by table, row and field, and how far it is as expected.

    Parameters
    ----------
    before, after
        Snapshots of a `World`, or worlds, of which one is taken.
    expected
        The end state, `Effects`, or `Alternatives`; of several ends the one that matches, or else
        the nearest.
    rules
        What is masked, what has no order, and how rows are told apart.

    Raises
    ------
    ValueError
        For effects on tables or fields that are not there, and for keys that tell no rows apart.
    TypeError
        For states of different forms.
    """
    start = _snapshot(before)
    changes = _changes(start, _snapshot(after), rules)
    if expected is None:
        return StateDiff(changes.rows, drift=changes.drift, masked_fields=changes.masked)
    if not isinstance(expected, Alternatives):
        return _beside_one(expected, start, changes, rules)
    diffs = []
    for at, end in enumerate(expected.expected):
        diff = _beside_one(end, start, changes, rules)
        diffs.append(replace(diff, alternative=at))
    return min(diffs, key=lambda diff: diff.n_faults)


def _beside_one(
    expected: State | World | Effects, start: State, changes: Changes, rules: StateRules
) -> StateDiff:
    """The changes beside one end."""
    drift = list(changes.drift)
    if isinstance(expected, Effects):
        mismatch = match_effects(expected, changes, rules)
        if expected.others:
            drift = []
    else:
        wanted = _changes(start, _snapshot(expected), rules)
        mismatch = match_end(wanted, changes, rules)
        drift = [sentence for sentence in changes.drift if sentence not in wanted.drift]
        for sentence in wanted.drift:
            if sentence not in changes.drift:
                drift.append(f"not so: {sentence}")
    masked = Counter(changes.masked)
    masked.update(mismatch.generated)
    diff = StateDiff(
        changes.rows,
        tuple(mismatch.missing),
        tuple(mismatch.wrong),
        tuple(mismatch.collateral),
        tuple(drift),
        dict(masked),
    )
    return replace(diff, matches=diff.n_faults == 0)


def _snapshot(state: State | World) -> State:
    return state.snapshot() if isinstance(state, World) else state


def _changes(before: State, after: State, rules: StateRules) -> Changes:
    """What is different, as `rules` count it."""
    if isinstance(before, bytes) and isinstance(after, bytes):
        return counted(sqlite_changes(before, after, rules), rules)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return counted(json_changes(before, after, rules), rules)
    kinds = f"{type(before).__name__} and {type(after).__name__}"
    mend = "effects go into Effects(...), several ends into Alternatives(...)"
    raise TypeError(f"a state is bytes of SQLite or a dict, and these are {kinds}; {mend}")
