"""Changes: what is different between two states, row by row, however they are kept."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from toolkit.evals.scorers.state_rules import Row

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """A row that was added, removed or changed, or that should have been."""

    kind: Kind
    table: str
    key: Any
    """By which the row is told apart: a value, or a tuple of several; None where it has none."""
    before: Row
    """The row as it was; empty where there was none."""
    after: Row
    """The row as it is; empty where there is none."""
    fields: tuple[str, ...]
    """The names of the fields that this is about: of a changed row those that are different."""
    expected: Row = field(default_factory=dict)
    """The fields as they should be, where they are not."""
    count: int = 1
    """How many equal rows, in a table without a key."""
    why: str = ""
    """What is wrong with it, where its fields do not tell."""
    generated: tuple[str, ...] = ()
    """The fields of its key, where the key is generated."""


@dataclass(frozen=True, slots=True)
class Changes:
    """All that is different between two states."""

    rows: tuple[Change, ...]
    columns: Mapping[str, Set[str]] | None
    """The columns of each table of SQLite, in either state; None for plain data, which declares
    none.
    """
    references: Mapping[tuple[str, str], tuple[str, str | None]] = field(default_factory=dict)
    """Of a table's column: the table and the column that it refers to; None for the key."""
    drift: tuple[str, ...] = ()
    """Tables and fields that are gone, new or renamed, a sentence each."""
    masked: Mapping[str, int] = field(default_factory=dict)
    """How many differences are not counted, by the field's name."""


def added(table: str, key: Any, row: Row, **more: Any) -> Change:
    """A row that is new."""
    return Change("added", table, key, {}, row, tuple(row), **more)


def removed(table: str, key: Any, row: Row, **more: Any) -> Change:
    """A row that is gone."""
    return Change("removed", table, key, row, {}, tuple(row), **more)


def changed(table: str, key: Any, before: Row, after: Row) -> Change:
    """A row that is in both states; `counted` finds the fields that are different."""
    fields = tuple(dict.fromkeys([*before, *after]))
    return Change("changed", table, key, before, after, fields)
