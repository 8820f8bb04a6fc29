"""expected_calls: whether the agent made the calls that it should, in one of four modes."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np

from toolkit.evals.scorers.scorers import Score, Scorer
from toolkit.evals.scorers.trajectory import AgentCall, Finding, listed, not_applicable, rule
from toolkit.evals.scorers.trajectory_expected import CallLike, ExpectedCall, as_expected
from toolkit.traces import Trace

Mode = Literal["strict", "unordered", "subset", "superset"]
UNREAD = "the arguments of a call cannot be read"


def expected_calls(
    expected: Sequence[CallLike] | Callable[[Any], Sequence[CallLike] | None],
    mode: Mode = "strict",
    name: str | None = None,
) -> Scorer:
    """Whether the agent made these calls.

    Parameters
    ----------
    expected
        The calls, or the function of a case that gives them; where it gives None the rule does not
        apply, and an empty list says that nothing is to be called.
    mode
        ``strict``: these calls, in this order, and no others. ``unordered``: these and no others,
        in any order. ``subset``: no others, though some may be missing. ``superset``: all of these,
        though there may be others.
    name
        That of the score; ``expected_calls(MODE)`` where none is given.

    Each call of the agent stands for one expected call at most. Unscored where it fails and the
    arguments of a call cannot be read.

    >>> from toolkit.traces import Step
    >>> call = Step("s1", "tool.call", "assistant", "look_up", data={"arguments": {"id": 7}})
    >>> expected_calls(["look_up", "refund"], mode="superset")(Trace("t", (call,))).why
    'missing: refund'
    """
    if mode not in get_args(Mode):
        raise ValueError(f"mode is one of {', '.join(get_args(Mode))}, not {mode!r}")
    name = name or f"expected_calls({mode})"
    if not callable(expected):
        return _scorer_of(expected, mode, name)

    def scorer(trace: Trace, case: Any) -> Score:
        of_case = expected(case)
        if of_case is None:
            value, why, _ = not_applicable("the case expects no calls in particular")
            return Score(name, value, why)
        score: Score = _scorer_of(of_case, mode, name)(trace)
        return score

    scorer.__name__ = name
    return scorer


def _scorer_of(expected: Sequence[CallLike], mode: Mode, name: str) -> Scorer:
    """The scorer of a trace for these calls."""
    wanted = [as_expected(call) for call in expected]

    def judge(_trace: Trace, calls: list[AgentCall]) -> Finding:
        if mode == "strict":
            return _compared_in_order(wanted, calls)
        return _compared_in_any_order(wanted, calls, mode)

    return rule(name, judge)


def _compared_in_any_order(
    wanted: list[ExpectedCall], calls: list[AgentCall], mode: Mode
) -> Finding:
    """What is missing, where nothing may be, and what is there beside the expected calls."""
    partners = _matched(wanted, calls)
    missing = []
    for call, partner in zip(wanted, partners, strict=True):
        if partner is None:
            missing.append(call)
    extra = [call for index, call in enumerate(calls) if index not in partners]
    faults = []
    if missing and mode != "subset":
        faults.append(f"missing: {listed(missing)}")
    if extra and mode != "superset":
        faults.append(f"not expected: {_tools(extra)}")
    if not faults:
        return True, f"{len(calls)} calls, {len(wanted)} expected", None
    if _has_unread(wanted, calls):
        return None, UNREAD, None
    first_extra = extra[0].step if extra else None
    return False, "; ".join(faults), first_extra


def _compared_in_order(wanted: list[ExpectedCall], calls: list[AgentCall]) -> Finding:
    """The first call that is not the expected one."""
    for number, (expected, call) in enumerate(zip(wanted, calls, strict=False), 1):
        fault = expected.fault_of(call)
        if fault is None:
            return None, UNREAD, call.step
        if fault:
            return False, f"call {number} is not {expected!r}: {fault}", call.step
    missing = wanted[len(calls) :]
    if missing:
        return False, f"missing: {listed(missing)}", None
    extra = calls[len(wanted) :]
    if extra:
        return False, f"not expected: {_tools(extra)}", extra[0].step
    return True, f"{len(calls)} calls, as expected", None


def _matched(wanted: list[ExpectedCall], calls: list[AgentCall]) -> list[int | None]:
    """For each expected call the place of an agent's call, so that as many as can be have one."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    if not wanted or not calls:
        return [None] * len(wanted)
    fits = np.zeros((len(wanted), len(calls)), dtype=bool)
    for row, expected in enumerate(wanted):
        for column, call in enumerate(calls):
            fits[row, column] = expected.fault_of(call) == ""
    partners = maximum_bipartite_matching(csr_array(fits), perm_type="column")
    return [int(partner) if partner >= 0 else None for partner in partners]


def _has_unread(wanted: list[ExpectedCall], calls: list[AgentCall]) -> bool:
    """Whether a call might be an expected one, if only its arguments could be read."""
    faults = []
    for expected in wanted:
        faults += [expected.fault_of(call) for call in calls]
    return None in faults


def _tools(calls: list[AgentCall]) -> str:
    return listed(call.tool for call in calls)
