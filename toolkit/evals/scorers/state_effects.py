"""Effects: what an agent should do to a world, said without its whole end state.

Each effect is a statement about the rows that were added, removed or changed, and about how many
there are. A condition on a field is the value that it has, or a function of the value.

>>> from toolkit.evals import Effect, Effects
>>> refund_of = {"booking_id": "HB-7", "kind": "refund", "amount_cents": lambda cents: cents < 0}
>>> expected = Effects(
...     Effect.changed("bookings", "HB-7", {"status": "cancelled"}),
...     Effect.added("payments", refund_of),
...     Effect.added("vouchers", {}, count=0),  # must not happen
... )
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from toolkit.evals.scorers.state_changes import Kind
from toolkit.evals.scorers.state_rules import Row, StateRules
from toolkit.evals.scorers.world import State, World

Condition: TypeAlias = Any | Callable[[Any], bool]
"""The value that a field has, or a function of it that says whether it will do."""
Conditions: TypeAlias = Mapping[str, Condition]
"""What the fields of a row must be, by their names."""
Count: TypeAlias = int | tuple[int, int | None]
"""How many rows: a number, or the fewest and the most; None for any number."""

ANY_NUMBER: tuple[int, None] = (0, None)
"""The count of what may happen, and need not."""


@dataclass(frozen=True)
class Effect:
    """A statement about the rows of a table: made by `added`, `removed` or `changed`."""

    kind: Kind
    table: str
    key: Any = None
    """The key of the row that it is about; None where `where` says which."""
    where: Conditions = field(default_factory=dict)
    """Which rows: what their fields were before, or are, where they are new."""
    to: Conditions = field(default_factory=dict)
    """What the fields of the changed rows must be."""
    count: Count = 1

    @property
    def fewest(self) -> int:
        """The number of rows from which on there are enough."""
        return self.count if isinstance(self.count, int) else self.count[0]

    @property
    def most(self) -> int | None:
        """The number of rows that is not too many; None for any number."""
        return self.count if isinstance(self.count, int) else self.count[1]

    @classmethod
    def added(cls, table: str, row: Conditions, *, count: Count = 1) -> Self:
        """That rows which fit are new."""
        return cls("added", table, where=row, count=count)

    @classmethod
    def removed(cls, table: str, row: Any, *, count: Count = 1) -> Self:
        """That rows are gone: that of a key, or all that fit conditions."""
        return cls._of_rows("removed", table, row, {}, count)

    @classmethod
    def changed(cls, table: str, row: Any, to: Conditions, *, count: Count = 1) -> Self:
        """That fields of rows are now what `to` says: of the row of a key, or of those that fitted
        conditions before.
        """
        return cls._of_rows("changed", table, row, to, count)

    @classmethod
    def _of_rows(cls, kind: Kind, table: str, row: Any, to: Conditions, count: Count) -> Self:
        if isinstance(row, Mapping):
            return cls(kind, table, where=row, to=to, count=count)
        return cls(kind, table, key=row, to=to, count=count)

    def __str__(self) -> str:
        row = f" {self.key}" if self.key is not None else ""
        parts = [f"{self.kind} {self.table}{row}"]
        parts += [in_words(self.where, "where"), in_words(self.to, "to")]
        return " ".join(part for part in parts if part)


class Effects:
    """What should be done, and whether anything else may be.

    Parameters
    ----------
    *effects
        Statements, each of which must hold by itself: a row may count for several.
    others
        Whether changes that no effect speaks of are allowed; else they are collateral.
    """

    def __init__(self, *effects: Effect, others: bool = False) -> None:
        for at, effect in enumerate(effects):
            if effect in effects[:at]:
                raise ValueError(f"{effect}: stated twice; state it once, with count=2")
        self.effects = effects
        self.others = others


class Alternatives:
    """Several ends, any of which will do: states, `Effects`, or both."""

    def __init__(self, *expected: "State | World | Effects") -> None:
        if not expected:
            raise ValueError("Alternatives needs at least one end")
        self.expected = expected


Expected: TypeAlias = State | World | Effects | Alternatives
"""An end state, effects, or several of which any will do."""


def unmet(conditions: Conditions, table: str, row: Row, rules: StateRules) -> list[str]:
    """The names of the fields of a row that are not what `conditions` say."""
    names = []
    for name, condition in conditions.items():
        if name not in row:
            is_met = False
        elif callable(condition):
            is_met = bool(condition(row[name]))
        else:
            is_met = rules.same(f"{table}.{name}", condition, row[name])
        if not is_met:
            names.append(name)
    return names


def in_words(conditions: Conditions, before: str) -> str:
    """Conditions as a reader sees them; nothing for none."""
    parts = [f"{name} {value!r}" for name, value in shown(conditions).items()]
    return f"{before} {', '.join(parts)}" if parts else ""


def shown(conditions: Conditions) -> Row:
    """Conditions as values to show: a function by its name."""
    values = {}
    for name, condition in conditions.items():
        if callable(condition):
            condition = f"({getattr(condition, '__name__', type(condition).__name__)})"
        values[name] = condition
    return values
