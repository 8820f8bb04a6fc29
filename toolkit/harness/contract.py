"""Contract: what will be built and how each promise is checked, frozen once both sides sign."""

import json
import re
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

from toolkit.errors import UsageError
from toolkit.records import RecordError, decode, encode, fingerprint
from toolkit.shown import Shown

Side = Literal["generator", "evaluator"]
SIDES: tuple[Side, ...] = ("generator", "evaluator")
STRICT = {"extra": "forbid"}
MAX_TIMEOUT_S = 60.0
MAX_CRITERIA = 40
CRITERION_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class ContractError(UsageError):
    """A contract that cannot be used. Says which part is at fault, and what to do."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file, by its path within a folder: with forward slashes, never absolute, never
    upwards.
    """

    __pydantic_config__: ClassVar = STRICT
    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Criterion(Shown):
    """One promise, with a command whose outcome decides whether it is kept. Raises ContractError
    where none could.
    """

    __pydantic_config__: ClassVar = STRICT
    id: str
    text: str
    """The promise in words."""
    command: tuple[str, ...]
    """The command and its arguments, run in a copy of the build; ``python`` is the running
    interpreter.
    """
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

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault:
            raise ContractError(f"criterion {self.id!r}: {fault}")

    def _fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if not CRITERION_ID.fullmatch(self.id):
            return "an id is 1 to 40 of a-z, 0-9, - and _"
        if not self.text.strip():
            return "text is empty: say what is promised"
        if not self.command or not self.command[0]:
            return "no command: a criterion that cannot be run cannot be kept"
        if not 0 <= self.exit_code <= 125:
            return "exit_code must be 0 to 125"
        if not 0 < self.timeout_s <= MAX_TIMEOUT_S:
            return f"timeout_s must be above 0 and at most {MAX_TIMEOUT_S:g}"
        if "" in self.stdout or "" in self.stderr:
            return "expects an empty text, which every output contains"
        return None


@dataclass(frozen=True, slots=True)
class Contract(Shown):
    """What is promised for `goal`. With both signatures it is frozen: a contract that was changed
    since is an error.

    Raises ContractError where that is so, where there are no criteria, or two have the same id.
    """

    __pydantic_config__: ClassVar = STRICT
    goal: str
    criteria: tuple[Criterion, ...]
    signed: tuple[Side, ...] = ()
    sha256: str | None = None
    """Of the canonical JSON of goal and criteria: it names the frozen contract. None until both
    have signed.
    """

    def __post_init__(self) -> None:
        ids = [criterion.id for criterion in self.criteria]
        if not 1 <= len(ids) <= MAX_CRITERIA:
            raise ContractError(
                f"a contract has 1 to {MAX_CRITERIA} criteria, this one has {len(ids)}"
            )
        if len(set(ids)) != len(ids):
            twice = next(id for id in ids if ids.count(id) > 1)
            raise ContractError(f"two criteria have the id {twice}")
        is_frozen = self.sha256 is not None
        if is_frozen != (set(self.signed) == set(SIDES)):
            raise ContractError(
                "a contract is frozen exactly when the generator and the evaluator have signed it"
            )
        if self.sha256 and self.sha256 != _hash(self):
            raise ContractError(
                "the contract differs from what both signed: put it back, or begin in a new folder"
            )

    def sign(self, side: Side) -> "Contract":
        """With the signature of `side`; frozen if the other has signed already."""
        signed = tuple(sorted({*self.signed, side}))
        sha256 = _hash(self) if len(signed) == len(SIDES) else None
        return Contract(self.goal, self.criteria, signed, sha256)

    def to_json(self) -> str:
        """For people to read, and `read_contract` to check."""
        return json.dumps(json.loads(encode(self)), indent=1, ensure_ascii=False) + "\n"


def read_contract(text: str, file: str | None = None) -> Contract:
    """Read a contract. Raises ContractError where it is unreadable or was changed after the
    signing.
    """
    try:
        return decode(Contract, text, file)
    except RecordError as error:
        raise ContractError(f"unreadable contract: {error}") from None


def propose_contract(goal: str, criteria: object) -> Contract:
    """Make an unsigned contract of proposed `criteria` (plain JSON). Raises ContractError where one
    cannot be used.
    """
    return read_contract(json.dumps({"goal": goal, "criteria": criteria}))


def _hash(contract: Contract) -> str:
    # 5 and 5.0 seconds are one promise, and would be two texts.
    criteria = [
        asdict(criterion) | {"timeout_s": float(criterion.timeout_s)}
        for criterion in contract.criteria
    ]
    return fingerprint({"goal": contract.goal, "criteria": criteria})
