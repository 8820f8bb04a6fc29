"""World: the shop's database. Real SQLite, real effects; the shop and everybody in it are invented."""

import random
import sqlite3
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Self

from toolkit.harbor.content import content

NOW = datetime(2026, 6, 15, 9, 0)
"""Where a world's clock stands if nobody sets it."""
PICKUP = time(10, 0)
LATE_CHANGE_CENTS = 1000
KEYS = {"customers": "id", "bikes": "id", "closures": "date", "vouchers": "code", "bookings": "id", "payments": "id"}
TABLES = """
create table customers (id text primary key, name text not null, email text not null, phone text not null);
create table bikes (id text primary key, name text not null, kind text not null, day_cents integer not null);
create table closures (date text primary key, why text not null);
create table vouchers (code text primary key, amount_cents integer not null, valid_until text not null,
    customer_id text references customers, used_on text);
create table bookings (id text primary key, customer_id text not null references customers,
    bike_id text not null references bikes, first_day text not null, last_day text not null,
    price_cents integer not null, status text not null, voucher text references vouchers);
create table payments (id integer primary key, booking_id text not null references bookings,
    kind text not null, amount_cents integer not null, time text not null);
create table transfers (id integer primary key, customer_id text not null references customers,
    reason text not null, summary text not null, time text not null);
"""


class World:
    """The shop's customers, bikes, bookings, payments, vouchers and transfers, at one moment of its own time.

    >>> with World.open() as world:
    ...     world.row("select name, kind from bikes where id = ?", "BK-12")
    {'name': 'Albatross', 'kind': 'tandem'}
    """

    def __init__(self, database: sqlite3.Connection, now: datetime = NOW):
        self.database, self.now = database, now
        database.row_factory = sqlite3.Row

    @classmethod
    def open(cls, path: str | Path = ":memory:", now: datetime = NOW, seed: int = 0) -> Self:
        """Open the shop at `path`; an empty database is filled first.

        Parameters
        ----------
        path : str or Path
            A file, or ":memory:".
        now : datetime
            The shop's time: what notice is counted from.
        seed : int
            Of the old bookings that fill the shop. The bookings that the situations need are always the same.

        Raises
        ------
        sqlite3.DatabaseError
            Where `path` holds something that is no database.
        """
        world = cls(sqlite3.connect(path), now)
        if not world.rows("select name from sqlite_master where name = 'customers'"):
            world.database.executescript(TABLES)
            with world.database:
                _fill(world, random.Random(seed))
        return world

    def __enter__(self) -> Self:
        return self

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
        return next(iter(self.rows(sql, *values)), None)

    def write(self, sql: str, *values: Any) -> int:
        """Run one statement that changes something; returns the id of the row it put in."""
        return self.database.execute(sql, values).lastrowid or 0

    def snapshot(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Everything, as plain data: table, then key, then row. Two snapshots can be compared with `diff_state`."""
        tables = {**KEYS, "transfers": "id"}
        return {
            table: {str(row[key]): row for row in self.rows(f"select * from {table} order by {key}")}
            for table, key in tables.items()
        }

    def hours_to_pickup(self, booking: dict[str, Any]) -> float:
        """The notice that a cancellation would have now."""
        pickup = datetime.combine(date.fromisoformat(booking["first_day"]), PICKUP)
        return (pickup - self.now) / timedelta(hours=1)

    def closure(self, booking: dict[str, Any]) -> str | None:
        """The first day of the booking on which the shop is closed for bad weather, and why; or None."""
        sql = "select date || ' ' || why as words from closures where date between ? and ? order by date"
        row = self.row(sql, booking["first_day"], booking["last_day"])
        return row["words"] if row else None

    def paid_cents(self, booking_id: str) -> int:
        """What the customer has paid for a booking, less what was paid back."""
        row = self.row("select sum(amount_cents) as paid from payments where booking_id = ?", booking_id)
        return (row or {}).get("paid") or 0

    def refund_due_cents(self, booking: dict[str, Any]) -> int:
        """What policy v1 (section 1) gives back if this booking is cancelled now."""
        hours, paid = self.hours_to_pickup(booking), self.paid_cents(booking["id"])
        if self.closure(booking) or hours >= 48:
            return paid
        return paid // 2 if hours >= 24 else 0


def days(first_day: str | date, last_day: str | date) -> int:
    """Days of a rental, the first and the last included."""
    first, last = (date.fromisoformat(str(day)) for day in (first_day, last_day))
    return (last - first).days + 1


def _fill(world: World, rng: random.Random) -> None:
    shop = content("shop.yaml")
    for id_, name, phone in shop["customers"]:
        email = f"{name.lower().replace(' ', '.')}@example.com"
        world.write("insert into customers values (?, ?, ?, ?)", id_, name, email, phone)
    for id_, name, kind, day_eur in shop["bikes"]:
        world.write("insert into bikes values (?, ?, ?, ?)", id_, name, kind, day_eur * 100)
    for day, why in shop["closures"]:
        world.write("insert into closures values (?, ?)", day, why)
    for code, amount_eur, valid_until, customer_id in shop["vouchers"]:
        row = (code, amount_eur * 100, valid_until, customer_id)
        world.write("insert into vouchers values (?, ?, ?, ?, null)", *row)
    for id_, customer_id, bike_id, first_day, last_day, voucher in shop["bookings"]:
        _book(world, id_, customer_id, bike_id, first_day, last_day, "booked", voucher)
    _fill_past(world, rng)


def _fill_past(world: World, rng: random.Random) -> None:
    """Rides long over: one a bike and day at most, so that they never stand in the way."""
    customers = [row["id"] for row in world.rows("select id from customers order by id")]
    for number, bike in enumerate(world.rows("select id from bikes order by id"), 1):
        first = date(2026, 4, 1) + timedelta(days=rng.randrange(40))
        last = first + timedelta(days=rng.randrange(3))
        id_ = f"HB-{1900 + number}"
        _book(world, id_, rng.choice(customers), bike["id"], f"{first}", f"{last}", "returned", None)


def _book(
    world: World, id_: str, customer: str, bike: str, first: str, last: str, status: str, voucher: str | None
) -> None:
    rate = world.rows("select day_cents from bikes where id = ?", bike)[0]["day_cents"]
    price = rate * days(first, last)
    if voucher:
        price -= world.rows("select amount_cents from vouchers where code = ?", voucher)[0]["amount_cents"]
        world.write("update vouchers set used_on = ? where code = ?", id_, voucher)
    row = (id_, customer, bike, first, last, price, status, voucher)
    world.write("insert into bookings values (?, ?, ?, ?, ?, ?, ?, ?)", *row)
    paid_on = f"{date.fromisoformat(first) - timedelta(days=21)}T12:00"
    world.write("insert into payments values (null, ?, 'charge', ?, ?)", id_, price, paid_on)
