"""Situations: who writes when about what, what a good agent does then, and the eight ways in which
ours can fail.

The words are in ``situations.yaml``; here they become a script: one phrasing of each turn, with its
tool calls.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from toolkit.harbor.files import content

FAILURE_MODES = {
    "wrong_refund_amount": "refunds an amount that the policy does not give",
    "invents_policy": "states a rule that is not in the policy",
    "ignores_constraint": "acts against a condition that the customer stated",
    "repeated_call": "makes the same tool call twice",
    "wrong_booking": "changes a booking that the customer did not mean",
    "leaks_data": "tells one customer something about another",
    "gives_up_early": "refuses or transfers what it could have done itself",
    "wrong_language_or_tone": "answers in another language, or without respect",
}
"""What can be planted, and what it means."""
OWN_BOOKING = {"find_booking", "change_dates", "refund", "apply_voucher"}

ToolPlan = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange: what the customer writes, and what the scripted agent does and answers."""

    say: str
    lead: str
    """What the agent says before it calls a tool; may be empty."""
    calls: tuple[ToolPlan, ...]
    """The tools it calls, one after the other: name and arguments."""
    reply: str


@dataclass(frozen=True, slots=True)
class Situation:
    """A customer (as ``C-04``) with something on their mind, about a booking (as ``HB-2104``)."""

    id: str
    customer: str
    booking: str
    now: datetime
    """When it happens: notice is counted from here."""
    turns: tuple[dict[str, Any], ...]
    """For each turn the phrasings of ``say`` and ``reply``, and the calls to make (``do``)."""
    fail: dict[str, dict[Any, Any]]
    """For each failure mode that can be planted here, what differs, by turn from 1."""
    language: str = "en"
    quiet: bool = False
    """Whether it is no moment for small talk."""

    @property
    def modes(self) -> tuple[str, ...]:
        """The failure modes that can be planted here."""
        return tuple(self.fail)

    def script(self, phrasing: int = 0, failure: str | None = None) -> tuple[Turn, ...]:
        """One way in which the conversation may go: well, or with `failure` planted.

        `phrasing`, any number, picks among the phrasings; the same number gives the same words.
        Raises ValueError for a failure mode that cannot be planted here.
        """
        if failure is not None and failure not in self.fail:
            raise ValueError(
                f"{self.id} cannot fail by {failure!r}: it can by {', '.join(self.fail)}"
            )
        changes = self.fail[failure] if failure else {}
        turns = []
        for number, plan in enumerate(self.turns, 1):
            change = changes.get(number, {})
            if change is not None:  # None: where it fails so, it does not come to this turn
                turns.append(self._turn(number, plan | change, phrasing))
        return tuple(turns)

    def _turn(self, number: int, plan: dict[str, Any], phrasing: int) -> Turn:
        def pick(phrasings: list[str], slot: str) -> str:
            return phrasings[_draw(len(phrasings), f"{self.id}:{phrasing}:{number}:{slot}")]

        calls = tuple(self._call(step) for step in plan.get("do", ()))
        leads = [""]
        if calls and calls[0][0] == "find_booking" and not self.quiet:
            leads += content("situations.yaml")["leads"][self.language]
        # Who begins in a hurry does not turn courteous later: the voice is that of the chosen
        # opening.
        voices = len(self.turns[0]["say"])
        voice = _draw(voices, f"{self.id}:{phrasing}")
        says = plan["say"][voice % len(plan["say"]) :: voices]
        return Turn(pick(says, "say"), pick(leads, "lead"), calls, pick(plan["reply"], "reply"))

    def _call(self, step: str | dict[str, dict[str, Any]]) -> ToolPlan:
        """A tool call, with the customer's own booking where it is about that."""
        if isinstance(step, str):
            step = {step: {}}
        ((name, given),) = step.items()
        arguments: dict[str, Any] = {}
        if name != "find_booking" or not given:
            if name in OWN_BOOKING:
                arguments["booking_id"] = self.booking
            arguments["customer_id"] = self.customer
        for key, value in given.items():
            arguments[key] = value if isinstance(value, (int, float)) else str(value)
        return name, arguments


def _draw(n: int, key: str) -> int:
    """A number below `n`, the same for the same key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % n


@cache
def situations() -> dict[str, Situation]:
    """All situations, by id.

    >>> situations()["storm-at-the-weekend"].modes
    ('wrong_booking', 'wrong_refund_amount', 'gives_up_early')
    """
    by_id = {}
    for fields in content("situations.yaml")["situations"]:
        now = datetime.fromisoformat(str(fields["now"]))
        parts = fields | {"now": now, "turns": tuple(fields["turns"])}
        by_id[fields["id"]] = Situation(**parts)
    return by_id
