"""LoopbackServer: the Messages API on 127.0.0.1, answered by a policy, so that the real SDK runs without a key."""

import asyncio
import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from toolkit.models.script import Policy

if TYPE_CHECKING:
    from starlette.requests import Request
    from uvicorn import Server

START_S = 10.0
CLOSE_S = 10.0


@dataclass(frozen=True, slots=True)
class Received:
    """One HTTP request as it arrived."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: Any
    """The JSON; None where there was none."""


@dataclass(eq=False)
class LoopbackServer:
    """Serves the Messages API from `policy` in the running event loop; an async context manager."""

    policy: Policy
    """A plain function of the Request, called in the loop. One that raises is answered with status 500."""
    url: str = field(default="", init=False)
    """``http://127.0.0.1:<port>``, once started."""
    requests: list[Received] = field(default_factory=list, init=False, repr=False)
    """All that arrived."""
    errors: list[Exception] = field(default_factory=list, init=False)
    """All that the policy raised."""
    _server: "Server | None" = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen on a free port; returns at once where the server runs already."""
        if self._server is not None:
            return
        from uvicorn import Config, Server

        from toolkit.models.api import app_of

        config = Config(app_of(self), lifespan="off", ws="none", http="h11", log_config=None, log_level="critical")
        config.load()
        server = Server(config)
        server.lifespan = config.lifespan_class(config)
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with asyncio.timeout(START_S):
            # startup alone, not serve: no signal handler, no ticking task
            await server.startup(sockets=[listener])
        self._server = server

    async def close(self) -> None:
        """Stop listening and drop every connection, an unfinished stream included."""
        server, self._server = self._server, None
        if server is None:
            return
        for listening in server.servers:
            listening.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        async with asyncio.timeout(CLOSE_S):
            await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
            for listening in server.servers:
                await listening.wait_closed()

    async def receive(self, http: "Request") -> Any:
        """Keep what arrived in `requests`. Returns its JSON, or None."""
        try:
            body = json.loads(await http.body())
        except (ValueError, RecursionError):
            body = None
        self.requests.append(Received(http.url.path, dict(http.headers), body))
        return body
