"""Judges without a language model: a classifier trained on labels, and a rule for each criterion of
a rubric.

They are real: they read the traces, and nothing is put in. Their verdicts are `computed` and
``live``, but for those of a classifier that learned from simulated labels, and `says` tells what
they are.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.evals.judges.judge import Verdict, in_turn, settled
from toolkit.evals.judges.rubric import Finding, Rubric
from toolkit.evals.scorers.checks import called, matches
from toolkit.evals.scorers.scorers import SCORERS, Scorer, not_
from toolkit.evals.text import first_few
from toolkit.models.model import Progress
from toolkit.records import fingerprint
from toolkit.traces import Source, Trace

RULE = re.compile(r"(never )?(says|calls) (.+)", re.DOTALL)
FOLDS = 5


class SklearnJudge:
    """TF-IDF and logistic regression, trained on the `traces` that have a pass or fail among
    `labels`: no rubric.

    A trace that it was trained on gets its verdict from a fit that saw neither it nor its group
    (`groups` says what traces share; None lets each stand alone). Where labels are too few for
    that, it is unscored.
    """

    def __init__(
        self,
        traces: Iterable[Trace],
        labels: Mapping[str, str],
        label_kind: str,
        groups: Mapping[str, str] | None = None,
        seed: int = 0,
    ):
        listed = list(traces)
        if strange := sorted(set(labels.values()) - {"pass", "fail", "defer"}, key=repr):
            raise ValueError(
                f"labels= has {first_few(strange)}: a verdict is pass or fail, in these letters, or defer"
            )
        if labels and not any(trace.id in labels for trace in listed):
            raise ValueError(
                f"labels= is of {first_few(labels)}, and none of these is the id of one of the traces"
            )
        known = [trace for trace in listed if labels.get(trace.id) in ("pass", "fail")]
        texts, verdicts = [_words(trace) for trace in known], [labels[trace.id] for trace in known]
        where = [groups[trace.id] if groups else trace.id for trace in known]
        self.says = f"a classifier of words (TF-IDF, logistic regression), trained on {len(known)} {label_kind} labels"
        self.hash = fingerprint([self.says, seed, texts, verdicts, where])[:16]
        self.source: Source = "simulated" if "simulated" in label_kind else "live"
        of_each = [
            {group for group, v in zip(where, verdicts, strict=True) if v == one}
            for one in ("pass", "fail")
        ]
        folds = min(FOLDS, *map(len, of_each))
        self._whole = _fitted(texts, verdicts) if folds > 1 else None
        self._apart: dict[str, Any] = dict.fromkeys(trace.id for trace in known)
        if self._whole:
            from sklearn.model_selection import StratifiedGroupKFold

            draw = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
            for train, test in draw.split(texts, verdicts, where):
                fit = _fitted([texts[n] for n in train], [verdicts[n] for n in train])
                self._apart |= {known[n].id: fit for n in test}

    async def score(self, trace: Trace) -> Verdict:
        """Judge one trace."""
        if not (fit := self._apart.get(trace.id, self._whole)):
            why = "too few labels to learn from: it takes passes and fails, each in two groups or more"
            return _said(self, trace, why_unscored=why)
        row = fit[0].transform([_words(trace)])
        verdict, terms = str(fit.predict([_words(trace)])[0]), fit[0].get_feature_names_out()
        weights = row.toarray()[0] * fit[1].coef_[0] * (1 if fit.classes_[1] == verdict else -1)
        words = ", ".join(f"“{terms[n]}”" for n in weights.argsort()[::-1][:3] if weights[n] > 0)
        said = f"P({verdict}) = {fit.predict_proba([_words(trace)]).max():.2f}, for words such as {words or '(none)'}"
        return _said(self, trace, verdict=verdict, critique=said, votes=(verdict,))

    async def score_all(
        self, traces: Sequence[Trace], progress: Progress | None = None
    ) -> list[Verdict]:
        """Judge `traces`, in their order."""
        return await in_turn(self.score, traces, progress)


def _words(trace: Trace) -> str:
    return trace.text("user", "assistant")


def _fitted(texts: Sequence[str], verdicts: Sequence[str]) -> Any:
    """The pipeline; None where there is nothing to tell apart, or no word to tell it by."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if len(set(verdicts)) < 2 or not re.search(r"\w\w", " ".join(texts)):
        return None
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    return make_pipeline(words, LogisticRegression(class_weight="balanced", max_iter=1000)).fit(
        texts, verdicts
    )


