"""The report of a calibration: agreement by criterion, and disagreements beside their evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toolkit import render
from toolkit.evals import Alignment, Trust
from toolkit.evals.alignment.trust import bounded
from toolkit.harness.experiments.certificate import Certificate
from toolkit.harness.experiments.reviews import Review
from toolkit.shown import Shown
from toolkit.traces.amounts import quantity
from toolkit.traces.brief import shortened

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
        rates = ", ".join(self.rates)
        return f"{self.criterion}: {decision}. {rates}, n = {self.alignment.n}"

    @property
    def rates(self) -> list[str]:
        """Of good artefacts the share that it passes, and of bad ones that it fails."""
        return [bounded(self.alignment, "tpr"), bounded(self.alignment, "tnr")]

    def disagreements_html(self) -> render.Html:
        """The artefacts on which label and verdict part, wrong passes first, each with what the
        verdict rests on.
        """
        frame = self.alignment.disagreements().frame
        blocks = []
        shown = frame.head(MOST_SHOWN)
        for row in shown.itertuples():
            blocks.append(self._disagreement(row))
        n_more = len(frame) - len(blocks)
        if n_more:
            blocks.append(render.tag("p", f"and {n_more:,} more"))
        disagreements = quantity(len(frame), "disagreement")
        return render.details(f"{self.criterion}: {disagreements}", *blocks)

    def _disagreement(self, row: Any) -> render.Html:
        review = self.reviews[row.Index]
        verdict = "unscored"
        if row.status == "compared":
            verdict = row.judge
        rows = [
            ["the label's reason", shortened(str(row.why), MOST_CHARS)],
            ["the evaluator's reason", shortened(review.why, MOST_CHARS)],
        ]
        for piece in _evidence(review):
            rows.append(["evidence", piece])
        summary = f"{shortened(str(row.Index), MOST_CHARS)}: label {row.human}, evaluator {verdict}"
        return render.details(summary, render.table(rows), open_=True)


def _evidence(review: Review) -> list[str]:
    """The evidence of a review, as far as it is shown."""
    if not review.evidence:
        return ["none was given"]
    pieces = [shortened(str(piece), MOST_CHARS) for piece in review.evidence[:MOST_EVIDENCE]]
    n_more = len(review.evidence) - len(pieces)
    if n_more:
        pieces.append(f"and {n_more:,} more")
    return pieces


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
        criteria = ", ".join(self.gates) or "nothing"
        words = f"{first.title}, by criterion: the evaluator gates on {criteria}{first.rest_is}"
        if self.n_not_asked:
            left = quantity(self.n_not_asked, "artefact")
            words += f". {left} not asked about: {self.why_not_asked}"
        return words

    def __str__(self) -> str:
        return ". ".join([self.title, *map(str, self.criteria.values())])

    def _repr_html_(self) -> str:
        rows = []
        for name, each in self.criteria.items():
            decision = "gates" if each.gates else each.trust.title
            counts = [each.alignment.n, each.alignment.n_unparsed]
            rows.append([name, decision, *each.rates, *counts])
        head = ["criterion", "decision", "of good ones", "of bad ones", "n", "unscored"]
        reports = [each.disagreements_html() for each in self.criteria.values()]
        return render.block(render.tag("p", self.title), render.table(rows, head), *reports)
