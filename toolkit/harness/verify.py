"""Verdicts on criteria: pure functions that decide from what was run, closed at every gap.

Whatever is missing is not passed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from toolkit.harness.box import CheckResult
from toolkit.harness.contract import Contract, Criterion
from toolkit.shown import Shown

Grade = Literal["pass", "fail", "unscored"]
"""``unscored`` is the absence of a verdict. It is never a pass."""


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


def score_check(criterion: Criterion, result: CheckResult | None) -> tuple[Grade, str]:
    """Whether `result` shows that `criterion` holds, and why.

    >>> greets = Criterion("hello", "It greets.", ("python", "hello.py"), stdout=("hello",))
    >>> score_check(greets, CheckResult(0, "good day", "", False, 0.1))
    ('fail', "'hello' is not in its stdout")
    """
    if result is None:
        return "unscored", "the check was not run"
    if result.error:
        return "unscored", f"the check could not be run: {result.error}"
    if result.timed_out:
        return "fail", f"no end after {criterion.timeout_s:g} s"
    if result.exit_code != criterion.exit_code:
        return "fail", f"exit code {result.exit_code}, and {criterion.exit_code} was promised"
    for text in criterion.stdout:
        if text not in result.stdout:
            return "fail", f"{text!r} is not in its stdout"
    for text in criterion.stderr:
        if text not in result.stderr:
            return "fail", f"{text!r} is not in its stderr"
    return "pass", "the check shows it"


def green_before(contract: Contract, results: Mapping[str, CheckResult]) -> dict[str, str]:
    """Id and why of the criteria that would prove nothing: not red (or not run) before anything is
    built.
    """
    not_red = {}
    for criterion in contract.criteria:
        grade, why = score_check(criterion, results.get(criterion.id))
        if grade != "fail":
            not_red[criterion.id] = why
    return not_red


def decide_verdicts(
    contract: Contract,
    results: Mapping[str, CheckResult],
    words: Iterable[tuple[str, Grade, str]],
) -> tuple[CriterionVerdict, ...]:
    """One verdict for each criterion, from its check and the Evaluator's words: (criterion id,
    grade, why).

    A word can turn a pass into a fail, and never the other way. What was not checked, what the
    words leave out, or of which they say two things, is unscored.
    """
    words = list(words)
    verdicts = []
    for criterion in contract.criteria:
        check, check_why = score_check(criterion, results.get(criterion.id))
        evaluator, why = _evaluators_word(criterion, words)
        verdict = evaluator
        if check != "pass":
            verdict = check
            why = f"{check_why}; {why}"
        verdicts.append(CriterionVerdict(criterion.id, verdict, why, check, evaluator))
    return tuple(verdicts)


def _evaluators_word(
    criterion: Criterion, words: Sequence[tuple[str, Grade, str]]
) -> tuple[Grade, str]:
    """The one grade that `words` give `criterion`, and why."""
    grades = {grade: why for criterion_id, grade, why in words if criterion_id == criterion.id}
    if not grades:
        return "unscored", "no word of it"
    if len(grades) > 1:
        return "unscored", "the Evaluator contradicts itself"
    return grades.popitem()


def all_pass(contract: Contract, verdicts: Sequence[CriterionVerdict]) -> bool:
    """Whether each criterion of `contract` has exactly one verdict and it is a pass; never so with
    no criteria.
    """
    promised = sorted(criterion.id for criterion in contract.criteria)
    judged = sorted(verdict.criterion for verdict in verdicts)
    all_passed = all(verdict.verdict == "pass" for verdict in verdicts)
    return bool(promised) and judged == promised and all_passed
