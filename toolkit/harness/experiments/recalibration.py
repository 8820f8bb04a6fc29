"""Recalibration: two versions of an evaluator on the same labels, and what moved between them."""

from dataclasses import dataclass

from toolkit.evals import JudgeComparison, compare_judges
from toolkit.evals.experiments.difference import SIGNIFICANT, holm, p_in_words
from toolkit.harness.experiments.calibration_result import Calibration
from toolkit.harness.experiments.words import bounds_in_points, in_points
from toolkit.shown import Shown


@dataclass(frozen=True)
class CriterionChange(Shown):
    """One criterion before and after."""

    criterion: str
    accuracy: JudgeComparison
    """After against before, on the same labelled artefacts."""
    p: float | None
    """Holm's, over the criteria."""
    gated: bool
    """Before."""
    gates: bool
    """After."""

    @property
    def moved(self) -> bool:
        """Whether it is shown to be right more often, or less, than before."""
        return self.p is not None and self.p < SIGNIFICANT

    def __str__(self) -> str:
        if self.accuracy.difference is None or self.accuracy.interval is None:
            return f"{self.criterion}: {self.accuracy.reason}"
        points = f"{in_points(self.accuracy.difference)} points of accuracy"
        points += f" (95% interval {bounds_in_points(*self.accuracy.interval)}"
        points += f", n = {self.accuracy.n}"
        test = "right and wrong on the same artefacts"
        if self.p is not None:
            test = f"Holm {p_in_words(self.p)}"
        shown = "moved" if self.moved else "not shown to have moved"
        return f"{self.criterion}: {shown}, {points}; {test}){self._gate_in_words}"

    @property
    def _gate_in_words(self) -> str:
        if self.gated == self.gates:
            return ""
        return ", and gates now" if self.gates else ", and gates no more"


@dataclass(frozen=True)
class Recalibration(Shown):
    """Two versions of an evaluator on the same labels."""

    before: Calibration
    after: Calibration
    changed_parts: tuple[str, ...]
    """Of the evaluator."""
    changes: tuple[CriterionChange, ...]

    def __str__(self) -> str:
        parts = " and ".join(self.changed_parts) or "nothing"
        sentences = [f"Changed: {parts}", *map(str, self.changes)]
        if self.after.simulated:
            sentences.append("The verdicts are simulated")
        return ". ".join(sentences)


def compare_calibrations(before: Calibration, after: Calibration) -> Recalibration:
    """What moved between two versions, criterion by criterion, paired by artefact.

    Raises ValueError where their labels differ.
    """
    comparisons = {}
    for name, each in after.criteria.items():
        if name in before.criteria:
            comparisons[name] = compare_judges(each.alignment, before.criteria[name].alignment)
    adjusted = holm([each.p for each in comparisons.values()])
    changes = []
    for at, (name, comparison) in enumerate(comparisons.items()):
        change = CriterionChange(
            name,
            comparison,
            adjusted[at],
            gated=name in before.gates,
            gates=name in after.gates,
        )
        changes.append(change)
    old = before.certificate.parts
    new = after.certificate.parts
    changed = tuple(name for name in new if new[name] != old.get(name))
    return Recalibration(before, after, changed, tuple(changes))
