"""Ledger: what every attempt to reach a model cost, or may have cost, and the cap that stops the
next one.
"""

import asyncio
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from toolkit.errors import FieldbookError
from toolkit.models.deadline import clock_stopped
from toolkit.models.meter import METER, Meter
from toolkit.models.model import Price, Request, State, Usage
from toolkit.models.prices import cost_usd, worst_case
from toolkit.shown import Shown
from toolkit.traces import Source

if TYPE_CHECKING:
    import pandas as pd

NOTHING = Usage()


class BudgetExceeded(FieldbookError, RuntimeError):
    """The next attempt could pass the cap, so it was not made."""


@dataclass(frozen=True, slots=True)
class Attempt(Shown):
    """One HTTP attempt, or one call of a scripted model; of a batch, one request of it."""

    model: str
    source: Source
    worst_usd: float
    """What it could cost at most, by `worst_case`."""
    batch: bool = False
    price: Price | None = None
    """None for that of the price table."""
    state: State = "open"
    status: int | None = None
    """Of HTTP; None where no answer came."""
    usage: Usage = NOTHING
    cost_usd: float = 0.0
    why: str = ""

    @property
    def held_usd(self) -> float:
        """What the cap must count: the cost once it is known, the worst case until then."""
        return (
            self.cost_usd
            if self.state in ("billed", "free")
            else max(self.worst_usd, self.cost_usd)
        )


@dataclass(eq=False, slots=True)
class _Bid:
    """A call that waits for room under the cap."""

    attempts: list[Attempt]
    task: "asyncio.Task[Any] | None"
    numbers: "asyncio.Future[list[int]]"
    """Of its attempts, once they have begun."""


