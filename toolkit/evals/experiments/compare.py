"""compare: two experiments on the same cases, trial by trial.

>>> from toolkit.evals.experiments.result import TrialResult
>>> def experiment(name, passed):
...     results = [TrialResult(str(i), 0, "scored", passed=bool(p)) for i, p in enumerate(passed)]
...     return Experiment(name, tuple(results), planned=len(results))
>>> new = experiment("new", [1] * 30 + [0] * 10)
>>> old = experiment("old", [1] * 18 + [0] * 22)
>>> comparison = compare(new, old, margin=0.05)
>>> comparison.passed.conclusion, comparison.passed.not_worse
('better', True)
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from toolkit.evals.alignment.clustered import (
    MeanEstimate,
    mean_of_differences,
    mean_of_numbers,
)
from toolkit.evals.alignment.paired import mcnemar_p
from toolkit.evals.experiments.comparison import Comparison
from toolkit.evals.experiments.difference import Difference, with_holm
from toolkit.evals.experiments.experiment import Experiment, Unscored, is_neither, verdict_of
from toolkit.evals.experiments.result import TrialResult
from toolkit.evals.scorers import NOT_APPLICABLE, Score

ONE_SIDED = 0.9
"""The level of the two-sided interval whose lower end is the one-sided 95% bound."""
Pair = tuple[TrialResult, TrialResult]


def compare(a: Experiment, b: Experiment, margin: float | None = None) -> Comparison:
    """Compare `a` with `b` by the cases and trials that ran in both.

    Each score is tested, and p is adjusted over them (Holm 1979); the pass rate stands for itself.
    With a `margin` it is also tested whether `a` is not worse than `b` by that much. Raises
    ValueError for a margin that is not between 0 and 1.
    """
    if margin is not None and not 0 < margin < 1:
        raise ValueError(f"margin is {margin:g}: it is a share between 0 and 1, as 0.05")
    pairs, n_unpaired = _pairs(a, b)
    passed = _difference_of_bools("passed", pairs, None, "fail", margin)
    of_scored = _difference_of_bools("passed", pairs, None, "exclude", margin)
    scores, not_compared = _scores(pairs)
    return Comparison(
        first=a.name,
        second=b.name,
        passed=passed,
        passed_of_scored=replace(of_scored, name="passed, of what both scored"),
        scores=tuple(with_holm(scores)),
        not_compared=not_compared,
        n_unpaired=n_unpaired,
        simulated=a.simulated or b.simulated,
    )


def _pairs(a: Experiment, b: Experiment) -> tuple[list[Pair], int]:
    """The trials that ran in both, and how many results have no partner."""
    broken = a.broken | b.broken
    of_second = dict(_ran(b, broken))
    pairs = []
    for key, result in _ran(a, broken):
        if key in of_second:
            pairs.append((result, of_second[key]))
    return pairs, len(a.results) + len(b.results) - 2 * len(pairs)


def _ran(
    experiment: Experiment, broken: Iterable[str]
) -> Iterator[tuple[tuple[str, int], TrialResult]]:
    """The trials that were made, by their case and number."""
    for result in experiment.results:
        if result.status != "not run" and result.case not in broken:
            yield (result.case, result.trial), result


@dataclass(frozen=True, slots=True)
class PairedValues:
    """What both experiments have for a measure, pair by pair."""

    name: str
    cases: np.ndarray
    """``(n_pairs,) int``: the number of each pair's case, from 0."""
    first: np.ndarray
    second: np.ndarray
    n_left_out: int
    """Pairs in which one is not known."""

    @property
    def differences(self) -> np.ndarray:
        """``(n_pairs,) float``."""
        differences: np.ndarray = self.first - self.second
        return differences

    @property
    def n_cases(self) -> int:
        """Cases with a pair."""
        return int(self.cases.max(initial=-1)) + 1

    @property
    def is_one_each(self) -> bool:
        """Whether each case has one pair."""
        return self.n_cases == len(self.cases)


def _paired_values(
    name: str, pairs: Sequence[Pair], values: Sequence[tuple[Any, Any]]
) -> PairedValues:
    """The values of the pairs in which both are known."""
    numbers: dict[str, int] = {}
    cases = []
    of_first = []
    of_second = []
    for (result, _), (first, second) in zip(pairs, values, strict=True):
        if first is None or second is None:
            continue
        number = numbers.setdefault(result.case, len(numbers))
        cases.append(number)
        of_first.append(first)
        of_second.append(second)
    return PairedValues(
        name,
        np.array(cases, dtype=int),
        np.array(of_first, dtype=float),
        np.array(of_second, dtype=float),
        n_left_out=len(pairs) - len(cases),
    )


