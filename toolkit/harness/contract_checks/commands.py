"""Commands: what a program prints, and how it ends."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from toolkit.harness.contract_checks.values import STRICT, timeout_fault
from toolkit.harness.sandbox import TextFile
from toolkit.shown import Shown


@dataclass(frozen=True, slots=True)
class Command(Shown):
    """A command, run in a copy of the build; what it prints and how it ends decides."""

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["command"] = field(default="command", kw_only=True)
    argv: tuple[str, ...]
    """The command and its arguments; ``python`` is the running interpreter."""
    files: tuple[TextFile, ...] = ()
    """Input for the command. They are part of the contract, and lie over whatever the build holds.
    """
    exit_code: int = 0
    """The exit code that it must end with, 0 to 125: higher ones mean that it was not started, or
    was killed.
    """
    stdout: tuple[str, ...] = ()
    """Texts that must each occur in what it prints."""
    stderr: tuple[str, ...] = ()
    """Texts that must each occur in what it complains of."""
    timeout_s: float = 10.0

    def fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if not self.argv or not self.argv[0]:
            return "no command: a criterion that cannot be run cannot be kept"
        if not 0 <= self.exit_code <= 125:
            return "exit_code must be 0 to 125"
        if "" in self.stdout or "" in self.stderr:
            return "expects an empty text, which every output contains"
        return timeout_fault(self.timeout_s)
