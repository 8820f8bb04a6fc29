"""Presence: which surfaces are here. Each connection joins and leaves by itself; a name is here
while one of its is.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

from toolkit.events import Event, fresh_id
from toolkit.sessions.lease import RENEWALS, stated_ttl_s
from toolkit.sessions.lease import renewals as renewals_of
from toolkit.sessions.log import LogClosed, LogUnavailable
from toolkit.sessions.session_log import SessionLog

LEAVE_TIMEOUT_S = 1.0
PRESENCE_TTL_S = 10.0
WATCH_SHARE = 0.5
"""Whose word is in doubt is watched for this share of its time: renewals come at every third of it.
"""


@asynccontextmanager
async def presence(
    session: SessionLog, name: str, ttl_s: float = PRESENCE_TTL_S
) -> AsyncIterator[None]:
    """Be there as `name`: ``joined``, renewed meanwhile, ``left`` if the log hears it within a
    second.

    Unheard of for `ttl_s`, it counts as gone: nobody says ``left`` in a crash. Several connections
    with one name, on one server or on many, are told apart: the name is gone with the last of them.
    """
    connection = fresh_id()

    async def say_here() -> None:
        # By the wall clock, whatever clock the session keeps.
        data = {"ttl_s": ttl_s, "connection": connection}
        now = time.time()
        renewal = Event(session.id, "presence.renewed", name, data, fresh_id(), None, now)
        await session.log.append(renewal)

    async def renew() -> None:
        while True:
            await asyncio.sleep(ttl_s / RENEWALS)
            try:
                await say_here()
            except LogClosed:
                return
            except LogUnavailable:
                continue

    await say_here()
    try:
        await session.append("joined", name, {"connection": connection})
        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
    finally:
        with suppress(TimeoutError, LogUnavailable):
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await session.append("left", name, {"connection": connection})


@dataclass(slots=True)
class Heard:
    """When a name was heard of last, by the clock of who listens."""

    seq: int
    at: float
    """Of `time.monotonic`."""


class Watch:
    """Tells who is here by when their renewals arrive. Another machine's clock is only a hint, at
    the first look.
    """

    def __init__(self) -> None:
        self._heard: dict[str, Heard] = {}

    async def here(self, session: SessionLog, joined: set[str]) -> set[str]:
        """Those of `joined` that were heard of within the time that they named.

        Where that is in doubt it waits for a renewal, at most half of that time: at the first sight
        of a name whose clock says that it is long gone, or speaks from the future.
        """
        renewals = {}
        doubtful = {}
        for event in await session.log.latest(session.id, "lease"):
            if event.run is None and event.actor in joined:
                renewals[event.actor] = event
                if not self._note(event.actor, event):
                    doubtful[event.actor] = event
        if doubtful:
            renewals |= await self._await_renewals(session, doubtful)
        now = time.monotonic()
        here = set()
        for name, renewal in renewals.items():
            heard = self._heard.get(name)
            if heard and now - heard.at < ttl_s(renewal):
                here.add(name)
        return here

    def _note(self, name: str, renewal: Event) -> bool:
        """Note when a renewal arrived. Returns False where nobody here can tell yet."""
        heard = self._heard.get(name)
        seq = renewal.seq or 0
        if heard and heard.seq == seq:
            return True
        if heard:  # news since the last look
            self._heard[name] = Heard(seq, time.monotonic())
            return True
        age_s = time.time() - (renewal.time or 0)
        if 0 <= age_s < ttl_s(renewal):
            self._heard[name] = Heard(seq, time.monotonic() - age_s)
            return True
        return False

    async def _await_renewals(
        self, session: SessionLog, doubtful: dict[str, Event]
    ) -> dict[str, Event]:
        """Those of `doubtful` who renew while one watches; the others are noted as gone."""
        renewed: dict[str, Event] = {}
        after = max(event.seq or 0 for event in doubtful.values())
        longest_s = max(ttl_s(event) for event in doubtful.values())
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(longest_s * WATCH_SHARE),
                aclosing(renewals_of(session, after)) as feed,
            ):
                async for event in feed:
                    if event.run is None and event.actor in doubtful:
                        renewed[event.actor] = event
                        self._heard[event.actor] = Heard(event.seq or 0, time.monotonic())
                    if len(renewed) == len(doubtful):
                        break
        for name in doubtful.keys() - renewed.keys():
            self._heard[name] = Heard(doubtful[name].seq or 0, float("-inf"))
        return renewed


def ttl_s(renewal: Event) -> float:
    """The time after which whoever renewed last counts as gone, as they named it."""
    return stated_ttl_s(renewal, PRESENCE_TTL_S)
