"""States: what the app's database holds afterwards."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from toolkit.harness.contract_checks.exchanges import HttpRequest, requests_fault
from toolkit.harness.contract_checks.values import STRICT, Value, timeout_fault
from toolkit.shown import Shown


@dataclass(frozen=True, slots=True)
class RowChange(Shown):
    """Rows of a table that are new, gone or changed afterwards."""

    __pydantic_config__: ClassVar = STRICT
    change: Literal["added", "removed", "changed"]
    table: str
    where: tuple[Value, ...] = ()
    """Which rows: what their columns hold where they are new, and held before where they are not.
    """
    to: tuple[Value, ...] = ()
    """What the columns of a changed row hold afterwards."""
    count: int = 1
    """How many rows; 0 says that it must not happen."""


@dataclass(frozen=True, slots=True)
class StateCheck(Shown):
    """What the app's SQLite file holds after commands and requests, against what it held before.

    A change that nobody speaks of is a fault, unless `others` allows it.
    """

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["state"] = field(default="state", kw_only=True)
    database: str
    """Its path within the build."""
    changes: tuple[RowChange, ...]
    commands: tuple[tuple[str, ...], ...] = ()
    """Each must end with exit code 0. They are run before the requests are sent."""
    requests: tuple[HttpRequest, ...] = ()
    others: bool = False
    timeout_s: float = 20.0
    """For each command, and for all requests."""

    def fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if not self.database:
            return "database is empty: name the file"
        if not self.changes:
            return "no change is expected: an app that does nothing would do"
        if not self.commands and not self.requests:
            return "neither commands nor requests: nothing would change anything"
        if any(not command or not command[0] for command in self.commands):
            return "a command is empty"
        if len(set(self.changes)) < len(self.changes):
            return "a change is stated twice; state it once, with its count"
        if all(change.count < 1 for change in self.changes):
            return "no row is expected to change: an app that does nothing would do"
        if any(change.count < 0 for change in self.changes):
            return "count must be 0 or more"
        return requests_fault(self.requests) or timeout_fault(self.timeout_s)
