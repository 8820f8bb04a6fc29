"""The calls that an agent made, in order: what rules over trajectories look at.

In some benchmarks the simulated user has tools too (tau2-bench). What a user calls is no call of
the agent's, and no rule here counts it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from toolkit.evals.scorers.checks import comparable
from toolkit.evals.scorers.general import is_error
from toolkit.evals.scorers.scorers import NOT_APPLICABLE, Score, Scorer
from toolkit.records import canonical
from toolkit.traces import Step, Trace

USER = "user"
Finding = tuple[bool | str | None, str, Step | None]
"""A value, the reason for it, and the step that decides it."""


@dataclass(frozen=True, slots=True)
class AgentCall:
    """A call of a tool that the agent made."""

    step: Step
    position: int
    """Of the step in its trace, from 0."""
    result: Step | None

    @property
    def tool(self) -> str:
        """The name of the tool."""
        return str(self.step.data.get("name", self.step.content))

    @property
    def arguments(self) -> dict[str, Any] | None:
        """The arguments; None where they cannot be read."""
        arguments = self.step.data.get("arguments")
        return arguments if isinstance(arguments, dict) else None

    @property
    def failed(self) -> bool | None:
        """Whether the tool answered with an error; None where nothing says so or otherwise."""
        if self.result is None:
            return None
        if is_error(self.result):
            return True
        return None if self.result.data.get("error") is None else False

    @property
    def key(self) -> str:
        """What calls with one name and the same arguments have in common."""
        return canonical([self.tool, comparable(self.step.data.get("arguments"))])


def is_by_user(step: Step) -> bool:
    """Whether the user took this step, a call of a tool included."""
    return step.actor == USER or step.data.get("requestor") == USER


def agent_calls(trace: Trace) -> list[AgentCall]:
    """The calls of the agent, each with the result that answers it."""
    results: dict[Any, Step] = {}
    for step in trace.steps:
        if step.kind == "tool.result":
            results.setdefault(step.data.get("call_id"), step)
    results.pop(None, None)
    calls = []
    for position, step in enumerate(trace.steps):
        if step.kind == "tool.call" and not is_by_user(step):
            calls.append(AgentCall(step, position, results.get(step.data.get("call_id"))))
    return calls


def rule(name: str, judge: Callable[[Trace, list[AgentCall]], Finding]) -> Scorer:
    """A scorer of this name. `judge` is given a trace that has steps, and the agent's calls in it.

    A trace without steps is unscored: nobody knows what the agent did.
    """

    def scorer(trace: Trace) -> Score:
        if not trace.steps:
            return Score(name, None, "the trace is empty")
        value, why, step = judge(trace, agent_calls(trace))
        return Score(name, value, why, step=step.id if step else None)

    scorer.__name__ = name
    return scorer


def not_applicable(why: str) -> Finding:
    """The finding of a rule that says nothing about this trace."""
    return NOT_APPLICABLE, why, None


def listed(names: Iterable[object], most: int = 3) -> str:
    """The first few names, and how many more there are.

    >>> listed(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    texts = [str(name) for name in names]
    words = ", ".join(texts[:most])
    n_more = len(texts) - most
    return f"{words} and {n_more} more" if n_more > 0 else words
