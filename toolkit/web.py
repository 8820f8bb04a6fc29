"""Serving an ASGI app from the running event loop: no thread, no process, no signal handler."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

DEADLINE_S = 10.0
GONE_S = 20
"""What a client has not acknowledged for so long it never will: a phone that is out of range says nothing."""


@asynccontextmanager
async def serving(app: Any, host: str = "127.0.0.1", port: int = 0, **options: Any) -> AsyncIterator[int]:
    """Listen while the context lasts. Yields the port; leaving drops every connection, unfinished streams included.

    Port 0 takes a free one. `options` are those of ``uvicorn.Config``; the lifespan is run only with ``lifespan="on"``.
    """
    from uvicorn import Config, Server

    defaults: dict[str, Any] = {"lifespan": "off", "ws": "none", "http": "h11", "access_log": False}
    config = Config(app, log_config=None, log_level="critical", **defaults | options)
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; each connection inherits it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * GONE_S)
    async with asyncio.timeout(DEADLINE_S):
        # startup alone, not serve: no signal handler, no ticking task
        await server.startup(sockets=[listener])
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
