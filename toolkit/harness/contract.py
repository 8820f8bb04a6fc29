"""Contract: what will be built and how each promise is checked, frozen once both sides sign."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal

from toolkit.errors import UsageError
from toolkit.harness.contract_checks import MAX_TIMEOUT_S, STRICT, Check, needs_app, size_fault
from toolkit.records import RecordError, decode, fingerprint
from toolkit.shown import Shown

Side = Literal["generator", "evaluator"]
SIDES: tuple[Side, ...] = ("generator", "evaluator")
MAX_CRITERIA = 40
MAX_CHARS = 400_000
CRITERION_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class ContractError(UsageError):
    """A contract that cannot be used. Says which part is at fault, and what to do."""


class ContractEdited(ContractError):
    """A frozen contract that was changed since both sides signed it."""


@dataclass(frozen=True, slots=True)
class Criterion(Shown):
    """One promise, and the check that decides whether it is kept. Raises ContractError where none
    could.
    """

    __pydantic_config__: ClassVar = STRICT
    id: str
    claim: str
    """The promise in words."""
    check: Check
    weight: float = 1.0
    """Its part in the score that is reported; it decides nothing."""
    threshold: float = 1.0
    """The score from which on it passes. What is not `Judged` holds or does not: 1."""
    regression: bool = False
    """Whether it may hold before anything is built, and must hold afterwards."""
    held_out: bool = False
    """Whether the Generator never sees its check, nor what came of it."""

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault:
            raise ContractError(f"criterion {self.id!r}: {fault}")

    def _fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if not CRITERION_ID.fullmatch(self.id):
            return "an id is 1 to 40 of a-z, 0-9, - and _"
        if not self.claim.strip():
            return "claim is empty: say what is promised"
        if not 0 < self.weight <= 100:
            return "weight must be above 0 and at most 100"
        if not 0 < self.threshold <= 1:
            return "threshold must be above 0 and at most 1"
        if self.threshold < 1 and self.check.kind != "judged":
            return f"threshold must be 1: a check of kind {self.check.kind} holds or does not"
        return self.check.fault() or size_fault(self.check)


@dataclass(frozen=True, slots=True)
class Serve(Shown):
    """How the app is started, for the checks that need it. Raises ContractError."""

    __pydantic_config__: ClassVar = STRICT
    argv: tuple[str, ...]
    port: int = 8000
    """Where it listens, on 127.0.0.1."""
    ready: str = "/"
    """A path that it answers, with a status below 500, as soon as it is ready."""
    ready_s: float = 20.0
    """How long that may take."""

    def __post_init__(self) -> None:
        if not self.argv or not self.argv[0]:
            raise ContractError("serve: no command to start the app with")
        if not 1024 <= self.port <= 65535:
            raise ContractError("serve: port must be 1024 to 65535")
        if not self.ready.startswith("/"):
            raise ContractError("serve: ready must be a path, which begins with /")
        if not 0 < self.ready_s <= MAX_TIMEOUT_S:
            raise ContractError(f"serve: ready_s must be above 0 and at most {MAX_TIMEOUT_S:g}")


@dataclass(frozen=True, slots=True)
class Contract(Shown):
    """What is promised for `goal`. With both signatures it is frozen.

    Raises ContractEdited where it was changed since, and ContractError where there are no criteria,
    two have the same id, or a check needs an app that nobody says how to start.
    """

    __pydantic_config__: ClassVar = STRICT
    goal: str
    criteria: tuple[Criterion, ...]
    serve: Serve | None = None
    """How the app is started; None where no check needs one."""
    in_scope: tuple[str, ...] = ()
    out_of_scope: tuple[str, ...] = ()
    """What nobody may miss afterwards: it was agreed to leave it."""
    signed: tuple[Side, ...] = ()
    sha256: str | None = None
    """Of the canonical JSON of all but the signatures: it names the frozen contract. None until
    both have signed.
    """

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault:
            raise ContractError(fault)
        if self.sha256 and self.sha256 != _hash(self):
            raise ContractEdited(
                "the contract differs from what both signed: put it back, or begin in a new folder"
            )

    def _fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        ids = [criterion.id for criterion in self.criteria]
        if not 1 <= len(ids) <= MAX_CRITERIA:
            return f"a contract has 1 to {MAX_CRITERIA} criteria, this one has {len(ids)}"
        if len(set(ids)) != len(ids):
            twice = next(id for id in ids if ids.count(id) > 1)
            return f"two criteria have the id {twice}"
        if all(criterion.regression for criterion in self.criteria):
            return "all criteria are regressions: one must be red before anything is built"
        for criterion in self.criteria:
            if needs_app(criterion.check) and not self.serve:
                return f"criterion {criterion.id!r} needs the app: serve says how it is started"
        if len(self.to_json()) > MAX_CHARS:
            return f"a contract takes at most {MAX_CHARS:,} characters"
        is_frozen = self.sha256 is not None
        if is_frozen != (set(self.signed) == set(SIDES)):
            return (
                "a contract is frozen exactly when the generator and the evaluator have signed it"
            )
        return None

    def sign(self, side: Side) -> "Contract":
        """With the signature of `side`; frozen if the other has signed already."""
        signed = tuple(sorted({*self.signed, side}))
        sha256 = _hash(self) if len(signed) == len(SIDES) else None
        return replace(self, signed=signed, sha256=sha256)

    def to_json(self) -> str:
        """For people to read, and `read_contract` to check."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    def for_generator(self) -> dict[str, Any]:
        """What the Generator sees of it: all but the checks that are held out."""
        shown = asdict(self)
        for criterion in shown["criteria"]:
            if criterion["held_out"]:
                del criterion["check"]
        return shown

    def records_for_generator(self, records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """What the Generator sees of `records` of checks or verdicts, each with its ``criterion``:
        of those that are held out nothing but how they ended.
        """
        held_out = {criterion.id for criterion in self.criteria if criterion.held_out}
        shown = []
        for record in records:
            if record["criterion"] in held_out:
                record = {name: record[name] for name in ENDINGS if name in record}
            shown.append(record)
        return shown


ENDINGS = "criterion", "finding", "verdict"
"""What a record of a check that is held out may say to the Generator."""


def read_contract(text: str, file: str | None = None) -> Contract:
    """Read a contract. Raises ContractEdited where it was changed after the signing, and
    ContractError where it is unreadable.
    """
    try:
        return decode(Contract, text, file)
    except RecordError as error:
        is_edited = isinstance(error.__cause__, ContractEdited)
        refusal = ContractEdited if is_edited else ContractError
        raise refusal(f"unreadable contract: {error}") from None


def propose_contract(
    goal: str,
    criteria: object,
    serve: object = None,
    in_scope: object = (),
    out_of_scope: object = (),
) -> Contract:
    """Make an unsigned contract of what was proposed (plain JSON). Raises ContractError where a
    part cannot be used.
    """
    proposed = {
        "goal": goal,
        "criteria": criteria,
        "serve": serve,
        "in_scope": in_scope,
        "out_of_scope": out_of_scope,
    }
    return read_contract(json.dumps(proposed))


def add_held_out(contract: Contract, criteria: object) -> Contract:
    """`contract` with further `criteria` (plain JSON), whose checks are held out. It carries the
    same signatures, for what is held out takes nothing away from what was signed. Raises
    ContractError.
    """
    further = [criterion | {"held_out": True} for criterion in _plain(criteria)]
    both = [*_plain(asdict(contract)["criteria"]), *further]
    data = asdict(contract) | {"criteria": both, "sha256": None}
    return read_contract(json.dumps(data))


def _plain(criteria: Any) -> list[dict[str, Any]]:
    if not all(isinstance(criterion, dict) for criterion in criteria):
        raise ContractError("criteria are objects")
    return list(criteria)


def _hash(contract: Contract) -> str:
    return fingerprint(_canonical(asdict(replace(contract, signed=(), sha256=None))))


def _canonical(value: Any) -> Any:
    """Plain data in which equal numbers are equal: 5 and 5.0 seconds are one promise, and would be
    two texts.
    """
    if isinstance(value, dict):
        return {name: _canonical(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
