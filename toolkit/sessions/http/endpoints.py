"""The endpoints of sessions over HTTP. What they take and answer is written in
`toolkit.sessions.http.app`.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from toolkit.records import RecordError, decode, validate
from toolkit.sessions.http import sse
from toolkit.sessions.http.access import Grant, Pass, Tokens, admit
from toolkit.sessions.http.attendants import Attendants, KnownSessions, report
from toolkit.sessions.http.orders import Order, OrderRefused
from toolkit.sessions.http.page import POLICY, Welcome, invitation_for, page_html
from toolkit.sessions.http.sse import EventStream, Messages
from toolkit.sessions.log import Log, LogClosed, LogUnavailable, TooLarge
from toolkit.sessions.presence import presence
from toolkit.sessions.session import Session
from toolkit.tasks import stop

BODY_S = 25.0
BODY_BYTES = 65_536
PRESENT_MOST = 100
"""Connections to one session that say at a time who is there."""
TOKEN_ENDED = 4401
PNG = b"\x89PNG\r\n\x1a\n"
CLOSED = {"content-security-policy": "default-src 'none'; sandbox"}
FindEvidence = Callable[[str], bytes | None]
"""Gives the content of a file by its SHA-256; None where there is none."""


def no_evidence(_: str) -> bytes | None:
    """Where a session's events name no files."""
    return None


