"""LoopbackServer: the Messages API on 127.0.0.1, answered by a policy, so that the real SDK runs without a key."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from toolkit.models import wire
from toolkit.models.frames import frames_of, message_of, sse
from toolkit.models.ledger import price_table
from toolkit.models.script import Fault, Policy, ask, input_tokens

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request as HttpRequest
    from starlette.responses import Response
    from uvicorn import Server

START_S = 10.0
CLOSE_S = 10.0
Receive = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Received:
    """One HTTP request as it arrived."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: Any
    """The JSON; None where there was none."""


class LoopbackServer:
    """Serves the Messages API from `policy` in the running event loop; an async context manager.

    Parameters
    ----------
    policy : Policy
        A plain function of the Request, called in the loop. One that raises is answered with status 500.

    Attributes
    ----------
    url : str
        ``http://127.0.0.1:<port>``, once started.
    requests : list of Received
        All that arrived.
    errors : list of Exception
        All that the policy raised.
    """

    def __init__(self, policy: Policy):
        self.policy = policy
        self.url = ""
        self.requests: list[Received] = []
        self.errors: list[Exception] = []
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen on a free port; returns at once where the server runs already."""
        if self._server is not None:
            return
        from uvicorn import Config, Server

        config = Config(self._app(), lifespan="off", ws="none", http="h11", log_config=None, log_level="critical")
        config.load()
        server = Server(config)
        server.lifespan = config.lifespan_class(config)
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with asyncio.timeout(START_S):
            # startup alone, not serve: no signal handler, no ticking task
            await server.startup(sockets=[listener])
        self._server = server

    async def close(self) -> None:
        """Stop listening and drop every connection, an unfinished stream included."""
        server, self._server = self._server, None
        if server is None:
            return
        for listening in server.servers:
            listening.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        async with asyncio.timeout(CLOSE_S):
            await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
            for listening in server.servers:
                await listening.wait_closed()

    def _app(self) -> "Starlette":
        from starlette.applications import Starlette
        from starlette.routing import Route

        return Starlette(
            routes=[
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count_tokens, methods=["POST"]),
                Route("/v1/models", self._models),
            ],
            exception_handlers={404: self._not_found},
        )

    async def _not_found(self, http: "HttpRequest", _: Exception) -> "Response":
        return _error(404, f"{http.method} {http.url.path} is not served on loopback")

    async def _models(self, http: "HttpRequest") -> "Response":
        from starlette.responses import JSONResponse

        await self._receive(http)
        ids = list(price_table().models)
        day = f"{price_table().as_of}T00:00:00Z"
        data = [{"type": "model", "id": id_, "display_name": id_, "created_at": day} for id_ in ids]
        return JSONResponse({"data": data, "has_more": False, "first_id": ids[0], "last_id": ids[-1]})

    async def _count_tokens(self, http: "HttpRequest") -> "Response":
        from starlette.responses import JSONResponse

        body = await self._receive(http)
        checked = {"max_tokens": 1, **body} if isinstance(body, dict) else body
        if wrong := wire.what_is_wrong(checked):
            return _error(400, wrong)
        return JSONResponse({"input_tokens": input_tokens(wire.request_of(checked))})

    async def _messages(self, http: "HttpRequest") -> "Response | _Stream":
        body = await self._receive(http)
        if wrong := wire.what_is_wrong(body):
            return _error(400, wrong)
        if body["model"] not in price_table().models:
            return _error(404, f"model: {body['model']}")
        answer, error = ask(self.policy, wire.request_of(body))
        if error:
            self.errors.append(error)
        if answer.status >= 400:
            return _error(answer.status, answer.message)
        if body.get("stream"):
            frames = [sse(*frame) for frame in frames_of(body, answer)]
            return _Stream(frames, "text/event-stream", answer.fault, answer.delay_s, self._drop)
        if answer.fault == "error":
            return _error(529, wire.SCRIPTED_ERROR)
        text = json.dumps(message_of(body, answer)).encode()
        fault: Fault | None = "cut" if answer.fault == "close" else answer.fault
        return _Stream(
            [text[: len(text) // 2] if fault else text], "application/json", fault, answer.delay_s, self._drop
        )

    async def _receive(self, http: "HttpRequest") -> Any:
        try:
            body = json.loads(await http.body())
        except ValueError:
            body = None
        self.requests.append(Received(http.url.path, dict(http.headers), body))
        return body

    def _drop(self, client: tuple[str, int]) -> None:
        """Close the connection of `client` in the middle of whatever it is doing."""
        for connection in list(self._server.server_state.connections if self._server else ()):
            if connection.transport.get_extra_info("peername") == client:
                connection.transport.close()


@dataclass
class _Stream:
    """An ASGI response in frames, which may break as `fault` says once they are sent."""

    frames: list[bytes]
    media_type: str
    fault: Fault | None
    delay_s: float
    drop: Callable[[tuple[str, int]], None]

    async def __call__(self, scope: Any, receive: Receive, send: Callable[[Any], Awaitable[None]]) -> None:
        headers = [(b"content-type", self.media_type.encode()), (b"request-id", b"req_loopback")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for frame in self.frames:
            await send({"type": "http.response.body", "body": frame, "more_body": True})
            if self.delay_s and await _gone(receive, self.delay_s):
                return
        if self.fault == "cut":
            self.drop(tuple(scope["client"]))
        if self.fault in ("cut", "hang"):
            await _gone(receive, None)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive, wait_s: float | None) -> bool:
    """Wait for the client to leave, `wait_s` seconds at most; closing the server makes every client leave."""
    try:
        async with asyncio.timeout(wait_s):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


def _error(status: int, message: str) -> "Response":
    from starlette.responses import JSONResponse

    body = {"type": "error", "error": {"type": wire.error_type(status), "message": message}}
    # a scripted server needs no back-off
    return JSONResponse(body, status, {"request-id": "req_loopback", "retry-after-ms": "1"})
