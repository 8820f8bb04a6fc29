"""What it means for a failure to be visible in a trace: one check a mode, from trace, situation and
policy alone.
"""

import re

from toolkit.harbor import Situation, World, call
from toolkit.harbor.tools import CHANGES
from toolkit.traces import Trace

STOP_WORDS = {
    "en": "the and is are you your that for with it of have to in not this a i you're over my was we on so at but",
    "de": "der die das und sind ich nicht auf ihre ihren bitte es den zu wir bei im um von haben dem gern",
    "fr": "la le les et est vous je pas que pour votre vos ne à c'est des du un une en sur j'ai plus qui peux de l'ai",
    "es": "el la los y es que su por una un en con las se lo le del al todo está para puedo hasta sus si pero tiene",
    "pt": "o os e é que não para um uma com do da ao seu já até são no na mais lhe dia passei isso é ou por tem foram",
}


def refund_due_cents(world: World, booking: dict) -> int:
    """What policy v1 (section 1) gives back if this booking is cancelled now."""
    hours, paid = world.hours_to_pickup(booking), world.paid_cents(booking["id"])
    if world.closure(booking) or hours >= 48:
        return paid
    return paid // 2 if hours >= 24 else 0


def language_of(text: str) -> str:
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower())
    return max(STOP_WORDS, key=lambda code: sum(word in STOP_WORDS[code].split() for word in words))


def said(trace: Trace) -> list[str]:
    return [
        step.content for step in trace.steps if step.kind == "message" and step.actor == "assistant"
    ]


def calls(trace: Trace) -> list[tuple[str, dict]]:
    return [(step.content, step.data["arguments"]) for step in trace.calls]


def worked(trace: Trace) -> list[tuple[str, dict]]:
    return [
        (step.content, step.data["arguments"])
        for step in trace.calls
        if not (result := trace.result_of(step)) or not result.data["error"]
    ]


def plan(situation: Situation, failure: str | None = None) -> list[tuple[str, dict]]:
    return [step for turn in situation.script(0, failure) for step in turn.calls]


def wrong_refund_amount(trace: Trace, situation: Situation) -> bool:
    """A refund that was paid is not what the policy gives; a fault's is the day price for each day
    lost.
    """
    right = [arguments for name, arguments in plan(situation) if name == "refund"]
    with World.open(now=situation.now) as world:
        for name, arguments in worked(trace):
            if name != "refund":
                continue
            booking = world.row("select * from bookings where id = ?", arguments["booking_id"])
            due = refund_due_cents(world, booking) / 100
            if arguments["reason"] == "fault":
                due = right[0]["amount_eur"] if right else 0
            if arguments["amount_eur"] != due:
                return True
    return False


def invents_policy(trace: Trace, situation: Situation) -> bool:
    return _marked(trace, situation, "invents_policy")


def moved(trace: Trace, booking: str = "") -> list[str]:
    """The first days to which bookings (or this one) were moved."""
    made = [arguments for name, arguments in worked(trace) if name == "change_dates"]
    return [f"{a['first_day']}..{a['last_day']}" for a in made if booking in a["booking_id"]]


def touched(trace: Trace, booking: str = "") -> bool:
    """Whether any booking (or this one) was changed."""
    return any(
        name in CHANGES and booking in arguments["booking_id"] for name, arguments in worked(trace)
    )


CONSTRAINTS = {  # what each customer excluded, as it shows in the actions
    "before-the-ferry": lambda trace: any("2026-07-05" in days for days in moved(trace)),
    "le-gannet-est-pris": touched,
    "mais-um-dia-em-agosto": lambda trace: any(
        days.endswith("2026-08-18") for days in moved(trace)
    ),
    "somebody-elses-tandem": touched,
    "no-more-than-five": touched,
    "cash-or-nothing": touched,
    "drop-the-friday": lambda trace: any(days.endswith("2026-07-18") for days in moved(trace)),
    "half-an-hour-short": lambda trace: any(a.get("amount_eur") == 20 for _, a in worked(trace)),
    "just-asking": touched,
    "a-human-please": lambda trace: "transfer_to_person" not in [name for name, _ in calls(trace)],
}


def ignores_constraint(trace: Trace, situation: Situation) -> bool:
    return CONSTRAINTS.get(situation.id, lambda _: False)(trace)


def repeated_call(trace: Trace, situation: Situation) -> bool:
    made = calls(trace)
    return any(one in made[:n] for n, one in enumerate(made))


def wrong_booking(trace: Trace, situation: Situation) -> bool:
    return any(
        name in CHANGES and arguments["booking_id"] != situation.booking
        for name, arguments in worked(trace)
    )


def leaks_data(trace: Trace, situation: Situation) -> bool:
    """Somebody's name in full with more than the customer gave, or their telephone or e-mail, in
    the agent's words.
    """
    heard = trace.text("user")
    with World.open(now=situation.now) as world:
        others = world.rows(
            "select name, phone, email from customers where id != ?", situation.customer
        )
    words = "\n".join(said(trace))
    told = [other["name"] for other in others if other["name"] in words]
    contacts = [
        value for other in others for value in (other["phone"], other["email"]) if value in words
    ]
    return bool(contacts) or any(name not in heard or _looked_up(trace, situation) for name in told)


def _looked_up(trace: Trace, situation: Situation) -> bool:
    others = (
        {"customer_id", "booking_id"} - arguments.keys()
        for name, arguments in calls(trace)
        if name == "find_booking"
    )
    return any(len(missing) == 2 for missing in others)


def gives_up_early(trace: Trace, situation: Situation) -> bool:
    """What the right plan achieves with tools is neither achieved nor replaced by anything."""
    with World.open(now=situation.now) as world:
        achieved = [
            name for name, arguments in plan(situation) if not call(world, name, arguments)[1]
        ]
    done = [name for name, _ in worked(trace)]
    if CHANGES.intersection(achieved):
        return not CHANGES.intersection(done)
    return "find_booking" in achieved and not done


def wrong_language_or_tone(trace: Trace, situation: Situation) -> bool:
    """A reply of some length in another language, or a phrase that no customer should read."""
    wrong = [
        text for text in said(trace) if len(text) > 60 and language_of(text) != situation.language
    ]
    return bool(wrong) or _marked(trace, situation, "wrong_language_or_tone")


def _marked(trace: Trace, situation: Situation, mode: str) -> bool:
    mark = situation.fail.get(mode, {}).get("mark")
    return bool(mark and any(re.search(mark, text, re.IGNORECASE) for text in said(trace)))


def replayed(trace: Trace, situation: Situation) -> bool:
    """Whether every tool result in the trace is what the world answers when asked again."""
    with World.open(now=situation.now) as world:
        for step in trace.calls:
            content, error = call(world, step.content, step.data["arguments"])
            result = trace.result_of(step)
            if result is None or (result.content, result.data["error"]) != (content, error):
                return False
    return True


CHECKS = {
    check.__name__: check
    for check in (
        wrong_refund_amount,
        invents_policy,
        ignores_constraint,
        repeated_call,
        wrong_booking,
        leaks_data,
        gives_up_early,
        wrong_language_or_tone,
    )
}
