"""Inquiries: what a visitor asks about a booking in words of their own, and what the front desk
answers by the shop's database and its policy.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from toolkit.harbor.days import day_in, days_in_words, shift_in
from toolkit.harbor.files import content
from toolkit.harbor.situations import ToolPlan, situations
from toolkit.harbor.toolbox import call
from toolkit.harbor.tools import LATE_CHANGE_HOURS
from toolkit.harbor.world import LATE_CHANGE_CENTS, NOW, PICKUP, World
from toolkit.models import Answer, Request

FULL_REFUND_HOURS = 48
HALF_REFUND_HOURS = 24
NUMBER = re.compile(
    r"(?:\bhb[\s_\-\u2010-\u2013]*|\bbooking (?:number |no\.? )?|#)(\d{3,})\b", re.IGNORECASE
)
"""A booking as people write it: HB-2104, hb2104, booking 2104."""
WISHES = {
    "move": r"mov(e|ing)|chang|reschedul|postpon|shift|other da|another da|later da|swap|verschieb",
    "cancel": r"cancel|call (it )?off|refund|money|get back|paid back|give up|stornier|annul|"
    r"can(no|')t (ride|come|make)|won't (come|make)|not coming|how much (do|would|will) i get",
    "where": r"where|when|pick[- ]?(it )?up|collect|return|bring (it )?back|what time",
}
"""What a text wishes, by words that say so; the first that fits counts."""
YES = re.compile(r"^\W*(yes|yeah|ok(ay)?|sure|please|go ahead|do it|ja|oui|s[ií]|sim)\b", re.I)
NO = re.compile(r"^\W*(no|nope|not|don't|nein|non|leave it|keep it)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a visitor wishes of a booking."""

    bookings: tuple[str, ...]
    """More than one where the text names more."""
    wish: str = ""
    """One of WISHES; empty where the text names none."""
    first_day: date | None = None
    """The day to move the booking to."""
    shift_days: int = 0
    """How many days later it is to begin; fewer than 0 is earlier."""
    reply: str = ""
    """``yes`` or ``no`` to an offer to cancel."""

    @property
    def booking(self) -> str:
        """The booking that is named first."""
        return self.bookings[0]


def bookings_in(text: str) -> tuple[str, ...]:
    """The booking numbers in a text, each once.

    >>> bookings_in("hb2104, or was it HB-2105? No, hb 2104.")
    ('HB-2104', 'HB-2105')
    """
    return tuple(dict.fromkeys(f"HB-{number}" for number in NUMBER.findall(text)))


def wish_of(text: str) -> str:
    """The wish that a text puts into words; empty where it puts none.

    >>> wish_of("I cannot ride. What do I get back?")
    'cancel'
    """
    for wish, words in WISHES.items():
        if re.search(rf"\b(?:{words})", text.replace("’", "'"), re.IGNORECASE):
            return wish
    return ""


def inquiry_in(text: str, before: Inquiry | None) -> Inquiry | None:
    """The inquiry that a text makes, or goes on with `before`; None where it does neither."""
    bookings = bookings_in(text)
    wish = wish_of(text)
    day = day_in(text)
    shift_days = 0 if day or wish != "move" else shift_in(text)
    if bookings:
        return Inquiry(bookings, "move" if day and not wish else wish, day, shift_days)
    if before is None:
        return None
    if wish or day:
        return Inquiry(before.bookings, wish or "move", day, shift_days)
    if before.wish == "cancel" and not before.reply:
        if YES.search(text):
            return replace(before, reply="yes")
        if NO.search(text):
            return replace(before, reply="no")
    return None


def moment_of(booking: str) -> datetime:
    """The time in the shop when somebody asks about a booking: that of its situation, or of its
    customer's.
    """
    customers = {row[0]: row[1] for row in content("shop.yaml")["bookings"]}
    moment = NOW
    for situation in situations().values():
        if situation.booking == booking:
            return situation.now
        if situation.customer == customers.get(booking):
            moment = situation.now
    return moment


def look_up(world: World, booking_id: str) -> dict[str, Any] | None:
    """A booking as `find_booking` shows it; None where the shop has no such booking."""
    result, is_error = call(world, "find_booking", {"booking_id": booking_id})
    return None if is_error else json.loads(result)["bookings"][0]


def refund_due(booking: dict[str, Any]) -> float:
    """The euros that the policy gives back for a booking that is cancelled now."""
    paid_eur: float = booking["paid_eur"]
    hours = booking["hours_to_pickup"]
    if booking["closure"] or hours >= FULL_REFUND_HOURS:
        return paid_eur
    return paid_eur / 2 if hours >= HALF_REFUND_HOURS else 0


def deed(world: World, inquiry: Inquiry) -> ToolPlan | None:
    """The call that does what an inquiry asks for; None where nothing is to be done."""
    booking = look_up(world, inquiry.booking)
    if booking is None or booking["status"] != "booked" or len(inquiry.bookings) > 1:
        return None
    own = {"booking_id": inquiry.booking, "customer_id": booking["customer_id"]}
    if inquiry.reply == "yes" and refund_due(booking):
        reason = "closure" if booking["closure"] else "cancelled"
        return "refund", {**own, "amount_eur": refund_due(booking), "reason": reason}
    first_day = date.fromisoformat(booking["first_day"])
    wanted_day = inquiry.first_day
    if inquiry.shift_days:
        wanted_day = first_day + timedelta(days=inquiry.shift_days)
    if inquiry.wish == "move" and wanted_day:
        last_day = wanted_day + (date.fromisoformat(booking["last_day"]) - first_day)
        days = {"first_day": f"{wanted_day}", "last_day": f"{last_day}"}
        return "change_dates", {**own, **days}
    return None


