"""Leases: how an agent's silence is told from its death."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from toolkit.events import Event

if TYPE_CHECKING:
    from toolkit.sessions.session import Session

LEASE_TTL_S = 10.0
RENEWALS = 3
"""Renewals of a lease in its time to live."""


async def lease_ends(session: "Session", run: str) -> bool:
    """Wait until the lease of `run` has ended, or is renewed: then False.

    It watches for at least half of the lease's time, so that neither a clock that is off nor a
    lease that is not written yet makes a living agent dead; and again where the log was away
    meanwhile, as then nobody could renew.
    """
    while True:
        lease = await _lease(session, run)
        at = (lease.seq or 0) if lease else 0
        ttl_s = stated_ttl_s(lease, LEASE_TTL_S) if lease else LEASE_TTL_S
        left = ttl_s - (time.time() - (lease.time or 0)) if lease else 0.0
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(min(ttl_s, max(left, ttl_s / 2))),
                aclosing(renewals(session, at)) as feed,
            ):
                async for event in feed:
                    if event.run == run:
                        return False
        asked = time.monotonic()
        now = await _lease(session, run)
        if now and now.seq != at:
            return False
        if time.monotonic() - asked < ttl_s / 4:
            return True


async def _lease(session: "Session", run: str) -> Event | None:
    for event in await session.log.latest(session.id, "lease"):
        if event.run == run:
            return event
    return None


async def renewals(session: "Session", after: int) -> AsyncGenerator[Event, None]:
    """The renewals of runs and of presence after `after`, as they come."""
    async for event in session.read(after, lane="lease"):
        yield event


def stated_ttl_s(renewal: Event, default_s: float) -> float:
    """The time after which whoever renewed last counts as gone, as they named it; `default_s` where
    another program wrote what is no time.
    """
    stated = renewal.data.get("ttl_s")
    if isinstance(stated, int | float) and 0 < stated < float("inf"):
        return float(stated)
    return default_s
