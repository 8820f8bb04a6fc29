"""From what was run to verdicts and an Outcome. Pure, and closed at every gap: whatever is missing is not passed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from toolkit.harness.contract import Contract, Criterion
from toolkit.harness.sandbox import CheckResult
from toolkit.traces import Source

Finding = Literal["pass", "fail", "unscored"]
"""``unscored`` is the absence of a verdict. It is never a pass."""
Ended = Literal["complete", "failed", "cancelled", "error", "budget"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one criterion in one round."""

    criterion: str
    verdict: Finding
    """The stricter of what the executed `check` shows and what the `evaluator` said."""
    why: str
    check: Finding
    evaluator: Finding


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a build ended."""

    outcome: Ended = "error"
    """``complete`` where all criteria passed; ``failed`` where the rounds ran out; else what stopped it."""
    why: str = ""
    rounds: int = 0
    """Rounds that were judged."""
    contract_hash: str | None = None
    """sha256 of the frozen contract; None where none was agreed on."""
    verdicts: tuple[Verdict, ...] = ()
    """Of the last round that was judged."""
    cost_usd: float = 0.0
    """Of all calls of this build, those that an earlier run made included, each once."""
    model_calls: int = 0
    """Calls that this run made; the journal answered the `replayed_calls`."""
    replayed_calls: int = 0
    sources: tuple[Source, ...] = ()
    """Where the replies came from."""


def score_check(criterion: Criterion, result: CheckResult | None) -> tuple[Finding, str]:
    """Whether `result` shows that `criterion` holds, and why.

    >>> said = Criterion("hello", "It greets.", ("python", "hello.py"), stdout=("hello",))
    >>> score_check(said, CheckResult(0, "good day", "", False, 0.1))
    ('fail', "'hello' is not in its stdout")
    """
    if result is None or result.error:
        return "unscored", f"the check could not be run: {result.error}" if result else "the check was not run"
    if result.timed_out:
        return "fail", f"no end after {criterion.timeout_s:g} s"
    if result.exit_code != criterion.exit_code:
        return "fail", f"exit code {result.exit_code}, and {criterion.exit_code} was promised"
    missing = [f"{text!r} is not in its stdout" for text in criterion.stdout if text not in result.stdout]
    missing += [f"{text!r} is not in its stderr" for text in criterion.stderr if text not in result.stderr]
    return ("fail", missing[0]) if missing else ("pass", "the check shows it")


def green_before(contract: Contract, results: Mapping[str, CheckResult]) -> dict[str, str]:
    """Id and why of the criteria that would prove nothing: not red (or not run) before anything is built."""
    scored = {criterion.id: score_check(criterion, results.get(criterion.id)) for criterion in contract.criteria}
    return {id: why for id, (finding, why) in scored.items() if finding != "fail"}


def decide(
    contract: Contract, results: Mapping[str, CheckResult], said: Iterable[tuple[str, Finding, str]]
) -> tuple[Verdict, ...]:
    """One verdict for each criterion, from its check and the Evaluator's words: (criterion id, finding, why).

    A word can turn a pass into a fail, and never the other way. What was not checked, what the words leave out, or of
    which they say two things, is unscored.
    """
    verdicts, said = [], list(said)
    for criterion in contract.criteria:
        check, shown = score_check(criterion, results.get(criterion.id))
        spoken = {finding: why for id, finding, why in said if id == criterion.id} or {"unscored": "no word of it"}
        evaluator, why = spoken.popitem() if len(spoken) == 1 else ("unscored", "the Evaluator contradicts itself")
        verdict, why = (evaluator, why) if check == "pass" else (check, f"{shown}; {why}")
        verdicts.append(Verdict(criterion.id, verdict, why, check, evaluator))
    return tuple(verdicts)


def all_pass(contract: Contract, verdicts: Sequence[Verdict]) -> bool:
    """Whether each criterion of `contract` has exactly one verdict and it is a pass; never so with no criteria."""
    passed = sorted(verdict.criterion for verdict in verdicts if verdict.verdict == "pass")
    return bool(passed) and len(passed) == len(verdicts) and passed == sorted(c.id for c in contract.criteria)