def answer_inquiry(world: World, inquiry: Inquiry, request: Request) -> Answer:
    """The desk's next step: the booking is looked up, then what is asked is done, then told."""
    if len(inquiry.bookings) > 1:
        return Answer(f"One booking at a time, please: {' or '.join(inquiry.bookings)}?")
    results = _results(request.messages)
    if not results:
        return Answer(tools=(("find_booking", {"booking_id": inquiry.booking}),))
    if results[0]["is_error"]:
        first, *_, last = [row[0] for row in content("shop.yaml")["bookings"]]
        return Answer(
            f"There is no current booking {inquiry.booking}: ours run from {first} to {last}."
        )
    booking = json.loads(results[0]["content"])["bookings"][0]
    if len(results) > 1:
        return Answer(_told(inquiry, results[1]))
    action = deed(world, inquiry)
    if action:
        return Answer(tools=(action,))
    return Answer(_words(inquiry, booking))


def _results(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the tools have answered to the last words of the customer."""
    results: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] != "user":
            continue
        if isinstance(message["content"], str):
            results = []
        else:
            results += message["content"]
    return results


def _told(inquiry: Inquiry, result: dict[str, Any]) -> str:
    """What is said when a call was made for the customer."""
    if result["is_error"]:
        return f"That cannot be done: {result['content']}. {inquiry.booking} stays as it is."
    done = json.loads(result["content"])
    if "refunded_eur" in done:
        amount = f"€{done['refunded_eur']:g}"
        return f"{inquiry.booking} is cancelled; {amount} is on its way to your card."
    days = days_in_words(done["first_day"], done["last_day"])
    difference = done["difference_eur"]
    cost = "at no charge"
    if difference:
        cost = f"for €{difference:g}, the fee this close to pick-up"
    return f"{inquiry.booking} is moved to {days}, {cost}."


def _words(inquiry: Inquiry, booking: dict[str, Any]) -> str:
    """What is said of a booking to which nothing is done."""
    name = booking["bike"].split(" (")[0]
    days = days_in_words(booking["first_day"], booking["last_day"])
    if booking["status"] != "booked":
        return f"{inquiry.booking} is {booking['status']} already: there is nothing more to do."
    if inquiry.reply == "no":
        return f"Nothing is changed: {inquiry.booking} stays booked for {days}."
    if inquiry.wish == "cancel":
        return _refund_words(inquiry, booking)
    if inquiry.wish == "move":
        return f"{_move_words(booking)} Which day should {inquiry.booking} begin on?"
    if inquiry.wish == "where":
        return (
            f"{inquiry.booking}, the {name}, waits for you on the Old Quay in Port Ellery: pick-up "
            f"at {PICKUP:%H:%M} on the first day, return by 18:00 on the last ({days})."
        )
    return (
        f"{inquiry.booking} is the {name}, {days}, €{booking['paid_eur']:g} paid. I am a "
        "**script**: I can cancel it, move it, or say where and when it is picked up, and no more."
    )


def _refund_words(inquiry: Inquiry, booking: dict[str, Any]) -> str:
    """What a cancellation would give back now, and why; the offer to cancel."""
    paid_eur = booking["paid_eur"]
    due_eur = refund_due(booking)
    hours = booking["hours_to_pickup"]
    if hours < 0:
        why = "Pick-up is past"
    else:
        why = f"Pick-up is {_ahead(hours)} away"
    if booking["closure"]:
        day, reason = booking["closure"].split(" ", 1)
        why = f"We close on {days_in_words(day, day)} ({reason})"
    if inquiry.reply == "yes" or not due_eur:
        return (
            f"{why}: cancelling {inquiry.booking} now gives nothing of the "
            f"€{paid_eur:g} back, so it stays as it is."
        )
    part = "all of" if due_eur == paid_eur else "half of"
    return (
        f"{why}: cancelled now, {inquiry.booking} gives €{due_eur:g} back, "
        f"{part} what was paid. Shall I cancel it?"
    )


def _move_words(booking: dict[str, Any]) -> str:
    """What a change of dates costs now."""
    if booking["hours_to_pickup"] <= 0:
        return "This bike was picked up already, so its days stay as they are."
    if booking["hours_to_pickup"] < LATE_CHANGE_HOURS:
        return f"This close to pick-up a change of days costs €{LATE_CHANGE_CENTS // 100}."
    return "A change of days is free of charge, if the same bike is free then."


def _ahead(hours: float) -> str:
    """As ``6 days`` or ``31 hours``: by the hour, where the policy goes by hours."""
    if hours < 3 * FULL_REFUND_HOURS / 2:
        return f"{int(hours)} hours"
    return f"{round(hours / 24)} days"
