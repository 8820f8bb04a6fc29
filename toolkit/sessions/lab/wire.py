"""Listening to a streaming endpoint as its client would: SSE, NDJSON or a WebSocket."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from toolkit.errors import UsageError

MAX_BYTES = 8_000_000
"""A connection that has brought more is given up."""


class Frame(NamedTuple):
    """One event of a stream; a part that the endpoint did not send is empty."""

    name: str
    """The event's name; ``refused`` for an HTTP status that is no success."""
    id: str
    """What a client would resume from."""
    data: str


Frames = AsyncGenerator[Frame, None]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends to a streaming endpoint."""

    url: str
    method: str = "GET"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """They may hold a secret, so they are in no message."""

    def __post_init__(self) -> None:
        import httpx

        if self.scheme not in {"http", "https", "ws", "wss"}:
            raise UsageError(f"{self.url!r} is no endpoint: give an http, https, ws or wss URL")
        try:
            httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise UsageError(f"{self.url!r} is no endpoint: {error}") from None
        for name, value in self.headers.items():
            if not (name.isascii() and (name + value).isprintable()):
                raise UsageError(f"header {name!r} holds a character that no header may hold")

    @property
    def scheme(self) -> str:
        """The part of the URL before ``://``."""
        return self.url.partition("://")[0]


def broken() -> tuple[type[Exception], ...]:
    """What a connection raises that is cut, refused, or silent for too long."""
    import httpx
    from websockets import WebSocketException

    return httpx.HTTPError, WebSocketException, OSError, EOFError


def listen(request: Request, last_id: str, silence_s: float, max_bytes: int = MAX_BYTES) -> Frames:
    """Send `request` and yield what comes, after `last_id` where the endpoint can resume.

    Ends where the server ends the stream.

    Raises
    ------
    OSError and others (see `broken`)
        Where the connection breaks, brings nothing for `silence_s`, or more than `max_bytes`.
    """
    if request.scheme in {"http", "https"}:
        return _over_http(request, last_id, silence_s, max_bytes)
    return _over_websocket(request, last_id, silence_s, max_bytes)


async def _over_http(request: Request, last_id: str, silence_s: float, max_bytes: int) -> Frames:
    import httpx

    headers = {"Accept": "text/event-stream, application/x-ndjson, */*"}
    headers |= {"Accept-Encoding": "identity", "Cache-Control": "no-store", **request.headers}
    if last_id:
        headers["Last-Event-ID"] = last_id
    # an id may be any UTF-8
    as_bytes = [(name.encode(), value.encode()) for name, value in headers.items()]
    encrypted = request.scheme == "https"
    async with (
        httpx.AsyncClient(timeout=silence_s, verify=encrypted, trust_env=False) as client,
        client.stream(
            request.method,
            request.url,
            headers=as_bytes,
            content=request.body,
        ) as response,
    ):
        if not response.is_success:
            yield Frame("refused", "", f"HTTP {response.status_code}")
            return
        pieces = _bounded(response.aiter_bytes(), max_bytes)
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        read = _server_sent_events if media_type == "text/event-stream" else _lines
        async for frame in read(pieces):
            yield frame


async def _server_sent_events(pieces: AsyncIterator[bytes]) -> Frames:
    """The events of a stream, as httpx-sse reads them.

    The standard's three rules that it leaves to its caller are kept here: the text is UTF-8
    whatever the header says, a byte-order mark at its head is no part of it, and a blank line
    after no data (after a comment, an id, a retry) is no event. An event that has a name and no
    data is kept, though a browser would drop it: it may be how an endpoint says that it is done.
    """
    import httpx
    from httpx_sse import EventSource

    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=pieces)
    response.encoding = "utf-8-sig"
    last_id = ""
    async for event in EventSource(response).aiter_sse():
        name = "" if event.event == "message" else event.event
        if name or event.data:
            own_id = "" if event.id == last_id else event.id  # it shows the last one for ever
            last_id = event.id
            yield Frame(name, own_id, event.data)


async def _lines(pieces: AsyncIterator[bytes]) -> Frames:
    """The lines of NDJSON. Only a line feed ends a line: JSON may hold every other line end."""
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield _line(line)
    if rest:
        yield _line(rest)


def _line(line: bytes) -> Frame:
    return Frame("", "", line.decode("utf-8-sig", errors="replace").removesuffix("\r"))


async def _bounded(pieces: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            raise EOFError(f"more than {max_bytes} bytes came")
        yield piece


async def _over_websocket(
    request: Request,
    last_id: str,
    silence_s: float,
    max_bytes: int,
) -> Frames:
    """The messages of a socket; `last_id` goes as ``?after=``, the body as its first message."""
    from websockets import InvalidStatus
    from websockets.asyncio.client import connect

    url = request.url
    if last_id:
        url += f"{'&' if '?' in url else '?'}after={quote(last_id, safe='')}"
    size = 0
    try:
        async with connect(
            url,
            additional_headers=dict(request.headers),
            open_timeout=silence_s,
            close_timeout=0.1,
            max_size=max_bytes,
            ping_interval=None,
            proxy=None,
        ) as socket:
            if request.body:
                await socket.send(request.body.decode())
            while True:
                data = str(await asyncio.wait_for(socket.recv(decode=True), silence_s))
                size += len(data.encode())
                if size > max_bytes:
                    raise EOFError(f"more than {max_bytes} bytes came")
                message = as_json(data)
                cursor = message.get("cursor", message.get("id"))
                yield Frame("", "" if cursor is None else str(cursor), data)
    except InvalidStatus as refused:
        yield Frame("refused", "", f"HTTP {refused.response.status_code}")


def as_json(data: str) -> dict[str, Any]:
    """The object that `data` is, or an empty one."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
