"""ClaudeModel: the real anthropic SDK as a Model; and `connect_model`, which talks to a script unless live is asked."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from toolkit.models import wire
from toolkit.models.ledger import BudgetExceeded, Ledger, cost_usd
from toolkit.models.loopback import LoopbackServer
from toolkit.models.model import Model, Reply, Request, Stopped, Usage
from toolkit.models.script import Answer, Policy
from toolkit.traces import Source

OWN_HEADERS = re.compile(
    "host|connection|user-agent|anthropic-version|idempotency-key|(accept|content|x-stainless)(-.*)?", re.IGNORECASE
)
CLOSE_S = 10.0
BACKOFF_S = 8.0  # the SDK's longest pause before a retry
SIMULATED = Answer("This reply is simulated: a script on this machine wrote it, and no model was asked.")


@dataclass(eq=False)
class ClaudeModel(Model, AbstractAsyncContextManager["ClaudeModel"]):
    """A model of the Messages API, asked through the anthropic SDK. It belongs to the event loop that first asks it.

    Raises ValueError for a `base_url` without `api_key`, or where it would be asked live and the ledger has no cap.
    """

    name: str
    """One with a price in prices.json."""
    _: KW_ONLY
    base_url: str | None = None
    """Where the API is. None means ANTHROPIC_BASE_URL or the real one; else nothing of the environment is used."""
    api_key: str | None = field(default=None, repr=False)
    """None takes ANTHROPIC_API_KEY, where there is no `base_url`."""
    source: Source = field(default=cast(Source, None))
    """What replies say of themselves; None means live, unless the URL is on this machine."""
    ledger: Ledger = field(default_factory=Ledger)
    """Counts each HTTP attempt."""
    timeout_s: float = 60
    """The longest silence: to connect, to the first event, and between two events."""
    max_retries: int = 2
    """Tries after the first, by the SDK's rules; never once a stream has begun."""
    server: LoopbackServer | None = None
    """A server instead of `base_url`: started at the first reply and closed with the model."""

    def __post_init__(self) -> None:
        cost_usd(self.name, Usage())
        if self.base_url and self.api_key is None:
            raise ValueError(f"base_url {self.base_url} without api_key: pass the key meant for it, or 'loopback'")
        self._url = self.base_url or os.environ.get("ANTHROPIC_BASE_URL") or "https://api.anthropic.com"
        local = self.server is not None or urlsplit(self._url).hostname in ("127.0.0.1", "localhost", "::1")
        if not local and self.ledger.cap_usd is None:
            mend = "pass ledger=Ledger(cap_usd=1.0), or max_usd=1.0 to connect_model"
            raise ValueError(f"{self.name} is asked live, which costs money, and there is no cap: {mend}")
        self.source = self.source or ("simulated" if local else "live")
        self._client: Any = None
        self._starting = asyncio.Lock()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, and the server where the model has one of its own."""
        async with asyncio.timeout(CLOSE_S):
            client, self._client = self._client, None
            if client is not None:
                await client.close()
            if self.server is not None:
                await self.server.close()

    async def stream(self, request: Request) -> AsyncGenerator[str | Reply, None]:
        attempts: list[int] = []
        text, usage, whole = "", Usage(), cast(Reply | None, None)
        failure: tuple[Stopped, str] = ("truncated", "given up before its end")
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout((self.max_retries + 1) * (self.timeout_s + BACKOFF_S)):
                    sdk = await self._counted(attempts, request)
                    events = await stack.enter_async_context(sdk.messages.stream(**_params(request, self.name)))
                while True:
                    async with asyncio.timeout(self.timeout_s):
                        event = await anext(events, None)
                    if event is None:
                        break
                    if whole is None and event.type == "text" and (words := wire.well_formed(event.text)):
                        text += words
                        yield words
                    if whole is None and event.type in ("message_start", "message_delta", "message_stop"):
                        message = events.current_message_snapshot.to_dict(warnings=False)
                        usage = wire.usage_of(message)
                        if event.type == "message_stop":
                            whole = wire.conclude(request, self.name, self.source, text, message)
            failure = wire.CLOSED
        except BudgetExceeded:
            raise
        except Exception as error:
            failure = _failure_of(error, self.timeout_s)
        finally:
            for number in attempts:
                self.ledger.end(
                    number, "billed" if whole else "possibly billed", 200, usage, "" if whole else failure[1]
                )
        yield whole or Reply(text, failure[0], self.name, self.source, usage, why=failure[1])

    async def _counted(self, attempts: list[int], request: Request) -> Any:
        """The SDK, with a middleware that puts each HTTP attempt in the ledger; `attempts` gets those left open."""
        import httpx2

        async def count(http: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
            number = self.ledger.begin(self.name, self.source, request)
            try:
                response = await call_next(http)
            except BaseException as error:
                unsent = isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)
                self.ledger.end(number, "free" if unsent else "possibly billed", why=str(error) or repr(error))
                raise
            if response.status_code >= 400:
                self.ledger.end(number, "free", response.status_code, why=f"HTTP {response.status_code}")
            else:
                attempts.append(number)
            return response

        async with self._starting:
            if self._client is None:
                if self.server is not None:
                    await self.server.start()
                    self._url = self.server.url
                self._client = self._connect()
        return self._client.with_middleware(count)

    def _connect(self) -> Any:
        """The SDK's client; on a URL of one's own without the proxies, headers and keys of the environment."""
        import httpx2
        from anthropic import AsyncAnthropic

        async def keep_own(request: httpx2.Request) -> None:
            for name in [name for name in request.headers if not OWN_HEADERS.fullmatch(name)]:
                del request.headers[name]
            request.headers["authorization"] = f"Bearer {self.api_key}"

        http = None
        if self.base_url or self.server:
            http = httpx2.AsyncClient(timeout=self.timeout_s, trust_env=False, event_hooks={"request": [keep_own]})
        return AsyncAnthropic(
            api_key=self.api_key or os.environ.get("ANTHROPIC_API_KEY"),
            base_url=self._url,
            http_client=http,
            timeout=self.timeout_s,
            max_retries=self.max_retries,
            open_telemetry=False,
        )


def _params(request: Request, name: str) -> dict[str, Any]:
    """What the SDK is called with."""
    from anthropic import transform_schema

    body = wire.body_of(request, name)
    if request.schema is not None:
        # the API takes a subset of JSON schema; what is dropped here is checked again on arrival
        body["output_config"]["format"]["schema"] = transform_schema(request.schema)
    return body


def _failure_of(error: Exception, timeout_s: float) -> tuple[Stopped, str]:
    """What `error` means for the reply: a stream can break in more ways than the SDK has types for."""
    import httpx2
    from anthropic import APIConnectionError, APIStatusError, APITimeoutError

    if isinstance(error, TimeoutError | APITimeoutError | httpx2.TimeoutException):
        return "timeout", wire.SILENT.format(timeout_s=timeout_s)
    if isinstance(error, APIStatusError):
        kind, message = error.type or type(error).__name__, error.api_message or str(error)
        return "error", wire.error_why(error.status_code, kind, message)
    if isinstance(error, APIConnectionError):
        return "error", f"no answer: {error.__cause__ or error}"
    return wire.CUT if isinstance(error, httpx2.TransportError) else ("error", f"{type(error).__name__}: {error}")


def connect_model(
    name: str | None = None,
    live: bool = False,
    *,
    policy: Policy | None = None,
    max_usd: float | None = None,
    ledger: Ledger | None = None,
) -> ClaudeModel:
    """Connect to a model through the anthropic SDK: use it in ``async with``, or await its ``close()``.

    A `LoopbackServer` of its own answers with `policy`, and ANTHROPIC_API_KEY is not looked at. With `live`, the real
    API answers, for money: without a key, and a cap in `max_usd` or in a `ledger` of yours, that is a ValueError.
    """
    if ledger is not None and max_usd is not None:
        raise ValueError("say the cap once: max_usd=, or ledger=Ledger(cap_usd=...)")
    name, ledger = name or "claude-haiku-5-5", Ledger(max_usd) if ledger is None else ledger
    if not live:
        server = LoopbackServer(policy or (lambda _: SIMULATED))
        return ClaudeModel(name, api_key="loopback", ledger=ledger, server=server)
    if policy is not None:
        raise ValueError("a live model is not scripted: leave out policy= or live=True")
    if not os.environ.get("ANTHROPIC_API_KEY"):
        raise ValueError("live calls need a key: set ANTHROPIC_API_KEY in the environment")
    return ClaudeModel(name, ledger=ledger)
