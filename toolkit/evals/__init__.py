"""Evals: is it good? Hetzel's Eval Maturity Phases, from a written reason to a judge that may be
trusted.

- structured vibe check: `sample_traces` says what to read; a `Label` has a verdict and a reason,
  and is kept in a `LabelStore`, or comes from a table by `labels_from_frame`, or from an export by
  `labels_of` (`scores_of` has what is no verdict there); `merge_labels` puts
  several raters side by side
- failure modes: a `Codebook` of open codes, merged into axial `FailureMode`s; clusters suggest, a
  person confirms
- scoring function: a scorer, a plain or async function of ``(trace)`` or ``(trace, case)`` to a
  bool, a number, a str, None, a `Score`, or a dict of those; `score` runs one, `score_traces`
  several, `all_of`, `any_of`, `not_` and `between` join them, and `toolkit.evals.checks`
  makes more of them
- tool calls that change a world: `diff_state` compares snapshots of a `World` (`SqliteWorld`,
  `DictWorld`) with the end state or the `Effects` that were expected; `measure_tools` finds out
  what a tool does to it, and `replay_calls` makes calls again where they can be undone
- LLM as judge: a `Judge`, made of a `Rubric` and a model, gives a `Verdict`; a `VerdictStore` keeps
  it, and `judge_traces` asks any judge (`JudgeLike`: your own too) only for what is not kept
- without a model: a `SklearnJudge` trained on labels, a `RuleJudge` of rules, one a criterion
- eval the eval: `agreement` compares people with each other, `align` a judge with labels, and
  `trusted` decides whether that judge may score at scale; `corrected_rate` takes its errors out of
  a rate
- what a judge should not go by: `prefer` and the `probe_` functions; what to keep for the end:
  `split_labels`
- golden data: a `Dataset` of `Case`s, each made by `promote` from a labelled trace;
  `audit_cases` tests the cases before any agent is
- an experiment: `evaluate` runs an agent on cases, kept on a session, and goes on where it was
  broken off; its trials are an `Experiment` with its `rate`, `pass_hat` and `summary`; `compare`
  tests one against another, and `gate` decides by a `GatePolicy`
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
from toolkit.evals.experiments import (
    Case,
    CaseAudit,
    Comparison,
    Dataset,
    Decision,
    Difference,
    Experiment,
    GatePolicy,
    Rate,
    Summary,
    TrialResult,
    audit_cases,
    compare,
    evaluate,
    gate,
    promote,
)
from toolkit.evals.judges import (
    Criterion,
    Example,
    Finding,
    Judge,
    JudgeLike,
    Rubric,
    RuleJudge,
    SklearnJudge,
    Verdict,
    VerdictStore,
    judge_traces,
    prefer,
    probe_length,
    probe_position,
    probe_self_preference,
)
from toolkit.evals.labels import (
    Codebook,
    FailureMode,
    Label,
    LabelStore,
    Sample,
    ask_for_codes,
    cluster_reasons,
    labels_frame,
    labels_from_frame,
    labels_of,
    match_modes,
    merge_labels,
    sample_traces,
    scores_of,
    split_labels,
)
from toolkit.evals.scorers import (
    ANY_NUMBER,
    SCORERS,
    Alternatives,
    DictWorld,
    Effect,
    Effects,
    Score,
    Scorer,
    SqliteWorld,
    StateDiff,
    StateRules,
    ToolAudit,
    UnsafeReplay,
    World,
    all_of,
    answered,
    any_of,
    between,
    diff_state,
    measure_tools,
    no_repeated_calls,
    not_,
    replay_calls,
    score,
    score_traces,
    scorer,
    state_scorer,
    tools_succeeded,
)
from toolkit.evals.topics import (
    Stability,
    TopicMap,
    fit_topics,
)

__all__ = [
    "ANY_NUMBER",
    "BANDS",
    "RATES",
    "SCORERS",
    "Agreement",
    "Alignment",
    "Alternatives",
    "AnnotatorTest",
    "Case",
    "CaseAudit",
    "Codebook",
    "Comparison",
    "Criterion",
    "Dataset",
    "Decision",
    "DictWorld",
    "Difference",
    "Effect",
    "Effects",
    "Estimate",
    "Example",
    "Experiment",
    "FailureMode",
    "Finding",
    "GatePolicy",
    "Judge",
    "JudgeComparison",
    "JudgeLike",
    "Label",
    "LabelStore",
    "Rate",
    "Rubric",
    "RuleJudge",
    "Sample",
    "Score",
    "Scorer",
    "SklearnJudge",
    "SqliteWorld",
    "Stability",
    "StateDiff",
    "StateRules",
    "Summary",
    "ToolAudit",
    "TopicMap",
    "TrialResult",
    "Trust",
    "TrustPolicy",
    "UnsafeReplay",
    "Verdict",
    "VerdictStore",
    "World",
    "agreement",
    "align",
    "alignments_frame",
    "all_of",
    "annotator_test",
    "answered",
    "any_of",
    "ask_for_codes",
    "audit_cases",
    "between",
    "cluster_reasons",
    "compare",
    "compare_judges",
    "corrected_rate",
    "corrected_width",
    "diff_state",
    "evaluate",
    "fit_topics",
    "gate",
    "interval_width",
    "judge_traces",
    "labels_frame",
    "labels_from_frame",
    "labels_needed",
    "labels_of",
    "match_modes",
    "measure_tools",
    "merge_labels",
    "no_repeated_calls",
    "not_",
    "prefer",
    "probe_length",
    "probe_position",
    "probe_self_preference",
    "promote",
    "replay_calls",
    "retest",
    "sample_traces",
    "score",
    "score_traces",
    "scorer",
    "scores_of",
    "split_labels",
    "state_scorer",
    "tools_succeeded",
    "trusted",
]
