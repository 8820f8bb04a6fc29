"""What needs the anthropic SDK: its client, what it is given, a batch, and its errors."""

import asyncio
import json
import os
from contextlib import suppress
from typing import Any

import anthropic
import httpx2

from toolkit.models import attempts, wire
from toolkit.models.model import Progress, Request, Stopped

CANCEL_S = 10.0
MAX_FAILED_POLLS = 8  # one after the other, before a batch is given up
POLL_S = 0.1
LONGEST_POLL_S = 60.0
SERVER_AWAY = (
    anthropic.APIConnectionError,
    anthropic.InternalServerError,
    anthropic.RateLimitError,
    httpx2.TransportError,
)


def client_of(
    url: str, api_key: str | None, own: bool, timeout_s: float, max_retries: int
) -> anthropic.AsyncAnthropic:
    """A client of the API at `url`; for an `own` URL without the proxies, headers and keys of the
    environment.
    """
    return anthropic.AsyncAnthropic(
        api_key=api_key or os.environ.get("ANTHROPIC_API_KEY"),
        base_url=url,
        http_client=attempts.closed_client(api_key, timeout_s) if own else None,
        timeout=timeout_s,
        max_retries=max_retries,
        open_telemetry=False,
    )


def params_of(request: Request, name: str) -> dict[str, Any]:
    """What the SDK is called with."""
    body = wire.body_of(request, name)
    if request.schema is not None:
        # the API takes a subset of JSON schema; what is dropped here is checked again on arrival
        body["output_config"]["format"]["schema"] = anthropic.transform_schema(request.schema)
    return body


async def wait_for_batch(
    batches: Any, id_: str, results: dict[str, Any], n_requests: int, progress: Progress
) -> None:
    """Put the results of a batch into `results` by their custom_id once it has ended.

    It is looked at less and less often. A server that is away does not end a batch, unless it stays
    away. A batch that is given up is cancelled.
    """
    pause_s = POLL_S
    failed_polls = 0
    try:
        while True:
            try:
                batch = await batches.retrieve(id_)
                if batch.processing_status == "ended":
                    return await _read_results(batches, id_, results)
                failed_polls = 0
            except SERVER_AWAY:
                failed_polls += 1
                if failed_polls == MAX_FAILED_POLLS:
                    raise
            progress(len(results), n_requests)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_POLL_S)
    except BaseException:
        with suppress(Exception):
            async with asyncio.timeout(CANCEL_S):
                await batches.cancel(id_)
        raise


async def _read_results(batches: Any, id_: str, results: dict[str, Any]) -> None:
    """Read what comes, also where it is cut; a bad line costs no good one."""
    chunks: list[bytes] = []
    try:
        async with batches.with_streaming_response.results(id_) as response:
            async for chunk in response.iter_bytes():
                chunks.append(chunk)
    finally:
        for line in b"".join(chunks).split(b"\n"):
            with suppress(ValueError, RecursionError, LookupError, TypeError):
                record = json.loads(line)
                custom_id = record["custom_id"]
                result = record["result"]
                if results.setdefault(custom_id, result) != result:
                    results[custom_id] = {"type": "two different results"}


def failure_of(error: Exception, timeout_s: float) -> tuple[Stopped, str]:
    """What `error` means for the reply. A stream breaks in more ways than the SDK has types."""
    if isinstance(error, anthropic.APITimeoutError):
        return attempts.failure_of(TimeoutError(), timeout_s)
    if isinstance(error, anthropic.APIStatusError):
        kind = error.type or type(error).__name__
        message = error.api_message or str(error)
        return "error", wire.error_why(error.status_code, kind, message)
    if isinstance(error, anthropic.APIConnectionError):
        return "error", f"no answer: {error.__cause__ or error}"
    return attempts.failure_of(error, timeout_s)
