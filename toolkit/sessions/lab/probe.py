"""The probe of an audit: four connections to one endpoint, and a moment in which nobody listens.

The first connection reads an answer; the second joins it in the middle. Then both are cut at the
same moment, so that nobody is left. A little later one comes back with the id that it had seen
last, and another comes without any: it is shown the same answer, or it gets an answer of its own,
which is then the control that was never cut.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from toolkit.sessions.lab.heard import Heard, Texts, covers
from toolkit.sessions.lab.wire import Request, listen

JOIN_AFTER = 6
"""Words that the first has had before the second joins."""
CUT_AFTER = 6
"""Words that the first has had since then before both are cut."""
SETTLE_S = 0.3
"""The second joins no sooner after the first word, and the cut comes no sooner after that."""
BURST_PER_S = 300
"""What brings so many words in a second was said before: no model speaks so fast."""
CATCH_UP_RATIO = 3
"""A second connection gains on the first where it gets so many times the words of the first."""
AWAY_WORDS = 6
"""Nobody listens for the time in which so many words are due, within these bounds."""
AWAY_MIN_S = 0.3
AWAY_MAX_S = 3.0
POLL_S = 0.01


@dataclass
class Probe:
    """What the four connections brought, and when what happened."""

    request: Request
    patience_s: float
    first: Heard = field(default_factory=Heard)
    second: Heard = field(default_factory=Heard)
    back: Heard | None = None
    """None where no event had an id to come back with."""
    fresh: Heard = field(default_factory=Heard)
    was_cut: bool = False
    """Whether the first was still in the middle of an answer when it was cut."""
    joined_texts: Texts = field(default_factory=dict)
    """What the first showed when the second joined."""
    joined_s: float = 0.0
    marked_texts: Texts = field(default_factory=dict)
    """What the first showed just before the cut: what the second is held against."""
    marked_s: float = 0.0
    away_s: float = 0.0
    _gained_s: float = 0.0
    """When the second was last seen to gain on the first; before that, when it joined."""

    async def run(self, timeout_s: float) -> None:
        """Probe, for `timeout_s` at most."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._read_and_cut()
                if self.was_cut:
                    await self._come_back()
        except TimeoutError:
            for heard in (self.first, self.second, self.back, self.fresh):
                if heard:
                    heard.why = heard.why or f"it went on for more than {timeout_s:g} s"

    @property
    def pace_s(self) -> float:
        """Seconds between two words of the answer, while it was watched."""
        n_live = self.first.n_words_since(self.joined_s)
        return (self.first.words[-1].at_s - self.joined_s) / n_live

    @property
    def head_start_s(self) -> float:
        """What the first had taken for its words when the second joined."""
        return self.joined_s - self.first.words[0].at_s

    @property
    def lag_limit_s(self) -> float:
        """A second answer that says the same lags by as much as it began later; half is no lag."""
        return self.head_start_s / 2

    async def _read_and_cut(self) -> None:
        self.first = Heard()
        async with self._connection(self.first):
            await _until(self._can_be_joined, self.first)
            if self.first.closed:
                return
            self.joined_texts = self.first.texts
            self.joined_s = time.monotonic()
            self._gained_s = self.joined_s
            self.second = Heard()
            async with self._connection(self.second):
                await self._compare()
                self.was_cut = not self.first.closed

    async def _compare(self) -> None:
        """Mark what the first shows, and wait for the second; again where that still gained."""
        is_compared = False
        while not is_compared and not self.first.closed:
            await _until(self._can_be_cut, self.first)
            self.marked_texts = self.first.texts
            self.marked_s = self.first.words[-1].at_s
            gained_s = self._second_gained_s()
            await _until(self._second_has_decided, self.first)
            await asyncio.sleep(POLL_S)
            is_compared = not self._is_late() or self._second_gained_s() == gained_s

    async def _come_back(self) -> None:
        due_s = AWAY_WORDS * self.pace_s
        self.away_s = min(AWAY_MAX_S, max(AWAY_MIN_S, due_s))
        await asyncio.sleep(self.away_s)
        self.fresh = Heard()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_to_the_end(self.fresh, ""))
            if self.first.last_id:
                self.back = Heard()
                group.create_task(self._follow_to_the_end(self.back, self.first.last_id))

    async def _follow_to_the_end(self, heard: Heard, last_id: str) -> None:
        frames = listen(self.request, last_id, self.patience_s)
        await heard.follow(frames, self.patience_s, lambda: heard.has_ended(self.first))

    @asynccontextmanager
    async def _connection(self, heard: Heard) -> AsyncIterator[None]:
        """`heard` follows the endpoint until the block is left: then its connection is cut."""
        frames = listen(self.request, "", self.patience_s)
        task = asyncio.create_task(heard.follow(frames, self.patience_s))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _can_be_joined(self) -> bool:
        words = self.first.words
        now_s = time.monotonic()
        if len(words) < JOIN_AFTER or now_s - words[0].at_s < SETTLE_S:
            return False
        lately_s = min(1.0, now_s - words[0].at_s)
        return self.first.n_words_since(now_s - lately_s) < BURST_PER_S * lately_s

    def _can_be_cut(self) -> bool:
        now_s = time.monotonic()
        n_live = self.first.n_words_since(self.joined_s)
        if n_live < CUT_AFTER or now_s - self.joined_s < SETTLE_S:
            return False
        if covers(self.second.texts, self.joined_texts):
            return True
        return now_s - self._second_gained_s() > self.head_start_s

    def _second_gained_s(self) -> float:
        """When the second had last gained on the first. Who is told the past gains.

        An answer of its own keeps the pace of the first, and what is only live comes with it. A
        past may stall, and then looks like them until it goes on.
        """
        now_s = time.monotonic()
        n_first = self.first.n_words_since(now_s - SETTLE_S)
        n_second = self.second.n_words_since(now_s - SETTLE_S)
        if n_second > CATCH_UP_RATIO * max(n_first, JOIN_AFTER):
            self._gained_s = now_s
        return self._gained_s

    def _second_has_decided(self) -> bool:
        """It shows what the first showed, or it lags too far behind."""
        return self._is_late() or covers(self.second.texts, self.marked_texts)

    def _is_late(self) -> bool:
        return time.monotonic() - self.marked_s > self.lag_limit_s


async def _until(condition: Callable[[], bool], heard: Heard) -> None:
    """Wait for `condition`, or until `heard` has ended, as it does when patience runs out."""
    while not heard.closed and not condition():
        await asyncio.sleep(POLL_S)
