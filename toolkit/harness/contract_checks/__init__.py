"""Checks: the ways in which a criterion can be shown to hold, as data that both sides sign.

Each is a small record, so a contract is read by people and run by us: there is no script of a
model's in it but commands, which run in a sandbox.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator

from toolkit.harness.contract_checks.browsing import MAX_PICTURES, Browse, Step, is_picture_name
from toolkit.harness.contract_checks.commands import Command
from toolkit.harness.contract_checks.exchanges import Exchange, HttpRequest
from toolkit.harness.contract_checks.states import RowChange, StateCheck
from toolkit.harness.contract_checks.values import MAX_TIMEOUT_S, STRICT, Scalar, Value
from toolkit.shown import Shown

__all__ = [
    "MAX_PICTURES",
    "MAX_TIMEOUT_S",
    "STRICT",
    "Browse",
    "Check",
    "Command",
    "Exchange",
    "HttpRequest",
    "Judged",
    "RowChange",
    "Scalar",
    "StateCheck",
    "Step",
    "Value",
    "is_picture_name",
    "needs_app",
    "size_fault",
]

MAX_JSON_CHARS = 60_000
"""The size of a check without its files: it is handed to a program on its command line."""


Look = Annotated[Command | Exchange | Browse, Discriminator("kind")]


@dataclass(frozen=True, slots=True)
class Judged(Shown):
    """A rubric in words, by which the Evaluator gives a score from 0 to 1 to what was seen.

    What is looked at must hold by itself; then the score decides, against the threshold.
    """

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["judged"] = field(default="judged", kw_only=True)
    rubric: str
    look: Look
    """What shows the evidence that is judged."""

    def fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if not self.rubric.strip():
            return "the rubric is empty: say what is good, and what is not"
        return self.look.fault()


Check = Annotated[Command | Exchange | Browse | StateCheck | Judged, Discriminator("kind")]


def needs_app(check: Check) -> bool:
    """Whether the app must run for it."""
    if isinstance(check, Judged):
        return needs_app(check.look)
    if isinstance(check, StateCheck):
        return bool(check.requests)
    return isinstance(check, Exchange | Browse)


def size_fault(check: Check) -> str | None:
    """Why it is too large; None where it is not. The files of a command do not count."""
    record = asdict(check)
    record.pop("files", None)
    n_chars = len(json.dumps(record))
    if n_chars > MAX_JSON_CHARS:
        return f"the check takes {n_chars:,} characters, and may take {MAX_JSON_CHARS:,}"
    return None
