"""Serving an ASGI app from the running event loop: no thread, no process, no signal handler.

A server of ours cannot be filled up by requests that never become whole: a request's head and its
body have deadlines, and the connections are bounded below the number of files that the process may
open. Where the bound is reached, the connection that has waited longest for its request gives way
to the new one; where each is at work, the new one is answered 503.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

DEADLINE_S = 10.0
HEAD_S = 10.0
"""The time that a client has to send the head of a request."""
BODY_S = 30.0
"""The time that it then has to send the body."""
GONE_S = 20
"""What a client has not acknowledged for so long it never will: a phone that is out of range says
nothing.
"""
MOST_CONNECTIONS = 1000
OWN_FILES = 64
"""Files that are kept free for all else that the process opens."""
ACCEPTED_AT_ONCE = 16
"""asyncio accepts so many connections before it hears of one: what may stand above the bound for a
moment.
"""
BACKLOG = 512
"""Connections that the system lets wait to be accepted."""
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 2\r\n"
    b"content-type: text/plain\r\ncontent-length: 37\r\n\r\nall connections are taken: try later\n"
)


def connection_limit() -> int:
    """The number of connections that a server takes at a time, by the files that this process may
    open.

    Up to 1,000; where the process may open fewer than 1,064 files, 64 files (a quarter, where that
    is more) are left for other uses.
    """
    try:
        import resource
    except ImportError:  # Windows, where no such limit is met
        return MOST_CONNECTIONS
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    kept_free = max(OWN_FILES, files // 4)
    return max(8, min(MOST_CONNECTIONS, files - kept_free))


def _bounded_protocol(limit_connections: int, head_s: float, body_s: float) -> type[Any]:
    """The class of uvicorn's HTTP connections, with a bound and deadlines. Made late: uvicorn is a
    heavy import.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class BoundedProtocol(H11Protocol):
        """One connection. It is dropped where a request takes too long to arrive."""

        def __init__(self, config: Any, *args: Any, **options: Any):
            super().__init__(config, *args, **options)
            self.awaited: Any = None
            """The part of a request that the deadline is for, as a state of h11; None where none is
            awaited.
            """
            self.since = self.loop.time()
            self.deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > limit_connections:
                self._make_room()
            self._set_deadline()

        def _make_room(self) -> None:
            """Close the connection that has waited longest for a request; this one, where all
            others are at work.
            """
            waiting = [
                other
                for other in self.connections
                if isinstance(other, BoundedProtocol) and other.awaited is h11.IDLE
            ]
            if waiting:
                min(waiting, key=lambda other: other.since).transport.abort()
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
            awaited = state if state in (h11.IDLE, h11.SEND_BODY) and not upgraded else None
            if awaited is self.awaited:
                return
            self._clear_deadline()
            self.awaited = awaited
            self.since = self.loop.time()
            if awaited is not None and not self.transport.is_closing():
                seconds = head_s if awaited is h11.IDLE else body_s
                self.deadline = self.loop.call_later(seconds, self.transport.abort)

        def _clear_deadline(self) -> None:
            if self.deadline is not None:
                self.deadline.cancel()
                self.deadline = None

    return BoundedProtocol


@asynccontextmanager
async def serving(
    app: Any,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    limit_connections: int | None = None,
    head_s: float = HEAD_S,
    body_s: float = BODY_S,
    **options: Any,
) -> AsyncIterator[int]:
    """Listen while the context lasts. Yields the port; leaving drops every connection, unfinished
    streams included.

    An exception of the app is logged under ``uvicorn.error``: on stderr, where nothing else is
    configured.

    Parameters
    ----------
    app : ASGI app
        What is served.
    host, port : str, int
        Port 0 takes a free one.
    limit_connections : int, optional
        How many may be open at a time, WebSockets included; `connection_limit` by default.
    head_s, body_s : float
        The seconds that the head of a request, and then its body, may take. A connection that is
        late is dropped.
    **options
        Those of ``uvicorn.Config``; the lifespan is run only with ``lifespan="on"``.
    """
    from uvicorn import Config, Server

    defaults: dict[str, Any] = {
        "lifespan": "off",
        "ws": "none",
        "access_log": False,
        "backlog": ACCEPTED_AT_ONCE,
    }
    bound = connection_limit() if limit_connections is None else limit_connections
    defaults["http"] = _bounded_protocol(bound, head_s, body_s)
    config = Config(app, log_config=None, log_level="error", **defaults | options)
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    listener = socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
    )
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; each connection inherits it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * GONE_S)
    async with asyncio.timeout(DEADLINE_S):
        # startup alone, not serve: no signal handler, no ticking task
        await server.startup(sockets=[listener])
    # asyncio takes one number for how many wait and for how many it accepts at once; they should
    # differ.
    listener.listen(BACKLOG)
    try:
        yield int(listener.getsockname()[1])
    finally:
        for listening in server.servers:
            listening.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
            await server.lifespan.shutdown()
            for listening in server.servers:
                await listening.wait_closed()
