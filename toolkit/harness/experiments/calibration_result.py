"""The report of a calibration: agreement by criterion, disagreements beside their evidence, and two
versions side by side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toolkit import render
from toolkit.evals import Alignment, JudgeComparison, Trust, compare_judges
from toolkit.evals.alignment.trust import bounded
from toolkit.evals.experiments.difference import SIGNIFICANT, holm, p_in_words
from toolkit.harness.experiments.certificate import Certificate
from toolkit.harness.experiments.reviews import Review
from toolkit.harness.experiments.words import bounds_in_points, in_points
from toolkit.shown import Shown
from toolkit.traces.amounts import quantity

MOST_SHOWN = 50
"""Disagreements of a criterion that are shown."""
MOST_EVIDENCE = 5
"""Pieces of evidence that stand beside one."""
MOST_CHARS = 400


@dataclass(frozen=True)
class CriterionTrust(Shown):
    """An evaluator on one criterion."""

    criterion: str
    trust: Trust
    reviews: Mapping[str, Review] = field(repr=False)
    """By artefact."""

    @property
    def alignment(self) -> Alignment:
        """Its verdicts against the labels."""
        return self.trust.alignment

    @property
    def gates(self) -> bool:
        """Whether the evaluator may decide it."""
        return self.trust.trusted

    def __str__(self) -> str:
        decision = "gates" if self.gates else "does not gate"
        rates = [bounded(self.alignment, name) for name in ("tpr", "tnr")]
        return f"{self.criterion}: {decision}. {', '.join(rates)}, n = {self.alignment.n}"

    def disagreements_html(self) -> render.Html:
        """The artefacts on which label and verdict part, wrong passes first, each with what the
        verdict rests on.
        """
        frame = self.alignment.disagreements().frame
        blocks = []
        for row in frame.head(MOST_SHOWN).itertuples():
            blocks.append(self._disagreement(row))
        n_more = len(frame) - len(blocks)
        if n_more:
            blocks.append(render.tag("p", f"and {n_more:,} more"))
        title = f"{self.criterion}: {quantity(len(frame), 'disagreement')}"
        return render.details(title, *blocks)

    def _disagreement(self, row: Any) -> render.Html:
        review = self.reviews[row.Index]
        verdict = "unscored" if row.status != "compared" else row.judge
        rows = [
            ["the label's reason", _cut(row.why)],
            ["the evaluator's reason", _cut(review.why)],
        ]
        for piece in review.evidence[:MOST_EVIDENCE]:
            rows.append(["evidence", _cut(piece)])
        n_more = len(review.evidence) - MOST_EVIDENCE
        if n_more > 0:
            rows.append(["evidence", f"and {n_more:,} more"])
        if not review.evidence:
            rows.append(["evidence", "none was given"])
        summary = f"{_cut(row.Index)}: label {row.human}, evaluator {verdict}"
        return render.details(summary, render.table(rows), open_=True)


def _cut(text: Any) -> str:
    words = " ".join(str(text).split())
    return words if len(words) <= MOST_CHARS else f"{words[:MOST_CHARS]} …"


@dataclass(frozen=True)
class Calibration(Shown):
    """What a calibration found, and the certificate that comes of it."""

    certificate: Certificate
    criteria: Mapping[str, CriterionTrust] = field(repr=False)
    n_not_asked: int
    """Artefacts that the evaluator was not asked about."""
    why_not_asked: str
    cost_usd: float

    @property
    def gates(self) -> tuple[str, ...]:
        """The criteria on which the evaluator may decide."""
        return self.certificate.gates

    @property
    def simulated(self) -> bool:
        """Whether labels or verdicts are simulated."""
        return any(each.alignment.simulated for each in self.criteria.values())

    @property
    def title(self) -> str:
        """What it is an alignment with, and where the evaluator gates."""
        first = next(iter(self.criteria.values())).alignment
        gates = f"gates on {', '.join(self.gates)}" if self.gates else "gates on nothing"
        words = f"{first.title}, by criterion: the evaluator {gates}{first.rest_is}"
        if self.n_not_asked:
            left = quantity(self.n_not_asked, "artefact")
            words += f". {left} not asked about: {self.why_not_asked}"
        return words

    def __str__(self) -> str:
        return ". ".join([self.title, *map(str, self.criteria.values())])

    def _repr_html_(self) -> str:
        rows = []
        for name, each in self.criteria.items():
            alignment = each.alignment
            rates = [bounded(alignment, rate) for rate in ("tpr", "tnr")]
            decision = "gates" if each.gates else each.trust.title
            rows.append([name, decision, *rates, alignment.n, alignment.n_unparsed])
        head = ["criterion", "decision", "of good ones", "of bad ones", "n", "unscored"]
        reports = [each.disagreements_html() for each in self.criteria.values()]
        return render.block(render.tag("p", self.title), render.table(rows, head), *reports)


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
        ends = ". The verdicts are simulated" if self.after.simulated else ""
        return ". ".join([f"Changed: {parts}", *map(str, self.changes)]) + ends


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
    for (name, comparison), p in zip(comparisons.items(), adjusted, strict=True):
        gated = name in before.gates
        changes.append(CriterionChange(name, comparison, p, gated, name in after.gates))
    old = before.certificate.parts
    new = after.certificate.parts
    changed = tuple(name for name in new if new[name] != old.get(name))
    return Recalibration(before, after, changed, tuple(changes))
