"""Cases to run an agent on, and what became of them.

A `Dataset` holds `Case`s, each made by `promote` from a trace; `audit_cases` tests them before any
agent is. `evaluate` runs an agent on them, several times, and goes on where it was broken off. An
`Experiment` holds a `TrialResult` for each trial of a case.
`assess_maturity` says which phase the files of a folder show.
`failing_steps` says how well guesses find where traces go wrong.
"""

from toolkit.evals.experiments.case_audit import CaseAudit, audit_cases
from toolkit.evals.experiments.compare import compare
from toolkit.evals.experiments.comparison import Comparison
from toolkit.evals.experiments.dataset import Case, Dataset, promote
from toolkit.evals.experiments.decision import Decision, GateCheck
from toolkit.evals.experiments.difference import Difference
from toolkit.evals.experiments.evaluate import evaluate
from toolkit.evals.experiments.experiment import Experiment
from toolkit.evals.experiments.failing_steps import failing_steps, failing_steps_by_label
from toolkit.evals.experiments.failing_steps_shown import FailingSteps
from toolkit.evals.experiments.gate import gate
from toolkit.evals.experiments.maturity import Maturity, MaturityCheck, assess_maturity
from toolkit.evals.experiments.policy import GatePolicy, JudgeEvidence
from toolkit.evals.experiments.rate import Rate
from toolkit.evals.experiments.result import Status, TrialResult
from toolkit.evals.experiments.summary import Summary

__all__ = [
    "Case",
    "CaseAudit",
    "Comparison",
    "Dataset",
    "Decision",
    "Difference",
    "Experiment",
    "FailingSteps",
    "GateCheck",
    "GatePolicy",
    "JudgeEvidence",
    "Maturity",
    "MaturityCheck",
    "Rate",
    "Status",
    "Summary",
    "TrialResult",
    "assess_maturity",
    "audit_cases",
    "compare",
    "evaluate",
    "failing_steps",
    "failing_steps_by_label",
    "gate",
    "promote",
]
