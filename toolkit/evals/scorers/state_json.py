"""What is different between two states of plain data, as `DictWorld` describes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from toolkit.evals.scorers.state_changes import Change, Changes, added, changed, removed
from toolkit.evals.scorers.state_rows import counted_rows, flat, keyed_rows
from toolkit.evals.scorers.state_rules import StateRules
from toolkit.evals.scorers.world import packed

Rows: TypeAlias = dict[Any, Any]
"""The rows of a table by their key, as the state has them."""
ABSENT: dict[str, Any] = {}
"""The rows of a table that is not there."""


def json_changes(before: Mapping[str, Any], after: Mapping[str, Any], rules: StateRules) -> Changes:
    """The rows that are different, and the tables and fields that are gone or new in all rows."""
    rows: list[Change] = []
    drift: list[str] = []
    for name in dict.fromkeys([*before, *after]):
        table = _Table(name, before.get(name, ABSENT), after.get(name, ABSENT), rules)
        changes = list(table.changes())
        renamed = table.renamed(changes)
        drift += table.drift()
        drift += [f"{name}.{field} is {state}" for field, state in renamed.items()]
        rows += [_without(change, renamed) for change in changes]
    return Changes(tuple(rows), None, drift=tuple(drift))


@dataclass(frozen=True)
class _Table:
    """A table in both states."""

    name: str
    old: Any
    new: Any
    rules: StateRules

    def changes(self) -> Iterator[Change]:
        """The rows that are different."""
        old = keyed_rows(self.name, self.old, self.rules)
        new = keyed_rows(self.name, self.new, self.rules)
        if old is None or new is None:
            yield from self._counted_changes()
        else:
            yield from self._keyed_changes(old, new)

    def _keyed_changes(self, old: Rows, new: Rows) -> Iterator[Change]:
        table = self.name
        generated: tuple[str, ...] = ()
        if self.rules.is_generated(table):
            generated = self.rules.key_of(table) or ("key",)
        for key, row in old.items():
            if key not in new:
                yield removed(table, key, flat(row))
            elif packed(row) != packed(new[key]):
                yield changed(table, key, flat(row), flat(new[key]))
        for key, row in new.items():
            if key not in old:
                yield added(table, key, flat(row), generated=generated)

    def _counted_changes(self) -> Iterator[Change]:
        """The rows of which there are more or fewer than before."""
        table = self.name
        old = counted_rows(table, self.old, self.rules)
        new = counted_rows(table, self.new, self.rules)
        for content, rows in old.items():
            n_gone = len(rows) - len(new.get(content, ()))
            if n_gone > 0:
                yield removed(table, None, rows[0], count=n_gone)
        for content, rows in new.items():
            n_new = len(rows) - len(old.get(content, ()))
            if n_new > 0:
                yield added(table, None, rows[0], count=n_new)

    def drift(self) -> Iterator[str]:
        """What became of the table as such."""
        old = self.old
        new = self.new
        if new is ABSENT:
            yield f"table {self.name} is gone"
        elif old is ABSENT:
            yield f"table {self.name} is new"
        elif isinstance(old, dict) and not isinstance(new, dict):
            yield f"table {self.name} is no dict any more"
        elif isinstance(old, list) and not isinstance(new, list):
            yield f"table {self.name} is no list any more"

    def renamed(self, changes: list[Change]) -> dict[str, str]:
        """The fields that every row had and none has, and those that every row has and none had."""
        pairs = [change for change in changes if change.kind == "changed"]
        n_gone = sum(change.kind == "removed" for change in changes)
        if len(pairs) < 2 or len(pairs) + n_gone < len(self.old):
            return {}  # there is a row that has the same fields as before
        before = [set(change.before) for change in pairs]
        after = [set(change.after) for change in pairs]
        gone = set.intersection(*before).difference(*after)
        fresh = set.intersection(*after).difference(*before)
        return dict.fromkeys(sorted(gone), "gone") | dict.fromkeys(sorted(fresh), "new")


def _without(change: Change, names: Mapping[str, str]) -> Change:
    """A changed row without the fields of these names."""
    if change.kind != "changed":
        return change
    fields = [name for name in change.fields if name not in names]
    return replace(change, fields=tuple(fields))
