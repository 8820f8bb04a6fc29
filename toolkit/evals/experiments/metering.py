"""Metering: what one trial's calls to models cost, how long they waited, and whether they may be
made.
"""

import time
from collections.abc import Awaitable, Callable

from toolkit.evals.experiments.limiter import Limiter, Slots
from toolkit.models.deadline import clock_stopped
from toolkit.models.ledger import BudgetExceeded, Ledger
from toolkit.models.meter import metered_by
from toolkit.models.model import Price, Request, State, Usage
from toolkit.traces import Source
from toolkit.traces.sources import least_live

TOO_MANY = 429
SERVER_ERROR = 500


class Outbid(Exception):
    """Calls of other workers took the room for this one."""

    def __init__(self, room: Callable[[], Awaitable[None]]):
        super().__init__("other workers were quicker")
        self.room = room
        """Waits until there may be room again."""


class TrialMeter:
    """The meter of one trial: for its task, and for each judge that scores it.

    Parameters
    ----------
    ledger : Ledger
        That of the experiment: its cap is the budget.
    limiter : Limiter
        That of the experiment.
    reserved : callable
        Gets the worst case of each call, in dollars, before the call is made; its provider, and
        the most calls that were under way there at once. It raises Outbid where the call may not
        be made yet.
    settled : callable
        Is called when a call has ended, and what it cost is known.
    """

    def __init__(
        self,
        ledger: Ledger,
        limiter: Limiter,
        reserved: Callable[[float, str, int], Awaitable[None]],
        settled: Callable[[], None],
    ):
        self._ledger = ledger
        self._limiter = limiter
        self._reserved = reserved
        self._settled = settled
        self._numbers: list[int] = []
        self._pushed_back: float | None = None
        """When a server refused the last call for now: until the next one, the trial waits."""
        self.waited_s = 0.0
        self.refusal = ""
        """The sentence with which a cap forbade a call."""

    async def admit(
        self,
        provider: str,
        model: str,
        source: Source,
        *requests: Request,
        batch: bool = False,
        price: Price | None = None,
    ) -> tuple[list[int], Slots]:
        """Wait for room at the provider and under the budget, and record what the call may cost."""
        began = time.monotonic() if self._pushed_back is None else self._pushed_back
        while True:
            try:
                admitted = await self._admit(provider, model, source, requests, batch, price)
                break
            except Outbid as outbid:
                async with clock_stopped():
                    await outbid.room()
        self._pushed_back = None
        self.waited_s += time.monotonic() - began
        return admitted

    async def _admit(
        self,
        provider: str,
        model: str,
        source: Source,
        requests: tuple[Request, ...],
        batch: bool,
        price: Price | None,
    ) -> tuple[list[int], Slots]:
        """Admit a call; see `admit`. Raises Outbid where the room went to another worker."""
        slots = self._limiter.of(provider)
        async with clock_stopped():
            await slots.take()
        numbers: list[int] = []
        try:
            with metered_by(None):
                numbers = await self._ledger.reserve(
                    model, source, *requests, batch=batch, price=price
                )
            self._numbers += numbers
            worst_usd = sum(self._ledger.attempts[number].worst_usd for number in numbers)
            await self._reserved(worst_usd, provider, slots.most)
        except BaseException as error:
            self._ledger.end(numbers, "free", why="it was not made")
            self._numbers = [number for number in self._numbers if number not in numbers]
            slots.give_back()
            if isinstance(error, BudgetExceeded):
                self.refuse(str(error))
            raise
        return numbers, slots

    def end(
        self,
        admitted: tuple[list[int], Slots],
        state: State,
        status: int | None,
        usage: Usage,
        why: str,
    ) -> None:
        """Give the room back, and note what the call cost."""
        numbers, slots = admitted
        self._ledger.end(numbers, state, status, usage, why)
        slots.give_back()
        self._settled()
        if status is not None and (status == TOO_MANY or status >= SERVER_ERROR):
            self._pushed_back = time.monotonic()

    def note(self, cost_usd: float, source: Source) -> None:
        """Count what the task says that it paid elsewhere."""
        self._numbers.append(self._ledger.note("stated by the task", source, cost_usd))

    def refuse(self, why: str) -> None:
        """Keep the first refusal of a cap."""
        self.refusal = self.refusal or why

    @property
    def cost_usd(self) -> float:
        """Dollars known to be spent."""
        return sum(self._ledger.attempts[number].cost_usd for number in self._numbers)

    @property
    def held_usd(self) -> float:
        """Dollars that may have been spent at most."""
        return sum(self._ledger.attempts[number].held_usd for number in self._numbers)

    @property
    def open_usd(self) -> float:
        """The worst case of the calls that are under way."""
        attempts = [self._ledger.attempts[number] for number in self._numbers]
        return sum(attempt.held_usd for attempt in attempts if attempt.state == "open")

    @property
    def source(self) -> Source | None:
        """The least live source of the calls; None where there were none."""
        if not self._numbers:
            return None
        return least_live(self._ledger.attempts[number].source for number in self._numbers)

    @property
    def n_calls(self) -> int:
        """The number of calls that were let through."""
        return len(self._numbers)
