"""Verdicts on criteria: pure functions that decide from what was run, closed at every gap.

Whatever is missing is not passed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, get_args

from toolkit.harness.contract import Contract, Criterion
from toolkit.harness.contract_checks import STRICT
from toolkit.harness.evidence import CheckResult, Evidence, Grade
from toolkit.shown import Shown


@dataclass(frozen=True, slots=True)
class Word(Shown):
    """What the Evaluator says of one criterion."""

    __pydantic_config__: ClassVar = STRICT
    criterion: str
    verdict: Grade
    why: str
    """What in the evidence it rests on; a pass without a reason is none."""
    score: float | None = None
    """How good it is by the rubric, from 0 to 1, where the criterion is judged by one."""


@dataclass(frozen=True, slots=True)
class CriterionVerdict(Shown):
    """The verdict on one criterion in one round: the stricter of what the check shows and what the
    Evaluator says.
    """

    criterion: str
    verdict: Grade
    why: str
    check: Grade
    evaluator: Grade
    score: float | None = None
    """From 0 to 1; None where it is unscored."""
    evidence: tuple[Evidence, ...] = ()


def check_grade(result: CheckResult | None) -> tuple[Grade, str]:
    """What a check shows, and why. Without evidence it shows nothing.

    >>> check_grade(CheckResult("pass", "the check shows it"))
    ('unscored', 'the check left no evidence')
    """
    if result is None:
        return "unscored", "the check was not run"
    if result.grade == "pass" and not result.evidence:
        return "unscored", "the check left no evidence"
    return result.grade, result.why


def green_before(contract: Contract, results: Mapping[str, CheckResult]) -> dict[str, str]:
    """Id and why of the criteria that would prove nothing: not red (or not run) before anything is
    built. Regressions may be green.
    """
    not_red = {}
    for criterion in contract.criteria:
        grade, why = check_grade(results.get(criterion.id))
        if grade != "fail" and not criterion.regression:
            not_red[criterion.id] = why
    return not_red


def decide_verdicts(
    contract: Contract,
    results: Mapping[str, CheckResult],
    words: Sequence[Word],
    is_changed: bool = True,
) -> tuple[CriterionVerdict, ...]:
    """One verdict for each criterion, from its check and the Evaluator's words.

    A word can turn a pass into a fail, and never the other way. What was not checked, what the
    words leave out, or of which they speak twice, is unscored. Nothing passes where the build is
    not changed.
    """
    verdicts = []
    for criterion in contract.criteria:
        result = results.get(criterion.id)
        check, check_why = check_grade(result)
        evaluator, why = word_grade(criterion, words)
        verdict = evaluator
        if check != "pass":
            verdict = check
            why = check_why if why == check_why else f"{check_why}; {why}"
        if verdict == "pass" and not is_changed:
            verdict = "fail"
            why = "nothing was built: all is as it was at the start"
        verdicts.append(
            CriterionVerdict(
                criterion.id,
                verdict,
                why,
                check,
                evaluator,
                _score(criterion, words, check, verdict),
                result.evidence if result else (),
            )
        )
    return tuple(verdicts)


def word_grade(criterion: Criterion, words: Sequence[Word]) -> tuple[Grade, str]:
    """The one grade that `words` give `criterion`, and why.

    Of a rubric's score the threshold decides, and a word to the contrary makes it a fail.
    """
    spoken = [word for word in words if word.criterion == criterion.id]
    if not spoken:
        return "unscored", "no word of it"
    if len(spoken) > 1:
        return "unscored", f"the Evaluator speaks of it {len(spoken)} times"
    word = spoken[0]
    fault = _word_fault(criterion, word)
    if fault:
        return "unscored", fault
    is_below = word.score is not None and word.score < criterion.threshold
    if word.verdict == "pass" and criterion.check.kind == "judged" and is_below:
        return "fail", f"score {word.score:g} of {criterion.threshold:g} needed: {word.why}"
    return word.verdict, word.why


def _word_fault(criterion: Criterion, word: Word) -> str | None:
    """Why a word decides nothing; None where it may."""
    if word.verdict not in get_args(Grade):
        return f"there is no verdict {word.verdict!r}"
    if word.verdict == "pass" and not word.why.strip():
        return "a pass without a reason"
    if word.score is None:
        return "the rubric was given no score" if criterion.check.kind == "judged" else None
    is_number = isinstance(word.score, int | float) and not isinstance(word.score, bool)
    if not is_number or not math.isfinite(word.score) or not 0 <= word.score <= 1:
        return f"score {word.score!r} is not from 0 to 1"
    return None


def _score(
    criterion: Criterion, words: Sequence[Word], check: Grade, verdict: Grade
) -> float | None:
    """The score of a criterion: the rubric's, where what it looked at holds; else 1 or 0."""
    if verdict == "unscored":
        return None
    if criterion.check.kind == "judged" and check == "pass":
        (word,) = [word for word in words if word.criterion == criterion.id]
        return word.score
    return 1.0 if verdict == "pass" else 0.0


def weighted_score(contract: Contract, verdicts: Sequence[CriterionVerdict]) -> float:
    """The mean of the scores by the criteria's weights, what is unscored as 0. It is reported, and
    decides nothing.
    """
    scores = {verdict.criterion: verdict.score or 0.0 for verdict in verdicts}
    total = sum(criterion.weight for criterion in contract.criteria)
    earned = sum(
        scores.get(criterion.id, 0.0) * criterion.weight for criterion in contract.criteria
    )
    return earned / total


def all_pass(contract: Contract, verdicts: Sequence[CriterionVerdict]) -> bool:
    """Whether each criterion of `contract` has exactly one verdict and it is a pass; never so with
    no criteria.
    """
    promised = sorted(criterion.id for criterion in contract.criteria)
    judged = sorted(verdict.criterion for verdict in verdicts)
    all_passed = all(verdict.verdict == "pass" for verdict in verdicts)
    return bool(promised) and judged == promised and all_passed
