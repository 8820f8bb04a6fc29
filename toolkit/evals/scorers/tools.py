"""Tools: what each declares to do to the world, and what it does, measured.

A tool is a ``read``, an ``idempotent write`` (made twice it leaves what it leaves once), or a
``write``. What nobody declared is a write.

>>> from toolkit.evals import DictWorld
>>> state = {"log": []}
>>> audit = measure_tools({"note": "read"}, {"note": [lambda: state["log"].append("x")]},
...                       DictWorld(state))
>>> audit.untrue
('note',)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from toolkit import render
from toolkit.errors import FieldbookError
from toolkit.evals.scorers.state import diff_state
from toolkit.evals.scorers.state_rules import StateRules
from toolkit.evals.scorers.world import State, World

if TYPE_CHECKING:
    import pandas as pd

ToolKind = Literal["read", "idempotent write", "write"]
KINDS: tuple[ToolKind, ...] = ("read", "idempotent write", "write")
"""From the one that is safe to make again to the one that is not."""
Call: TypeAlias = Callable[[], Any]
"""A call of a tool with its arguments in it."""
COLUMNS = "declared measured verdict calls failed why".split()


@dataclass(frozen=True, slots=True)
class ToolMeasure:
    """What a tool did, in its riskiest call."""

    tool: str
    declared: ToolKind
    measured: ToolKind | None
    """None where no call says anything: none was given, all failed, or the world does not hold
    still.
    """
    calls: int
    failed: int
    """Calls that raised, and changed nothing."""
    why: str = ""

    @property
    def verdict(self) -> str:
        """``true``, ``untrue`` (it does more than it declares), ``cautious`` (less), or
        ``unmeasured``.
        """
        if self.measured is None:
            return "unmeasured"
        excess = KINDS.index(self.measured) - KINDS.index(self.declared)
        if excess > 0:
            return "untrue"
        return "cautious" if excess < 0 else "true"


@dataclass(frozen=True)
class ToolAudit:
    """What tools declare, beside what they did."""

    measures: tuple[ToolMeasure, ...]

    @property
    def untrue(self) -> tuple[str, ...]:
        """The tools that do more than they declare."""
        return tuple(each.tool for each in self.measures if each.verdict == "untrue")

    @property
    def kinds(self) -> dict[str, ToolKind]:
        """The kind that each tool may be taken for: the riskier of declared and measured."""
        kinds = {}
        for each in self.measures:
            known = [each.declared, each.measured or each.declared]
            kinds[each.tool] = max(known, key=KINDS.index)
        return kinds

    def frame(self) -> "pd.DataFrame":
        """A row a tool, by its name: ``declared, measured, verdict, calls, failed, why``."""
        import pandas as pd

        rows = {each.tool: [getattr(each, name) for name in COLUMNS] for each in self.measures}
        return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS, dtype=object)

    def _repr_html_(self) -> str:
        table = self.frame().reset_index(names="tool")
        return render.block(render.table(table.to_numpy().tolist(), list(table)))


def measure_tools(
    declared: Mapping[str, ToolKind],
    calls: Mapping[str, Iterable[Call]],
    world: World,
    rules: StateRules = StateRules(),  # noqa: B008 (it is frozen)
) -> ToolAudit:
    """Make each call on a world that is put back: not at all (the control), once, and twice.

    Parameters
    ----------
    declared
        The kind of each tool; one of `calls` that is not here counts as declared a write.
    calls
        Calls to try, by tool. The more kinds of them, the more the measure says: a tool that never
        wrote in them may still write.
    world
        What the calls act on.
    rules
        As those of `diff_state`.
    """
    start = world.snapshot()
    bench = _Bench(world, start, rules)
    measures = []
    try:
        for tool in dict.fromkeys([*declared, *calls]):
            kind = _checked(tool, declared.get(tool, "write"))
            measures.append(bench.measure(tool, kind, list(calls.get(tool, ()))))
    finally:
        world.restore(start)
    return ToolAudit(tuple(measures))


@dataclass(frozen=True)
class _Bench:
    """Where calls are tried."""

    world: World
    start: State
    rules: StateRules

    def measure(self, tool: str, declared: ToolKind, calls: Sequence[Call]) -> ToolMeasure:
        self.world.restore(self.start)
        if not self._is_same(self.start, self.world.snapshot()):
            why = "the world changes while nothing is called: mask what moves"
            return ToolMeasure(tool, declared, None, len(calls), 0, why)
        kinds: list[ToolKind] = []
        errors = []
        for call in calls:
            kind, error = self._try(call)
            if kind is None:
                errors.append(error)
            else:
                kinds.append(kind)
        measured = max(kinds, key=KINDS.index, default=None)
        why = errors[0] if errors else ""
        return ToolMeasure(tool, declared, measured, len(calls), len(errors), why)

    def _try(self, call: Call) -> tuple[ToolKind | None, str]:
        """What one call turned out to be; None where it failed and changed nothing, and why."""
        self.world.restore(self.start)
        error = _error_of(call)
        once = self.world.snapshot()
        has_changed = not self._is_same(self.start, once)
        if error and not has_changed:
            return None, error
        _error_of(call)  # a second call may be refused: that is one way to be idempotent
        if not self._is_same(once, self.world.snapshot()):
            return "write", ""
        return ("idempotent write" if has_changed else "read"), ""

    def _is_same(self, first: State, second: State) -> bool:
        return diff_state(first, second, rules=self.rules).unchanged


@dataclass(frozen=True)
class Replay:
    """What calls did when they were made again."""

    results: tuple[Any, ...]
    """What each returned; an exception where it raised."""
    before: State | None
    """The world before; None where none was given."""
    after: State | None
    """The world after, which has been put back since: for `diff_state`."""


class UnsafeReplay(FieldbookError):
    """Calls that would change a world which cannot be put back. None of them was made."""


def replay_calls(
    calls: Sequence[tuple[str, Call]],
    declared: Mapping[str, ToolKind],
    world: World | None = None,
) -> Replay:
    """Make calls again, as a trace has them: on a world that is put back, or reads alone.

    Parameters
    ----------
    calls
        The name of a tool, and the call, in order.
    declared
        The kind of each tool, as `ToolAudit.kinds` has it; one that is not here is a write.
    world
        What the calls act on. It is put back afterwards, so whatever they do is undone.

    Raises
    ------
    UnsafeReplay
        For anything but reads where no world is given: nothing could undo it. An idempotent write
        is safe to make twice in a row, but not after others have written.
    """
    if world is None:
        unsafe = dict.fromkeys(name for name, _ in calls if declared.get(name) != "read")
        if unsafe:
            mend = "give the world, which is put back afterwards"
            raise UnsafeReplay(f"not replayed, for what is no read: {', '.join(unsafe)}; {mend}")
        return Replay(tuple(_result_of(call) for _, call in calls), None, None)
    before = world.snapshot()
    try:
        results = tuple(_result_of(call) for _, call in calls)
        after = world.snapshot()
    finally:
        world.restore(before)
    return Replay(results, before, after)


def _result_of(call: Call) -> Any:
    try:
        return call()
    except Exception as error:
        return error


def _error_of(call: Call) -> str:
    """What a call says where it fails; nothing where it does not."""
    result = _result_of(call)
    return f"{type(result).__name__}: {result}" if isinstance(result, Exception) else ""


def _checked(tool: str, kind: ToolKind) -> ToolKind:
    if kind not in KINDS:
        raise ValueError(f"{tool} is declared {kind!r}: say {', '.join(KINDS)}")
    return kind
