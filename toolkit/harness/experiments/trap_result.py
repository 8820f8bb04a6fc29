"""Trap: what the two reviewers passed, how sure that is, and what a caught defect costs."""

from dataclasses import dataclass, field

from toolkit import render
from toolkit.evals import Rate
from toolkit.evals.experiments.difference import SIGNIFICANT, p_in_words
from toolkit.harness.experiments.field_figures import FIELD_FIGURES
from toolkit.harness.experiments.reviews import Artefact, Review
from toolkit.harness.experiments.words import bounds_in_points, in_points, share_in_words
from toolkit.shown import Shown
from toolkit.traces import Source
from toolkit.traces.amounts import quantity

FEWEST_DISCORDANT = 6
"""With fewer artefacts on which the two differ, McNemar's exact test cannot reach p < 0.05."""


@dataclass(frozen=True, slots=True)
class PairedReview:
    """One artefact with both reviews."""

    artefact: Artefact
    own: Review
    other: Review

    @property
    def task(self) -> str:
        """What it is clustered by."""
        return self.artefact.task or self.artefact.id

    @property
    def is_scored(self) -> bool:
        """Whether both reviews have a verdict."""
        return self.own.passed is not None and self.other.passed is not None

    @property
    def difference(self) -> int:
        """1 where self-review alone passes it, -1 where the separate evaluator alone does."""
        return bool(self.own.passed) - bool(self.other.passed)


@dataclass(frozen=True, slots=True)
class ReviewArm(Shown):
    """One reviewer by itself."""

    name: str
    false_pass: Rate
    """Of the artefacts with a planted defect, those that it passes."""
    false_fail: Rate
    """Of the good artefacts, those that it fails."""
    cost_usd: float
    """Of all its reviews."""

    @property
    def n_caught(self) -> int:
        """The planted defects that it does not let through."""
        if self.false_pass.value is None:
            return 0
        return round((1 - self.false_pass.value) * self.false_pass.n_trials)

    @property
    def usd_a_defect(self) -> float | None:
        """Dollars for each defect that it caught; None where it caught none."""
        return self.cost_usd / self.n_caught if self.n_caught else None

    @property
    def usd_a_defect_interval(self) -> tuple[float, float] | None:
        """95%, by the interval of the share that it catches: what was planted and what was spent
        are known. None where it may catch none.
        """
        rate = self.false_pass
        if rate.low is None or rate.high is None or rate.high >= 1:
            return None
        most_caught = (1 - rate.low) * rate.n_trials
        fewest_caught = (1 - rate.high) * rate.n_trials
        return self.cost_usd / most_caught, self.cost_usd / fewest_caught


@dataclass(frozen=True)
class Trap(Shown):
    """Self-review against a separate evaluator on the same artefacts."""

    self_review: ReviewArm
    separate: ReviewArm
    n: int
    """Defective artefacts that both gave a verdict on: what the difference rests on."""
    n_unscored: int
    """Defective artefacts without a verdict of both."""
    n_clean: int
    n_not_reviewed: int
    """Artefacts that nobody was asked about."""
    why_not_reviewed: str
    self_only: int
    """Defects that self-review alone lets through."""
    separate_only: int
    difference: float | None
    """The false-pass rate of self-review less that of the separate evaluator."""
    interval: tuple[float, float] | None
    """95%, bootstrap."""
    p: float | None
    """McNemar's exact, two-sided; by task the sign-flip test. None where the two never differ."""
    source: Source | None
    pairs: tuple[PairedReview, ...] = field(repr=False)

    @property
    def simulated(self) -> bool:
        """Whether a review is simulated."""
        return self.source == "simulated"

    @property
    def is_shown(self) -> bool:
        """Whether the two are shown to differ. False is no sign that they are alike."""
        return self.p is not None and self.p < SIGNIFICANT

    @property
    def usd_a_further_defect(self) -> float | None:
        """Dollars that the separate evaluator costs beyond self-review, for each defect that it
        catches beyond it; None where that is not shown to be any.
        """
        further = self.self_only - self.separate_only
        if not self.is_shown or further <= 0:
            return None
        return (self.separate.cost_usd - self.self_review.cost_usd) / further

    def __str__(self) -> str:
        if self.difference is None or self.interval is None:
            return f"No artefact with a planted defect has both verdicts{self._ends}"
        low, high = self.interval
        rates = f"{self.self_review.false_pass.value:.0%} against "
        rates += f"{self.separate.false_pass.value:.0%}"
        bounds = f"95% interval {bounds_in_points(low, high)}"
        rests_on = f"n = {quantity(self.n, 'planted defect')}"
        sentence = f"False passes of self-review against a separate evaluator: {rates}, "
        sentence += f"a difference of {in_points(self.difference)} points ({bounds}; {rests_on}; "
        return f"{sentence}{self._test}){self._ends}"

    @property
    def _test(self) -> str:
        discordant = self.self_only + self.separate_only
        if self.p is None:
            return "the two never differ"
        words = f"McNemar exact {p_in_words(self.p)}"
        if discordant < FEWEST_DISCORDANT:
            words += f", and {discordant} on which they differ could show nothing"
        return words

    @property
    def _ends(self) -> str:
        words = ""
        if self.n_unscored:
            words += f". {quantity(self.n_unscored, 'defect')} without both verdicts left out"
        if self.n_not_reviewed:
            left = quantity(self.n_not_reviewed, "artefact")
            words += f". {left} not reviewed: {self.why_not_reviewed}"
        return words + (". The reviews are simulated" if self.simulated else "")

    def _repr_html_(self) -> str:
        rows = []
        for arm in (self.self_review, self.separate):
            usd = "–" if arm.usd_a_defect is None else f"${arm.usd_a_defect:.3f}"
            false_pass = share_in_words(arm.false_pass)
            rows.append([arm.name, false_pass, share_in_words(arm.false_fail), usd])
        head = ["reviewer", "false passes", "false fails", "dollars a defect caught"]
        field_rows = []
        for figure in FIELD_FIGURES:
            field_rows.append([figure.name, figure.words, figure.of, figure.source])
        field_head = ["others", "figure", "of what", "source"]
        return render.block(
            render.tag("p", str(self)),
            render.table(rows, head),
            render.tag("p", "What others measured, of other things than ours:"),
            render.table(field_rows, field_head),
        )
