"""Connections of a server of ours: bounded in number, each request with deadlines for its parts.

It imports uvicorn, which is heavy: `toolkit.web` imports it late.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 2\r\n"
    b"content-type: text/plain\r\ncontent-length: 37\r\n\r\nall connections are taken: try later\n"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What connections may take."""

    connections: int
    """How many may be open at a time."""
    head_s: float
    """The time that a client has to send the head of a request."""
    body_s: float
    """The time that it then has to send the body."""


class BoundedProtocol(H11Protocol):
    """One connection of uvicorn's. It is dropped where a request takes too long to arrive."""

    def __init__(self, *args: Any, bounds: Bounds, **options: Any):
        super().__init__(*args, **options)
        self.bounds = bounds
        self.awaited: Any = None
        """The part of a request that the deadline is for, as a state of h11; None where none is
        awaited.
        """
        self.since = self.loop.time()
        self.deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self._make_room()
        self._set_deadline()

    def _make_room(self) -> None:
        """Close the connection that has waited longest for a request; this one, where all
        others are at work.
        """
        waiting = []
        for other in self.connections:
            if isinstance(other, BoundedProtocol) and other.awaited is h11.IDLE:
                waiting.append(other)
        if waiting:
            longest = min(waiting, key=lambda other: other.since)
            longest.transport.abort()
        else:
            self.transport.write(FULL)
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._set_deadline()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._set_deadline()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._clear_deadline()

    def _set_deadline(self) -> None:
        """Start the clock for what is awaited now. More bytes of the same part do not start it
        again.
        """
        state = self.conn.their_state
        upgraded = self.transport.get_protocol() is not self
        awaited = None
        if state in (h11.IDLE, h11.SEND_BODY) and not upgraded:
            awaited = state
        if awaited is self.awaited:
            return
        self._clear_deadline()
        self.awaited = awaited
        self.since = self.loop.time()
        if awaited is not None and not self.transport.is_closing():
            seconds = self.bounds.body_s
            if awaited is h11.IDLE:
                seconds = self.bounds.head_s
            self.deadline = self.loop.call_later(seconds, self.transport.abort)

    def _clear_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
