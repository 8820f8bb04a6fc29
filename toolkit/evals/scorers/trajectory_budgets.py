"""within_budget: whether an agent kept to its calls, steps, tokens and dollars."""

from toolkit.evals.scorers.scorers import Scorer
from toolkit.evals.scorers.trajectory import AgentCall, Finding, listed, rule
from toolkit.traces import Step, Trace
from toolkit.traces.measures import trace_row


def within_budget(
    calls: int | None = None,
    steps: int | None = None,
    tokens: int | None = None,
    cost_usd: float | None = None,
) -> Scorer:
    """Whether the agent used no more than this; what is None has no bound.

    The calls are the agent's own, the steps all of the trace. Tokens and cost are as the trace
    states them: where it does not, and nothing else is exceeded, it is unscored, and never within.

    >>> within_budget(calls=3)(Trace("t", ())).why
    'the trace is empty'
    """
    stated = {"calls": calls, "steps": steps, "tokens": tokens, "cost_usd": cost_usd}
    bounds = {name: bound for name, bound in stated.items() if bound is not None}
    if not bounds:
        raise ValueError("within_budget needs a bound: without one, everything is within")

    def judge(trace: Trace, made: list[AgentCall]) -> Finding:
        row = trace_row(trace) | {"calls": len(made)}
        unknown = []
        for name, bound in bounds.items():
            used = row[name]
            if used is None:
                unknown.append(name)
            elif used > bound:
                why = f"{used:,} {name}, and the budget is {bound:,}"
                return False, why, _first_over(name, bound, trace, made)
        if unknown:
            return None, f"the trace does not state {listed(unknown)}", None
        return True, f"within the budget of {ordered}", None

    ordered = listed(f"{name}={bound}" for name, bound in bounds.items())
    return rule(f"within_budget({ordered})", judge)


def _first_over(name: str, bound: float, trace: Trace, made: list[AgentCall]) -> Step | None:
    """The first step beyond a bound that counts calls or steps; of the others none is known."""
    if name == "calls":
        return made[int(bound)].step
    if name == "steps":
        return trace.steps[int(bound)]
    return None
