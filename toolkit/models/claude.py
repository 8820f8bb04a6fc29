"""ClaudeModel: the real anthropic SDK as a Model; whatever goes wrong on the wire is a typed non-result."""

import asyncio
import os
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from toolkit.models import wire
from toolkit.models.call import Call
from toolkit.models.ledger import Ledger, cost_usd
from toolkit.models.model import Reply, Request, Usage
from toolkit.traces import Source

if TYPE_CHECKING:
    import httpx2
    from anthropic import AsyncAnthropic

    from toolkit.models.loopback import LoopbackServer

CLOSE_S = 10.0
OWN_HEADERS = re.compile(
    "host|connection|user-agent|anthropic-version|idempotency-key|(accept|content|x-stainless)(-.*)?", re.IGNORECASE
)


class ClaudeModel:
    """A model of the Messages API, asked through the anthropic SDK. It belongs to the event loop that first asks it.

    Parameters
    ----------
    name : str
        The model; one with a price in prices.json.
    base_url : str or None
        Where the API is; None for the SDK's own choice. With a `base_url`, nothing of the environment is used:
        no key, no proxy, no header.
    api_key : str or None
        None takes ANTHROPIC_API_KEY, for the SDK's own `base_url` alone.
    source : {"live", "simulated"} or None
        What replies say of themselves; None means live unless `base_url` is this machine.
    ledger : Ledger or None
        Counts each HTTP attempt; None makes a new one without a cap.
    timeout_s : float
        The longest silence: to connect, to the first event, and between two events. In seconds.
    max_retries : int
        Tries after the first, by the SDK's rules; never once a stream has begun.
    server : LoopbackServer or None
        A server of our own, instead of `base_url`: started at the first reply and closed with the model.

    Raises
    ------
    UnknownModel
        For a model without a price.
    ValueError
        Where there is a `base_url` and no `api_key`.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        source: Source | None = None,
        ledger: Ledger | None = None,
        timeout_s: float = 60,
        max_retries: int = 2,
        server: "LoopbackServer | None" = None,
    ):
        cost_usd(name, Usage())
        if base_url and api_key is None:
            raise ValueError(f"base_url {base_url} without api_key: pass the key meant for it, or 'loopback'")
        here = server is not None or (urlsplit(base_url or "").hostname or "") in ("127.0.0.1", "localhost", "::1")
        self.name, self.source, self.server = name, source or ("simulated" if here else "live"), server
        self.ledger = Ledger() if ledger is None else ledger
        self.timeout_s, self.max_retries = timeout_s, max_retries
        self._base_url, self._api_key = base_url, api_key
        self._sdk: AsyncAnthropic | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, and the server where the model has one of its own."""
        async with asyncio.timeout(CLOSE_S):
            if self._sdk is not None:
                await self._sdk.close()
                self._sdk = None
            if self.server is not None:
                await self.server.close()

    async def reply(self, request: Request) -> Reply:
        """Answer `request`. Raises `BudgetExceeded` where the ledger's cap forbids the call."""
        return await wire.whole(self.stream(request))

    async def stream(self, request: Request) -> wire.Pieces:
        """The words as they come, and at the end the whole Reply. Raises `BudgetExceeded` before the first word."""
        call = Call(self, request)
        try:
            async with AsyncExitStack() as stack:
                events = await call.open(stack)
                while event := await call.next(events):
                    if event.type == "text":
                        yield event.text
        finally:
            call.settle()
        yield call.reply()

    async def client(self) -> "AsyncAnthropic":
        """The SDK's client, made at the first call."""
        async with self._starting:
            if self._sdk is None:
                if self.server is not None:
                    await self.server.start()
                    self._base_url = self.server.url
                self._sdk = self._connect()
            return self._sdk

    def _connect(self) -> "AsyncAnthropic":
        import httpx2
        from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

        if self._base_url is None:
            http: httpx2.AsyncClient = DefaultAsyncHttpxClient(timeout=self.timeout_s)
        else:
            http = httpx2.AsyncClient(
                timeout=self.timeout_s,
                trust_env=False,
                event_hooks={"request": [_own_headers_only(self._api_key or "")]},
            )
        return AsyncAnthropic(
            api_key=self._api_key or os.environ.get("ANTHROPIC_API_KEY"),
            base_url=self._base_url,
            http_client=http,
            timeout=self.timeout_s,
            max_retries=self.max_retries,
            open_telemetry=False,
        )


def _own_headers_only(api_key: str) -> Callable[["httpx2.Request"], Any]:
    """A request hook that keeps ANTHROPIC_CUSTOM_HEADERS, and any other key, from a server that they are not for."""

    async def keep_own(request: "httpx2.Request") -> None:
        for name in [name for name in request.headers if not OWN_HEADERS.fullmatch(name)]:
            del request.headers[name]
        request.headers["authorization"] = f"Bearer {api_key}"

    return keep_own
