"""What was done beside an end state: the changes that lead there."""

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

from toolkit.evals.scorers.state_changes import Change, Changes
from toolkit.evals.scorers.state_effects import Conditions
from toolkit.evals.scorers.state_match import Mismatch, Wanted, pair
from toolkit.evals.scorers.state_rules import StateRules

DEEPEST = 3
"""How far references are followed: rows may refer to each other in a circle."""


def match_end(wanted: Changes, changes: Changes, rules: StateRules) -> Mismatch:
    """The changes beside those that lead to an expected end state.

    A row is found by its key; one whose key is generated, or that has none, by all else.
    """
    mismatch = Mismatch()
    goal = _Side(wanted, rules)
    side = _Side(changes, rules)
    by_key: dict[Any, Change] = {}
    by_content: defaultdict[Any, list[Change]] = defaultdict(list)
    for change in changes.rows:
        if _is_found_by_key(change):
            by_key[change.kind, change.table, change.key] = change
        else:
            by_content[side.content(change)].append(change)
    absent: list[Wanted] = []
    for target in wanted.rows:
        if _is_found_by_key(target):
            key = (target.kind, target.table, target.key)
            n_missing = 1
            if key in by_key:
                n_missing = 0
                _compare(target, goal, by_key.pop(key), side, mismatch)
        else:
            n_missing = _take(target, by_content[goal.content(target)], mismatch)
        if n_missing:
            absent.append(_absent(target, n_missing))
    left = list(by_key.values())
    for rows in by_content.values():
        left += rows
    pair(absent, left, rules, mismatch)
    return mismatch


class _Side:
    """What is wanted, or what was done; its new rows are told apart by what they hold."""

    def __init__(self, changes: Changes, rules: StateRules) -> None:
        self.rules = rules
        self.references = changes.references
        self.new_rows: dict[Any, Change] = {}
        """Those whose key is generated, by table and key."""
        for change in changes.rows:
            if change.generated:
                self.new_rows[change.table, change.key] = change
        contents = {place: self.content(change) for place, change in self.new_rows.items()}
        n_alike = Counter(contents.values())
        for place, content in contents.items():
            if n_alike[content] > 1:
                del self.new_rows[place]  # only its key tells what refers to it from the others

    def content(self, change: Change, depth: int = 0) -> Any:
        """What equal rows share, whatever their generated key."""
        names = [name for name in change.fields if name not in change.generated]
        values = [(name, self.value(change, name, depth)) for name in names]
        return change.kind, change.table, frozenset(values)

    def value(self, change: Change, name: str, depth: int = 0) -> Any:
        """A field after the change, to be compared; of a row that is gone, as it was.

        What refers to a new row by its generated key has the content of that row for its value.
        """
        row = change.before if change.kind == "removed" else change.after
        if name not in row:
            return None
        referred = self.references.get((change.table, name))
        if referred and depth < DEEPEST:
            table, column = referred
            parent = self.new_rows.get((table, row[name]))
            if parent and column in (None, *parent.generated):
                return self.content(parent, depth + 1)
        return self.rules.comparable(f"{change.table}.{name}", row[name])


def _is_found_by_key(change: Change) -> bool:
    return change.key is not None and not change.generated


def _take(target: Change, equal: list[Change], mismatch: Mismatch) -> int:
    """Take as many of the equal rows as there should be. Returns how many are missing."""
    n_missing = target.count
    while n_missing and equal:
        change = equal.pop()
        n_taken = min(n_missing, change.count)
        n_missing -= n_taken
        if change.count > n_taken:
            equal.append(replace(change, count=change.count - n_taken))
        if change.key != target.key:
            mismatch.generated += [f"{change.table}.{name}" for name in change.generated]
    return n_missing


def _compare(target: Change, goal: _Side, change: Change, side: _Side, mismatch: Mismatch) -> None:
    """Sort the fields of a row that are not as they should be: wrong, or collateral."""
    names = dict.fromkeys([*target.fields, *change.fields])
    faults = [name for name in names if goal.value(target, name) != side.value(change, name)]
    wrong = tuple(name for name in faults if name in target.fields)
    collateral = tuple(name for name in faults if name not in target.fields)
    if wrong:
        expected = {name: target.after.get(name) for name in wrong}
        mismatch.wrong.append(replace(change, fields=wrong, expected=expected))
    if collateral:
        mismatch.collateral.append(replace(change, fields=collateral))


def _absent(target: Change, n_missing: int) -> Wanted:
    """A change that was not made, and the row as it should be."""
    conditions: Conditions = {
        name: target.after[name]
        for name in target.fields
        if name in target.after and name not in target.generated
    }
    why = "the row should be gone" if target.kind == "removed" else ""
    missing = replace(target, after={}, expected=dict(conditions), count=n_missing, why=why)
    return missing, conditions
