"""What a model says of traces: a `Rubric`, the `Judge` that reads by it, judges without a language
model, and probes of what a judge should not go by. A judge of your own is whatever is `JudgeLike`;
a `VerdictStore` keeps what was said, and `judge_traces` asks only for the rest.
"""

from toolkit.evals.judges.classifier import SklearnJudge
from toolkit.evals.judges.failing_step import judge_failing_step
from toolkit.evals.judges.judge import Judge
from toolkit.evals.judges.judging import JudgeLike, judge_traces
from toolkit.evals.judges.probes import prefer, probe_length, probe_position, probe_self_preference
from toolkit.evals.judges.rubric import Criterion, Example, Finding, Rubric
from toolkit.evals.judges.rules import RuleJudge
from toolkit.evals.judges.verdict import Verdict, VerdictStore

__all__ = [
    "Criterion",
    "Example",
    "Finding",
    "Judge",
    "JudgeLike",
    "Rubric",
    "RuleJudge",
    "SklearnJudge",
    "Verdict",
    "VerdictStore",
    "judge_failing_step",
    "judge_traces",
    "prefer",
    "probe_length",
    "probe_position",
    "probe_self_preference",
]
