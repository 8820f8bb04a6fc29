"""Catching up: a late reader gets each run's words so far as one snapshot, then the words that
follow it.

A snapshot stands beside the log and covers the run's words up to an event that it names. What it
covers is left out, so that each text comes once, from deltas or from a snapshot, and the fold is
the same either way.

Snapshots come first, and carry the reader's own cursor: wherever the reader breaks off, it can
resume at the last sequence number that it saw, because a snapshot that covers anything beyond it is
given again.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from toolkit.events import Event
from toolkit.sessions.log import Log


async def catch_up(log: Log, session: str, after: int, follow: bool) -> AsyncIterator[Event]:
    """Yield what happened after `after`, with snapshots in the place of the words that they cover."""
    snapshots = [one for one in await log.latest(session, "snapshot") if _covers(one) > after]
    # Asked for after the snapshots: words that no snapshot covers are seen here, or come later
    # still.
    spoken = await log.latest(session, "words") if snapshots else []
    # Where the log was purged without what stands beside it, a snapshot covers words that are no
    # longer there.
    last_words = {word.run: word.seq or 0 for word in spoken}
    snapshots = [one for one in snapshots if _covers(one) <= last_words.get(one.run, 0)]
    covered = {one.run: _covers(one) for one in snapshots}
    newest = max(snapshots, key=_covers, default=None)
    known = {one.run: max(after, covered.get(one.run, 0)) for one in spoken}
    bare = [known[one.run] for one in spoken if (one.seq or 0) > known[one.run]]
    start = min([*bare, _covers(newest) if newest else after])
    for snapshot in snapshots:
        yield replace(snapshot, seq=after)
    if start > after:
        quiet = cast(
            AsyncGenerator[Event, None], log.read(session, after, follow=False, lane="quiet")
        )
        async with aclosing(quiet):
            async for event in quiet:
                if (event.seq or 0) > start:
                    break
                yield event
        if newest and _covers(newest) == start:
            yield _last_word(newest)
    async for event in log.read(session, start, follow):
        if event.kind != "text.delta" or (event.seq or 0) > covered.get(event.run, 0):
            yield event
        elif newest and event.seq == _covers(newest):
            yield _last_word(newest)


def _covers(snapshot: Event) -> int:
    covers = snapshot.data.get("covers")
    return (
        covers if isinstance(covers, int) else 0
    )  # what another program wrote there covers nothing


def _last_word(snapshot: Event) -> Event:
    """An empty delta in the place of the last one that a snapshot covers: the reader's cursor comes
    to stand there.
    """
    return replace(
        snapshot,
        kind="text.delta",
        data={"text": ""},
        id=f"{snapshot.id}-end",
        seq=_covers(snapshot),
    )
