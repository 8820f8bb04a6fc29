"""NatsCluster: three real nats-servers on loopback, for a log that outlives the loss of any one of
them.

``NatsLog.connect(cluster.url, replicas=3)`` keeps each stream on all of them: what is acknowledged stands on two at
least.
"""

import asyncio
import secrets
import socket
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Literal, Self

from toolkit.sessions.log import LogUnavailable
from toolkit.sessions.nats.server import NatsServer
from toolkit.sessions.nats.streams import STREAM

LEADER_TIMEOUT_S = 60.0
ASK_AGAIN_S = 0.1


class NatsCluster:
    """Servers that know each other by routes. Each is a `NatsServer`:
    ``cluster.servers[0].kill()``.

    Parameters
    ----------
    size : int
        How many; a majority of them has to live.
    durability : {"os", "fsync"}
        As of each `NatsServer`.
    store : str or Path, optional
        A folder with one for each server in it.
    """

    def __init__(
        self,
        size: int = 3,
        durability: Literal["os", "fsync"] = "os",
        store: str | Path | None = None,
    ):
        with ExitStack() as held:
            listeners = [
                held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(size)
            ]
            ports = [listener.getsockname()[1] for listener in listeners]
        # One token for clients, and another by which the servers know each other.
        token, password = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        routes = ", ".join(f'"nats://server:{password}@127.0.0.1:{port}"' for port in ports)
        self.servers = []
        for number, port in enumerate(ports):
            folder = Path(store) / f"server-{number}" if store else None
            members = f'authorization {{ user: server, password: "{password}" }}'
            cluster = f'cluster {{ name: fieldbook, listen: "127.0.0.1:{port}", {members}, routes: [{routes}] }}'
            self.servers.append(NatsServer(durability, folder, settings=[cluster], token=token))
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for server in self.servers:
                await stack.enter_async_context(server)
            self._running = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    @property
    def url(self) -> str:
        """Where clients connect: every server, separated by commas, each with the token."""
        return ",".join(server.url for server in self.servers)

    async def leader(self, stream: str = STREAM, timeout_s: float = LEADER_TIMEOUT_S) -> NatsServer:
        """The server that leads `stream`, once each of its replicas has caught up: only then can
        one be spared.

        Raises
        ------
        LogUnavailable
            Where it does not come to that within `timeout_s`.
        """
        import nats

        names = {server.name: server for server in self.servers if server.pid}
        try:
            async with (
                asyncio.timeout(timeout_s),
                await nats.connect(self.url.split(",")) as client,
            ):
                while True:
                    try:
                        state = (await client.jetstream().stream_info(stream)).cluster
                    except (nats.errors.Error, OSError):
                        state = None
                    whole = state and all(
                        one.current and not one.offline for one in state.replicas or []
                    )
                    if whole and state and state.leader in names:
                        return names[state.leader]
                    await asyncio.sleep(ASK_AGAIN_S)
        except TimeoutError:
            raise LogUnavailable(
                f"no server leads {stream}, with all replicas, within {timeout_s} s"
            ) from None