@dataclass(eq=False)
class Ledger(Shown):
    """Counts tokens and dollars, attempt by attempt; simulated ones too, marked by their source."""

    cap_usd: float | None = None
    """The most that may be spent, attempts that were possibly billed counted at their worst. None
    for no cap.
    """
    attempts: list[Attempt] = field(default_factory=list)
    """In the order in which they began; only `begin`, `reserve` and `end` change it."""
    patience_s: float = 600.0
    """The longest that `reserve` waits for room."""
    held_usd: float = field(default=0.0, init=False)
    """Dollars that may have been spent at most: `cost_usd`, and what is open or possibly billed at
    its worst.
    """

    def __post_init__(self) -> None:
        self.held_usd = sum(attempt.held_usd for attempt in self.attempts)
        self._owners: dict[int, asyncio.Task[Any] | None] = {}
        """The task that began each open attempt, by the attempt's number."""
        self._queue: list[_Bid] = []
        self._elsewhere_usd = 0.0
        self._elsewhere_open_usd = 0.0
        self._metered: dict[int, tuple[Meter, Any]] = {}
        """The meter of each open attempt, and what stands for the attempt there."""

    def __str__(self) -> str:
        n_open = sum(attempt.state == "open" for attempt in self.attempts)
        sources = " and ".join(sorted({attempt.source for attempt in self.attempts}))
        cap = "no cap" if self.cap_usd is None else f"a cap of ${self.cap_usd:.4f}"
        words = f"${self.cost_usd:.4f} spent in {len(self.attempts):,} attempts"
        words += f" ({sources})" if sources else ""
        words += f", {n_open:,} still open" if n_open else ""
        return f"{words}; ${self.held_usd:.4f} count against {cap}"

    @property
    def cost_usd(self) -> float:
        """Dollars known to be spent."""
        return sum(attempt.cost_usd for attempt in self.attempts)

    def begin(
        self,
        model: str,
        source: Source,
        *requests: Request,
        batch: bool = False,
        price: Price | None = None,
    ) -> list[int]:
        """Note attempts that are about to be made, and get their numbers; all of them, or at the
        cap BudgetExceeded.
        """
        attempts = _attempts(model, source, requests, batch, price)
        if not self._fits(attempts):
            raise self._refusal(attempts)
        return self._open(attempts, _current_task())

    async def reserve(
        self,
        model: str,
        source: Source,
        *requests: Request,
        batch: bool = False,
        price: Price | None = None,
        provider: str = "",
    ) -> list[int]:
        """As `begin`, but wait while calls in flight may come back cheaper than their worst case.

        Calls are let in as they came. One is refused, with BudgetExceeded, when nothing is in
        flight that could make room for it; or after `patience_s`. A deadline set with
        `deadline.within` stands still meanwhile. The meter of the context is asked first; it is
        told the `provider`, by default the model's name.
        """
        meter = METER.get()
        if meter is None:
            return await self._reserve(model, source, requests, batch, price)
        admitted = await meter.admit(
            provider or model, model, source, *requests, batch=batch, price=price
        )
        try:
            numbers = await self._reserve(model, source, requests, batch, price)
        except BaseException as error:
            meter.end(admitted, "free", None, NOTHING, str(error))
            if isinstance(error, BudgetExceeded):
                meter.refuse(str(error))
            raise
        self._metered[numbers[0]] = meter, admitted
        return numbers

    async def _reserve(
        self,
        model: str,
        source: Source,
        requests: tuple[Request, ...],
        batch: bool,
        price: Price | None,
    ) -> list[int]:
        attempts = _attempts(model, source, requests, batch, price)
        task = _current_task()
        if not self._queue and self._fits(attempts):
            return self._open(attempts, task)
        if self._never_fits(attempts):
            raise self._refusal(attempts)
        bid = _Bid(attempts, task, asyncio.get_running_loop().create_future())
        self._queue.append(bid)
        self._serve_queue()
        try:
            async with clock_stopped(), asyncio.timeout(self.patience_s):
                return await bid.numbers
        except BaseException as error:
            self._leave(bid)
            if isinstance(error, TimeoutError):
                waited = f"no room within {self.patience_s:g} s"
                raise BudgetExceeded(f"{waited}: {self._refusal(attempts)}") from None
            raise

    def _leave(self, bid: _Bid) -> None:
        """Take a `bid` that was given up out of the queue, or give back the room that it had just
        got.
        """
        if bid in self._queue:
            self._queue.remove(bid)
            self._serve_queue()
        elif bid.numbers.done() and not bid.numbers.cancelled() and bid.numbers.exception() is None:
            self.end(bid.numbers.result(), "free", why="given up before it was sent")

    def _serve_queue(self) -> None:
        """Let in who fits, in their order; refuse the first where nothing in flight can make room
        for it.
        """
        while self._queue:
            first = self._queue[0]
            fitting = [bid for bid in self._queue if self._fits(bid.attempts)]
            if first not in fitting and self._in_flight():
                return
            bid = fitting[0] if fitting else first
            self._queue.remove(bid)
            if bid.numbers.done():  # given up, and about to leave by itself
                continue
            if fitting:
                bid.numbers.set_result(self._open(bid.attempts, bid.task))
            else:
                bid.numbers.set_exception(self._refusal(bid.attempts))

    def _in_flight(self) -> bool:
        """Whether an attempt is open that can end. One whose own task waits here cannot: it would
        wait for itself.
        """
        if self._elsewhere_open_usd > 0:
            return True
        waiting = {bid.task for bid in self._queue if bid.task}
        return any(owner not in waiting for owner in self._owners.values())

    def _fits(self, attempts: list[Attempt]) -> bool:
        return self.cap_usd is None or self.held_usd + _worst_usd(attempts) <= self.cap_usd

    def _never_fits(self, attempts: list[Attempt]) -> bool:
        """Whether they would not fit even if all that is open came back for nothing."""
        if self.cap_usd is None:
            return False
        open_usd = self._elsewhere_open_usd
        open_usd += sum(self.attempts[number].held_usd for number in self._owners)
        return self.held_usd - open_usd + _worst_usd(attempts) > self.cap_usd

    def _refusal(self, attempts: list[Attempt]) -> BudgetExceeded:
        first = attempts[0]
        held = f"${self.held_usd:.4f} of the cap of ${self.cap_usd:.4f} is spent or held"
        asked = "batch" if first.batch else "call"
        could = f"this {asked} could cost ${_worst_usd(attempts):.4f}"
        return BudgetExceeded(
            f"{first.model}: {could}, and {held}: raise the cap or ask for fewer max_tokens"
        )

    def _open(self, attempts: list[Attempt], task: "asyncio.Task[Any] | None") -> list[int]:
        first = len(self.attempts)
        self.attempts += attempts
        self.held_usd += _worst_usd(attempts)
        numbers = list(range(first, len(self.attempts)))
        self._owners.update(dict.fromkeys(numbers, task))
        return numbers

    def end(
        self,
        numbers: list[int],
        state: State,
        status: int | None = None,
        usage: Usage = NOTHING,
        why: str = "",
    ) -> None:
        """Close attempts with what became of each; who waits for room is let in."""
        for number in numbers:
            before = self.attempts[number]
            spent_usd = cost_usd(before.model, usage, before.batch, before.price)
            after = replace(
                before, state=state, status=status, usage=usage, cost_usd=spent_usd, why=why
            )
            self.attempts[number] = after
            self.held_usd += after.held_usd - before.held_usd
            self._owners.pop(number, None)
            meter, admitted = self._metered.pop(number, (None, None))
            if meter is not None:
                meter.end(admitted, state, status, usage, why)
        self._serve_queue()

    def note(self, model: str, source: Source, cost_usd: float) -> int:
        """Count what was spent elsewhere, and is billed already. Returns the number of the
        attempt.
        """
        attempt = Attempt(model, source, cost_usd, state="billed", cost_usd=cost_usd)
        self.attempts.append(attempt)
        self.held_usd += cost_usd
        return len(self.attempts) - 1

    def count_elsewhere(self, held_usd: float, open_usd: float) -> None:
        """Have the cap count `held_usd` of other processes that share it, of which `open_usd` may
        come back. What was said before is replaced.
        """
        self.held_usd += held_usd - self._elsewhere_usd
        self._elsewhere_usd = held_usd
        self._elsewhere_open_usd = open_usd
        self._serve_queue()

    def frame(self) -> "pd.DataFrame":
        """One row an attempt."""
        import pandas as pd

        columns = "model source batch state status input_tokens output_tokens".split()
        columns += ["cost_usd", "worst_usd", "why"]
        rows = [asdict(attempt) | asdict(attempt.usage) for attempt in self.attempts]
        return pd.DataFrame(rows, columns=columns).astype({"status": "Int64"})


def _attempts(
    model: str, source: Source, requests: tuple[Request, ...], batch: bool, price: Price | None
) -> list[Attempt]:
    """An attempt to answer each of the `requests`, before it is made."""
    attempts = []
    for request in requests:
        worst_usd = cost_usd(model, worst_case(request), batch, price)
        attempts.append(Attempt(model, source, worst_usd, batch, price))
    return attempts


def _worst_usd(attempts: list[Attempt]) -> float:
    return sum(attempt.worst_usd for attempt in attempts)


def _current_task() -> "asyncio.Task[Any] | None":
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs here
        return None
