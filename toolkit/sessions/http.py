"""Sessions over HTTP: SSE and WebSocket that resume from a cursor, signals as POST, and a page for a phone.

A connection reads, and tells who is there; closing it cancels nothing. Without a token nothing is readable, a token is
good for one session, and a strange Host or Origin is refused whatever token comes with it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from toolkit.errors import UsageError
from toolkit.records import RecordError, decode, validate
from toolkit.sessions import sse
from toolkit.sessions.access import LOOPBACK, Grant, Pass, Tokens, address, admit, is_loopback
from toolkit.sessions.log import Ack, Log, LogUnavailable
from toolkit.sessions.session import ID_PATTERN, Session
from toolkit.sessions.speaking import speaking
from toolkit.sessions.sse import EventStream, Messages, Words, direct_stream
from toolkit.sessions.surface import PRESENCE_TTL_S, presence
from toolkit.web import serving

__all__ = ["EventStream", "Order", "Tokens", "direct_stream", "is_loopback", "serve", "session_app", "speaking"]

BEAT_S = 5.0
BODY_S = 30.0
BODY_BYTES = 65_536
CLOSE_S = 5.0
POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
PAGE = Path(__file__).with_name("page.html")

Attendant = Callable[[Session], Awaitable[None]]
"""Answers a session's messages until cancelled: `attend`, with an agent of yours."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a surface asks for, in a POST or over a WebSocket."""

    do: Literal["say", "cancel", "steer", "interrupt", "approve"]
    text: Annotated[str, Field(max_length=20_000)] = ""
    run: Annotated[str, Field(pattern=f"^{ID_PATTERN.pattern}$")] | None = None
    """The run that it is about; None for whatever runs now."""
    request: str = ""
    """The id of the event that asked for approval."""
    answer: bool = False
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")] | None = None
    """Chosen by the sender of a message: sent twice, it is one message."""

    async def give(self, session: Session) -> Ack:
        """Write it to the session."""
        if self.do in ("say", "steer") and not self.text.strip():
            raise RecordError("is empty: say something", field="text")
        if self.do == "approve" and not self.request:
            raise RecordError("is empty: it is the id of the event that asked", field="request")
        match self.do:
            case "say":
                return await session.say(self.text, id=self.id and f"say-{self.id}")
            case "cancel":
                return await session.cancel(self.run)
            case "approve":
                return await session.approve(self.request, self.answer, self.run)
        return await (session.steer if self.do == "steer" else session.interrupt)(self.text, self.run)


@dataclass(eq=False)
class _Site:
    """The endpoints, and the attendants at work."""

    log: Log
    tokens: Tokens | None
    attendant: Attendant | None
    model_call: Callable[[str], Words] | None
    hosts: Sequence[str]
    beat_s: float
    presence_s: float
    desks: "dict[str, asyncio.Future[None]]" = field(default_factory=dict)

    def enter(self, http: HTTPConnection, need: Grant) -> tuple[Session, Pass]:
        may = admit(http, need, self.tokens, self.hosts)
        return Session(self.log, may.session), may

    async def page(self, http: Request) -> Response:
        self.enter(http, "read")
        nonce = token_urlsafe(16)
        html = PAGE.read_text(encoding="utf-8").replace("NONCE", nonce)
        return HTMLResponse(html, headers=sse.HEADERS | {"content-security-policy": POLICY.format(nonce)})

    async def watch(self, session: Session, may: Pass, after: int) -> Messages:
        """All that a connection brings. Whoever opened it is present meanwhile, if that has a name."""
        if may.grant == "control":
            self.wake(session)
        here = presence(session, may.name, self.presence_s) if may.name else nullcontext()
        async with here, aclosing(sse.messages(session, after, may.grant, self.beat_s)) as feed:
            async for message in feed:
                yield message

    async def events(self, http: Request) -> Response:
        session, may = self.enter(http, "read")
        return EventStream(sse.event_frames(self.watch(session, may, _cursor(http))))

    async def socket(self, ws: WebSocket) -> None:
        (session, may), after = self.enter(ws, "read"), _cursor(ws)
        await ws.accept()
        with suppress(WebSocketDisconnect, KeyError):  # KeyError: a binary frame where text is due
            await sse.first(self.show(ws, self.watch(session, may, after)), self.hear(ws, session, may.grant))

    async def show(self, ws: WebSocket, feed: Messages) -> None:
        async with aclosing(feed):
            async for name, data in feed:
                async with asyncio.timeout(sse.SEND_S):
                    await ws.send_json({"cursor": data["seq"], "event": data} if name == "event" else {name: data})

    async def hear(self, ws: WebSocket, session: Session, grant: Grant) -> None:
        while True:
            text = await ws.receive_text()
            try:
                order = decode(Order, text)
                may = grant == "control"
                answer = {"ack": await self.obey(session, order)} if may else {"error": "this token only reads"}
            except (RecordError, LogUnavailable) as error:
                answer = {"error": str(error)}
            await ws.send_json(answer)

    async def order(self, http: Request) -> Response:
        session, _ = self.enter(http, "control")
        order = validate(Order, {**await _body(http), "do": http.path_params["do"]})
        return JSONResponse(await self.obey(session, order), headers=sse.HEADERS)

    def wake(self, session: Session) -> None:
        """Have somebody attend the session: also where what the one before left behind is still open."""
        desk = self.desks.get(session.id)
        if self.attendant and (desk is None or desk.done()):
            self.desks[session.id] = asyncio.ensure_future(self.attendant(session))

    async def obey(self, session: Session, order: Order) -> dict[str, Any]:
        self.wake(session)
        ack = await order.give(session)
        return {"seq": ack.seq, "id": ack.event.id, "durability": ack.durability, "duplicate": ack.duplicate}

    async def direct(self, http: Request) -> Response:
        self.enter(http, "control")
        if self.model_call is None:
            raise HTTPException(404, "this app was given no model call to stream")
        return direct_stream(self.model_call(validate(Order, {**await _body(http), "do": "say"}).text))

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        for desk in self.desks.values():
            desk.cancel()
        if self.desks:
            await asyncio.wait(self.desks.values(), timeout=CLOSE_S)


