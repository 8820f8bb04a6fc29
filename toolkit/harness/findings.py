"""Findings: what a round has shown, and what of it the Generator is told."""

from dataclasses import asdict, dataclass, field
from typing import Any

from toolkit.harness.beside import Objections
from toolkit.harness.contract import Contract
from toolkit.harness.sprints import Approach
from toolkit.harness.verify import CriterionVerdict, all_pass


@dataclass(frozen=True, slots=True)
class Regression:
    """A criterion of an earlier sprint that no longer holds."""

    sprint: int
    criterion: str
    why: str
    held_out: bool


@dataclass(slots=True)
class Findings:
    """What a round has shown."""

    refused: str = ""
    """Why what the Generator wrote was not taken; empty where it was."""
    is_changed: bool = False
    """Whether anything is built that was not there before the sprint."""
    verdicts: tuple[CriterionVerdict, ...] = ()
    regressions: tuple[Regression, ...] = ()
    objections: Objections = field(default_factory=dict)
    """Of the roles beside the three."""
    approach: Approach | None = None
    """How to go on; None where the sprint has passed."""

    def passes(self, contract: Contract) -> bool:
        """Whether the sprint has passed: each criterion, now and of before, and nobody objects."""
        if self.regressions or self.objections:
            return False
        return all_pass(contract, self.verdicts)

    @property
    def open(self) -> frozenset[str]:
        """What keeps the sprint from passing."""
        names = set(self.objections)
        for verdict in self.verdicts:
            if verdict.verdict != "pass":
                names.add(verdict.criterion)
        for regression in self.regressions:
            names.add(f"{regression.sprint}/{regression.criterion}")
        return frozenset(names)

    def in_words(self) -> str:
        """A sentence for each criterion that does not pass."""
        sentences = []
        for verdict in self.verdicts:
            if verdict.verdict != "pass":
                sentences.append(f"{verdict.criterion}: {verdict.why}.")
        for regression in self.regressions:
            broken = f"{regression.criterion} of sprint {regression.sprint}"
            sentences.append(f"{broken} no longer holds: {regression.why}.")
        return " ".join(sentences) or "All criteria hold."

    def object(self, objections: Objections) -> None:
        """Take in what roles object."""
        for role, words in objections.items():
            before = self.objections.get(role, ())
            self.objections[role] = before + words

    def record(self) -> dict[str, Any]:
        """What the folder keeps of them. The files of their evidence are in the events alone: no
        question may change with them.
        """
        record = asdict(self)
        for verdict in record["verdicts"]:
            del verdict["evidence"]
        return record

    def for_generator(self, contract: Contract) -> dict[str, Any]:
        """The record without what is held out: of that nothing but how it ended."""
        record = self.record()
        record["verdicts"] = contract.records_for_generator(record["verdicts"])
        for regression in record["regressions"]:
            if regression["held_out"]:
                del regression["why"]
        return record
