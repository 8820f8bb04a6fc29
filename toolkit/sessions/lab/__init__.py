"""The lab: what breaks without a durable session, measured under faults that a seed draws.

`compare_transports` runs seven arms under the same faults, each with where its agent runs and where
its words are kept; `compare_relay` weighs an orchestrator in the middle, `audit_endpoint` probes an
endpoint of yours; `conversation_at` goes back to a moment, and `diff_folds` compares two. What the
arms show: a well-made resumable SSE ties with a durable session on loss. What a session adds are
signals, a fence, and one mechanism.
"""

from toolkit.sessions.lab.audit import Audit, audit_endpoint
from toolkit.sessions.lab.faults import Fault, FaultyProxy, Schedule
from toolkit.sessions.lab.findings import Finding
from toolkit.sessions.lab.relay import compare_relay
from toolkit.sessions.lab.transports import compare_transports
from toolkit.sessions.lab.travel import FoldDiff, conversation_at, diff_folds

__all__ = [
    "Audit",
    "Fault",
    "FaultyProxy",
    "Finding",
    "FoldDiff",
    "Schedule",
    "audit_endpoint",
    "compare_relay",
    "compare_transports",
    "conversation_at",
    "diff_folds",
]
