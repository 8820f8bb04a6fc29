"""A judge without a language model: a classifier trained on labels.

It is real: it reads the traces, and nothing is put in. Its verdicts are `computed` and ``live``,
unless it learned from simulated labels, and `says` tells what it is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from toolkit.evals.judges.judging import in_turn
from toolkit.evals.judges.verdict import Verdict
from toolkit.evals.text import first_few
from toolkit.models.model import Progress
from toolkit.records import fingerprint
from toolkit.traces import Source, Trace

MAX_FOLDS = 5
TERMS_NAMED = 3
TOO_FEW = "too few labels to learn from: it takes passes and fails, each in two groups or more"


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
        _refuse_strange_labels(listed, labels)
        known = [trace for trace in listed if labels.get(trace.id) in ("pass", "fail")]
        texts = [_words(trace) for trace in known]
        verdicts = [labels[trace.id] for trace in known]
        group_of = [trace.id for trace in known]
        if groups:
            group_of = [groups[id_] for id_ in group_of]
        self.says = (
            "a classifier of words (TF-IDF, logistic regression), trained on "
            f"{len(known)} {label_kind} labels"
        )
        self.hash = fingerprint([self.says, seed, texts, verdicts, group_of])[:16]
        self.source: Source = "simulated" if "simulated" in label_kind else "live"
        self._fit_of_all: Any = None
        # None until a fold has its fit: `score` must not fall back on a fit that saw the label.
        self._fit_without: dict[str, Any] = dict.fromkeys(trace.id for trace in known)
        """For each trace that has a label, a fit that did not see its group; None where there is
        none.
        """
        n_folds = _n_folds(verdicts, group_of)
        if n_folds > 1:
            self._fit_of_all = _fitted(texts, verdicts)
        if self._fit_of_all is None:
            return
        from sklearn.model_selection import StratifiedGroupKFold

        folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        for train, test in folds.split(texts, verdicts, group_of):
            train_texts = [texts[row] for row in train]
            train_verdicts = [verdicts[row] for row in train]
            fit = _fitted(train_texts, train_verdicts)
            for row in test:
                self._fit_without[known[row].id] = fit

    async def score(self, trace: Trace) -> Verdict:
        """Judge one trace."""
        fit = self._fit_without.get(trace.id, self._fit_of_all)
        if fit is None:
            return self._verdict(trace, None, why_unscored=TOO_FEW)
        vectorizer, regression = fit
        row = vectorizer.transform([_words(trace)])
        verdict = str(regression.predict(row)[0])
        probability = regression.predict_proba(row).max()
        # a positive coefficient speaks for the second of the two classes
        sign = 1 if regression.classes_[1] == verdict else -1
        counts = row.toarray()[0]
        weights = sign * counts * regression.coef_[0]
        terms = vectorizer.get_feature_names_out()
        named = []
        for column in weights.argsort()[::-1][:TERMS_NAMED]:
            if weights[column] > 0:
                named.append(f"“{terms[column]}”")
        words = ", ".join(named) or "(none)"
        critique = f"P({verdict}) = {probability:.2f}, for words such as {words}"
        return self._verdict(trace, verdict, critique=critique)

    def _verdict(
        self, trace: Trace, verdict: Any, critique: str = "", why_unscored: str = ""
    ) -> Verdict:
        return Verdict(
            trace.id,
            verdict,
            critique,
            why_unscored,
            self.source,
            self.hash,
            votes=(verdict,) if verdict else (),
            computed=True,
            trace_source=trace.source,
        )

    async def score_all(
        self, traces: Sequence[Trace], progress: Progress | None = None
    ) -> list[Verdict]:
        """Judge `traces`, in their order."""
        return await in_turn(self.score, traces, progress)


def _refuse_strange_labels(traces: Sequence[Trace], labels: Mapping[str, str]) -> None:
    strange = sorted(set(labels.values()) - {"pass", "fail", "defer"}, key=repr)
    if strange:
        known = "a verdict is pass or fail, in these letters, or defer"
        raise ValueError(f"labels= has {first_few(strange)}: {known}")
    if labels and not any(trace.id in labels for trace in traces):
        raise ValueError(
            f"labels= is of {first_few(labels)}, and none of these is the id of one of the traces"
        )


def _words(trace: Trace) -> str:
    return trace.text("user", "assistant")


def _n_folds(verdicts: Sequence[str], group_of: Sequence[str]) -> int:
    """As many folds as each verdict has groups, at most `MAX_FOLDS`."""
    groups: dict[str, set[str]] = {"pass": set(), "fail": set()}
    for verdict, group in zip(verdicts, group_of, strict=True):
        groups[verdict].add(group)
    return min(MAX_FOLDS, len(groups["pass"]), len(groups["fail"]))


def _fitted(texts: Sequence[str], verdicts: Sequence[str]) -> Any:
    """The vectorizer and the regression; None where there is nothing to tell apart, or no word to
    tell it by.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    if len(set(verdicts)) < 2:
        return None
    if not re.search(r"\w\w", " ".join(texts)):
        return None
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    regression = LogisticRegression(class_weight="balanced", max_iter=1000)
    regression.fit(vectorizer.fit_transform(texts), verdicts)
    return vectorizer, regression
