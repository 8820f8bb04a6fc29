"""The five tools of the support agent: plain functions on a World.

The tools check what a database can check (whose booking, already refunded, voucher expired).
Whether an amount is what the policy gives is the agent's business: that is what makes its mistakes
possible, and worth finding.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from toolkit.harbor.world import LATE_CHANGE_CENTS, World, days

if TYPE_CHECKING:
    from toolkit.evals.scorers.tools import ToolKind

BookingId = Annotated[str, Field(description="As HB-2101.", max_length=20)]
CustomerId = Annotated[
    str, Field(description="The customer who is signed in, as C-01.", max_length=20)
]
Code = Annotated[str, Field(max_length=40)]
ShortText = Annotated[str, Field(min_length=1, max_length=500)]
Euros = Annotated[
    float,
    Field(gt=0, le=10_000, allow_inf_nan=False, strict=True, description="In euros, as 42.5."),
]
ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
DAYS_AHEAD = 366
LATE_CHANGE_HOURS = 24
FRACTION_OF_A_CENT = 1e-6
"""Less than this is the error of a float, as in 4.35 * 100."""
Reason = Literal["cancelled", "closure", "fault"]
Result = dict[str, Any]

BOOKINGS = """select b.id as booking_id, b.customer_id, c.name, c.phone,
        k.name || ' (' || k.kind || ', ' || k.id || ')' as bike, b.first_day, b.last_day,
        k.day_cents as day_price_eur, 0 as paid_eur, b.status, b.voucher
    from bookings b join customers c on c.id = b.customer_id join bikes k on k.id = b.bike_id"""
OVERLAP = """select * from bookings where bike_id = ? and id != ? and status = 'booked'
    and last_day >= ? and first_day <= ? order by first_day"""
MOVE = "update bookings set first_day = ?, last_day = ?, price_cents = price_cents + ? where id = ?"


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
    columns = {
        "b.id": booking_id,
        "b.customer_id": customer_id,
        "c.name": name,
        "b.bike_id": bike_id,
    }
    given = {column: value for column, value in columns.items() if value is not None}
    if not given:
        raise ToolError("give at least one of booking_id, customer_id, name, bike_id")
    if booking_id and customer_id:
        _booking(world, booking_id, customer_id)
    where = " and ".join(f"{column} = ?" for column in given)
    sql = f"{BOOKINGS} where {where} and b.status != 'returned' order by b.id"
    bookings = world.rows(sql, *given.values())
    if not bookings:
        raise ToolError("no current booking fits")
    for booking in bookings:
        booking["day_price_eur"] = _eur(booking["day_price_eur"])
        booking["paid_eur"] = _eur(world.paid_cents(booking["booking_id"]))
        booking["hours_to_pickup"] = round(world.hours_to_pickup(booking), 1)
        booking["closure"] = world.closure(booking)
    return {"bookings": bookings}


def change_dates(
    world: World, booking_id: BookingId, customer_id: CustomerId, first_day: Day, last_day: Day
) -> Result:
    """Move a booking to other days on the same bike; the difference in price is charged or paid
    back.
    """
    booking = _booking(world, booking_id, customer_id, to_come=True)
    _check_days(world, first_day, last_day)
    new_days = (f"{first_day}", f"{last_day}")
    other = world.row(OVERLAP, booking["bike_id"], booking_id, *new_days)
    if other:
        raise ToolError(f"the bike is taken from {other['first_day']} to {other['last_day']}")
    late_cents = 0
    if world.hours_to_pickup(booking) < LATE_CHANGE_HOURS:
        late_cents = LATE_CHANGE_CENTS
    day_cents = world.value("select day_cents from bikes where id = ?", booking["bike_id"])
    more_days = days(*new_days) - days(booking["first_day"], booking["last_day"])
    extra_cents = day_cents * more_days + late_cents
    paid_cents = world.paid_cents(booking_id)
    if paid_cents + extra_cents < 0:
        back = f"€{_eur(-extra_cents):g} would be paid back"
        raise ToolError(f"{back}, and only €{_eur(paid_cents):g} was paid")
    world.write(MOVE, *new_days, extra_cents, booking_id)
    if extra_cents:
        kind = "charge" if extra_cents > 0 else "credit"
        _pay(world, booking_id, kind, extra_cents)
    return {
        "booking_id": booking_id,
        "first_day": new_days[0],
        "last_day": new_days[1],
        "difference_eur": _eur(extra_cents),
        "late_fee_eur": _eur(late_cents),
    }


def _check_days(world: World, first_day: date, last_day: date) -> None:
    """Raise ToolError where a booking cannot be moved to these days, whatever it is."""
    if last_day < first_day:
        raise ToolError(f"last_day {last_day} is before first_day {first_day}")
    today = world.now.date()
    if first_day < today:
        raise ToolError(f"first_day {first_day} is in the past")
    if (last_day - today).days > DAYS_AHEAD:
        raise ToolError(f"last_day {last_day} is more than {DAYS_AHEAD} days ahead")


def refund(
    world: World, booking_id: BookingId, customer_id: CustomerId, amount_eur: Euros, reason: Reason
) -> Result:
    """Pay money back to the card. `cancelled` and `closure` also cancel the booking; `fault` leaves
    it.
    """
    booking = _booking(world, booking_id, customer_id)
    sql = "select id from payments where booking_id = ? and kind = 'refund'"
    if world.rows(sql, booking_id):
        raise ToolError(f"{booking_id} was already refunded")
    paid_cents = world.paid_cents(booking_id)
    cents = _cents(amount_eur)
    if cents > paid_cents:
        paid = f"the €{_eur(paid_cents):g} that was paid for {booking_id}"
        raise ToolError(f"€{amount_eur:g} is more than {paid}")
    if reason == "closure" and not world.closure(booking):
        raise ToolError(f"there is no closure in the days of {booking_id}")
    if reason != "fault":
        world.write("update bookings set status = 'cancelled' where id = ?", booking_id)
    _pay(world, booking_id, "refund", -cents)
    status = world.value("select status from bookings where id = ?", booking_id)
    return {"booking_id": booking_id, "refunded_eur": _eur(cents), "to": "card", "status": status}


def apply_voucher(
    world: World, booking_id: BookingId, customer_id: CustomerId, code: Code
) -> Result:
    """Use a voucher on a booking; its worth is paid back to the card."""
    booking = _booking(world, booking_id, customer_id, to_come=True)
    sql = "select * from vouchers where code = ?"
    voucher = world.row(sql, code.strip().upper())
    if not voucher:
        raise ToolError(f"there is no voucher {code!r}")
    _check_voucher(world, booking, voucher)
    worth_cents = min(voucher["amount_cents"], world.paid_cents(booking_id))
    if worth_cents <= 0:
        raise ToolError(f"nothing is paid for {booking_id}, so that a voucher would be lost")
    sql = "update bookings set voucher = ?, price_cents = price_cents - ? where id = ?"
    world.write(sql, voucher["code"], worth_cents, booking_id)
    world.write("update vouchers set used_on = ? where code = ?", booking_id, voucher["code"])
    _pay(world, booking_id, "credit", -worth_cents)
    price_cents = world.value("select price_cents from bookings where id = ?", booking_id)
    return {
        "booking_id": booking_id,
        "voucher": voucher["code"],
        "credited_eur": _eur(worth_cents),
        "price_eur": _eur(price_cents),
    }


def _check_voucher(world: World, booking: dict[str, Any], voucher: dict[str, Any]) -> None:
    """Raise ToolError where `voucher` cannot be used on `booking`."""
    code = voucher["code"]
    if booking["voucher"]:
        raise ToolError(
            f"{booking['id']} already has a voucher ({booking['voucher']}); they are not combined"
        )
    if voucher["used_on"]:
        raise ToolError(f"voucher {code} was already used")
    if voucher["customer_id"] not in (None, booking["customer_id"]):
        raise ToolError(f"voucher {code} was made out to another customer")
    if voucher["valid_until"] < f"{world.now.date()}":
        raise ToolError(f"voucher {code} expired on {voucher['valid_until']}")


def transfer_to_person(
    world: World, customer_id: CustomerId, reason: ShortText, summary: ShortText
) -> Result:
    """Hand the conversation to a colleague, who writes back within two hours."""
    if not world.value("select id from customers where id = ?", customer_id):
        raise ToolError(f"there is no customer {customer_id!r}")
    values = (customer_id, reason, summary, f"{world.now:%Y-%m-%dT%H:%M}")
    ticket = world.write("insert into transfers values (null, ?, ?, ?, ?)", *values)
    return {"ticket": f"T-{400 + ticket}", "answer_within_hours": 2}


TOOLS: dict[str, Callable[..., Result]] = {
    tool.__name__: tool
    for tool in (find_booking, change_dates, refund, apply_voucher, transfer_to_person)
}
KINDS: dict[str, "ToolKind"] = {
    "find_booking": "read",
    "change_dates": "write",  # a late change costs its fee each time
    "refund": "idempotent write",
    "apply_voucher": "idempotent write",
    "transfer_to_person": "write",
}
"""What each tool does to the shop; a test measures it."""
CHANGES = frozenset({"change_dates", "refund", "apply_voucher"})
"""The tools that change a booking."""


def _booking(
    world: World, booking_id: str, customer_id: str, to_come: bool = False
) -> dict[str, Any]:
    """The customer's own booking; with `to_come`, only one whose pick-up lies ahead."""
    booking = world.row("select * from bookings where id = ?", booking_id)
    if not booking:
        raise ToolError(f"there is no booking {booking_id!r}")
    if booking["customer_id"] != customer_id:
        raise ToolError(f"{booking_id} is not a booking of customer {customer_id}")
    if to_come and booking["status"] != "booked":
        raise ToolError(f"{booking_id} is {booking['status']}")
    if to_come and world.hours_to_pickup(booking) <= 0:
        raise ToolError(f"{booking_id} was already picked up")
    return booking


def _pay(world: World, booking_id: str, kind: str, cents: int) -> None:
    time = f"{world.now:%Y-%m-%dT%H:%M}"
    world.write("insert into payments values (null, ?, ?, ?, ?)", booking_id, kind, cents, time)


def _cents(euros: float) -> int:
    """The amount in cents. A fraction of a cent is refused: what cannot be paid is not rounded to
    something else.
    """
    cents = round(euros * 100)
    if cents < 1:
        raise ToolError(f"€{euros:g} is less than one cent")
    if abs(euros * 100 - cents) >= FRACTION_OF_A_CENT:
        raise ToolError(f"€{euros:g} has a fraction of a cent")
    return cents


def _eur(cents: int) -> float:
    return cents // 100 if cents % 100 == 0 else cents / 100