def read_rule(rule: str) -> Scorer:
    """The scorer that a criterion's `rule` spells out, or names.

    ``says PATTERN`` (a regular expression, in any case, in what the assistant says) or ``calls TOOL``, either after
    ``never``; or one of `SCORERS` by its name. Raises ValueError for others.

    >>> from toolkit.traces import Step
    >>> read_rule("never says voucher")(Trace("t", (Step("1", "message", "assistant", "Have a Voucher."),))).value
    False
    """
    known = {scorer.__name__: scorer for scorer in SCORERS}
    if not (parts := RULE.fullmatch(rule.strip())):
        if rule.strip() in known:
            return known[rule.strip()]
        raise ValueError(
            f"rule {rule!r}: it is says PATTERN, calls TOOL, either after never, or {', '.join(known)}"
        )
    try:
        scorer = matches(parts[3], flags=re.IGNORECASE) if parts[2] == "says" else called(parts[3])
    except re.error as error:
        raise ValueError(f"rule {rule!r}: {error}") from None
    return not_(scorer) if parts[1] else scorer


@dataclass(frozen=True, slots=True)
class RuleJudge:
    """The rule of each criterion; `rest` stands in for criteria without one, which else leave a
    trace unscored.

    Raises ValueError for a rule that cannot be read.
    """

    rubric: Rubric
    rest: SklearnJudge | None = None

    def __post_init__(self) -> None:
        for criterion in self.rubric.criteria:
            if criterion.rule:
                read_rule(criterion.rule)

    @property
    def hash(self) -> str:
        """16 hex digits of the rubric and of `rest`."""
        return fingerprint([self.rubric.hash, self.rest and self.rest.hash])[:16]

    @property
    def source(self) -> Source:
        """That of `rest` where it has a say."""
        return (
            self.rest.source
            if self.rest and not all(one.rule for one in self.rubric.criteria)
            else "live"
        )

    @property
    def says(self) -> str:
        """What this judge is, in words."""
        bare = [criterion.id for criterion in self.rubric.criteria if not criterion.rule]
        rules = f"rules for {len(self.rubric.criteria) - len(bare)} of {len(self.rubric.criteria)} criteria"
        instead = self.rest.says if self.rest else "nothing, so that each trace is unscored"
        return (
            "no language model: " + rules + (f"; for {', '.join(bare)}: {instead}" if bare else "")
        )

    async def score(self, trace: Trace) -> Verdict:
        """Judge one trace."""
        rest, scale, found = (
            await self.rest.score(trace) if self.rest else None,
            self.rubric.scale,
            {},
        )
        for one in self.rubric.criteria:
            value: object = rest and rest.verdict and rest.verdict == "pass"
            why = (rest.critique or rest.why_unscored) if rest else "it has no rule"
            if one.rule:
                score = read_rule(one.rule)(trace)
                value, why = score.value, score.why
            if not isinstance(value, bool):
                return _said(self, trace, why_unscored=f"{one.id}: {why}")
            found[one.id] = Finding(why, scale[0] if value else scale[-1])
        return _said(self, trace, **settled(self.rubric, found))

    async def score_all(
        self, traces: Sequence[Trace], progress: Progress | None = None
    ) -> list[Verdict]:
        """Judge `traces`, in their order."""
        return await in_turn(self.score, traces, progress)


def _said(judge: SklearnJudge | RuleJudge, trace: Trace, **told: Any) -> Verdict:
    known = {
        "verdict": None,
        "critique": "",
        "why_unscored": "",
        "trace_source": trace.source,
    } | told
    return Verdict(trace.id, source=judge.source, judge=judge.hash, computed=True, **known)
