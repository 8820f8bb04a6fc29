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
        fields = tally.counted_fields(change)
        if fields or change.kind != "changed":
            rows.append(replace(change, fields=fields))
    return replace(changes, rows=tuple(rows), masked=dict(tally.masked))


@dataclass(frozen=True)
class _Tally:
    """Tells what counts, and keeps how often it did not."""

    rules: StateRules
    without_mask: StateRules
    """The same rules, which mask nothing: what they call the same is no change at all."""
    masked: Counter[str] = field(default_factory=Counter)
    """How many rows have a change that a mask hid, by the field's name."""

    def counted_fields(self, change: Change) -> tuple[str, ...]:
        """The fields of a row that are different, and count."""
        fields = []
        for name in change.fields:
            if self.counts(change.table, name, change.before, change.after, change.count):
                fields.append(name)
        return tuple(fields)

    def counts(self, table: str, field_name: str, before: Row, after: Row, n_rows: int) -> bool:
        """Whether a field is different, and that counts."""
        name = f"{table}.{field_name}"
        is_masked = self.rules.is_masked(name)
        if field_name in before and field_name in after:
            old = before[field_name]
            new = after[field_name]
            if self.without_mask.same(name, old, new):
                return False
            is_masked = is_masked or self.rules.same(name, old, new)
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
            equal_rows = gone[_content(change, tally.rules)]
            n_new = _n_new(change, equal_rows, tally)
            if n_new:
                yield replace(change, count=n_new)
    for left in gone.values():
        yield from left


def _n_new(change: Change, gone: list[Change], tally: _Tally) -> int:
    """How many of the new rows are in the place of none that is gone.

    Those that are gone, in `gone`, are used up: each stands for one new row.
    """
    n_new = change.count
    while n_new and gone:
        old = gone.pop()
        n_equal = min(n_new, old.count)
        n_new -= n_equal
        n_left = old.count - n_equal
        if n_left:
            gone.append(replace(old, count=n_left))
        for name in change.fields:
            tally.counts(change.table, name, old.before, change.after, n_equal)
    return n_new


def _content(change: Change, rules: StateRules) -> Any:
    """What rows share that count as equal: all that is not masked."""
    table = change.table
    row = change.after or change.before
    fields = {}
    for name, value in row.items():
        if not rules.is_masked(f"{table}.{name}"):
            fields[name] = value
    return table, rules.content(table, fields)
