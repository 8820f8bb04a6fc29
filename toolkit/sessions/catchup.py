"""Catching up: a late reader gets each run's words so far as one snapshot, then the words that follow it.

The snapshot stands beside the log and covers the run's words up to an event that it names. What it covers is left
out, so that each text comes once, from deltas or from a snapshot, and the fold is the same either way.
"""

from collections.abc import AsyncIterator

from toolkit.events import Event
from toolkit.sessions.log import Log

WORTH_IT = 16
"""A reader that is not further behind than this many sequence numbers gets the deltas themselves."""


async def catch_up(log: Log, session: str, after: int, follow: bool) -> AsyncIterator[Event]:
    """Yield what happened after `after`, with snapshots in the place of the words that they cover."""
    snapshots = [one for one in await log.latest(session, "snapshot") if _covers(one) > after + WORTH_IT]
    covered = {one.run: _covers(one) for one in snapshots}
    # Asked for after the snapshots: words that no snapshot covers are seen here, or come later still.
    spoken = await log.latest(session, "words") if snapshots else []
    known = {one.run: max(after, covered.get(one.run, 0)) for one in spoken}
    bare = [known[one.run] for one in spoken if (one.seq or 0) > known[one.run]]
    start = min([*bare, max(covered.values(), default=after)])
    cursor, waiting = after, sorted(snapshots, key=_covers)
    async for event in _stored(log, session, after, start):
        while waiting and _covers(waiting[0]) < (event.seq or 0):
            yield waiting.pop(0)
        cursor = event.seq or 0
        if event.kind != "text.delta" or cursor > covered.get(event.run, 0):
            yield event
    for snapshot in waiting:
        yield snapshot
    if follow:
        async for event in log.read(session, max(cursor, *covered.values(), 0)):
            yield event


async def _stored(log: Log, session: str, after: int, start: int) -> AsyncIterator[Event]:
    """What is stored now: the log without its words up to `start`, and all of it from there on."""
    if start > after:
        async for event in log.read(session, after, follow=False, lane="quiet"):
            if (event.seq or 0) > start:
                break
            yield event
    async for event in log.read(session, max(after, start), follow=False):
        yield event


def _covers(snapshot: Event) -> int:
    return int(snapshot.data["covers"])
