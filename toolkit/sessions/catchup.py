"""Catching up: a late reader gets each run's words so far as one snapshot, then the words that
follow it.

A snapshot stands beside the log and covers the run's words up to an event that it names. What it
covers is left out, so that each text comes once, from deltas or from a snapshot, and the fold is
the same either way.

Snapshots come first, and carry the reader's own cursor: wherever the reader breaks off, it can
resume at the last sequence number that it saw, because a snapshot that covers anything beyond it is
given again.

For example, a run started at 1, its words are the deltas 2 to 9, and its snapshot covers 6. A
reader from cursor 0 gets the snapshot with ``seq`` 0; then event 1, which is no word; then an empty
delta with ``seq`` 6, so that its cursor stands where the snapshot ends; then the deltas 7, 8 and 9.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from toolkit.events import Event
from toolkit.sessions.log import Log


async def catch_up(log: Log, session: str, after: int, follow: bool) -> AsyncIterator[Event]:
    """Yield what happened after `after`, with snapshots in the place of the words that they
    cover.
    """
    snapshots, start = await _snapshots_and_start(log, session, after)
    covered = {snapshot.run: _covers(snapshot) for snapshot in snapshots}
    newest = max(snapshots, key=_covers, default=None)
    end = _covers(newest) if newest else 0
    for snapshot in snapshots:
        yield replace(snapshot, seq=after)
    if start > after:
        quiet = log.read(session, after, follow=False, lane="quiet")
        async with aclosing(cast(AsyncGenerator[Event, None], quiet)):
            async for event in quiet:
                if (event.seq or 0) > start:
                    break
                yield event
        if newest and end == start:
            yield _last_word(newest)
    async for event in log.read(session, start, follow):
        seq = event.seq or 0
        if event.kind != "text.delta" or seq > covered.get(event.run, 0):
            yield event
        elif newest and seq == end:
            yield _last_word(newest)


async def _snapshots_and_start(log: Log, session: str, after: int) -> tuple[list[Event], int]:
    """The snapshots that cover anything beyond `after`, and where to begin to read words.

    Words are read from the first that no snapshot covers; where all are covered, from the end of
    the snapshot that covers most.
    """
    stored = await log.latest(session, "snapshot")
    snapshots = [snapshot for snapshot in stored if _covers(snapshot) > after]
    if not snapshots:
        return [], after
    # Asked for after the snapshots: words that no snapshot covers are seen here, or come later
    # still.
    last_words = {word.run: word.seq or 0 for word in await log.latest(session, "words")}
    # Where the log was purged without what stands beside it, a snapshot covers words that are no
    # longer there.
    snapshots = [shot for shot in snapshots if _covers(shot) <= last_words.get(shot.run, 0)]
    covered = {snapshot.run: _covers(snapshot) for snapshot in snapshots}
    start = max(covered.values(), default=after)
    for run, last_word in last_words.items():
        known = max(after, covered.get(run, 0))
        if last_word > known:
            start = min(start, known)
    return snapshots, start


def _covers(snapshot: Event) -> int:
    covers = snapshot.data.get("covers")
    # What another program wrote there covers nothing.
    return covers if isinstance(covers, int) else 0


def _last_word(snapshot: Event) -> Event:
    """An empty delta in the place of the last one that a snapshot covers: the reader's cursor comes
    to stand there.
    """
    id_ = f"{snapshot.id}-end"
    return replace(snapshot, kind="text.delta", data={"text": ""}, id=id_, seq=_covers(snapshot))
