"""What needs the openai SDK: its client, each HTTP attempt that it makes, and its errors."""

from contextvars import ContextVar
from typing import Any

import httpx2
import openai

from toolkit.models import attempts, wire
from toolkit.models.model import Stopped

_count: ContextVar[attempts.Count] = ContextVar("count")
"""What counts the attempts of the call that the current task makes: the SDK has no other way."""


class _CountedTransport(httpx2.AsyncHTTPTransport):
    """Sends each HTTP request through the function in `_count`."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response: httpx2.Response = await _count.get()(request, super().handle_async_request)
        return response


def client_of(
    url: str, api_key: str | None, timeout_s: float, max_retries: int
) -> openai.AsyncOpenAI:
    """A client of the server at `url`, without the proxies, headers and keys of the environment."""
    transport = _CountedTransport(trust_env=False)
    return openai.AsyncOpenAI(
        api_key=api_key or "none",  # the SDK wants one; the HTTP client sends none
        base_url=url,
        http_client=attempts.closed_client(api_key, timeout_s, transport),
        timeout=timeout_s,
        max_retries=max_retries,
    )


async def open_stream(
    client: openai.AsyncOpenAI, body: dict[str, Any], count: attempts.Count
) -> Any:
    """The chunks of the answer to `body`; `count` sees each HTTP attempt."""
    token = _count.set(count)
    try:
        return await client.chat.completions.create(
            **body, stream=True, stream_options={"include_usage": True}
        )
    finally:
        _count.reset(token)


async def next_chunk(chunks: Any, timeout_s: float) -> dict[str, Any] | None:
    """The next chunk of a stream, or None at its end."""
    try:
        chunk = await attempts.next_of(chunks, timeout_s)
    except openai.APIConnectionError as error:  # in mid-stream its cause says what happened
        raise error.__cause__ or error from None
    read: dict[str, Any] | None = None if chunk is None else chunk.to_dict(warnings=False)
    return read


def failure_of(error: Exception, timeout_s: float) -> tuple[Stopped, str]:
    """What `error` means for the reply. A stream breaks in more ways than the SDK has types."""
    if isinstance(error, openai.APITimeoutError):
        return attempts.failure_of(TimeoutError(), timeout_s)
    if isinstance(error, openai.APIConnectionError):
        return "error", f"no answer: {error.__cause__ or error}"
    if isinstance(error, openai.APIError):
        body = error.body if isinstance(error.body, dict) else {}
        message = str(body.get("message") or error)
        kind = str(body.get("type") or type(error).__name__)
        status = getattr(error, "status_code", 200)
        return "error", wire.well_formed(wire.error_why(status, kind, message))
    return attempts.failure_of(error, timeout_s)
