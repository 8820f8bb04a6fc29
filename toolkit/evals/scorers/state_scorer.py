"""state_scorer: whether the state that an agent left is as expected, as a scorer of its trace."""

from collections.abc import Callable, Mapping
from typing import Any

from toolkit.evals.scorers.scorers import Score, Scorer
from toolkit.evals.scorers.state import diff_state
from toolkit.evals.scorers.state_effects import Expected
from toolkit.evals.scorers.state_rules import StateRules
from toolkit.evals.scorers.world import State, World
from toolkit.traces import Trace

States = Mapping[str, tuple[State | World, State | World]]


def expected_of(case: Any) -> Any:
    """What a case expects."""
    return getattr(case, "expected", None)


def state_scorer(
    states: States,
    expected: Callable[[Any], Expected | None] = expected_of,
    rules: StateRules = StateRules(),  # noqa: B008 (it is frozen)
    name: str = "state",
) -> Scorer:
    """A scorer of ``(trace, case)``: whether the world was left as expected.

    Parameters
    ----------
    states
        The state before the agent began and the one that it left, by the trace's id; the task that
        runs the agent puts them there.
    expected
        What should be, as a function of the case.
    rules
        As those of `diff_state`.
    name
        That of the score.

    It is unscored where no state was kept, nothing is expected, or the comparison fails: a fault of
    the grader is no fault of the agent.

    >>> import asyncio
    >>> from toolkit.evals import score
    >>> states = {"t1": ({"log": []}, {"log": ["paid"]})}
    >>> left = state_scorer(states, expected=lambda case: {"log": []})
    >>> asyncio.run(score(left, Trace("t1", ())))["state"].why
    '1 collateral, of 1 change'
    """

    def scorer(trace: Trace, case: Any = None) -> Score:
        if trace.id not in states:
            return Score(name, None, f"no state was kept of trace {trace.id}")
        before, after = states[trace.id]
        return diff_state(before, after, expected(case), rules).score(name)

    scorer.__name__ = name
    return scorer
