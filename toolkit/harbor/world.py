"""World: the shop's database. Real SQLite, real effects; all that is in it is invented."""

import random
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Self

from toolkit.harbor.files import content, text

NOW = datetime(2026, 6, 15, 9, 0)
"""Where a world's clock stands if nobody sets it."""
PICKUP = time(10, 0)
LATE_CHANGE_CENTS = 1000


@dataclass(frozen=True)
class World(AbstractContextManager["World"]):
    """The shop's customers, bikes, bookings, payments, vouchers and transfers, at one moment of its
    own time.

    >>> with World.open() as world:
    ...     world.row("select name, kind from bikes where id = ?", "BK-12")
    {'name': 'Albatross', 'kind': 'tandem'}
    """

    database: sqlite3.Connection
    now: datetime = NOW
    """What notice is counted from."""

    @classmethod
    def open(cls, path: str | Path = ":memory:", now: datetime = NOW, seed: int = 0) -> Self:
        """Open the shop in the file `path`; an empty database is filled first.

        `seed` is that of the old bookings that fill the shop; those that the situations need are
        always the same. Raises sqlite3.DatabaseError where `path` holds something that is no
        database.
        """
        world = cls(sqlite3.connect(path), now)
        world.database.row_factory = sqlite3.Row
        if not world.rows("select name from sqlite_master where name = 'customers'"):
            world.database.executescript(text("shop.sql"))
            with world.database:
                _fill(world, random.Random(seed))
        return world

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; one in memory is gone then."""
        self.database.close()

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """All rows of a parameterised query."""
        return [dict(row) for row in self.database.execute(sql, values)]

    def row(self, sql: str, *values: Any) -> dict[str, Any] | None:
        """The first row, or None."""
        rows = self.rows(sql, *values)
        return rows[0] if rows else None

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.row(sql, *values) or {}
        return next(iter(row.values()), None)

    def write(self, sql: str, *values: Any) -> int:
        """Run one statement that changes something; returns the id of the row it put in."""
        return self.database.execute(sql, values).lastrowid or 0

    def snapshot(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Everything, as plain data: table, then key, then row. Two snapshots can be compared with
        `diff_state`.
        """
        tables: dict[str, dict[str, dict[str, Any]]] = {}
        for table in self.rows("select name from sqlite_master where type = 'table'"):
            name = table["name"]
            by_key = {}
            for row in self.rows(f"select * from {name} order by 1"):
                key = next(iter(row.values()))
                by_key[str(key)] = row
            tables[name] = by_key
        return tables

    def hours_to_pickup(self, booking: dict[str, Any]) -> float:
        """The notice that a cancellation would have now."""
        pickup = datetime.combine(date.fromisoformat(booking["first_day"]), PICKUP)
        return (pickup - self.now) / timedelta(hours=1)

    def closure(self, booking: dict[str, Any]) -> str | None:
        """The first day of the booking on which the shop is closed for bad weather, and why; or
        None.
        """
        sql = "select date || ' ' || why from closures where date between ? and ? order by date"
        return self.value(sql, booking["first_day"], booking["last_day"]) or None

    def paid_cents(self, booking_id: str) -> int:
        """What the customer has paid for a booking, less what was paid back."""
        sql = "select sum(amount_cents) from payments where booking_id = ?"
        return self.value(sql, booking_id) or 0


def days(first_day: str | date, last_day: str | date) -> int:
    """Days of a rental, the first and the last included."""
    first = date.fromisoformat(str(first_day))
    last = date.fromisoformat(str(last_day))
    return (last - first).days + 1


def _fill(world: World, rng: random.Random) -> None:
    shop = content("shop.yaml")
    put = world.database.executemany
    customers = []
    for id_, name, phone in shop["customers"]:
        email = f"{name.lower().replace(' ', '.')}@example.com"
        customers.append((id_, name, email, phone))
    put("insert into customers values (?, ?, ?, ?)", customers)
    put("insert into bikes values (?, ?, ?, ? * 100)", shop["bikes"])
    put("insert into closures values (?, ?)", shop["closures"])
    put("insert into vouchers values (?, ? * 100, ?, ?, null)", shop["vouchers"])
    for booking in shop["bookings"]:
        _book(world, "booked", *booking)
    for number, (bike, *_) in enumerate(shop["bikes"], 1901):
        # rides long over: one a bike, so that they never stand in the way
        first = date(2026, 4, 1) + timedelta(days=rng.randrange(40))
        last = first + timedelta(days=rng.randrange(3))
        customer = rng.choice(shop["customers"])[0]
        row = (f"HB-{number}", customer, bike, f"{first}", f"{last}", None)
        _book(world, "returned", *row)


def _book(
    world: World,
    status: str,
    id_: str,
    customer: str,
    bike: str,
    first: str,
    last: str,
    voucher: str | None,
) -> None:
    day_cents = world.value("select day_cents from bikes where id = ?", bike)
    off_cents = world.value("select amount_cents from vouchers where code = ?", voucher)
    price = days(first, last) * day_cents - (off_cents or 0)
    world.write("update vouchers set used_on = ? where code = ?", id_, voucher)
    row = (id_, customer, bike, first, last, price, status, voucher)
    world.write("insert into bookings values (?, ?, ?, ?, ?, ?, ?, ?)", *row)
    paid_on = f"{date.fromisoformat(first) - timedelta(days=21)}T12:00"
    world.write("insert into payments values (null, ?, 'charge', ?, ?)", id_, price, paid_on)
