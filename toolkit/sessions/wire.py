"""Listening to a streaming endpoint as its client would: server-sent events, NDJSON or a WebSocket."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from toolkit.errors import UsageError

MAX_CHARS = 1_000_000
"""A connection that has brought more is given up."""
Frames = AsyncGenerator[tuple[str, str, str], None]
"""The event's name, its id, and its data; empty where there is none."""


def broken() -> tuple[type[Exception], ...]:
    """What a connection raises that is cut, refused, or silent for too long."""
    import httpx
    from websockets import WebSocketException

    return httpx.HTTPError, WebSocketException, OSError, EOFError


def listen(url: str, last_id: str, silence_s: float, headers: Mapping[str, str] | None = None) -> Frames:
    """Open `url` and yield its events, after `last_id` where the endpoint can. Ends where the server ends it.

    Raises
    ------
    ValueError
        For a URL that is not http, https, ws or wss.
    OSError and others (see `broken`)
        Where the connection breaks, or brings nothing for `silence_s`.
    """
    scheme, headers = url.partition("://")[0], {"Accept-Encoding": "identity", **(headers or {})}
    if scheme not in {"http", "https", "ws", "wss"}:
        raise UsageError(f"{url!r} is no endpoint: give an http, https, ws or wss URL")
    if last_id:
        headers["Last-Event-ID"] = last_id
    return (_http if scheme.startswith("http") else _socket)(url, last_id, silence_s, headers)


async def _http(url: str, _: str, silence_s: float, headers: dict[str, str]) -> Frames:
    import httpx

    fields: dict[str, str] = {}
    async with (
        httpx.AsyncClient(timeout=silence_s, verify=url.startswith("https"), trust_env=False) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        if response.status_code != 200:
            yield "refused", "", f"HTTP {response.status_code}"
            return
        plain = "event-stream" not in response.headers.get("content-type", "")
        async for line in _lines(response.aiter_text()):
            if plain:
                yield "", "", line
            elif line:
                key, _, value = line.partition(":")
                fields[key] = fields[key] + "\n" + value[1:] if key == "data" in fields else value.removeprefix(" ")
            else:
                yield fields.get("event", ""), fields.get("id", ""), fields.get("data", "")
                fields.clear()


async def _lines(pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    rest, size = "", 0
    async for piece in pieces:
        size = _bounded(size + len(piece))
        *lines, rest = (rest + piece).split("\n")
        for line in lines:
            yield line.removesuffix("\r")
    if rest:
        yield rest


async def _socket(url: str, last_id: str, silence_s: float, headers: dict[str, str]) -> Frames:
    from websockets import InvalidStatus
    from websockets.asyncio.client import connect

    url += f"{'&' if '?' in url else '?'}after={last_id}" if last_id else ""
    bounds: dict[str, Any] = {"open_timeout": silence_s, "close_timeout": 0.1, "max_size": MAX_CHARS}
    size = 0
    try:
        async with connect(url, additional_headers=headers, ping_interval=None, proxy=None, **bounds) as socket:
            while True:
                data = str(await asyncio.wait_for(socket.recv(decode=True), silence_s))
                size, told = _bounded(size + len(data)), as_json(data)
                cursor = told.get("cursor") or told.get("id")
                yield "", "" if cursor is None else str(cursor), data
    except InvalidStatus as refused:
        yield "refused", "", f"HTTP {refused.response.status_code}"


def _bounded(size: int) -> int:
    if size > MAX_CHARS:
        raise EOFError(f"more than {MAX_CHARS} characters came")
    return size


def as_json(data: str) -> dict[str, Any]:
    """The object that `data` is, or an empty one."""
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
