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
from functools import partial
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

    from toolkit.connections import BoundedProtocol, Bounds

    defaults: dict[str, Any] = {
        "lifespan": "off",
        "ws": "none",
        "access_log": False,
        "backlog": ACCEPTED_AT_ONCE,
    }
    if limit_connections is None:
        limit_connections = connection_limit()
    bounds = Bounds(limit_connections, head_s, body_s)
    defaults["http"] = partial(BoundedProtocol, bounds=bounds)
    config = Config(app, log_config=None, log_level="error", **defaults | options)
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    listener = _listener(host, port)
    async with asyncio.timeout(DEADLINE_S):
        # startup alone, not serve: no signal handler, no ticking task
        await server.startup(sockets=[listener])
    # asyncio takes one number for how many wait and for how many it accepts at once; they should
    # differ.
    listener.listen(BACKLOG)
    try:
        yield int(listener.getsockname()[1])
    finally:
        await _stop(server)


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; each connection inherits it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * GONE_S)
    return listener


async def _stop(server: Any) -> None:
    """Drop every connection, and wait for the tasks that served them."""
    for listening in server.servers:
        listening.close()
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
        await server.lifespan.shutdown()
        for listening in server.servers:
            await listening.wait_closed()
