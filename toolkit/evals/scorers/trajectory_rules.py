"""What an agent must not do: call what is forbidden, ask again what it knows, stop at an error."""

from collections.abc import Collection

from toolkit.evals.scorers.scorers import Scorer
from toolkit.evals.scorers.trajectory import AgentCall, Finding, not_applicable, rule
from toolkit.evals.scorers.trajectory_expected import CallLike, as_expected
from toolkit.traces import Trace


def forbidden_calls(*forbidden: CallLike) -> Scorer:
    """Whether none of these calls is made. Unscored where the arguments of one that may be cannot
    be read.
    """
    if not forbidden:
        raise ValueError("forbidden_calls needs calls to forbid: without, everything passes")
    wanted = [as_expected(call) for call in forbidden]

    def judge(_trace: Trace, calls: list[AgentCall]) -> Finding:
        unread = None
        for call in calls:
            faults = [expected.fault_of(call) for expected in wanted]
            if "" in faults:
                return False, f"step {call.step.id} calls {call.tool}", call.step
            if None in faults:
                unread = unread or call.step
        if unread:
            return None, f"the arguments of step {unread.id} cannot be read", unread
        return True, f"{len(calls)} calls, none of them forbidden", None

    return rule(f"forbidden_calls({', '.join(map(repr, wanted))})", judge)


def no_redundant_calls(writes: Collection[str] = ()) -> Scorer:
    """Whether no tool is called again with the same arguments, though the first answer still holds.

    A repeat after an error of that call is a retry. After a call of one of `writes`, the tools that
    change something, every answer may be another one, so that to look again is not redundant; the
    same write twice in a row is. Not applicable where fewer than two calls are made.
    """
    tools = frozenset(writes)

    def judge(_trace: Trace, calls: list[AgentCall]) -> Finding:
        if len(calls) < 2:
            return not_applicable(f"the agent makes {len(calls)} calls, and none can be a repeat")
        known: dict[str, str] = {}
        for call in calls:
            if call.key in known:
                why = f"step {call.step.id} asks {call.tool} what step {known[call.key]} asked"
                return False, why, call.step
            if call.tool in tools:
                known = {}
            if not call.failed:
                known[call.key] = call.step.id
        return True, f"{len(calls)} calls, none redundant", None

    return rule("no_redundant_calls", judge)


def recovers_from_errors(within: int = 5) -> Scorer:
    """Whether after each error of a tool the agent gets an answer from that tool after all.

    Parameters
    ----------
    within
        In how many of its next calls.

    Not applicable where no call fails; unscored where nothing says whether calls fail.
    """
    if within < 1:
        raise ValueError(f"within is a number of calls from 1, not {within}")

    def judge(_trace: Trace, calls: list[AgentCall]) -> Finding:
        failed = [index for index, call in enumerate(calls) if call.failed]
        if not failed and any(call.failed is None for call in calls):
            return None, "the results of calls do not say whether they are errors", None
        if not failed:
            return not_applicable("no call fails")
        for index in failed:
            call = calls[index]
            later = calls[index + 1 : index + 1 + within]
            if not _is_answered(call.tool, later):
                why = f"after the error of step {call.step.id} {call.tool} never answers"
                return False, why, call.step
        return True, f"{len(failed)} errors, and an answer after each", None

    return rule("recovers_from_errors", judge)


def _is_answered(tool: str, calls: list[AgentCall]) -> bool:
    """Whether a tool answers one of these calls without an error."""
    return any(call.tool == tool and not call.failed for call in calls)
