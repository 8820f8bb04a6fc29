"""What was done beside an end state: the changes that lead there."""

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

from toolkit.evals.scorers.state_changes import Change, Changes
from toolkit.evals.scorers.state_match import Mismatch, Wanted, pair
from toolkit.evals.scorers.state_rules import Row, StateRules

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
            by_key[_identity(change)] = change
        else:
            by_content[side.content(change)].append(change)
    absent: list[Wanted] = []
    for target in wanted.rows:
        if _is_found_by_key(target):
            counterpart = by_key.pop(_identity(target), None)
            n_missing = 1
            if counterpart is not None:
                n_missing = 0
                _compare(target, goal, counterpart, side, mismatch)
        else:
            equal_rows = by_content[goal.content(target)]
            n_missing = _take(target, equal_rows, mismatch)
        if n_missing:
            absent.append(_absent(target, n_missing))
    left = list(by_key.values())
    for equal_rows in by_content.values():
        left += equal_rows
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
        contents = {}
        for identity, change in self.new_rows.items():
            contents[identity] = self.content(change)
        n_alike = Counter(contents.values())
        for identity, content in contents.items():
            if n_alike[content] > 1:
                del self.new_rows[identity]  # only its key tells what refers to it from the others

    def content(self, change: Change, depth: int = 0) -> Any:
        """What equal rows share, whatever their generated key."""
        values = []
        for name in change.fields:
            if name not in change.generated:
                values.append((name, self.value(change, name, depth)))
        return change.kind, change.table, frozenset(values)

    def value(self, change: Change, name: str, depth: int = 0) -> Any:
        """A field after the change, to be compared; of a row that is gone, as it was.

        What refers to a new row by its generated key has the content of that row for its value.
        """
        row = change.before if change.kind == "removed" else change.after
        if name not in row:
            return None
        value = row[name]
        referred = self.references.get((change.table, name))
        if referred and depth < DEEPEST:
            table, column = referred
            parent = self.new_rows.get((table, value))
            if parent and column in (None, *parent.generated):
                return self.content(parent, depth + 1)
        return self.rules.comparable(f"{change.table}.{name}", value)


def _is_found_by_key(change: Change) -> bool:
    return change.key is not None and not change.generated


def _identity(change: Change) -> Any:
    """What tells a change from others, where its row is found by its key."""
    return change.kind, change.table, change.key


def _take(target: Change, equal: list[Change], mismatch: Mismatch) -> int:
    """Take as many of the equal rows as there should be. Returns how many are missing."""
    n_missing = target.count
    while n_missing and equal:
        change = equal.pop()
        n_taken = min(n_missing, change.count)
        n_missing -= n_taken
        n_left = change.count - n_taken
        if n_left:
            equal.append(replace(change, count=n_left))
        if change.key == target.key:
            continue
        for name in change.generated:
            mismatch.generated.append(f"{change.table}.{name}")
    return n_missing


def _compare(target: Change, goal: _Side, change: Change, side: _Side, mismatch: Mismatch) -> None:
    """Sort the fields of a row that are not as they should be: wrong, or collateral."""
    expected = {}
    collateral = []
    for name in dict.fromkeys([*target.fields, *change.fields]):
        if goal.value(target, name) == side.value(change, name):
            continue
        if name in target.fields:
            expected[name] = target.after.get(name)
        else:
            collateral.append(name)
    if expected:
        wrong = replace(change, fields=tuple(expected), expected=expected)
        mismatch.wrong.append(wrong)
    if collateral:
        mismatch.collateral.append(replace(change, fields=tuple(collateral)))


def _absent(target: Change, n_missing: int) -> Wanted:
    """A change that was not made, and the row as it should be."""
    conditions: Row = {}
    for name in target.fields:
        if name in target.after and name not in target.generated:
            conditions[name] = target.after[name]
    why = "the row should be gone" if target.kind == "removed" else ""
    missing = replace(target, after={}, expected=conditions, count=n_missing, why=why)
    return missing, conditions
