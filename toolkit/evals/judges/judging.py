"""Judging: what any judge offers, and how verdicts are asked for, kept and asked for again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from toolkit.evals.judges.verdict import Verdict, VerdictStore
from toolkit.models.model import Progress, reporting
from toolkit.traces import Trace

T = TypeVar("T")


class JudgeLike(Protocol):
    """Whatever gives verdicts: a `Judge`, a `RuleJudge`, a `SklearnJudge`, or one of your own."""

    @property
    def hash(self) -> str:
        """Another text for another judge; each of its verdicts holds it as `Verdict.judge`."""

    @property
    def says(self) -> str:
        """What this judge is, in words."""

    async def score_all(self, traces: Sequence[Trace]) -> list[Verdict]:
        """Judge `traces`, in their order. What is no clear verdict is unscored, and says why."""


async def judge_traces(
    judge: JudgeLike,
    traces: Sequence[Trace],
    kept: VerdictStore,
    progress: Progress | None = None,
    concurrency: int = 8,
) -> list[Verdict]:
    """The verdicts of `judge` on `traces`, in their order; only those are asked for that `kept`
    does not hold, or holds as unscored.

    Each verdict is in `kept` as soon as it came. `progress` counts those that are asked for.
    """
    refuse_one_trace(traces)
    judge_hash = judge.hash

    async def ask(trace: Trace) -> None:
        (verdict,) = await judge.score_all([trace])
        kept.keep(verdict)

    unscored = [trace for trace in traces if not is_scored(kept, judge_hash, trace)]
    await in_turn(ask, unscored, progress, concurrency)
    return [kept[judge_hash, trace.id] for trace in traces]


def is_scored(known: Mapping[tuple[str, str], Verdict], judge_hash: str, trace: Trace) -> bool:
    """Whether a verdict of that judge on `trace` is `known`, and is not unscored."""
    verdict = known.get((judge_hash, trace.id))
    return verdict is not None and verdict.verdict is not None


async def in_turn(
    ask: Callable[[Any], Awaitable[T]],
    items: Sequence[Any],
    progress: Progress | None,
    concurrency: int = 8,
) -> list[T]:
    """`ask` each of `items`, at most `concurrency` at a time; the answers in their order."""
    refuse_one_trace(items)
    if concurrency < 1:
        raise ValueError(f"concurrency is at least 1, not {concurrency}")
    semaphore = asyncio.Semaphore(concurrency)
    report = reporting(progress)
    n_done = 0

    async def ask_when_free(item: Any) -> T:
        nonlocal n_done
        async with semaphore:
            answer = await ask(item)
        n_done += 1
        report(n_done, len(items))
        return answer

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask_when_free(item)) for item in items]
    except ExceptionGroup as errors:
        # the first says what is wrong; a group says only how many there are
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]


def refuse_one_trace(items: Any) -> None:
    """Raise TypeError where `items` is a Trace, which is a mistake easily made."""
    if isinstance(items, Trace):
        wanted = "a list of traces is wanted, and not one Trace: [trace], or score(trace)"
        raise TypeError(f"{wanted}; it is {items.id}")
