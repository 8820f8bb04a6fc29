"""Budget and Outcome: what a build may use, and what became of it."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from toolkit.harness.contract import Contract
from toolkit.harness.verify import Verdict
from toolkit.traces import Source

T = TypeVar("T")
Ended = Literal["complete", "failed", "cancelled", "error", "budget"]
LETTING_GO_S = 15.0
CANCELLED = "a cancel arrived on the session"


@dataclass(frozen=True, slots=True)
class Budget:
    """What a build may use. Each limit is looked at before every call."""

    rounds: int = 4
    """Rounds of build and judgement."""
    cost_usd: float = 1.0
    """Dollars for the whole build. What the journal answers counts as it did when it was asked, so a new run gets no
    new money; a call without a result is not in the journal, and counts in its own run alone."""
    seconds: float = 300.0
    """Wall time of one `Harness.run`."""
    proposals: int = 3
    """Contracts that may be proposed before it is given up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a build ended."""

    outcome: Ended
    """``complete`` where all criteria passed; ``failed`` where the rounds ran out; else what stopped it."""
    why: str
    rounds: int
    """Rounds that were judged."""
    contract_hash: str | None
    """sha256 of the frozen contract; None where none was agreed on."""
    verdicts: tuple[Verdict, ...]
    """Of the last round that was judged."""
    cost_usd: float
    """Of all calls of this build, those that an earlier run made included, each once."""
    model_calls: int
    """Calls that this run made."""
    replayed_calls: int
    """Calls that the journal answered."""
    sources: tuple[Source, ...]
    """Where the replies came from: ``live``, ``tape``, ``simulated``."""


class Stop(Exception):
    """Ends a build, from wherever it is."""

    def __init__(self, outcome: Ended, why: str):
        super().__init__(why)
        self.outcome, self.why = outcome, why


@dataclass(slots=True)
class Progress:
    """What one run has come to."""

    deadline: float
    """By the monotonic clock."""
    listening: asyncio.Task[None]
    """Ends at a cancel."""
    runs: set[str]
    """Ids of the runs that it has started."""
    contract: Contract | None = None
    rounds: int = 0
    verdicts: tuple[Verdict, ...] = ()
    cost_usd: float = 0.0
    model_calls: int = 0
    replayed_calls: int = 0
    sources: set[Source] = field(default_factory=set)

    async def bounded(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work`; break it off, with `Stop`, at a cancel or at the deadline."""
        task = asyncio.create_task(work)
        try:
            left = max(0.0, self.deadline - time.monotonic())
            await asyncio.wait({task, self.listening}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if self.listening.done():
                lost = self.listening.exception()
                raise Stop("error", f"cancels can no longer be heard: {lost}") if lost else Stop("cancelled", CANCELLED)
            if not task.done():
                raise Stop("budget", "the seconds of the budget are used up")
            return task.result()
        finally:
            await let_go(task)

    def outcome(self, end: Stop) -> Outcome:
        """The whole of it, once it has come to `end`."""
        sha256 = self.contract.sha256 if self.contract else None
        counted = (round(self.cost_usd, 6), self.model_calls, self.replayed_calls, tuple(sorted(self.sources)))
        return Outcome(end.outcome, end.why, self.rounds, sha256, self.verdicts, *counted)


async def let_go(task: asyncio.Task[Any]) -> None:
    """Cancel `task` if it still runs, and wait until it has cleaned up."""
    task.cancel()
    await asyncio.wait({task}, timeout=LETTING_GO_S)
    if task.done() and not task.cancelled():
        task.exception()
