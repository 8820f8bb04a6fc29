"""Run: one agent's turn on a session, from ``run.started`` to one ``run.finished``."""

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from toolkit.events import Event, Outcome
from toolkit.sessions.log import Ack, stop
from toolkit.traces import Source

if TYPE_CHECKING:
    from toolkit.sessions.session import Session


class Run:
    """A run in progress. Make one with `Session.start_run`; signals to it are heard while it runs."""

    def __init__(self, session: "Session", actor: str, id: str):
        self.session, self.actor, self.id = session, actor, id
        self.signals: list[Event] = []
        """The control events addressed to this run, in order: cancel, steer, interrupt, approve."""
        self.outcome: Outcome | None = None
        """How it ended; None while it runs."""
        self._hash, self._chars = sha256(), 0
        self._started_seq = 0
        self._listening: asyncio.Task[None] | None = None

    async def start(self, source: Source) -> None:
        """Write ``run.started`` and listen for signals, those sent before the start included."""
        ack = await self._append("run.started", {"source": source}, f"{self.id}.started")
        self._started_seq = ack.seq
        async for event in self.session.read(follow=False, control=True):
            self._hear(event)
        after = self.signals[-1].seq if self.signals else None
        self._listening = asyncio.create_task(self._listen(after or ack.seq))

    async def _listen(self, after: int) -> None:
        async for event in self.session.read(after, control=True):
            self._hear(event)

    def _hear(self, event: Event) -> None:
        to_whoever_runs = event.run is None and (event.seq or 0) > self._started_seq
        if event.run == self.id or to_whoever_runs:
            self.signals.append(event)

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked this run to stop. A closed connection never does."""
        return any(event.kind == "cancel" for event in self.signals)

    async def write(self, text: str) -> Ack:
        """Add words. Returns once the log has them."""
        ack = await self._append("text.delta", {"text": text})
        self._hash.update(text.encode())
        self._chars += len(text)
        return ack

    async def call_tool(self, name: str, arguments: dict[str, Any], call_id: str | None = None) -> str:
        """Record that a tool is called. Returns the call's id, which its result must name."""
        call_id = call_id or self.session.new_id()
        await self._append("tool.call", {"call_id": call_id, "name": name, "arguments": arguments})
        return call_id

    async def tool_result(self, call_id: str, content: str, error: bool = False) -> Ack:
        """Record what the tool answered."""
        return await self._append("tool.result", {"call_id": call_id, "content": content, "error": error})

    async def finish(self, outcome: Outcome | None = None) -> None:
        """End the run, once: by default ``cancelled`` where a cancel was heard, else ``complete``."""
        if self.outcome:
            return
        self.outcome = outcome or ("cancelled" if self.cancelled else "complete")
        if self._chars:
            done = {"chars": self._chars, "sha256": self._hash.hexdigest()}
            await self._append("text.done", done, f"{self.id}.text")
        await self._append("run.finished", {"outcome": self.outcome}, f"{self.id}.finished")
        await self.stop_listening()

    async def stop_listening(self) -> None:
        """Let go of the control feed, without ending the run on the log."""
        if self._listening:
            await stop(self._listening)

    async def _append(self, kind: str, data: dict[str, Any], id: str | None = None) -> Ack:
        return await self.session.append(kind, self.actor, data, self.id, id)
