"""The five tools of the support agent: plain functions on a World, their schemas, and a `call` that
never raises.

The tools check what a database can check (whose booking, already refunded, voucher expired).
Whether an amount is what the policy gives is the agent's business: that is what makes its mistakes
possible, and worth finding.
"""

import inspect
import json
import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from toolkit.harbor.world import LATE_CHANGE_CENTS, World, days

BookingId = Annotated[str, Field(description="As HB-2101.", max_length=20)]
CustomerId = Annotated[
    str, Field(description="The customer who is signed in, as C-01.", max_length=20)
]
Code = Annotated[str, Field(max_length=40)]
Words = Annotated[str, Field(min_length=1, max_length=500)]
Euros = Annotated[
    float,
    Field(gt=0, le=10_000, allow_inf_nan=False, strict=True, description="In euros, as 42.5."),
]
ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
DAYS_AHEAD = 366
FRACTION_OF_A_CENT = 1e-6
"""Less than this is the error of a float, as in 4.35 * 100."""
Reason = Literal["cancelled", "closure", "fault"]
Result = dict[str, Any]


def _only_a_day(given: object) -> object:
    """`given`, where it is a day as YYYY-MM-DD. A number is no day, though pydantic takes it for
    seconds since 1970.
    """
    if isinstance(given, date) or (isinstance(given, str) and ISO_DAY.fullmatch(given)):
        return given
    raise ValueError("give a day as YYYY-MM-DD")


Day = Annotated[date, BeforeValidator(_only_a_day)]


class ToolError(Exception):
    """A tool that could not do what was asked, and changed nothing."""


def _require(holds: object, else_: str) -> None:
    if not holds:
        raise ToolError(else_)


def find_booking(
    world: World,
    booking_id: BookingId | None = None,
    customer_id: CustomerId | None = None,
    name: Annotated[str, Field(description="The holder's full name.", max_length=80)] | None = None,
    bike_id: Annotated[str, Field(description="As BK-07.", max_length=20)] | None = None,
) -> Result:
    """Look bookings up by number, customer, name or bike; with several, all must fit.

    For staff only: it shows every customer's data.
    """
    asked = {"b.id": booking_id, "b.customer_id": customer_id, "c.name": name, "b.bike_id": bike_id}
    given = {column: value for column, value in asked.items() if value is not None}
    _require(given, "give at least one of booking_id, customer_id, name, bike_id")
    if booking_id and customer_id:
        _booking(world, booking_id, customer_id)
    where = " and ".join(f"{column} = ?" for column in given)
    sql = """select b.id as booking_id, b.customer_id, c.name, c.phone,
            k.name || ' (' || k.kind || ', ' || k.id || ')' as bike, b.first_day, b.last_day,
            k.day_cents as day_price_eur, 0 as paid_eur, b.status, b.voucher
        from bookings b join customers c on c.id = b.customer_id join bikes k on k.id = b.bike_id"""
    found = world.rows(
        f"{sql} where {where} and b.status != 'returned' order by b.id", *given.values()
    )
    _require(found, "no current booking fits")
    for row in found:
        row["day_price_eur"], row["paid_eur"] = (
            _eur(row["day_price_eur"]),
            _eur(world.paid_cents(row["booking_id"])),
        )
        row |= {
            "hours_to_pickup": round(world.hours_to_pickup(row), 1),
            "closure": world.closure(row),
        }
    return {"bookings": found}


