"""The changes that count: what rules mask, or call the same, is left out and tallied."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from toolkit.evals.scorers.state_changes import Change, Changes
from toolkit.evals.scorers.state_rules import Row, StateRules


def counted(changes: Changes, rules: StateRules) -> Changes:
    """The changes as `rules` count them."""
    tally = _Tally(rules, replace(rules, mask=()))
    rows = []
    for change in _without_equal_rows(changes.rows, tally):
        fields = []
        for name in change.fields:
            if tally.counts(change.table, name, change.before, change.after, change.count):
                fields.append(name)
        if fields or change.kind != "changed":
            rows.append(replace(change, fields=tuple(fields)))
    return replace(changes, rows=tuple(rows), masked=dict(tally.masked))


@dataclass(frozen=True)
class _Tally:
    """Tells what counts, and keeps how often it did not."""

    rules: StateRules
    without_mask: StateRules
    masked: Counter[str] = field(default_factory=Counter)
    """By the field's name."""

    def counts(self, table: str, field_name: str, before: Row, after: Row, n_rows: int) -> bool:
        """Whether a field is different, and that counts."""
        name = f"{table}.{field_name}"
        is_in_both = field_name in before and field_name in after
        if is_in_both and self.without_mask.same(name, before[field_name], after[field_name]):
            return False
        is_masked = self.rules.is_masked(name)
        if is_in_both and not is_masked:
            is_masked = self.rules.same(name, before[field_name], after[field_name])
        if is_masked:
            self.masked[name] += n_rows
        return not is_masked


def _without_equal_rows(rows: tuple[Change, ...], tally: _Tally) -> Iterator[Change]:
    """The changes without rows that have no key, and came in place of those that count as equal."""
    gone: defaultdict[Any, list[Change]] = defaultdict(list)
    for change in rows:
        if change.key is None and change.kind == "removed":
            gone[_content(change, tally.rules)].append(change)
    for change in rows:
        if change.key is not None:
            yield change
        elif change.kind == "added":
            n_new = _n_new(change, gone[_content(change, tally.rules)], tally)
            if n_new:
                yield replace(change, count=n_new)
    for left in gone.values():
        yield from left


def _n_new(change: Change, gone: list[Change], tally: _Tally) -> int:
    """How many of the new rows are in the place of none that is gone."""
    n_new = change.count
    while n_new and gone:
        old = gone.pop()
        n_equal = min(n_new, old.count)
        n_new -= n_equal
        if old.count > n_equal:
            gone.append(replace(old, count=old.count - n_equal))
        for name in change.fields:
            tally.counts(change.table, name, old.before, change.after, n_equal)
    return n_new


def _content(change: Change, rules: StateRules) -> Any:
    """What rows share that count as equal."""
    row = change.after or change.before
    fields = {}
    for name, value in row.items():
        if not rules.is_masked(f"{change.table}.{name}"):
            fields[name] = value
    return change.table, rules.content(change.table, fields)
