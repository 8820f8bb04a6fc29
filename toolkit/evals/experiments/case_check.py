"""CaseCheck: whether a case can tell a good agent from a bad one, tried before any agent is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from toolkit.evals.scorers.state import diff_state
from toolkit.evals.scorers.state_effects import Expected
from toolkit.evals.scorers.state_rules import StateRules
from toolkit.evals.scorers.world import State, World

Call: TypeAlias = Callable[[], Any]
"""A call of a tool on the world, with its arguments in it; it raises where the tool fails."""
Plan: TypeAlias = Sequence[Call]
"""The calls of a good agent, in order: the gold plan."""


@dataclass(frozen=True, slots=True)
class CaseCheck:
    """What was found out about one case."""

    id: str
    n_calls: int = 0
    """Of the gold plan."""
    n_writes: int = 0
    """Its calls that changed the state."""
    errors: tuple[str, ...] = ()
    """What the failing calls of the gold plan said."""
    faults: tuple[str, ...] = ()
    """Why the case cannot be used; blank where it can."""
    idle_passes: bool = False
    """Whether an agent that does nothing passes."""
    order_matters: bool | None = None
    """Whether the plan reversed leaves another state, without a new error; None where that could
    not be tried.
    """
    repeat_changes: bool | None = None
    """Whether the last write, made twice, leaves another state; None without a write."""

    @property
    def broken(self) -> bool:
        """Whether it fails its own check: then it is in no rate."""
        return bool(self.faults)

    @property
    def free(self) -> bool:
        """Whether an agent that does nothing passes it, and it is not broken."""
        return self.idle_passes and not self.broken

    @property
    def status(self) -> str:
        """``broken``, ``free`` or ``sound``."""
        if self.broken:
            return "broken"
        return "free" if self.free else "sound"


@dataclass(frozen=True)
class Checker:
    """Runs the plans of cases on a world that is put back before each."""

    world: World
    start: State
    gold: Callable[[Any], Plan]
    expected: Callable[[Any], Expected | None] | None
    asks_words: Callable[[Any], bool] | None
    rules: StateRules

    def check(self, case: Any) -> CaseCheck:
        """The check of one case. What its plan or the comparison raises is a fault of the case."""
        id_ = str(case.id)
        self.world.restore(self.start)
        try:
            plan = list(self.gold(case))
        except Exception as error:
            return CaseCheck(id_, faults=(f"no gold plan: {in_words(error)}",))
        try:
            return self._check(case, plan)
        except Exception as error:
            fault = f"the check failed: {in_words(error)}"
            return CaseCheck(id_, n_calls=len(plan), faults=(fault,))

    def _check(self, case: Any, plan: Plan) -> CaseCheck:
        expected = self.expected(case) if self.expected else None
        asks_words = self.asks_words(case) if self.asks_words else False
        gold = self.run(plan, find_writes=True)
        end = gold.state if expected is None else expected
        faults = []
        if gold.errors:
            faults.append(f"the gold plan fails: {gold.errors[0]}")
        left = diff_state(self.start, gold.state, end, self.rules)
        if not left.matches:
            faults.append(f"gold does not pass: {left.summary}")
        if not self._is_same(gold.state, self.run(plan).state):
            faults.append("gold, run again, leaves another state")
        idle = diff_state(self.start, self.start, end, self.rules)
        return CaseCheck(
            str(case.id),
            n_calls=len(plan),
            n_writes=len(gold.writes),
            errors=gold.errors,
            faults=tuple(faults),
            idle_passes=bool(idle.matches) and not asks_words,
            order_matters=self._order_matters(plan, gold),
            repeat_changes=self._repeat_changes(plan, gold),
        )

    def _order_matters(self, plan: Plan, gold: "Ran") -> bool | None:
        if len(gold.writes) < 2:
            return None
        turned = self.run(plan[::-1])
        if len(turned.errors) > len(gold.errors):
            return None  # what needs an order says so by itself
        return not self._is_same(gold.state, turned.state)

    def _repeat_changes(self, plan: Plan, gold: "Ran") -> bool | None:
        if not gold.writes:
            return None
        last_write = gold.writes[-1]
        once_more = self.run([*plan[: last_write + 1], *plan[last_write:]])
        return not self._is_same(gold.state, once_more.state)

    def run(self, calls: Iterable[Call], find_writes: bool = False) -> "Ran":
        """Make the calls, each whatever became of those before it, on a world that is put back."""
        self.world.restore(self.start)
        ran = Ran(self.start)
        for at, call in enumerate(calls):
            try:
                call()
            except Exception as error:
                ran.errors += (in_words(error),)
            if find_writes:
                before = ran.state
                ran.state = self.world.snapshot()
                if not self._is_same(before, ran.state):
                    ran.writes.append(at)
        ran.state = self.world.snapshot()
        return ran

    def _is_same(self, first: State, second: State) -> bool:
        """Whether nothing that counts is different."""
        return diff_state(first, second, rules=self.rules).unchanged


@dataclass
class Ran:
    """What became of a plan."""

    state: State
    errors: tuple[str, ...] = ()
    writes: list[int] = field(default_factory=list)
    """Which of the calls changed the state."""


def in_words(error: Exception) -> str:
    """What an exception says, with its kind."""
    return f"{type(error).__name__}: {error}"
