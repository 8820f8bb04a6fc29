"""Situations: who writes when about what, what a good agent does then, and the eight ways in which ours can fail.

The words are in ``situations.yaml``; here they become a script: one phrasing of each turn, with its tool calls.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from toolkit.harbor.content import content

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
    """One exchange: the customer's words, and what the scripted agent does about them."""

    say: str
    """What the customer writes."""
    lead: str
    """What the agent says before it calls a tool; may be empty."""
    calls: tuple[ToolPlan, ...]
    """The tools it calls, one after the other: name and arguments."""
    reply: str
    """What it answers in the end."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A customer with something on their mind."""

    id: str
    """As ``storm-at-the-weekend``."""
    customer: str
    """Who is signed in, as ``C-04``."""
    booking: str
    """The booking that it is about, as ``HB-2104``."""
    now: datetime
    """When it happens: notice is counted from here."""
    turns: tuple[dict[str, Any], ...]
    """For each turn the phrasings of ``say`` and ``reply``, and the calls to make (``do``)."""
    fail: dict[str, dict[Any, Any]]
    """For each failure mode that can be planted here, what differs, by turn from 1."""
    language: str = "en"
    """What the customer speaks."""
    quiet: bool = False
    """Whether it is no moment for small talk."""

    @property
    def modes(self) -> tuple[str, ...]:
        """The failure modes that can be planted here."""
        return tuple(self.fail)

    def script(self, phrasing: int = 0, failure: str | None = None) -> tuple[Turn, ...]:
        """One way in which the conversation may go.

        Parameters
        ----------
        phrasing : int
            Picks among the phrasings; any number. The same number gives the same words.
        failure : str or None
            The failure mode to plant; None for an agent that behaves well.

        Raises
        ------
        ValueError
            For a failure mode that cannot be planted here.
        """
        if failure is not None and failure not in self.fail:
            raise ValueError(f"{self.id} cannot fail by {failure!r}: it can by {', '.join(self.fail)}")
        changes = self.fail[failure] if failure else {}
        plans = [(n, plan, changes.get(n, {})) for n, plan in enumerate(self.turns, 1)]
        return tuple(self._turn(n, {**plan, **change}, phrasing) for n, plan, change in plans if change is not None)

    def _turn(self, number: int, plan: dict[str, Any], phrasing: int) -> Turn:
        key = f"{self.id}:{phrasing}:{number}"
        calls = tuple(self._call(step) for step in plan["do"])
        small_talk = bool(calls) and calls[0][0] == "find_booking" and not self.quiet
        leads = ["", *content("situations.yaml")["leads"][self.language]] if small_talk else [""]
        say, reply = _pick(self._in_voice(plan["say"], phrasing), f"{key}:say"), _pick(plan["reply"], f"{key}:reply")
        return Turn(say, _pick(leads, f"{key}:lead"), calls, reply)

    def _in_voice(self, phrasings: list[str], phrasing: int) -> list[str]:
        """Those that go with the chosen opening: who begins in a hurry does not turn courteous later."""
        voices = range(len(self.turns[0]["say"]))
        voice = int(_pick([str(n) for n in voices], f"{self.id}:{phrasing}"))
        return phrasings[voice % len(phrasings) :: len(voices)]

    def _call(self, step: str | dict[str, dict[str, Any]]) -> ToolPlan:
        name, given = next(iter(step.items())) if isinstance(step, dict) else (step, {})
        if name == "find_booking" and given:
            return name, {key: str(value) for key, value in given.items()}
        own = {"customer_id": self.customer}
        if name in OWN_BOOKING:
            own = {"booking_id": self.booking, **own}
        return name, {**own, **{key: v if isinstance(v, (int, float)) else str(v) for key, v in given.items()}}


def _pick(phrasings: list[str], key: str) -> str:
    return phrasings[int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % len(phrasings)]


@cache
def situations() -> dict[str, Situation]:
    """All situations, by id.

    >>> situations()["storm-at-the-weekend"].modes
    ('wrong_booking', 'wrong_refund_amount', 'gives_up_early')
    """
    read = (_situation(raw) for raw in content("situations.yaml")["situations"])
    return {situation.id: situation for situation in read}


def _situation(raw: dict[str, Any]) -> Situation:
    now = datetime.fromisoformat(str(raw["now"]))
    return Situation(**{**raw, "now": now, "turns": tuple(raw["turns"])})
