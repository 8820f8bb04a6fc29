"""A judge without any model: a rule for each criterion of a rubric.

It is real: it reads the traces, and nothing is put in. Its verdicts are `computed` and ``live``,
unless a classifier that learned from simulated labels has a say, and `says` tells what it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.evals.judges.classifier import SklearnJudge
from toolkit.evals.judges.judging import in_turn
from toolkit.evals.judges.prompt import settled
from toolkit.evals.judges.rubric import Criterion, Finding, Rubric
from toolkit.evals.judges.verdict import Verdict
from toolkit.evals.scorers import SCORERS, Score, Scorer, not_, score
from toolkit.evals.scorers.checks import called, matches
from toolkit.models.model import Progress
from toolkit.records import RecordError, fingerprint
from toolkit.traces import Source, Trace

RULE = re.compile(r"(?P<never>never )?(?P<verb>says|calls) (?P<object>.+)", re.DOTALL)


def read_rule(rule: str) -> Scorer:
    """The scorer that a criterion's `rule` spells out, or names.

    ``says PATTERN`` (a regular expression, in any case, in what the assistant says) or ``calls
    TOOL``, either after ``never``; or one of `SCORERS` by its name. Raises ValueError for others.

    >>> from toolkit.traces import Step
    >>> voucher = Trace("t", (Step("1", "message", "assistant", "Have a Voucher."),))
    >>> read_rule("never says voucher")(voucher).value
    False
    """
    scorers = {scorer.__name__: scorer for scorer in SCORERS}
    if rule.strip() in scorers:
        return scorers[rule.strip()]
    parts = RULE.fullmatch(rule.strip())
    if parts is None:
        known = f"says PATTERN, calls TOOL, either after never, or {', '.join(scorers)}"
        raise ValueError(f"rule {rule!r}: it is {known}")
    try:
        if parts["verb"] == "says":
            scorer = matches(parts["object"], flags=re.IGNORECASE)
        else:
            scorer = called(parts["object"])
    except re.error as error:
        raise ValueError(f"rule {rule!r}: {error}") from None
    return not_(scorer) if parts["never"] else scorer


@dataclass(frozen=True, slots=True)
class RuleJudge:
    """The rule of each criterion; `rest` stands in for criteria without one, which else leave a
    trace unscored.

    Raises ValueError for a rule that cannot be read.
    """

    rubric: Rubric
    rest: SklearnJudge | None = None

    def __post_init__(self) -> None:
        for number, criterion in enumerate(self.rubric.criteria):
            if criterion.rule:
                try:
                    read_rule(criterion.rule)
                except ValueError as error:
                    raise RecordError(str(error), field=f"criteria.{number}.rule") from None

    @property
    def _without_rule(self) -> list[str]:
        return [criterion.id for criterion in self.rubric.criteria if not criterion.rule]

    @property
    def hash(self) -> str:
        """16 hex digits of the rubric and of `rest`."""
        rest_hash = self.rest.hash if self.rest else None
        return fingerprint([self.rubric.hash, rest_hash])[:16]

    @property
    def source(self) -> Source:
        """That of `rest` where it has a say."""
        return self.rest.source if self.rest and self._without_rule else "live"

    @property
    def says(self) -> str:
        """What this judge is, in words."""
        n_criteria = len(self.rubric.criteria)
        n_rules = n_criteria - len(self._without_rule)
        words = f"no language model: rules for {n_rules} of {n_criteria} criteria"
        if self._without_rule:
            instead = self.rest.says if self.rest else "nothing, so that each trace is unscored"
            words += f"; for {', '.join(self._without_rule)}: {instead}"
        return words

    async def score(self, trace: Trace) -> Verdict:
        """Judge one trace."""
        rest = await self.rest.score(trace) if self.rest else None
        best = self.rubric.scale[0]
        worst = self.rubric.scale[-1]
        findings = {}
        for criterion in self.rubric.criteria:
            score = await _score_of(criterion, rest, trace)
            if not isinstance(score.value, bool):
                why = f"{criterion.id}: {score.why}"
                return self._verdict(trace, verdict=None, critique="", why_unscored=why)
            findings[criterion.id] = Finding(score.why, best if score.value else worst)
        return self._verdict(trace, why_unscored="", **settled(self.rubric, findings))

    def _verdict(self, trace: Trace, **fields: Any) -> Verdict:
        return Verdict(
            trace.id,
            source=self.source,
            judge=self.hash,
            computed=True,
            trace_source=trace.source,
            **fields,
        )

    async def score_all(
        self, traces: Sequence[Trace], progress: Progress | None = None
    ) -> list[Verdict]:
        """Judge `traces`, in their order."""
        return await in_turn(self.score, traces, progress)


async def _score_of(criterion: Criterion, rest: Verdict | None, trace: Trace) -> Score:
    """What the rule of `criterion` says; without one, what the verdict of the `rest` says."""
    if criterion.rule:
        scores = await score(read_rule(criterion.rule), trace)
        return next(iter(scores.values()))
    if rest is None:
        return Score(criterion.id, None, "it has no rule")
    if rest.verdict is None:
        return Score(criterion.id, None, rest.why_unscored)
    return Score(criterion.id, rest.verdict == "pass", rest.critique)
