"""Writer: a run's words on their way to the log: gathered for a window, stored once, and repeated
in snapshots beside it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from toolkit.events import Event, Outcome, encode
from toolkit.sessions.conversation import Conversation, hash_of
from toolkit.sessions.items import Item
from toolkit.sessions.log import Ack, Log, LogUnavailable, TooLarge
from toolkit.tasks import stop

SNAPSHOT_CHARS = 512
"""A snapshot stands beside the log whenever a run's words have grown by this much, and by a
sixteenth.
"""
SNAPSHOT_MAX_BYTES = 800_000
"""What would be longer is not made, whatever the log takes: a late reader gets the words in pieces
then.
"""
FEW_DELTAS = 8
"""A run of no more than these needs no snapshot at its end: a late reader takes the deltas."""
PENDING_CHARS = 65_536
"""A writer that is further ahead of the log waits for it. A server takes no message of any size."""
ENVELOPE_BYTES = 512
"""Room for what an event takes beyond its words, its actor and its names."""
BYTES_PER_CHAR = 6
"""A character takes no more than this in JSON."""
BATCH_EVENTS = 500
"""More are not stored together: an atomic batch has room for 1,000."""


def join_surrogates(text: str) -> tuple[str, str]:
    """Join the surrogate pairs that a stream has split. Returns the text, and a first half that
    waits for its second.

    A half that stays alone stands as U+FFFD.
    """
    half = text[-1:] if is_first_half(text[-1:]) else ""
    ready = text.removesuffix(half)
    try:
        ready.encode()
    except UnicodeEncodeError:
        ready = ready.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return ready, half


def is_first_half(character: str) -> bool:
    """Whether this is the first half of a surrogate pair."""
    return "\ud800" <= character <= "\udbff"


class Writer:
    """The events of one run, in order. What was not acknowledged goes again before the next."""

    def __init__(
        self, log: Log, event: Callable[[str, dict[str, Any]], Event], run: str, window_s: float
    ):
        self.log = log
        self.event = event
        self.run = run
        self.window_s = window_s
        self.fence = 0
        self.folded = Conversation("")
        """The session as this writer knows it: what was folded at an adoption, and what the run
        stored since.
        """
        self._pending: list[str] = []
        self._waiting_chars = 0
        self._unstored: deque[list[Event]] = deque()
        """What is to be stored, in order; the events of one entry together."""
        self._receipts: list[Event] = []
        self._ending: list[Event] = []
        """The run's last events, while they are not acknowledged: see `end`."""
        self._busy = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None
        self._deltas = 0
        self._chars = 0
        self._next_snapshot = SNAPSHOT_CHARS
        self._max_bytes = log.max_event_bytes - ENVELOPE_BYTES
        room_bytes = self._max_bytes - size_of(event("text.delta", {"text": ""}))
        room_chars = max(1, room_bytes // BYTES_PER_CHAR)
        self._max_chars = min(PENDING_CHARS, room_chars)

    def mine(self) -> list[Item]:
        """The run's words as they stand on the log, one item for each stretch between its other
        events.
        """
        return [item for item in self.folded.items if item.is_words_of(self.run)]

    @property
    def text(self) -> str:
        """`mine`, joined."""
        return "".join(item.text for item in self.mine())

    def drop(self) -> None:
        """Forget the words that wait."""
        self._pending = []
        self._waiting_chars = 0

    async def add(self, text: str) -> Ack | None:
        """Take words in; stored now where the window is 0, or they are the first, or too many
        wait.
        """
        self._pending.append(text)
        self._waiting_chars += len(text)
        flushed = self._flushing
        if flushed and flushed.done():
            self._flushing = None
            flushed.result()
        is_full = self._waiting_chars > self._max_chars
        if self.window_s <= 0 or is_full or not self.folded.items:
            return await self.store()
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_later())
            self._flushing.add_done_callback(lambda task: task.cancelled() or task.exception())
        return None

    async def _flush_later(self) -> None:
        while self._unstored or self._words_wait():
            await asyncio.sleep(self.window_s)
            await self.store()

    def _words_wait(self) -> bool:
        """Whether there are words to be stored now. Half a character waits for its other half."""
        return self._waiting_chars > 1 or any(not is_first_half(piece) for piece in self._pending)

    def put(self, receipt: Event) -> None:
        """Have `receipt` stored together with the next words or event, just before them: never
        without them.
        """
        self._queue_words(last=True)
        self._receipts.append(receipt)

    def _queue(self, event: Event) -> None:
        self._unstored.append([*self._receipts, event])
        self._receipts = []

    def _queue_words(self, last: bool) -> None:
        """Queue the words that wait. Only where they are the `last` for now, half a character
        stands for itself.
        """
        text, half = join_surrogates("".join(self._pending))
        self.drop()
        if half and last:
            text += "\ufffd"
        elif half:
            self._pending = [half]
            self._waiting_chars = 1
        for begin in range(0, len(text), self._max_chars):
            piece = text[begin : begin + self._max_chars]
            self._queue(self.event("text.delta", {"text": piece}))

    async def store(self, event: Event | None = None, last: bool = False) -> Ack | None:
        """Store, in order: what was not acknowledged before, the words that wait, and `event`."""
        async with self._busy:
            # What a cancellation leaves unacknowledged stays in the queue, and is known again by
            # its id.
            self._queue_words(last=last or event is not None)
            if event:
                self._queue(event)
            ack = None
            while self._unstored:
                ack = await self._store_first()
            return ack

    async def _store_first(self) -> Ack:
        events = self._unstored[0]
        try:
            if len(events) == 1:
                acks = [await self.log.append(events[0], self.fence)]
            else:
                acks = await self.log.append_all(events, self.fence)
        except OSError:
            # LogUnavailable, after which it may be stored; or Fenced, after which the run writes
            # nothing more. Either way it stays in the queue.
            raise
        except Exception:
            self._unstored.popleft()  # refused for good: it must not keep back what comes after it
            raise
        self._unstored.popleft()
        self._ending = []  # made before these events: `end` makes its last events anew
        for ack in acks:
            self.folded.apply(ack.event)
        last = acks[-1]
        if last.event.kind == "text.delta":
            await self._snapshot_if_due(len(last.event.data["text"]))
        return last

    async def _snapshot_if_due(self, chars: int) -> None:
        self._deltas += 1
        self._chars += chars
        if self._chars < self._next_snapshot:
            return
        self._next_snapshot = self._chars + max(SNAPSHOT_CHARS, self._chars // 16)
        snapshot = self._snapshot(open_=True)
        if snapshot:
            with suppress(LogUnavailable, TooLarge):  # it repeats what is stored
                await self.log.append(snapshot, self.fence)

    def _snapshot(self, open_: bool) -> Event | None:
        """The run's words so far; None where they would be too large."""
        texts = []
        items = []
        for item in self.mine():
            text = item.text
            texts.append(text)
            items.append([item.id, item.seq, item.time, len(text), item.step, item.actor])
        data = {
            "text": "".join(texts),
            "items": items,
            "covers": self.folded.runs[self.run].words_seq,
            "open": open_,
        }
        snapshot = self.event("text.snapshot", data)
        fits = size_of(snapshot) <= min(SNAPSHOT_MAX_BYTES - ENVELOPE_BYTES, self._max_bytes)
        return snapshot if fits else None

    async def end(self, outcome: Outcome, settling: list[Event]) -> Outcome:
        """Store what waits, and the run's last events together. Returns how the run ended.

        What is `settling` comes before the end: answers to signals, questions that are withdrawn.
        """
        await self.store(last=True)
        async with self._busy:
            # Made once: unless more was stored since, the call after one that was not acknowledged
            # sends the same.
            if not self._ending:
                self._ending = [*settling, *self._last_events(outcome)]
            while len(self._ending) > BATCH_EVENTS:
                await self.log.append_all(self._ending[:BATCH_EVENTS], self.fence)
                del self._ending[:BATCH_EVENTS]
            await self.log.append_all(self._ending, self.fence)
            ended: Outcome = self._ending[-1].data["outcome"]
            return ended

    def _last_events(self, outcome: Outcome) -> list[Event]:
        text = self.text
        events = []
        if text:
            data = {"chars": len(text), "sha256": hash_of(text)}
            events.append(self.event("text.done", data))
        snapshot = self._snapshot(open_=False) if self._deltas > FEW_DELTAS else None
        if snapshot:
            events.append(snapshot)
        events.append(self.event("run.finished", {"outcome": outcome}))
        return events

    async def close(self) -> None:
        """Let go of the window's timer."""
        task = self._flushing
        self._flushing = None
        if task:
            await stop(task)


def size_of(event: Event) -> int:
    """The bytes of an event as JSON."""
    return len(encode(event).encode())
