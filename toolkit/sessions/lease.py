"""Leases: how an agent's silence is told from its death."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from toolkit.events import Event
from toolkit.sessions.session_log import SessionLog

LEASE_TTL_S = 10.0
RENEWALS = 3
"""Renewals of a lease in its time to live."""


async def lease_ends(session: SessionLog, run: str) -> bool:
    """Wait until the lease of `run` has ended, or is renewed: then False.

    It watches for at least half of the lease's time, so that neither a clock that is off nor a
    lease that is not written yet makes a living agent dead; and again where the log was away
    meanwhile, as then nobody could renew.
    """
    while True:
        lease = await _lease(session, run)
        ttl_s: float = LEASE_TTL_S
        left_s = 0.0
        if lease:
            ttl_s = stated_ttl_s(lease, LEASE_TTL_S)
            left_s = ttl_s - (time.time() - (lease.time or 0))
        watch_s = min(ttl_s, max(left_s, ttl_s / 2))
        if await _is_renewed(session, run, lease, watch_s):
            return False
        asked = time.monotonic()
        newest = await _lease(session, run)
        if newest and (lease is None or newest.seq != lease.seq):
            return False
        # A slow answer means that the log was away, and nobody could renew: watch again.
        is_answered_at_once = time.monotonic() - asked < ttl_s / 4
        if is_answered_at_once:
            return True


async def _is_renewed(session: SessionLog, run: str, lease: Event | None, watch_s: float) -> bool:
    """Whether a renewal after `lease` comes while one watches."""
    after = (lease.seq or 0) if lease else 0
    with suppress(TimeoutError):
        async with asyncio.timeout(watch_s), aclosing(renewals(session, after)) as feed:
            async for event in feed:
                if event.run == run:
                    return True
    return False


async def _lease(session: SessionLog, run: str) -> Event | None:
    for event in await session.log.latest(session.id, "lease"):
        if event.run == run:
            return event
    return None


async def renewals(session: SessionLog, after: int) -> AsyncGenerator[Event, None]:
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