def change_dates(
    world: World, booking_id: BookingId, customer_id: CustomerId, first_day: Day, last_day: Day
) -> Result:
    """Move a booking to other days on the same bike; the difference in price is charged or paid
    back.
    """
    booking = _booking(world, booking_id, customer_id, to_come=True)
    _require(last_day >= first_day, f"last_day {last_day} is before first_day {first_day}")
    today = world.now.date()
    _require(first_day >= today, f"first_day {first_day} is in the past")
    _require(
        (last_day - today).days <= DAYS_AHEAD,
        f"last_day {last_day} is more than {DAYS_AHEAD} days ahead",
    )
    to = (f"{first_day}", f"{last_day}")
    sql = """select * from bookings where bike_id = ? and id != ? and status = 'booked'
        and last_day >= ? and first_day <= ? order by first_day"""
    if other := world.row(sql, booking["bike_id"], booking_id, *to):
        raise ToolError(f"the bike is taken from {other['first_day']} to {other['last_day']}")
    late = LATE_CHANGE_CENTS if world.hours_to_pickup(booking) < 24 else 0
    rate = world.value("select day_cents from bikes where id = ?", booking["bike_id"])
    extra = rate * (days(*to) - days(booking["first_day"], booking["last_day"])) + late
    paid = world.paid_cents(booking_id)
    _require(
        paid + extra >= 0,
        f"€{_eur(-extra):g} would be paid back, and only €{_eur(paid):g} was paid",
    )
    sql = "update bookings set first_day = ?, last_day = ?, price_cents = price_cents + ? where id = ?"
    world.write(sql, *to, extra, booking_id)
    if extra:
        _pay(world, booking_id, "charge" if extra > 0 else "credit", extra)
    moved = {"booking_id": booking_id, "first_day": to[0], "last_day": to[1]}
    return {**moved, "difference_eur": _eur(extra), "late_fee_eur": _eur(late)}


def refund(
    world: World, booking_id: BookingId, customer_id: CustomerId, amount_eur: Euros, reason: Reason
) -> Result:
    """Pay money back to the card. `cancelled` and `closure` also cancel the booking; `fault` leaves
    it.
    """
    booking = _booking(world, booking_id, customer_id)
    refunds = world.rows(
        "select id from payments where booking_id = ? and kind = 'refund'", booking_id
    )
    _require(not refunds, f"{booking_id} was already refunded")
    paid, amount = world.paid_cents(booking_id), _cents(amount_eur)
    _require(
        amount <= paid,
        f"€{amount_eur:g} is more than the €{_eur(paid):g} that was paid for {booking_id}",
    )
    _require(
        reason != "closure" or world.closure(booking),
        f"there is no closure in the days of {booking_id}",
    )
    if reason != "fault":
        world.write("update bookings set status = 'cancelled' where id = ?", booking_id)
    _pay(world, booking_id, "refund", -amount)
    status = world.value("select status from bookings where id = ?", booking_id)
    return {"booking_id": booking_id, "refunded_eur": _eur(amount), "to": "card", "status": status}


def apply_voucher(
    world: World, booking_id: BookingId, customer_id: CustomerId, code: Code
) -> Result:
    """Use a voucher on a booking; its worth is paid back to the card."""
    booking = _booking(world, booking_id, customer_id, to_come=True)
    voucher = world.row("select * from vouchers where code = ?", code.strip().upper()) or {}
    _require(voucher, f"there is no voucher {code!r}")
    _require(
        not booking["voucher"],
        f"{booking_id} already has a voucher ({booking['voucher']}); they are not combined",
    )
    _require(not voucher["used_on"], f"voucher {voucher['code']} was already used")
    _require(
        voucher["customer_id"] in (None, customer_id),
        f"voucher {voucher['code']} was made out to another customer",
    )
    _require(
        voucher["valid_until"] >= f"{world.now.date()}",
        f"voucher {voucher['code']} expired on {voucher['valid_until']}",
    )
    worth = min(voucher["amount_cents"], world.paid_cents(booking_id))
    _require(worth > 0, f"nothing is paid for {booking_id}, so that a voucher would be lost")
    sql = "update bookings set voucher = ?, price_cents = price_cents - ? where id = ?"
    world.write(sql, voucher["code"], worth, booking_id)
    world.write("update vouchers set used_on = ? where code = ?", booking_id, voucher["code"])
    _pay(world, booking_id, "credit", -worth)
    price = world.value("select price_cents from bookings where id = ?", booking_id)
    return {
        "booking_id": booking_id,
        "voucher": voucher["code"],
        "credited_eur": _eur(worth),
        "price_eur": _eur(price),
    }


