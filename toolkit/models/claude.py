"""ClaudeModel: the real anthropic SDK as a Model; and `connect_model`, which talks to a script unless live is asked."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from toolkit.models import wire
from toolkit.models.ledger import BudgetExceeded, Ledger, cost_usd
from toolkit.models.loopback import LoopbackServer
from toolkit.models.model import Model, Reply, Request, Usage
from toolkit.models.script import Answer, Policy
from toolkit.traces import Source

CLOSE_S = 10.0
BACKOFF_S = 8.0  # the SDK's longest pause before a retry
SIMULATED = Answer("This reply is simulated: a script on this machine wrote it, and no model was asked.")


@dataclass(eq=False)
class ClaudeModel(Model, AbstractAsyncContextManager["ClaudeModel"]):
    """A model of the Messages API, asked through the anthropic SDK. It belongs to the event loop that first asks it.

    Raises
    ------
    ValueError
        Where there is a `base_url` and no `api_key`, or a `ledger` without a cap and an API that is not on this
        machine for certain. For a model without a price it is an `UnknownModel`.
    """

    name: str
    """One with a price in prices.json."""
    _: KW_ONLY
    base_url: str | None = None
    """Where the API is. None means the SDK's own choice; with any other, nothing of the environment is used."""
    api_key: str | None = field(default=None, repr=False)
    """None takes ANTHROPIC_API_KEY, for the SDK's own `base_url` alone."""
    source: Source = field(default=cast(Source, None))
    """What replies say of themselves; None means live, unless the URL that the SDK asks is on this machine."""
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
        if not self.server and _source_of(self.base_url or "") == "live" and self.ledger.cap_usd is None:
            mend = "pass ledger=Ledger(cap_usd=1.0), or have connect_model() ask a script"
            raise ValueError(f"{self.name} is asked live, which costs money, and there is no cap: {mend}")
        self._given, url = self.source, self.base_url or os.environ.get("ANTHROPIC_BASE_URL", "")
        self.source = self.source or ("simulated" if self.server else _source_of(url))
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
        from toolkit.models.call import Call, failure_of

        call = Call(self, request)
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout((self.max_retries + 1) * (self.timeout_s + BACKOFF_S)):
                    client = (await self._connect()).with_middleware(call.count)
                    events = await stack.enter_async_context(client.messages.stream(**call.arguments()))
                while True:
                    async with asyncio.timeout(self.timeout_s):
                        event = await anext(events, None)
                    if event is None:
                        break
                    if words := call.hear(event, events):
                        yield words
            call.failure = wire.CLOSED
        except BudgetExceeded:
            raise
        except Exception as error:
            call.failure = failure_of(error, self.timeout_s)
        finally:
            call.settle()
        yield call.reply()

    async def _connect(self) -> Any:
        from toolkit.models.call import client_of

        async with self._starting:
            if self._client is None:
                if self.server is not None:
                    await self.server.start()
                    self.base_url = self.server.url
                self._client = client_of(self)
                self.source = self._given or _source_of(str(self._client.base_url))
            return self._client


def connect_model(
    name: str | None = None,
    live: bool = False,
    *,
    policy: Policy | None = None,
    max_usd: float | None = None,
    ledger: Ledger | None = None,
) -> ClaudeModel:
    """Connect to a model through the anthropic SDK: use it in ``async with``, or await its ``close()``.

    Without `live`, the SDK talks to a `LoopbackServer` of the model's own, and ANTHROPIC_API_KEY is not looked at.

    Parameters
    ----------
    name : str or None
        The model; None means claude-haiku-5-5.
    live : bool
        Ask the real API, for money; where ANTHROPIC_BASE_URL names this machine, that, and the source is simulated.
    policy : Policy or None
        Answers on loopback; None says that it is simulated.
    max_usd : float or None
        The cap in dollars; needed for `live`.
    ledger : Ledger or None
        Counts the attempts, instead of a new one with `max_usd`; it may bring the cap.

    Raises
    ------
    ValueError
        For `live` without a cap, without a key, or with a policy; or where both `ledger` and `max_usd` are given.
        For a model without a price it is an `UnknownModel`.
    """
    if ledger is not None and max_usd is not None:
        raise ValueError("say the cap once: max_usd=, or ledger=Ledger(cap_usd=...)")
    name, ledger = name or "claude-haiku-5-5", Ledger(max_usd) if ledger is None else ledger
    if not live:
        server = LoopbackServer(policy or (lambda _: SIMULATED))
        return ClaudeModel(name, api_key="loopback", ledger=ledger, server=server)
    if policy is not None:
        raise ValueError("a live model is not scripted: leave out policy= or live=True")
    if ledger.cap_usd is None:
        raise ValueError("live calls cost money: pass a cap in dollars, as max_usd=1.0")
    if not os.environ.get("ANTHROPIC_API_KEY"):
        raise ValueError("live calls need a key: set ANTHROPIC_API_KEY in the environment")
    return ClaudeModel(name, ledger=ledger)


def _source_of(url: str) -> Source:
    return "simulated" if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1") else "live"
