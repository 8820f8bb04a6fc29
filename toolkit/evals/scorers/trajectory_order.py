"""The order of things: look up before you change, and let the user confirm before you write.

A final state hides both: 11 of 1,755 passing runs of tau2-bench broke "confirm before you change"
(tau2-bench#298).
"""

from collections.abc import Callable, Collection, Iterable

from toolkit.evals.scorers.scorers import Scorer
from toolkit.evals.scorers.trajectory import (
    USER,
    AgentCall,
    Finding,
    is_by_user,
    not_applicable,
    rule,
)
from toolkit.records import canonical
from toolkit.traces import Step, Trace


def looks_up_before(
    writes: Collection[str], lookups: Collection[str], same: Iterable[str] = ()
) -> Scorer:
    """Whether before each call of `writes` one of `lookups` has answered without an error.

    Parameters
    ----------
    writes, lookups
        Names of tools.
    same
        Names of arguments that both calls share: with ``["order_id"]`` it is this very order that
        was looked up.

    Not applicable where nothing is written.
    """
    shared = tuple(same)

    def judge(_trace: Trace, calls: list[AgentCall]) -> Finding:
        answered: set[str] = set()
        n_writes = 0
        for call in calls:
            subject = canonical([(call.arguments or {}).get(name) for name in shared])
            if call.tool in writes:
                n_writes += 1
                if subject not in answered:
                    why = f"step {call.step.id} calls {call.tool} before it was looked up"
                    return False, why, call.step
            elif call.tool in lookups and not call.failed:
                answered.add(subject)
        if not n_writes:
            return not_applicable("nothing is written")
        return True, f"{n_writes} writes, each after a look-up", None

    return rule(f"looks_up_before({_listed(writes)}: {_listed(lookups)})", judge)


def confirmed_before(
    writes: Collection[str],
    confirms: Callable[[str], bool] | None = None,
    each: bool = True,
) -> Scorer:
    """Whether the user answers the agent, in words of their own, before each write.

    Parameters
    ----------
    writes
        The names of the tools that change something.
    confirms
        Whether the user's words are a confirmation; None takes any words for one.
    each
        Whether one answer stands for one write. False: one stands for all writes up to the user's
        next words, as "yes, cancel both".

    A call of a user's own tool is no word of theirs. Not applicable where nothing is written.
    """

    def judge(trace: Trace, calls: list[AgentCall]) -> Finding:
        written = {call.position: call for call in calls if call.tool in writes}
        if not written:
            return not_applicable("nothing is written")
        talk = _Talk(confirms, each)
        for position, step in enumerate(trace.steps):
            if position in written:
                fault = talk.fault_of_write()
                if fault:
                    return False, f"step {step.id} calls {written[position].tool}: {fault}", step
            else:
                talk.hear(step)
        return True, f"{len(written)} writes, each after the user's words", None

    return rule(f"confirmed_before({_listed(writes)})", judge)


def _listed(tools: Collection[str]) -> str:
    return ", ".join(tools)


class _Talk:
    """Who spoke last, up to here."""

    def __init__(self, confirms: Callable[[str], bool] | None, each: bool) -> None:
        self._confirms = confirms
        self._each = each
        self._was_asked = False
        self._answer: str | None = None
        """What the user last said to a message of the agent; None once it is spent."""

    def hear(self, step: Step) -> None:
        if step.kind != "message" or not step.content.strip():
            return
        if step.actor == USER:
            self._answer = step.content if self._was_asked else None
        elif not is_by_user(step) and step.actor != "system":
            self._was_asked = True

    def fault_of_write(self) -> str:
        """What is missing for a write; blank where nothing is. The write spends the answer."""
        answer = self._answer
        if self._each:
            self._answer = None
            self._was_asked = False
        if answer is None:
            return "the user was not asked, or did not answer"
        if self._confirms is not None and not self._confirms(answer):
            return f"the user says {answer[:60]!r}"
        return ""
