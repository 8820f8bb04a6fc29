"""What needs the anthropic SDK: its client, what it is given, each attempt in the ledger, a batch,
and its errors.
"""

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2

from toolkit.models import wire
from toolkit.models.model import Progress, Request, Stopped

if TYPE_CHECKING:
    from toolkit.models.claude import ClaudeModel

CANCEL_S = 10.0
LOOKS = 8  # in vain, one after the other, before a batch is given up
POLL_S, LONGEST_POLL_S = 0.1, 60.0
AWAY = (
    anthropic.APIConnectionError,
    anthropic.InternalServerError,
    anthropic.RateLimitError,
    httpx2.TransportError,
)
OWN_HEADERS = re.compile(
    "host|connection|user-agent|anthropic-version|idempotency-key|(accept|content|x-stainless)(-.*)?",
    re.IGNORECASE,
)


def client_of(model: "ClaudeModel", url: str, own: bool) -> anthropic.AsyncAnthropic:
    """The client of `model`; for a URL of its own without the proxies, headers and keys of the
    environment.
    """

    async def keep_own(request: httpx2.Request) -> None:
        for name in [name for name in request.headers if not OWN_HEADERS.fullmatch(name)]:
            del request.headers[name]
        request.headers["authorization"] = f"Bearer {model.api_key}"

    hooks = {"request": [keep_own]}
    return anthropic.AsyncAnthropic(
        api_key=model.api_key or os.environ.get("ANTHROPIC_API_KEY"),
        base_url=url,
        http_client=httpx2.AsyncClient(timeout=model.timeout_s, trust_env=False, event_hooks=hooks)
        if own
        else None,
        timeout=model.timeout_s,
        max_retries=model.max_retries,
        open_telemetry=False,
    )


def params_of(request: Request, name: str) -> dict[str, Any]:
    """What the SDK is called with."""
    body = wire.body_of(request, name)
    if request.schema is not None:
        # the API takes a subset of JSON schema; what is dropped here is checked again on arrival
        body["output_config"]["format"]["schema"] = anthropic.transform_schema(request.schema)
    return body


def counting(
    model: "ClaudeModel", attempts: list[int], *requests: Request, batch: bool = False
) -> Any:
    """A middleware of the SDK that puts each HTTP attempt in the ledger; `attempts` gets the
    numbers left open.
    """

    async def count(http: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        numbers = await model.ledger.reserve(model.name, model.source, *requests, batch=batch)
        try:
            response = await call_next(http)
        except BaseException as error:
            unsent = isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)
            model.ledger.end(
                numbers, "free" if unsent else "possibly billed", why=str(error) or repr(error)
            )
            raise
        if response.status_code < 400:
            attempts.extend(numbers)
        else:
            model.ledger.end(
                numbers, "free", response.status_code, why=f"HTTP {response.status_code}"
            )
        return response

    return count


async def next_of(events: Any, timeout_s: float) -> Any:
    """The next event of a stream, or None at its end."""
    async with asyncio.timeout(timeout_s):
        return await anext(events, None)


async def wait_for_batch(
    batches: Any, id_: str, found: dict[str, Any], all_: int, progress: Progress
) -> None:
    """Put the results of a batch into `found` by their custom_id once it has ended, looked at less
    and less often.

    A server that is away does not end a batch, unless it stays away. A batch that is given up is
    cancelled.
    """
    pause, missed = POLL_S, 0
    try:
        while True:
            try:
                batch = await batches.retrieve(id_)
                if batch.processing_status == "ended":
                    return await _read(batches, id_, found)
                missed = 0
            except AWAY:
                missed += 1
                if missed == LOOKS:
                    raise
            progress(len(found), all_)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_POLL_S)
    except BaseException:
        with suppress(Exception):
            async with asyncio.timeout(CANCEL_S):
                await batches.cancel(id_)
        raise


async def _read(batches: Any, id_: str, found: dict[str, Any]) -> None:
    chunks: list[bytes] = []
    try:
        async with batches.with_streaming_response.results(id_) as response:
            async for chunk in response.iter_bytes():
                chunks.append(chunk)
    finally:
        for line in b"".join(chunks).split(b"\n"):
            with suppress(
                ValueError, RecursionError, LookupError, TypeError
            ):  # a bad line costs no good one
                record = json.loads(line)
                if found.setdefault(record["custom_id"], record["result"]) != record["result"]:
                    found[record["custom_id"]] = {"type": "two different results"}


def failure_of(error: Exception, timeout_s: float) -> tuple[Stopped, str]:
    """What `error` means for the reply: a stream can break in more ways than the SDK has types for."""
    if isinstance(error, TimeoutError | anthropic.APITimeoutError | httpx2.TimeoutException):
        return "timeout", wire.SILENT.format(timeout_s=timeout_s)
    if isinstance(error, anthropic.APIStatusError):
        kind, message = error.type or type(error).__name__, error.api_message or str(error)
        return "error", wire.error_why(error.status_code, kind, message)
    if isinstance(error, anthropic.APIConnectionError):
        return "error", f"no answer: {error.__cause__ or error}"
    return (
        wire.CUT
        if isinstance(error, httpx2.TransportError)
        else ("error", f"{type(error).__name__}: {error}")
    )
