"""What was done beside an end state: the changes that lead there."""

from collections import defaultdict
from dataclasses import replace
from typing import Any

from toolkit.evals.scorers.state_changes import Change, Changes
from toolkit.evals.scorers.state_effects import Conditions
from toolkit.evals.scorers.state_match import Mismatch, Wanted, pair
from toolkit.evals.scorers.state_rules import StateRules


def match_end(wanted: Changes, changes: Changes, rules: StateRules) -> Mismatch:
    """The changes beside those that lead to an expected end state.

    A row is found by its key; one whose key is generated, or that has none, by all else.
    """
    mismatch = Mismatch()
    by_key: dict[Any, Change] = {}
    by_content: defaultdict[Any, list[Change]] = defaultdict(list)
    for change in changes.rows:
        if _is_found_by_key(change):
            by_key[change.kind, change.table, change.key] = change
        else:
            by_content[_content(change, rules)].append(change)
    absent: list[Wanted] = []
    for target in wanted.rows:
        if _is_found_by_key(target):
            key = (target.kind, target.table, target.key)
            n_missing = 1
            if key in by_key:
                n_missing = 0
                _compare(target, by_key.pop(key), rules, mismatch)
        else:
            n_missing = _take(target, by_content[_content(target, rules)], mismatch)
        if n_missing:
            absent.append(_absent(target, n_missing))
    left = list(by_key.values())
    for rows in by_content.values():
        left += rows
    pair(absent, left, rules, mismatch)
    return mismatch


def _is_found_by_key(change: Change) -> bool:
    return change.key is not None and not change.generated


def _content(change: Change, rules: StateRules) -> Any:
    """What equal rows share, whatever their key."""
    row = change.after if change.kind == "added" else change.before
    fields = {name: row[name] for name in change.fields if name not in change.generated}
    return change.kind, change.table, rules.content(change.table, fields)


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


def _compare(target: Change, change: Change, rules: StateRules, mismatch: Mismatch) -> None:
    """Sort the fields of a row that was changed into those that are wrong, and collateral ones."""
    wrong = []
    collateral = []
    for name in dict.fromkeys([*target.fields, *change.fields]):
        if change.kind == "removed" or _is_same(name, target, change, rules):
            continue
        if name in target.fields:
            wrong.append(name)
        else:
            collateral.append(name)
    if wrong:
        expected = {name: target.after.get(name) for name in wrong}
        mismatch.wrong.append(replace(change, fields=tuple(wrong), expected=expected))
    if collateral:
        mismatch.collateral.append(replace(change, fields=tuple(collateral)))


def _is_same(name: str, target: Change, change: Change, rules: StateRules) -> bool:
    """Whether a field is as it should be; it may be that it should not be there."""
    if name not in target.after or name not in change.after:
        return name not in target.after and name not in change.after
    return rules.same(f"{change.table}.{name}", target.after[name], change.after[name])


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
