"""Writes: events on their way to JetStream, tried until each is acknowledged, refused or given
up.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from toolkit.events import Event
from toolkit.sessions.log import Ack, Durability, Fenced, LogUnavailable, is_on
from toolkit.sessions.nats.ask import RECONNECT_WAIT_S, Refused
from toolkit.sessions.nats.jetstream import JetStream
from toolkit.sessions.nats.publish import Publisher, Tried
from toolkit.sessions.nats.streams import guard, headers, home, message_id, subject

WRONG_LAST_SEQUENCE = 10071
DUPLICATE_IN_BATCH = 10201
BATCHES_AT_ONCE = 8
"""A stream has 50 begun at a time, of all its writers; it is silent on what it drops beyond that.
"""
UNIQUE_CHARS = 22
"""The end of an inbox's name, which no other inbox has: a NUID, and short enough to name a batch.
"""


class Writes:
    """The writes of one log."""

    def __init__(
        self,
        jetstream: JetStream,
        durability: Durability,
        deadline_s: float,
        max_given_up: int,
        read: Callable[..., AsyncIterator[Event]],
    ):
        self._jetstream = jetstream
        self._stated = durability
        self._deadline_s = deadline_s
        self._read = read
        self._publisher = Publisher(jetstream.client)
        self.tried = Tried(max_given_up)
        self._batching = asyncio.Semaphore(BATCHES_AT_ONCE)

    @property
    def durability(self) -> Durability:
        """The tier that each acknowledgement states."""
        return "memory" if self._jetstream.volatile else self._stated

    async def append(
        self, events: Sequence[Event], fence: int | None, give_up: float | None = None
    ) -> list[Ack]:
        """Store `events` together. Tries again, with the same ids, until the deadline."""
        if give_up is None:
            give_up = time.monotonic() + self._deadline_s
        payloads = [self._jetstream.payload(event) for event in events]
        first = events[0]
        key = f"{first.session}.{first.id}"
        first_tried = self.tried.since(key)
        # The server forgets ids after its window: with half of it gone, the log is looked up.
        late = first_tried + self._jetstream.window_s / 2

        async def attempt() -> list[Ack]:
            if time.monotonic() > late:
                known = await self._known(events)
                if known:
                    return known
            return await self._publish(events, payloads, fence)

        is_known = True
        try:
            return await self._jetstream.ask(attempt, f"event {first.id} was not acknowledged")
        except Refused as error:
            refusal = error
        except (LogUnavailable, asyncio.CancelledError):
            is_known = False
            raise
        finally:
            self.tried.end(key, is_known)
        return await self._settle(events, fence, refusal, give_up)

    async def _publish(
        self, events: Sequence[Event], payloads: Sequence[bytes], fence: int | None
    ) -> list[Ack]:
        """Publish once: one event by itself, several as an atomic batch."""
        if len(events) == 1:
            ack = await self._publish_event(events[0], payloads[0], fence)
            return [ack]
        async with self._batching:
            return await self._publish_batch(events, payloads, fence)

    async def _publish_batch(
        self, events: Sequence[Event], payloads: Sequence[bytes], fence: int | None
    ) -> list[Ack]:
        """Publish `events` as one atomic batch, which the last of them commits."""
        client = self._jetstream.client
        _, root = home(events[0].session, self._jetstream.streams)
        batch = client.new_inbox()[-UNIQUE_CHARS:]

        def batch_headers(number: int, event: Event) -> dict[str, str]:
            lines = headers(event, root, fence)
            lines["Nats-Batch-Id"] = batch
            lines["Nats-Batch-Sequence"] = str(number)
            return lines

        before_last = zip(events[:-1], payloads[:-1], strict=True)
        for number, (event, payload) in enumerate(before_last, 1):
            lines = batch_headers(number, event)
            await client.send(subject(event, root), payload, headers=lines)
        last = events[-1]
        lines = batch_headers(len(events), last)
        lines["Nats-Batch-Commit"] = "1"
        to = subject(last, root)
        last_seq, again = await self._publisher.publish(to, payloads[-1], lines)
        first_seq = last_seq - len(events) + 1
        acks = []
        for seq, event in enumerate(events, first_seq):
            stored = replace(event, seq=seq)
            acks.append(Ack(stored, self.durability, again))
        return acks

    async def _publish_event(self, event: Event, payload: bytes, fence: int | None) -> Ack:
        """Publish one event; where the server knows its id already, as it is stored."""
        _, root = home(event.session, self._jetstream.streams)
        to = subject(event, root)
        lines = headers(event, root, fence)
        seq, again = await self._publisher.publish(to, payload, lines)
        while again:
            stored = await self._jetstream.event(event.session, seq)
            if stored:
                return Ack(stored, self.durability, duplicate=True)
            if self._jetstream.expires or not is_on(event, "log"):
                break  # it was stored, and has gone in the course of things
            # It was deleted, and the server remembers its id alone.
            lines["Nats-Msg-Id"] = f"{message_id(event)}-after-{seq}"
            seq, again = await self._publisher.publish(to, payload, lines)
        return Ack(replace(event, seq=seq), self.durability, again)

    async def _append_each(self, events: Sequence[Event], fence: int | None) -> list[Ack]:
        """Store `events` one by one, in their order."""
        acks = []
        for event in events:
            acks += await self.append([event], fence)
        return acks

    async def _settle(
        self, events: Sequence[Event], fence: int | None, error: Refused, give_up: float
    ) -> list[Ack]:
        """What a refusal means: stored before, taken by another, or a leader that has yet to catch
        up.
        """
        is_guarded_each = len(events) > 1 and fence is None
        is_stored_in_part = error.code == WRONG_LAST_SEQUENCE and is_guarded_each
        if error.code == DUPLICATE_IN_BATCH or is_stored_in_part:
            known = await self._known(events)
            if known:
                return known
            return await self._append_each(events, fence)
        if error.code != WRONG_LAST_SEQUENCE:
            raise error
        event = events[-1]
        _, root = home(event.session, self._jetstream.streams)
        guarding = guard(event, root, fence)
        if guarding is None:
            raise error  # not by this server: what names no guard is never refused so
        guarded, expected = guarding
        last_seq, last_id = await self._jetstream.last(event.session, guarded)
        if last_id == event.id:
            known = await self._known(events)
            if known:
                return known
        if last_seq != expected:
            run = f"run {event.run} of session {event.session}"
            raise Fenced(f"{run} is another agent's now, or has ended")
        if time.monotonic() > give_up:
            why = f"event {event.id} was not acknowledged within {self._deadline_s} s: {error}"
            raise LogUnavailable(why)
        await asyncio.sleep(RECONNECT_WAIT_S)
        return await self.append(events, fence, give_up)

    async def _known(self, events: Sequence[Event]) -> list[Ack] | None:
        """The acknowledgements of `events`, where the log has them all."""
        wanted = {event.id for event in events if is_on(event, "log")}
        if not wanted:
            return None
        stored = {}
        session = events[0].session
        async for event in self._read(session, follow=False):
            if event.id in wanted:
                stored[event.id] = event
        if stored.keys() != wanted:
            return None
        durability = self.durability
        acks = []
        for event in events:
            known = stored.get(event.id, event)
            acks.append(Ack(known, durability, duplicate=True))
        return acks
