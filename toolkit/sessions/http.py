"""Sessions over HTTP: SSE and WebSocket that resume from a cursor, signals as POST, and a page for a phone.

A connection only reads: closing it cancels nothing. A token is good for
one session, to read it or to control it too; a strange Host or Origin is refused whatever token comes with it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from secrets import compare_digest, token_urlsafe
from socket import AF_INET, SOCK_DGRAM, gethostname, socket
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from toolkit.events import Event
from toolkit.records import RecordError, decode, validate
from toolkit.sessions.control import Agent
from toolkit.sessions.log import Ack, Log, LogUnavailable
from toolkit.sessions.run import Run
from toolkit.sessions.session import ID_PATTERN, Session
from toolkit.sessions.sse import HEADERS, SEND_S, EventStream, Words, direct_stream, event_frames, first, tell
from toolkit.web import serving

__all__ = ["EventStream", "Order", "Tokens", "direct_stream", "is_loopback", "serve", "session_app", "speaking"]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
BEAT_S = 5.0
BODY_S = 30.0
BODY_BYTES = 65_536
CLOSE_S = 5.0
POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
PAGE = Path(__file__).with_name("page.html")

Grant = Literal["read", "control"]
Attendant = Callable[[Session], Awaitable[None]]
"""Answers a session's messages until cancelled: `attend`, with an agent of yours."""


class Tokens:
    """Secrets, each good for one session. Only their hashes are kept."""

    def __init__(self) -> None:
        self._grants: list[tuple[bytes, str, Grant]] = []

    def issue(self, session: str, grant: Grant = "read") -> str:
        """A new secret that lets its holder read `session`, or control it too."""
        secret = token_urlsafe(32)
        self._grants.append((sha256(secret.encode()).digest(), session, grant))
        return secret

    def find(self, secret: str) -> tuple[str, Grant] | None:
        """The session and the grant that `secret` stands for."""
        digest = sha256(secret.encode("utf-8", "replace")).digest()
        found = [(session, grant) for known, session, grant in self._grants if compare_digest(known, digest)]
        return found[0] if found else None


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
        id_ = self.id and f"say-{self.id}"
        ways: dict[str, Callable[[], Awaitable[Ack]]] = {
            "say": lambda: session.say(self.text, id=id_),
            "cancel": lambda: session.cancel(self.run),
            "steer": lambda: session.steer(self.text, self.run),
            "interrupt": lambda: session.interrupt(self.text, self.run),
            "approve": lambda: session.approve(self.request, self.answer, self.run),
        }
        return await ways[self.do]()


def speaking(model_call: Callable[[str], Words]) -> Agent:
    """An agent that answers by model calls: cancel and interrupt break one off, a steer makes for another."""

    async def say(run: Run, words: Words) -> None:
        async with aclosing(words):
            async for word in words:
                await run.write(word)

    async def answer(run: Run, message: Event) -> None:
        if run.text:  # adopted from an agent that died: a model call cannot be gone on with, so it is made again
            await run.roll_back()
        asked, seen = str(message.data.get("text", "")), 0
        while asked and not run.cancelled:
            await run.unless_interrupted(say(run, model_call(asked)))
            new = [one for one in run.signals[seen:] if one.kind == "interrupt"]
            seen = len(run.signals)
            asked = "\n".join(str(one.data.get("text", "")) for one in (*new, *await run.take_steers())).strip()

    return answer


