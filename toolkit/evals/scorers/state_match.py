"""Mismatch: what was done beside what should have been, and the pairing that both ways of saying
it use.
"""

from dataclasses import dataclass, field, replace

from toolkit.evals.scorers.state_changes import Change
from toolkit.evals.scorers.state_effects import Conditions, shown, unmet
from toolkit.evals.scorers.state_rules import StateRules

MOST_PAIRS = 10_000
"""Up to here a missing row is compared with each that was added in its place."""


@dataclass
class Mismatch:
    """What is not as it should be."""

    missing: list[Change] = field(default_factory=list)
    wrong: list[Change] = field(default_factory=list)
    collateral: list[Change] = field(default_factory=list)
    generated: list[str] = field(default_factory=list)
    """The keys that differ and are not counted: ``table.field`` for each."""


Wanted = tuple[Change, Conditions]
"""A change that is missing, and what its row must be."""


def pair(
    absent: list[Wanted], uncovered: list[Change], rules: StateRules, mismatch: Mismatch
) -> None:
    """Sort what is left into `mismatch`: a new row that was meant to be another is wrong; the rest
    is missing, or collateral.
    """
    left = list(uncovered)
    can_compare = len(absent) * len(left) <= MOST_PAIRS
    for target, conditions in absent:
        nearest = _nearest(target, conditions, left, rules) if can_compare else None
        if nearest is None:
            mismatch.missing.append(target)
        else:
            left.remove(nearest)
            mismatch.wrong.append(_wrong_row(target, conditions, nearest, rules))
    mismatch.collateral += left


def _nearest(
    target: Change, conditions: Conditions, candidates: list[Change], rules: StateRules
) -> Change | None:
    """The new row that is most like the one that was meant: at least half of its fields are."""
    nearest = None
    fewest_faults = len(conditions) // 2 + 1
    for change in candidates:
        if change.table != target.table or (change.kind, target.kind) != ("added", "added"):
            continue
        n_faults = len(unmet(conditions, change.table, change.after, rules))
        if n_faults < fewest_faults and change.count == target.count:
            nearest = change
            fewest_faults = n_faults
    return nearest


def _wrong_row(target: Change, conditions: Conditions, change: Change, rules: StateRules) -> Change:
    """A new row, with the fields that are not as they were meant."""
    faults = unmet(conditions, change.table, change.after, rules)
    expected = shown({name: conditions[name] for name in faults})
    why = ""
    if not faults:
        why = f"its key is {change.key!r}, not {target.key!r}: name the table in `generated` if so"
    return replace(change, fields=tuple(faults), expected=expected, why=why)
