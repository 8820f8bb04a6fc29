"""Evals: is it good? Hetzel's Eval Maturity Phases, from a written reason to a judge that may be
trusted.

- structured vibe check: `sample_traces` says what to read; a `Label` has a verdict and a reason, and is kept in a
  `LabelStore`; `merge_labels` puts several raters side by side
- failure modes: a `Codebook` of open codes, merged into axial `FailureMode`s; clusters suggest, a person confirms
- scoring function: a scorer, a plain function from a `Trace` to a `Score`; `toolkit.evals.scorers.checks` makes more of them,
  `all_of`, `any_of`, `not_` and `between` join them, and `score_traces` runs several
- LLM as judge: a `Judge`, made of a `Rubric` and a model, gives a `Verdict`
- without a model: a `SklearnJudge` trained on labels, a `RuleJudge` of rules, one for each criterion
- eval the eval: `agreement` compares people with each other, `align` a judge with labels, and `trusted` decides
  whether that judge may score at scale; `corrected_rate` takes its errors out of a rate
- what a judge should not go by: `prefer` and the `probe_` functions; what to keep for the end: `split_labels`
- golden data: a `Dataset` of `Case`s, each made by `promote` from a labelled trace
- topic modelling: `fit_topics` gives a `TopicMap`

>>> from toolkit.evals import align
>>> people = ["pass", "fail", "pass", "fail"]
>>> found = align(people, ["pass", "fail", None, "pass"], human_kind="human")
>>> found.title, found.tpr, found.tnr, found.n, found.n_unparsed
('Human alignment', 1.0, 0.5, 3, 1)
"""

from toolkit.evals.alignment import (
    BANDS,
    RATES,
    Agreement,
    Alignment,
    AnnotatorTest,
    Estimate,
    JudgeComparison,
    Trust,
    TrustPolicy,
    agreement,
    align,
    alignments_frame,
    annotator_test,
    compare_judges,
    corrected_rate,
    corrected_width,
    interval_width,
    labels_needed,
    retest,
    trusted,
)
from toolkit.evals.experiments.dataset import Case, Dataset, promote
from toolkit.evals.judges.classifier import RuleJudge, SklearnJudge
from toolkit.evals.judges.judge import Judge, Verdict
from toolkit.evals.judges.probes import prefer, probe_length, probe_position, probe_self_preference
from toolkit.evals.judges.rubric import Criterion, Example, Finding, Rubric
from toolkit.evals.labels.codebook import Codebook, FailureMode
from toolkit.evals.labels.labels import Label, LabelStore, merge_labels
from toolkit.evals.labels.sample import Sample, sample_traces
from toolkit.evals.labels.splits import split_labels
from toolkit.evals.labels.suggest import ask_for_codes, cluster_reasons, match_modes
from toolkit.evals.scorers.scorers import (
    SCORERS,
    Score,
    Scorer,
    all_of,
    answered,
    any_of,
    between,
    no_repeated_calls,
    not_,
    score_traces,
    tools_succeeded,
)
from toolkit.evals.topics.topics import Stability, TopicMap, fit_topics

__all__ = [
    "BANDS",
    "RATES",
    "SCORERS",
    "Agreement",
    "Alignment",
    "AnnotatorTest",
    "Case",
    "Codebook",
    "Criterion",
    "Dataset",
    "Estimate",
    "Example",
    "FailureMode",
    "Finding",
    "Judge",
    "JudgeComparison",
    "Label",
    "LabelStore",
    "Rubric",
    "RuleJudge",
    "Sample",
    "Score",
    "Scorer",
    "SklearnJudge",
    "Stability",
    "TopicMap",
    "Trust",
    "TrustPolicy",
    "Verdict",
    "agreement",
    "align",
    "alignments_frame",
    "all_of",
    "annotator_test",
    "answered",
    "any_of",
    "ask_for_codes",
    "between",
    "cluster_reasons",
    "compare_judges",
    "corrected_rate",
    "corrected_width",
    "fit_topics",
    "interval_width",
    "labels_needed",
    "match_modes",
    "merge_labels",
    "no_repeated_calls",
    "not_",
    "prefer",
    "probe_length",
    "probe_position",
    "probe_self_preference",
    "promote",
    "retest",
    "sample_traces",
    "score_traces",
    "split_labels",
    "tools_succeeded",
    "trusted",
]