def _difference_of_bools(
    name: str, pairs: Sequence[Pair], score: str | None, unscored: Unscored, margin: float | None
) -> Difference:
    """The difference of two shares; `margin` is as in `compare`. With one pair a case p is
    McNemar's, which is exact.
    """
    values = _paired_values(name, pairs, _verdicts(pairs, score, unscored))
    clusters = None if values.is_one_each else values.cases
    estimate = mean_of_differences(values.differences, clusters)
    difference = replace(_within_1(_difference(values, estimate)), margin=margin)
    if estimate is None:
        return difference
    if not values.differences.any():
        reason = "p: the two are alike on every trial"
        difference = replace(difference, p=None, p_adjusted=None, reason=reason)
    elif values.is_one_each:
        p = mcnemar_p(values.differences)
        difference = replace(difference, p=p, p_adjusted=p)
    if margin is not None:
        bound, _ = estimate.interval(ONE_SIDED)
        p_margin = estimate.p_above(-margin)
        difference = replace(difference, bound=max(-1.0, bound), p_margin=p_margin)
    return difference


def _verdicts(
    pairs: Sequence[Pair], score: str | None, unscored: Unscored
) -> list[tuple[bool | None, bool | None]]:
    """The verdicts of each pair. A missing one is a fail, but where none is known at all; of a
    trial that neither passes nor fails there is none.
    """
    as_given = []
    as_counted = []
    for first, second in pairs:
        as_given.append((verdict_of(first, score), verdict_of(second, score)))
        as_counted.append((_counted(first, score), _counted(second, score)))
    is_known = any(verdicts != (None, None) for verdicts in as_given)
    return as_counted if unscored == "fail" and is_known else as_given


def _counted(result: TrialResult, score: str | None) -> bool | None:
    """The verdict of a trial, of which a missing one is a fail."""
    if is_neither(result, score):
        return None
    return bool(verdict_of(result, score))


def _within_1(difference: Difference) -> Difference:
    """The difference of two shares: no bound is beyond 1, and no effect that cannot be is found."""
    if difference.low is None or difference.high is None:
        return difference
    effect = difference.least_detectable
    if effect is not None and effect > 1:
        effect = None
    return replace(
        difference,
        low=max(-1.0, difference.low),
        high=min(1.0, difference.high),
        least_detectable=effect,
    )


def _difference_of_numbers(name: str, pairs: Sequence[Pair]) -> Difference:
    """The difference of the means of a score."""
    numbers = [(_value(first, name), _value(second, name)) for first, second in pairs]
    values = _paired_values(name, pairs, numbers)
    return _difference(values, mean_of_numbers(values.differences, values.cases))


def _difference(values: PairedValues, estimate: MeanEstimate | None) -> Difference:
    """The difference without a margin."""
    if not len(values.cases):
        return Difference(values.name, n_left_out=values.n_left_out, reason="no pair counts")
    difference = Difference(
        values.name,
        first=float(values.first.mean()),
        second=float(values.second.mean()),
        value=float(values.differences.mean()),
        n_trials=len(values.cases),
        n_cases=values.n_cases,
        n_left_out=values.n_left_out,
    )
    if estimate is None:
        return replace(difference, reason="an interval takes two cases or more")
    if not estimate.error:
        return replace(difference, reason="all pairs differ alike: nothing tells how they spread")
    low, high = estimate.interval()
    return replace(
        difference,
        low=low,
        high=high,
        p=estimate.p,
        p_adjusted=estimate.p,
        least_detectable=estimate.least_detectable(),
    )


def _scores(pairs: Sequence[Pair]) -> tuple[list[Difference], dict[str, str]]:
    """The difference of each score, and why others are not compared."""
    of_first = _scores_by_name(first for first, _ in pairs)
    of_second = _scores_by_name(second for _, second in pairs)
    differences = []
    not_compared = {}
    for name in of_first | of_second:
        scores = of_first.get(name, [])
        others = of_second.get(name, [])
        reason = _why_not_compared(scores, others)
        if reason:
            not_compared[name] = reason
        elif all(isinstance(value, bool) for value in _known_values(scores + others)):
            differences.append(_difference_of_bools(name, pairs, name, "fail", None))
        else:
            differences.append(_difference_of_numbers(name, pairs))
    return differences, not_compared


def _why_not_compared(scores: Sequence[Score], others: Sequence[Score]) -> str:
    """Why the scores of one name in two experiments are not compared; blank where they are."""
    if not scores or not others:
        return "only one of the two has it"
    versions = {score.version for score in scores}
    other_versions = {score.version for score in others}
    if versions != other_versions:
        return f"its versions differ: {versions} and {other_versions}"
    values = _known_values([*scores, *others])
    if not all(isinstance(value, float | int) for value in values):  # a bool is an int
        return "it is neither a bool throughout nor a number"
    return ""


def _known_values(scores: Sequence[Score]) -> list[Any]:
    """What was found, wherever a scorer had something to say."""
    return [score.value for score in scores if score.value not in (None, NOT_APPLICABLE)]


def _scores_by_name(results: Iterable[TrialResult]) -> dict[str, list[Score]]:
    """The scores of all trials, in their order."""
    scores: dict[str, list[Score]] = {}
    for result in results:
        for score in result.scores:
            scores.setdefault(score.name, []).append(score)
    return scores


def _value(result: TrialResult, name: str) -> Any:
    """What a trial has for a score; None without one, and where it does not apply."""
    for score in result.scores:
        if score.name == name and score.value != NOT_APPLICABLE:
            return score.value
    return None
