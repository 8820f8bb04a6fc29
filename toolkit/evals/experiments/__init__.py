"""Cases to run an agent on: a `Dataset` of `Case`s, each made by `promote` from a trace, and
`audit_cases`, which tests them before any agent is.
"""

from toolkit.evals.experiments.case_audit import CaseAudit, audit_cases
from toolkit.evals.experiments.dataset import Case, Dataset, promote

__all__ = ["Case", "CaseAudit", "Dataset", "audit_cases", "promote"]