@dataclass(eq=False)
class Endpoints:
    """The endpoints of one app, and the connections that are open."""

    log: Log
    tokens: Tokens | None
    attendants: Attendants
    known: KnownSessions
    hosts: Sequence[str]
    beat_s: float
    presence_s: float
    origins: Sequence[str]
    welcome: Welcome
    evidence: FindEvidence = no_evidence
    announced: Counter[str] = field(default_factory=Counter)
    """How many connections to each session say who is there."""

    def enter(self, http: HTTPConnection, need: Grant, visit: bool = False) -> tuple[Session, Pass]:
        """The session, and what the request may do to it. Raises HTTPException where that is less
        than `need`.
        """
        may = admit(http, need, self.tokens, self.hosts, self.origins, visit)
        return Session(self.log, may.session), may

    async def page(self, http: Request) -> Response:
        """The page of a session."""
        _, may = self.enter(http, "read", visit=True)
        nonce = token_urlsafe(16)
        headers = sse.HEADERS | {"content-security-policy": POLICY.format(nonce)}
        invitation = invitation_for(http, self.hosts, may)
        page = page_html(nonce, self.welcome, invitation, may)
        return HTMLResponse(page, headers=headers)

    async def show_evidence(self, http: Request) -> Response:
        """A file that events of the session name by its hash: a picture, or text. Nothing in it
        runs.
        """
        self.enter(http, "read")
        content = await asyncio.to_thread(self.evidence, http.path_params["sha256"])
        if content is None:
            raise HTTPException(404, "no such evidence")
        kind = "image/png" if content.startswith(PNG) else "text/plain; charset=utf-8"
        return Response(content, headers=sse.HEADERS | CLOSED | {"content-type": kind})

    async def watch(self, session: Session, may: Pass, http: HTTPConnection) -> Messages:
        """All that a connection brings. Whoever may control the session is present meanwhile, and
        has it attended.
        """
        after = _cursor(http)
        first = http.query_params.get("first", "")
        about = {"grant": may.grant, "actor": may.actor}
        try:
            async with AsyncExitStack() as here:
                if may.grant == "control":
                    here.enter_context(self.attendants.needed(session))
                    await self._announce(session, may.device, here)
                feed = sse.messages(session, after, first, about, self.beat_s)
                async for batch in await here.enter_async_context(aclosing(feed)):
                    yield batch
        except LogUnavailable:
            return  # The reader comes back with its cursor.
        except Exception as error:
            await report(session, "a stream failed", error, tell=may.grant == "control")
            yield [("failed", {"why": repr(error)})]

    async def _announce(self, session: Session, name: str, here: AsyncExitStack) -> None:
        """Be present as `name` until `here` is left. A log that is away holds the reading up for
        one beat at most.
        """
        if not name or self.announced[session.id] >= PRESENT_MOST:
            return
        here.enter_context(self._counted(session.id))
        present = asyncio.Event()
        announcing = asyncio.create_task(self._be_present(session, name, present))
        here.push_async_callback(stop, announcing)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.beat_s):
                await present.wait()

    async def _be_present(self, session: Session, name: str, present: asyncio.Event) -> None:
        while True:
            try:
                async with presence(session, name, self.presence_s):
                    present.set()
                    await asyncio.Event().wait()
            except LogClosed:
                return
            except LogUnavailable:
                await asyncio.sleep(self.beat_s)

    @contextmanager
    def _counted(self, session: str) -> Iterator[None]:
        self.announced[session] += 1
        try:
            yield
        finally:
            self.announced[session] -= 1
            if not self.announced[session]:
                del self.announced[session]

    async def events(self, http: Request) -> Response:
        """The session as server-sent events."""
        session, may = self.enter(http, "read")
        _cursor(http)
        return EventStream(sse.event_frames(self.watch(session, may, http)), may.ended())

    async def socket(self, ws: WebSocket) -> None:
        """The session over a WebSocket, which takes orders too."""
        session, may = self.enter(ws, "read")
        _cursor(ws)
        await ws.accept()
        # TimeoutError: a reader that does not read is let go
        with suppress(WebSocketDisconnect, TimeoutError):
            showing = self.show(ws, self.watch(session, may, ws))
            hearing = self.hear(ws, session, may)
            await sse.first(showing, hearing, may.ended())
            if may.token is not None and not may.token.valid:
                await ws.close(TOKEN_ENDED, "the token has expired or was revoked")

    async def show(self, ws: WebSocket, feed: Messages) -> None:
        """Send what comes."""
        async with aclosing(feed):
            async for batch in feed:
                async with asyncio.timeout(sse.SEND_S):
                    for name, data in batch:
                        await ws.send_json(_socket_message(name, data))

    async def hear(self, ws: WebSocket, session: Session, may: Pass) -> None:
        """Answer the orders that come."""
        while True:
            message = await ws.receive()
            if message["type"] == "websocket.disconnect":
                return
            answer = await self._answer(session, may, message.get("text"))
            async with asyncio.timeout(sse.SEND_S):
                await ws.send_json(answer)

    async def _answer(self, session: Session, may: Pass, text: str | None) -> dict[str, Any]:
        """What an order over a WebSocket is answered by. Whatever it is, the socket lives on."""
        if text is None:
            return {"error": "an order is text in JSON, not bytes", "status": 400}
        if len(text.encode("utf-8", "replace")) > BODY_BYTES:
            return {"error": f"more than {BODY_BYTES} bytes", "status": 413}
        if may.grant != "control":
            return {"error": "this token only reads", "status": 403}
        try:
            return {"ack": await self.obey(session, may, decode(Order, text))}
        except Exception as error:
            status = status_of(error)
            if status == 500:
                await report(session, "an order failed", error)
            why = str(error) or repr(error)
            return {"error": why, "status": status}

    async def order(self, http: Request) -> Response:
        """An order by POST."""
        session, may = self.enter(http, "control")
        fields = await _body(http)
        order = validate(Order, {**fields, "do": http.path_params["do"]})
        try:
            return JSONResponse(await self.obey(session, may, order), headers=sse.HEADERS)
        except Exception as error:
            if status_of(error) != 500:
                raise
            await report(session, "an order failed", error)
            return JSONResponse({"error": repr(error)}, 500, sse.HEADERS)

    async def obey(self, session: Session, may: Pass, order: Order) -> dict[str, Any]:
        """Check an order against what the session has come to, and write it."""
        order.check()
        self.attendants.wake(session)
        if order.do != "say":
            session = await self.known.session(session.id)
            await order.check_against(session)
        acknowledged = await order.give(session, may.actor)
        self.attendants.wake(session)  # again: the one before may have been let go meanwhile
        return acknowledged

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Stop the attendants with the server."""
        yield
        await self.attendants.close()


def _socket_message(name: str, data: dict[str, Any]) -> dict[str, Any]:
    if name == "event":
        return {"cursor": data["seq"], "event": data}
    if name == "reset":
        return {"reset": data, "cursor": 0}
    return {name: data}


def status_of(error: Exception) -> int:
    """The HTTP status of what an order raised; 500 for what nobody foresaw."""
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, TooLarge):
        return 413
    if isinstance(error, OrderRefused):
        return 409
    if isinstance(error, RecordError):
        return 400
    if isinstance(error, LogUnavailable | TimeoutError):
        return 503
    return 500


def _cursor(http: HTTPConnection) -> int:
    """Where to go on from: EventSource keeps its first URL, so its header counts for more than
    ``?after=``.
    """
    text = http.headers.get("last-event-id") or http.query_params.get("after") or "0"
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise HTTPException(400, f"a cursor is a sequence number, not {text[:30]!r}")
    return int(text)


async def _body(http: Request) -> dict[str, Any]:
    """The JSON object that is posted."""
    body = b""
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in http.stream():
                body += chunk
                if len(body) > BODY_BYTES:
                    raise HTTPException(413, f"more than {BODY_BYTES} bytes")
    except TimeoutError:
        why = f"the body did not come within {BODY_S:g} s"
        raise HTTPException(408, why, {"connection": "close"}) from None
    return decode(dict[str, Any], body or b"{}")
