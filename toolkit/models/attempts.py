"""What each HTTP attempt of a vendor's SDK may send, and what the ledger is told of it; both SDKs
speak HTTP through httpx2.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from toolkit.models import wire
from toolkit.models.ledger import Ledger
from toolkit.models.model import Price, Request, State, Stopped
from toolkit.traces import Source

OWN_HEADERS = re.compile(
    "host|connection|user-agent|anthropic-version|idempotency-key|"
    "(accept|content|x-stainless)(-.*)?",
    re.IGNORECASE,
)
UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout)

Count = Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]
"""Gets an HTTP request and what sends it, and gives the response."""


def closed_client(
    api_key: str | None, timeout_s: float, transport: httpx2.AsyncBaseTransport | None = None
) -> httpx2.AsyncClient:
    """An HTTP client that takes nothing of the environment, and sends no header of others and no
    key but `api_key`.
    """

    async def keep_own_headers(request: httpx2.Request) -> None:
        for name in list(request.headers):
            if not OWN_HEADERS.fullmatch(name):
                del request.headers[name]
        if api_key is not None:
            request.headers["authorization"] = f"Bearer {api_key}"

    return httpx2.AsyncClient(
        timeout=timeout_s,
        trust_env=False,
        transport=transport,
        event_hooks={"request": [keep_own_headers]},
    )


def counting(
    ledger: Ledger,
    name: str,
    source: Source,
    attempts: list[int],
    *requests: Request,
    batch: bool = False,
    price: Price | None = None,
    provider: str = "",
) -> Count:
    """A function that puts each HTTP attempt in the `ledger`; `attempts` gets the numbers left
    open.
    """

    async def count(http: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        numbers = await ledger.reserve(
            name, source, *requests, batch=batch, price=price, provider=provider
        )
        try:
            response = await call_next(http)
        except BaseException as error:
            unsent = isinstance(error, UNSENT) or isinstance(error.__cause__, UNSENT)
            state: State = "free" if unsent else "possibly billed"
            ledger.end(numbers, state, why=str(error) or repr(error))
            raise
        if response.status_code < 400:
            attempts.extend(numbers)
        else:
            status = response.status_code
            ledger.end(numbers, "free", status, why=f"HTTP {status}")
        return response

    return count


async def next_of(events: Any, timeout_s: float) -> Any:
    """The next event of a stream, or None at its end."""
    async with asyncio.timeout(timeout_s):
        return await anext(events, None)


def failure_of(error: Exception, timeout_s: float) -> tuple[Stopped, str]:
    """What an `error` that is of no SDK's own types means for the reply."""
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return "timeout", wire.SILENT.format(timeout_s=timeout_s)
    if isinstance(error, httpx2.TransportError):
        return wire.CUT
    return "error", f"{type(error).__name__}: {error}"
