"""Session: a named, shared, resumable log between agents and the people who watch and steer them."""

import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

from toolkit.events import Event
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.log import Ack, Log
from toolkit.sessions.run import Run
from toolkit.traces import Source, Trace

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Session:
    """One session on a log. Any number of these, in any number of processes, may stand for the same session.

    Parameters
    ----------
    log : Log
        `MemoryLog` or `NatsLog`.
    id : str
        1 to 128 letters, digits, ``-`` or ``_``.
    clock : callable, optional
        Gives seconds since 1970 for each event.
    new_id : callable, optional
        Gives a fresh id for each event and run.

    Raises
    ------
    ValueError
        For an id that could not be a subject.
    """

    def __init__(
        self,
        log: Log,
        id: str,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ):
        if not ID_PATTERN.fullmatch(id):
            raise ValueError(f"session id {id!r}: use 1 to 128 letters, digits, '-' or '_'")
        self.log, self.id, self._clock, self.new_id = log, id, clock, new_id

    async def append(
        self,
        kind: str,
        actor: str,
        data: dict[str, Any] | None = None,
        run: str | None = None,
        id: str | None = None,
    ) -> Ack:
        """Write one event. The same `id` twice is stored once."""
        event = Event(self.id, kind, actor, data or {}, id or self.new_id(), run, self._clock())
        return await self.log.append(event)

    def read(self, after: int = 0, follow: bool = True, control: bool = False) -> AsyncIterator[Event]:
        """Yield events with ``seq > after``, each once and in order; see `Log.read`."""
        return self.log.read(self.id, after, follow, control)

    async def say(self, text: str, actor: str = "user") -> Ack:
        """Write a whole message."""
        return await self.append("message", actor, {"text": text})

    async def start_run(self, actor: str, source: Source = "live", id: str | None = None) -> Run:
        """Begin a run: one agent's answer, streamed, watched and stoppable.

        `source` says whether its words are real; pass ``model.source``. With an `id` chosen beforehand, a cancel
        may arrive before the run does.
        """
        run = Run(self, actor, id or self.new_id())
        await run.start(source)
        return run

    async def cancel(self, run: str | None = None, actor: str = "user") -> Ack:
        """Ask that `run` (or whatever runs now) stop. Asking twice is the same as asking once."""
        return await self.append("cancel", actor, {}, run)

    async def steer(self, text: str, run: str | None = None, actor: str = "user") -> Ack:
        """Give the agent a word to take into account at its next step."""
        return await self.append("steer", actor, {"text": text}, run)

    async def interrupt(self, text: str = "", run: str | None = None, actor: str = "user") -> Ack:
        """Ask that the model call in progress be broken off; the run goes on."""
        return await self.append("interrupt", actor, {"text": text}, run)

    async def approve(self, request: str, answer: bool, run: str | None = None, actor: str = "user") -> Ack:
        """Answer an agent's request for approval, by the id of the event that asked."""
        return await self.append("approve", actor, {"request": request, "answer": answer}, run)

    async def conversation(self, after: Conversation | None = None) -> Conversation:
        """Fold all that is stored now; with `after`, go on from that fold."""
        conversation = after or Conversation(self.id)
        async for event in self.read(conversation.cursor, follow=False):
            conversation.apply(event)
        return conversation

    async def trace(self) -> Trace:
        """The session so far as a Trace whose steps keep the ids of their events."""
        return (await self.conversation()).trace()