@dataclass(eq=False)
class _Site:
    """The endpoints, and the attendants at work."""

    log: Log
    tokens: Tokens | None
    attendant: Attendant | None
    model_call: Callable[[str], Words] | None
    hosts: Sequence[str]
    beat_s: float
    desks: "dict[str, asyncio.Future[None]]" = field(default_factory=dict)

    def enter(self, http: HTTPConnection, need: Grant) -> tuple[Session, Grant]:
        """The session that the request names, where the request may do that."""
        host, id_ = http.headers.get("host", ""), http.path_params["id"]
        if re.sub(r":\d+$", "", host.lower()) not in self.hosts:
            raise HTTPException(403, "not served under this Host")
        if http.headers.get("origin", f"http://{host}") not in (f"http://{host}", f"https://{host}"):
            raise HTTPException(403, "another site's page may not do this")
        scheme, _, secret = http.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            secret = "" if http.scope.get("method") == "POST" else http.query_params.get("token", "")
        everything: tuple[str, Grant] = (id_, "control")
        found = everything if self.tokens is None else self.tokens.find(secret)
        if found is None:
            raise HTTPException(401, "a token is needed", {"www-authenticate": "Bearer"})
        if found[0] != id_ or need not in ("read", found[1]):
            raise HTTPException(403, f"this token is not good for that: {need} this session")
        if not ID_PATTERN.fullmatch(id_):
            raise HTTPException(404, "no such session")
        return Session(self.log, id_), found[1]

    async def page(self, http: Request) -> Response:
        self.enter(http, "read")
        nonce = token_urlsafe(16)
        html = PAGE.read_text(encoding="utf-8").replace("NONCE", nonce)
        return HTMLResponse(html, headers=HEADERS | {"content-security-policy": POLICY.format(nonce)})

    async def events(self, http: Request) -> Response:
        session, grant = self.enter(http, "read")
        return EventStream(event_frames(session, _cursor(http), grant, self.beat_s))

    async def order(self, http: Request) -> Response:
        session, _ = self.enter(http, "control")
        order = validate(Order, {**await _body(http), "do": http.path_params["do"]})
        return JSONResponse(await self.obey(session, order), headers=HEADERS)

    async def obey(self, session: Session, order: Order) -> dict[str, Any]:
        desk = self.desks.get(session.id)
        if order.do == "say" and self.attendant and (desk is None or desk.done()):
            self.desks[session.id] = asyncio.ensure_future(self.attendant(session))
        ack = await order.give(session)
        return {"seq": ack.seq, "id": ack.event.id, "durability": ack.durability, "duplicate": ack.duplicate}

    async def direct(self, http: Request) -> Response:
        self.enter(http, "control")
        if self.model_call is None:
            raise HTTPException(404, "this app was given no model call to stream")
        return direct_stream(self.model_call(validate(Order, {**await _body(http), "do": "say"}).text))

    async def socket(self, ws: WebSocket) -> None:
        (session, grant), after = self.enter(ws, "read"), _cursor(ws)
        await ws.accept()
        with suppress(WebSocketDisconnect, KeyError):  # KeyError: a binary frame where text is due
            await first(self.show(ws, session, grant, after), self.hear(ws, session, grant))

    async def show(self, ws: WebSocket, session: Session, grant: Grant, after: int) -> None:
        async with aclosing(tell(session, after)) as feed:
            async for event in feed:
                async with asyncio.timeout(SEND_S):
                    what = {"cursor": event.seq, "event": asdict(event)} if event else {"live": True, "grant": grant}
                    await ws.send_json(what)

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
) -> Starlette:
    """The app: under ``/sessions/<id>`` a page, ``/events`` (SSE), ``/ws``, and POST to whatever an `Order` can do.

    `tokens` None lets in whoever reaches the port. The `attendant` is started for a session at its first message (POST
    ``/say``). `model_call` makes words of a text, for POST ``/direct``, which is a `direct_stream`. `hosts` are the
    names that the app goes by: a name that another site has pointed here is none of them. A silent stream says every
    `beat_s` seconds that it lives.
    """
    site = _Site(log, tokens, attendant, model_call, hosts, beat_s)

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
        raise ValueError(f"without a token everybody who reaches {host} could read and control: serve on 127.0.0.1")
    name = _own_address() if host in ("0.0.0.0", "::") else host
    name = f"[{name}]" if ":" in name else name
    app = session_app(log, tokens, *args, **{"hosts": (*LOOPBACK, name.lower())} | options)
    wire = {"lifespan": "on", "ws": "websockets-sansio", "ws_max_size": BODY_BYTES}
    async with serving(app, host, port, **wire) as number:
        yield f"http://{name}:{number}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _own_address() -> str:
    """The address of this machine in its network: connecting a datagram socket sends nothing, it only picks the way."""
    with socket(AF_INET, SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return gethostname()
