"""ExpectedCall: a call of a tool with its arguments, exact, by a JSON schema, or by a predicate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from toolkit.evals.scorers.checks import comparable
from toolkit.evals.scorers.scorers import Scorer
from toolkit.evals.scorers.trajectory import AgentCall, Finding, not_applicable, rule
from toolkit.models.schema import schema_faults, validator_of
from toolkit.records import canonical
from toolkit.traces import Trace


@dataclass(frozen=True)
class ExpectedCall:
    """A call as it should be. Without arguments, schema or predicate any call of the tool is one.

    Raises ValueError for a schema that is none.

    >>> ExpectedCall("refund", {"order_id": "W7"})
    refund(order_id='W7')
    """

    tool: str
    arguments: Mapping[str, Any] | None = None
    """All arguments, exactly; the order of their names is free."""
    schema: dict[str, Any] | None = None
    """A JSON schema (draft 2020-12) of the arguments."""
    where: Callable[[dict[str, Any]], bool] | None = None
    """Whether the arguments are right."""

    def __post_init__(self) -> None:
        faults = schema_faults(self.schema) if self.schema is not None else []
        if faults:
            raise ValueError(f"the schema of {self.tool} is no JSON schema: {faults[0]}")

    @property
    def is_any(self) -> bool:
        """Whether any arguments will do."""
        return self.arguments is None and self.schema is None and self.where is None

    def fault_of(self, call: AgentCall) -> str | None:
        """What is wrong with a call; a blank text where nothing is, None where its arguments cannot
        be read.
        """
        if call.tool != self.tool:
            return f"it calls {call.tool}"
        if self.is_any:
            return ""
        if call.arguments is None:
            return None
        return self._fault_of_arguments(call.arguments)

    def _fault_of_arguments(self, arguments: dict[str, Any]) -> str:
        if self.arguments is not None:
            expected = canonical(comparable(dict(self.arguments)))
            if canonical(comparable(arguments)) != expected:
                return f"the arguments are {canonical(arguments)[:80]}"
        if self.schema is not None:
            fault = next(validator_of(self.schema).iter_errors(arguments), None)
            if fault:
                return f"at {fault.json_path}: {fault.message[:80]}"
        if self.where is not None and not self.where(arguments):
            return f"{getattr(self.where, '__name__', 'the predicate')} is not true of it"
        return ""

    def __repr__(self) -> str:
        if self.arguments is None:
            return self.tool if self.is_any else f"{self.tool}(…)"
        arguments = [f"{name}={value!r}" for name, value in self.arguments.items()]
        return f"{self.tool}({', '.join(arguments)})"


CallLike: TypeAlias = ExpectedCall | str
"""A call as it should be, or the name of a tool with any arguments."""


def as_expected(call: CallLike) -> ExpectedCall:
    """The name of a tool as a call of it with any arguments."""
    return ExpectedCall(call) if isinstance(call, str) else call


def arguments_are(expected: ExpectedCall) -> Scorer:
    """Whether every call of a tool has arguments as expected.

    Not applicable where the agent never calls it; unscored where the arguments cannot be read.
    """

    def judge(_trace: Trace, calls: list[AgentCall]) -> Finding:
        of_tool = [call for call in calls if call.tool == expected.tool]
        if not of_tool:
            return not_applicable(f"the agent never calls {expected.tool}")
        unread = None
        for call in of_tool:
            fault = expected.fault_of(call)
            if fault:
                return False, f"step {call.step.id}: {fault}", call.step
            if fault is None:
                unread = unread or call.step
        if unread:
            return None, f"the arguments of step {unread.id} cannot be read", unread
        return True, f"{len(of_tool)} calls of {expected.tool}", None

    return rule(f"arguments_are({expected!r})", judge)
