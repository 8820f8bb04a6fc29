r"""Sessions over HTTP: SSE and WebSocket that resume from a cursor, signals as POST, and a page for
a phone.

A connection reads, and tells who is there; closing it cancels nothing. Without a token nothing is
readable, a token is good for one session, and a strange Host or Origin is refused whatever token
comes with it. Under ``/sessions/<id>``:

- GET ``""`` is the page;
- GET ``/events`` is the session as server-sent events: ``Last-Event-ID`` or ``?after=`` is the
  cursor;
- GET ``/ws`` is the same over a WebSocket, which takes orders too, as
  ``{"do": "say", "text": "hello"}``;
- GET ``/evidence/<sha256>`` is a file that the events of a build name by its hash: a PNG, or
  text;
- POST ``/say`` and ``/steer`` take ``{"text"}``, ``/cancel`` ``{"run"}``, ``/interrupt``
  ``{"text", "run"}``, and ``/approve`` ``{"request", "answer"}``; each may name its ``screen``,
  as ``phone``, which goes into the event's data: one actor may have several.

A token comes as ``Authorization: Bearer``, or as ``?token=`` where nothing is posted. A POST is
answered by ``{"seq", "id", "durability", "duplicate"}``, a ``/say`` also by ``run``, the run that
will answer; or by ``{"error"}`` with 400 (nonsense), 401 and 403 (who are you), 409 (nobody can be
reached by that signal; nothing was stored), 413 (too large) or 503 (the log did not acknowledge:
send it again, a message with the same ``id``).

**The stream.** Each event is one frame without a name: ``data`` is the event as JSON (session,
kind, actor, data, id, run, time, seq), ``id`` is the cursor. The kinds are those of
`toolkit.events.KINDS`. Words of a run come as

- ``text.delta``: ``data.text`` is added to the run's words;
- ``text.snapshot``: ``data.text`` is the whole text of the run so far and *replaces* what the
  reader has of that run, also where it began earlier. It comes first, to a reader that is far
  behind; the words after it follow as deltas;
- ``run.rolled_back``: the run has no words any more. ``step.started`` takes back what the run put
  out at that step.

Frames with a name carry no event:

- ``live`` once all that is stored has come: with ``grant`` and ``actor`` (who you are), ``beat_s``,
  and ``first``, the id of the first event of this history;
- ``beat`` every ``beat_s`` without news, with ``log: "away"`` while the log cannot be reached;
- ``reset`` where the cursor is of another history than the log's: forget everything, what is there
  follows;
- ``failed`` where the server cannot go on.

A silence of more than twice ``beat_s`` is a dead line: connect again with the cursor, and with
``?first=`` to be told where the log began anew. Over a WebSocket each message is one of
``{"event", "cursor"}``,
``{"live"}``, ``{"beat"}``, ``{"reset", "cursor": 0}``, ``{"failed"}``, and ``{"ack"}`` or
``{"error", "status"}`` in answer to an order, in turn; it is closed with code 4401 when its token
expires or is revoked. This reader shows the right text, also when it is cut in mid-answer and
called again with the cursor that it returned::

    def follow(address, headers, words, cursor=0):
        '''Keep `words`, the text of each run, until the connection ends. Returns the cursor.'''
        headers = headers | {"last-event-id": str(cursor)}
        frame = {}
        with httpx.stream("GET", address, headers=headers) as answer:
            for line in answer.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    frame[name] = value
                    continue
                cursor = int(frame.get("id", cursor))
                if frame.get("event") == "reset":
                    words.clear()
                elif "data" in frame and "event" not in frame:
                    event = json.loads(frame["data"])
                    text = event["data"].get("text", "")
                    if event["kind"] == "text.snapshot":
                        words[event["run"]] = text
                    elif event["kind"] == "text.delta":
                        words[event["run"]] = words.get(event["run"], "") + text
                frame = {}
        return cursor

**Behind a proxy.** The stream says ``X-Accel-Buffering: no``, which nginx obeys. WebSockets and
long silences need::

    location /sessions/ {
        proxy_pass http://127.0.0.1:8000;
        proxy_http_version 1.1;
        proxy_set_header Host $host;               # a host in session_app(hosts=...)
        proxy_set_header X-Forwarded-Proto $scheme; # the link of its QR code
        proxy_set_header Upgrade $http_upgrade;    # WebSocket
        proxy_set_header Connection $connection_upgrade;
        proxy_buffering off;
        proxy_read_timeout 1h;
    }

with ``map $http_upgrade $connection_upgrade { default upgrade; "" ""; }`` in the http block. The
proxy speaks TLS. X-Forwarded-Proto is heeded from a proxy on this machine, and from those that the
environment names in FORWARDED_ALLOW_IPS.

**A frontend on another origin** (a development server on its own port) is named, exactly, in
``session_app(origins=["http://localhost:5173"])``; it sends its token in the header. Cookies play
no part.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from toolkit.errors import UsageError
from toolkit.records import RecordError
from toolkit.sessions.http import sse
from toolkit.sessions.http.access import LOOPBACK, Tokens, address, check_origins, is_loopback
from toolkit.sessions.http.attendants import IDLE_S, Attendant, Attendants, KnownSessions
from toolkit.sessions.http.endpoints import Endpoints, FindEvidence, no_evidence, status_of
from toolkit.sessions.http.orders import Order, OrderRefused
from toolkit.sessions.http.page import PLAIN_WELCOME, Welcome
from toolkit.sessions.http.sse import EventStream
from toolkit.sessions.log import Log, LogUnavailable, TooLarge
from toolkit.sessions.presence import PRESENCE_TTL_S
from toolkit.sessions.speaking import speaking
from toolkit.web import serving

__all__ = ["Attendant", "EventStream", "Order", "Tokens", "Welcome"]
__all__ += ["is_loopback", "serve", "session_app", "speaking"]

BEAT_S = 2.0
FRAME_BYTES = 1_048_576
"""A WebSocket's message above this closes it; a smaller one that is too large for an order is
answered by an error.
"""


def session_app(
    log: Log,
    tokens: Tokens | None,
    attendant: Attendant | None = None,
    hosts: Sequence[str] = LOOPBACK,
    beat_s: float = BEAT_S,
    presence_s: float = PRESENCE_TTL_S,
    origins: Sequence[str] = (),
    idle_s: float = IDLE_S,
    welcome: Welcome = PLAIN_WELCOME,
    evidence: FindEvidence = no_evidence,
) -> Starlette:
    """The app: under ``/sessions/<id>`` a page, ``/events`` (SSE), ``/ws``, and POST to whatever an
    `Order` can do.

    Parameters
    ----------
    log : Log
        What the sessions are written on.
    tokens : Tokens or None
        None lets in whoever reaches the port.
    attendant : callable, optional
        Started for a session when somebody who may control it connects or sends. What it raises is
        logged, and is an ``error`` event on the session; the next message starts it again, after a
        pause.
    hosts : sequence of str
        The names that the app goes by: a name that another site has pointed here is none of them.
    beat_s : float
        A silent stream says so often that it lives.
    presence_s : float
        Whoever may control the session and has a name (the token's, or ``?name=``) is present while
        connected, and for so long after a crash; up to 100 connections a session. A token that only
        reads writes nothing.
    origins : sequence of str
        The origins of other sites whose pages may use the app, written as a browser does.
    idle_s : float
        An attendant is let go when for so long nobody was connected and nothing was under way.
    welcome : Welcome
        What the page says before anybody has said anything.
    evidence : callable, optional
        Gives a file that the events of a build name, by its SHA-256: `toolkit.harness.watching` has
        `find_evidence`.
    """
    check_origins(origins)
    known = KnownSessions(log)
    attendants = Attendants(attendant, known, idle_s)
    site = Endpoints(
        log, tokens, attendants, known, hosts, beat_s, presence_s, origins, welcome, evidence
    )
    routes = [
        Route("/sessions/{id}", site.page),
        Route("/sessions/{id}/events", site.events),
        WebSocketRoute("/sessions/{id}/ws", site.socket),
        Route("/sessions/{id}/evidence/{sha256}", site.show_evidence),
        Route("/sessions/{id}/{do}", site.order, methods=["POST"]),
    ]
    foreseen = (HTTPException, RecordError, TooLarge, OrderRefused, LogUnavailable, TimeoutError)
    handlers: dict[Any, Any] = dict.fromkeys(foreseen, _wrong)
    handlers[ClientDisconnect] = _gone
    middleware = [_cross_origin(origins)] if origins else []
    return Starlette(
        routes=routes, lifespan=site.lifespan, exception_handlers=handlers, middleware=middleware
    )


def _cross_origin(origins: Sequence[str]) -> Middleware:
    """What tells a browser that pages of these origins may read the answers. Tokens come in a
    header: no cookies.
    """
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "last-event-id"],
    )


def _wrong(_: Request, error: Exception) -> Response:
    """The answer to a request that cannot be obeyed: why, as JSON."""
    why = str(error)
    headers = sse.HEADERS
    if isinstance(error, HTTPException):
        why = error.detail
        headers = headers | dict(error.headers or {})
    return JSONResponse({"error": why}, status_of(error), headers)


def _gone(_: Request, __: Exception) -> Response:
    """Nobody hears this."""
    return Response(status_code=400)


@asynccontextmanager
async def serve(
    log: Log,
    tokens: Tokens | None,
    *args: Any,
    host: str = "127.0.0.1",
    port: int = 0,
    limit_connections: int | None = None,
    **options: Any,
) -> AsyncIterator[str]:
    """Serve `session_app` from the running event loop.

    Yields its URL, as another device is to write it. It takes `limit_connections` at a time, by
    default up to 1,000, and fewer than the process may open files; see `toolkit.web`. Raises
    ValueError for a host that is not loopback without tokens.
    """
    if tokens is None and not is_loopback(host):
        raise UsageError(
            f"without a token everybody who reaches {host} could read and control: "
            "serve on 127.0.0.1"
        )
    name = address(host)
    options.setdefault("hosts", (*LOOPBACK, name.lower()))
    app = session_app(log, tokens, *args, **options)
    wire: dict[str, Any] = {"lifespan": "on", "ws": "websockets-sansio", "ws_max_size": FRAME_BYTES}
    async with serving(app, host, port, limit_connections=limit_connections, **wire) as number:
        yield f"http://{name}:{number}"
