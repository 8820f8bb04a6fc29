"""Evals: is it good? Hetzel's Eval Maturity Phases, from a written reason to a judge that may be trusted.

- structured vibe check: a `Label` with a verdict and a reason, kept in a `LabelStore`
- scoring function: a scorer, a plain function from a `Trace` to a `Score`; `score_traces` runs several
- LLM as judge: a `Judge`, made of a `Rubric` and a model, gives a `Verdict`
- eval the eval: `agreement` compares people with each other, `align` a judge with labels, and `trusted` decides
  whether that judge may score at scale; `corrected_rate` takes its errors out of a rate
- golden data: a `Dataset` of `Case`s, each made by `promote` from a labelled trace
- topic modelling: `fit_topics` gives a `TopicMap`

>>> from toolkit.evals import align
>>> people = ["pass", "fail", "pass", "fail"]
>>> found = align(people, ["pass", "fail", None, "pass"], human_kind="human")
>>> found.title, found.tpr, found.tnr, found.n, found.n_unparsed
('Human alignment', 1.0, 0.5, 3, 1)
"""

from toolkit.evals.agreement import Agreement, agreement
from toolkit.evals.alignment import Alignment, align, alignments_frame
from toolkit.evals.correction import Estimate, corrected_rate
from toolkit.evals.dataset import Case, Dataset, promote
from toolkit.evals.judge import Judge, Verdict
from toolkit.evals.labels import Label, LabelStore
from toolkit.evals.paired import AnnotatorTest, JudgeComparison, annotator_test, compare_judges, retest
from toolkit.evals.planning import corrected_width, interval_width, labels_needed
from toolkit.evals.rubric import Rubric
from toolkit.evals.scorers import SCORERS, Score, Scorer, answered, no_repeated_calls, score_traces, tools_succeeded
from toolkit.evals.topics import Stability, TopicMap, fit_topics
from toolkit.evals.trust import BANDS, RATES, Trust, TrustPolicy, trusted

__all__ = [
    "BANDS",
    "RATES",
    "SCORERS",
    "Agreement",
    "Alignment",
    "AnnotatorTest",
    "Case",
    "Dataset",
    "Estimate",
    "Judge",
    "JudgeComparison",
    "Label",
    "LabelStore",
    "Rubric",
    "Score",
    "Scorer",
    "Stability",
    "TopicMap",
    "Trust",
    "TrustPolicy",
    "Verdict",
    "agreement",
    "align",
    "alignments_frame",
    "annotator_test",
    "answered",
    "compare_judges",
    "corrected_rate",
    "corrected_width",
    "fit_topics",
    "interval_width",
    "labels_needed",
    "no_repeated_calls",
    "promote",
    "retest",
    "score_traces",
    "tools_succeeded",
    "trusted",
]