def transfer_to_person(
    world: World, customer_id: CustomerId, reason: Words, summary: Words
) -> Result:
    """Hand the conversation to a colleague, who writes back within two hours."""
    known = world.value("select id from customers where id = ?", customer_id)
    _require(known, f"there is no customer {customer_id!r}")
    values = (customer_id, reason, summary, f"{world.now:%Y-%m-%dT%H:%M}")
    ticket = world.write("insert into transfers values (null, ?, ?, ?, ?)", *values)
    return {"ticket": f"T-{400 + ticket}", "answer_within_hours": 2}


TOOLS: dict[str, Callable[..., Result]] = {
    tool.__name__: tool
    for tool in (find_booking, change_dates, refund, apply_voucher, transfer_to_person)
}
CHANGES = frozenset({"change_dates", "refund", "apply_voucher"})
"""The tools that change a booking."""


def call(world: World, name: str, arguments: Any) -> tuple[str, bool]:
    """Run a tool as a model asked for it. Returns the result as JSON, and whether it is an error.

    An error says what was wrong, in words that a model can act on; then nothing was changed.
    """
    if name not in TOOLS:
        return f"there is no tool {name!r}; the tools are {', '.join(TOOLS)}", True
    try:
        checked = _arguments(name).model_validate(arguments)
        given = {field: getattr(checked, field) for field in checked.model_fields_set}
        with world.database:
            return json.dumps(TOOLS[name](world, **given), ensure_ascii=False), False
    except ToolError as error:
        return str(error), True
    except ValidationError as error:
        faults = error.errors(include_url=False)
        return "; ".join(
            f"{'.'.join(map(str, f['loc'])) or 'arguments'}: {f['msg']}" for f in faults
        ), True


def schemas() -> tuple[dict[str, Any], ...]:
    """The tools as the Messages API wants them: ``name``, ``description``, ``input_schema``."""
    return tuple(
        {
            "name": name,
            "description": inspect.getdoc(tool),
            "input_schema": _arguments(name).model_json_schema(),
        }
        for name, tool in TOOLS.items()
    )


@cache
def _arguments(name: str) -> type[BaseModel]:
    parameters = list(inspect.signature(TOOLS[name]).parameters.values())[1:]
    fields: Any = {
        p.name: (p.annotation, ... if p.default is p.empty else p.default) for p in parameters
    }
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _booking(
    world: World, booking_id: str, customer_id: str, to_come: bool = False
) -> dict[str, Any]:
    """The customer's own booking; with `to_come`, only one whose pick-up lies ahead."""
    booking = world.row("select * from bookings where id = ?", booking_id) or {}
    _require(booking, f"there is no booking {booking_id!r}")
    _require(
        booking["customer_id"] == customer_id,
        f"{booking_id} is not a booking of customer {customer_id}",
    )
    _require(not to_come or booking["status"] == "booked", f"{booking_id} is {booking['status']}")
    _require(
        not to_come or world.hours_to_pickup(booking) > 0, f"{booking_id} was already picked up"
    )
    return booking


def _pay(world: World, booking_id: str, kind: str, cents: int) -> None:
    time = f"{world.now:%Y-%m-%dT%H:%M}"
    world.write("insert into payments values (null, ?, ?, ?, ?)", booking_id, kind, cents, time)


def _cents(euros: float) -> int:
    """The amount in cents. A fraction of a cent is refused: what cannot be paid is not rounded to
    something else.
    """
    cents = round(euros * 100)
    _require(cents >= 1, f"€{euros:g} is less than one cent")
    _require(abs(euros * 100 - cents) < FRACTION_OF_A_CENT, f"€{euros:g} has a fraction of a cent")
    return cents


def _eur(cents: int) -> float:
    return cents // 100 if cents % 100 == 0 else cents / 100