def _cursor(http: HTTPConnection) -> int:
    """Where to go on from: EventSource keeps its first URL, so its header counts for more than ``?after=``."""
    text = http.headers.get("last-event-id") or http.query_params.get("after") or "0"
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise HTTPException(400, f"a cursor is a sequence number, not {text[:30]!r}")
    return int(text)


async def _body(http: Request) -> dict[str, Any]:
    body = b""
    async with asyncio.timeout(BODY_S):
        async for chunk in http.stream():
            body += chunk
            if len(body) > BODY_BYTES:
                raise HTTPException(413, f"more than {BODY_BYTES} bytes")
    return decode(dict[str, Any], body or b"{}")


def session_app(
    log: Log,
    tokens: Tokens | None,
    attendant: Attendant | None = None,
    model_call: Callable[[str], Words] | None = None,
    hosts: Sequence[str] = LOOPBACK,
    beat_s: float = BEAT_S,
    presence_s: float = PRESENCE_TTL_S,
) -> Starlette:
    """The app: under ``/sessions/<id>`` a page, ``/events`` (SSE), ``/ws``, and POST to whatever an `Order` can do.

    `tokens` None lets in whoever reaches the port. The `attendant` is started for a session when somebody who may
    control it connects or sends. `model_call` makes words of a text, for POST ``/direct``, which is a `direct_stream`.
    `hosts` are the names that the app goes by: a name that another site has pointed here is none of them. A silent
    stream says every `beat_s` seconds that it lives. Whoever has a name (the token's, or ``?name=``) is present while
    connected, and for `presence_s` after a crash.
    """
    site = _Site(log, tokens, attendant, model_call, hosts, beat_s, presence_s)

    def wrong(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 503 if isinstance(error, OSError) else 400)

    routes = [
        Route("/sessions/{id}", site.page),
        Route("/sessions/{id}/events", site.events),
        WebSocketRoute("/sessions/{id}/ws", site.socket),
        Route("/sessions/{id}/direct", site.direct, methods=["POST"]),
        Route("/sessions/{id}/{do}", site.order, methods=["POST"]),
    ]
    handlers: dict[Any, Any] = dict.fromkeys((RecordError, LogUnavailable, TimeoutError), wrong)
    return Starlette(routes=routes, lifespan=site.lifespan, exception_handlers=handlers)


@asynccontextmanager
async def serve(
    log: Log, tokens: Tokens | None, *args: Any, host: str = "127.0.0.1", port: int = 0, **options: Any
) -> AsyncIterator[str]:
    """Serve `session_app` from the running event loop. Yields its URL, as another device is to write it.

    Raises ValueError for a host that is not loopback without tokens.
    """
    if tokens is None and not is_loopback(host):
        raise UsageError(f"without a token everybody who reaches {host} could read and control: serve on 127.0.0.1")
    name = address(host)
    app = session_app(log, tokens, *args, **{"hosts": (*LOOPBACK, name.lower())} | options)
    wire = {"lifespan": "on", "ws": "websockets-sansio", "ws_max_size": BODY_BYTES}
    async with serving(app, host, port, **wire) as number:
        yield f"http://{name}:{number}"
