"""Calibration: how far an evaluator agrees with labels, criterion by criterion, and where it may
decide.

`calibrate` asks the evaluator about labelled artefacts and aligns its verdicts with the labels, as
`toolkit.evals.align` does. What it may decide afterwards stands in a `Certificate`, which holds for
this rubric, these few-shots, this prompt and this model alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from toolkit.errors import UsageError
from toolkit.evals import RATES, Label, TrustPolicy, Verdict, align, trusted
from toolkit.harness.experiments.asking import Missing, Spending, Subject
from toolkit.harness.experiments.calibration_result import Calibration, CriterionTrust
from toolkit.harness.experiments.certificate import Certificate, HasParts, evaluator_hash, hashes
from toolkit.harness.experiments.recalibration import Recalibration, compare_calibrations
from toolkit.harness.experiments.reviews import Artefact, Review
from toolkit.models.model import Progress, reporting
from toolkit.shown import Shown
from toolkit.traces import Source


@dataclass(frozen=True, slots=True)
class Findings(Shown):
    """What an evaluator says of an artefact, by criterion."""

    reviews: Mapping[str, Review]
    cost_usd: float = 0.0
    source: Source = "live"
    was_shown: bool = False
    """Whether the artefact, with its answer, is a few-shot of the evaluator: it is then set aside.
    """


@dataclass(frozen=True, slots=True)
class HashedSource:
    """Whose verdicts these are, and where they come from."""

    hash: str
    source: Source


class EvaluatorLike(Subject[Artefact, Findings], HasParts, Protocol):
    """Whatever gives a verdict on each criterion of an artefact, with evidence."""


@dataclass(frozen=True, slots=True)
class LabelledArtefact(Shown):
    """An artefact with labels. Raises ValueError where a label is of another."""

    artefact: Artefact
    labels: Mapping[str, Label] = field(default_factory=dict)
    """By criterion; each has the artefact's id as its ``trace_id``."""

    def __post_init__(self) -> None:
        for criterion, label in self.labels.items():
            if label.trace_id != self.artefact.id:
                given = f"the label of {criterion} is of {label.trace_id!r}"
                raise ValueError(f"{given}, and not of {self.artefact.id!r}")


async def calibrate(
    evaluator: EvaluatorLike,
    labelled: Iterable[LabelledArtefact],
    policy: TrustPolicy = RATES,
    cap_usd: float | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Compare the verdicts of `evaluator` with labels, and decide on which criteria it may gate.

    Parameters
    ----------
    evaluator : EvaluatorLike
        Of your own: an async function of an artefact that gives `Findings`, with its `parts`.
    labelled : iterable of LabelledArtefact
        What people said. Artefacts of one task are a cluster.
    policy : TrustPolicy
        What the lower bounds of its intervals must reach for a criterion.
    cap_usd : float, optional
        The most that it may cost; required where the evaluator is not simulated.
    progress : function of (done, all), optional
        Told of each artefact.

    Raises
    ------
    UsageError
        Where nothing is labelled, two artefacts have one id, or the evaluator lacks a part.
    """
    listed = list(labelled)
    _refuse_repeats(listed)
    spending = Spending(cap_usd, evaluator)
    parts = hashes(evaluator)
    judge = HashedSource(evaluator_hash(parts), evaluator.source)
    report = reporting(progress)
    findings: dict[str, Findings | Missing] = {}
    for number, each in enumerate(listed, 1):
        answers = await spending.ask([(evaluator, each.artefact)])
        if answers is None:
            break
        (findings[each.artefact.id],) = answers
        report(number, len(listed))
    asked = [each for each in listed if each.artefact.id in findings]
    criteria = [criterion for each in listed for criterion in each.labels]
    trusts = {}
    for criterion in dict.fromkeys(criteria):
        trusts[criterion] = _trust_of(criterion, asked, findings, policy, judge)
    return Calibration(
        certificate=_certificate(parts, trusts, policy),
        criteria=trusts,
        n_not_asked=len(listed) - len(asked),
        why_not_asked=spending.refused,
        cost_usd=spending.spent_usd,
    )


def _refuse_repeats(labelled: Sequence[LabelledArtefact]) -> None:
    ids = [each.artefact.id for each in labelled if each.labels]
    if not ids:
        raise UsageError("nothing is labelled: calibration compares verdicts with labels")
    if len(set(ids)) != len(ids):
        raise UsageError("two labelled artefacts have one id: give each its own")


def _trust_of(
    criterion: str,
    labelled: Sequence[LabelledArtefact],
    findings: Mapping[str, Findings | Missing],
    policy: TrustPolicy,
    judge: HashedSource,
) -> CriterionTrust:
    """One criterion: its verdicts against its labels."""
    labels = []
    verdicts = []
    reviews = {}
    tasks = []
    for each in labelled:
        if criterion not in each.labels:
            continue
        finding = findings[each.artefact.id]
        review = _review_of(criterion, finding)
        reviews[each.artefact.id] = review
        tasks.append(each.artefact.task or each.artefact.id)
        labels.append(each.labels[criterion])
        is_example = isinstance(finding, Findings) and finding.was_shown
        verdicts.append(_verdict(each.artefact.id, review, is_example, judge))
    shares_tasks = len(set(tasks)) < len(tasks)
    alignment = align(labels, verdicts, groups=tasks if shares_tasks else None)
    return CriterionTrust(criterion, trusted(alignment, policy, judge.hash), reviews)


def _review_of(criterion: str, finding: Findings | Missing) -> Review:
    if isinstance(finding, Missing):
        return Review(None, finding.why)
    return finding.reviews.get(criterion, Review(None, "it gave no verdict on this criterion"))


def _verdict(id_: str, review: Review, is_example: bool, judge: HashedSource) -> Verdict:
    """The review as `align` takes it."""
    words: dict[bool | None, Literal["pass", "fail"]] = {True: "pass", False: "fail"}
    verdict = words.get(review.passed)
    why_unscored = "" if verdict else review.why
    return Verdict(
        id_, verdict, review.why, why_unscored, judge.source, judge.hash, example=is_example
    )


def _certificate(
    parts: dict[str, str], trusts: Mapping[str, CriterionTrust], policy: TrustPolicy
) -> Certificate:
    gates = tuple(name for name, each in trusts.items() if each.gates)
    not_gating = {name: each.trust.title for name, each in trusts.items() if not each.gates}
    return Certificate(parts, gates, not_gating, policy.name)


async def recalibrate(
    before: Calibration,
    evaluator: EvaluatorLike,
    labelled: Iterable[LabelledArtefact],
    policy: TrustPolicy = RATES,
    cap_usd: float | None = None,
    progress: Progress | None = None,
) -> Recalibration:
    """Calibrate an evaluator that has changed on the same labels, and say what moved.

    The other arguments are those of `calibrate`. Raises ValueError where the labels are not those
    of `before`.
    """
    after = await calibrate(evaluator, labelled, policy, cap_usd, progress)
    return compare_calibrations(before, after)
