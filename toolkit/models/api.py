"""The loopback Messages API as a Starlette application: an Answer as a message, a stream of events, or an error."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from toolkit.models import wire
from toolkit.models.ledger import price_table
from toolkit.models.script import Answer, Fault, answer_to, error_of, half, message_of, pieces_of
from toolkit.records import canonical

if TYPE_CHECKING:
    from toolkit.models.loopback import LoopbackServer

HEADERS = {"request-id": "req_loopback", "retry-after-ms": "1"}  # a scripted server needs no back-off


def app_of(server: "LoopbackServer") -> Starlette:
    """The application that answers with the policy of `server`, and writes there what it received."""

    async def messages(http: Request) -> Response:
        body = await server.receive(http)
        return respond(body, answer_to(body, server.policy, server.errors))

    async def count_tokens(http: Request) -> Response:
        body = await server.receive(http)
        body = {"max_tokens": 1, **body} if isinstance(body, dict) else body
        if wrong := wire.what_is_wrong(body):
            return respond(body, Answer(wrong, status=400))
        return JSONResponse({"input_tokens": message_of(body, Answer())["usage"]["input_tokens"]})

    async def models(http: Request) -> Response:
        await server.receive(http)
        day = f"{price_table().as_of}T00:00:00Z"
        data = [{"type": "model", "id": m, "display_name": m, "created_at": day} for m in price_table().models]
        return JSONResponse({"data": data, "has_more": False})

    async def not_found(http: Request, _: Exception) -> Response:
        return respond(None, Answer(f"{http.method} {http.url.path} is not served on loopback", status=404))

    routes = [
        Route("/v1/messages", messages, methods=["POST"]),
        Route("/v1/messages/count_tokens", count_tokens, methods=["POST"]),
        Route("/v1/models", models),
    ]
    return Starlette(routes=routes, exception_handlers={404: not_found})


def respond(body: Any, answer: Answer) -> Response:
    """The HTTP response to `body` that says `answer`; a message that is not streamed hangs or is cut, by its fault."""
    if answer.status >= 400:
        return JSONResponse({"type": "error", "error": error_of(answer)}, answer.status, HEADERS)
    message, fault, media_type = message_of(body, answer), answer.fault, "text/event-stream"
    frames = list(frames_of(message, fault))
    if not body.get("stream"):
        text, media_type = json.dumps(message), "application/json"
        frames, fault = [half(text) if fault else text], "cut" if fault in ("close", "error") else fault
    return StreamingResponse(_sent(frames, fault, answer.delay_s), headers=HEADERS, media_type=media_type)


async def _sent(frames: list[str], fault: Fault | None, delay_s: float) -> AsyncIterator[str]:
    for frame in frames:
        yield frame
        await asyncio.sleep(delay_s)
    if fault == "cut":
        raise ConnectionAbortedError("scripted cut")  # uvicorn then drops the connection
    if fault == "hang":
        await asyncio.Event().wait()  # until the client leaves: closing the server makes every client leave


def frames_of(message: dict[str, Any], fault: Fault | None) -> Iterator[str]:
    """The events of the stream in the API's order, up to where the fault breaks it."""
    used = message["usage"]
    start = {"content": [], "stop_reason": None, "usage": used | {"output_tokens": 0}}
    yield _sse("message_start", message=message | start)
    empty: dict[str, Any]
    for index, block in enumerate(message["content"][:1] if fault else message["content"]):
        if block["type"] == "text":
            empty, text, delta, field = {"text": ""}, block["text"], "text_delta", "text"
        else:
            empty, text, delta, field = {"input": {}}, canonical(block["input"]), "input_json_delta", "partial_json"
        yield _sse("content_block_start", index=index, content_block=block | empty)
        for piece in pieces_of(half(text) if fault else text):
            yield _sse("content_block_delta", index=index, delta={"type": delta, field: piece})
        if not fault:
            yield _sse("content_block_stop", index=index)
    if fault == "error":
        yield _sse("error", error=error_of(Answer(wire.SCRIPTED_ERROR, status=529)))
    if not fault:
        yield _sse("ping")
        stop = {name: message[name] for name in ("stop_reason", "stop_sequence")}
        yield _sse("message_delta", delta=stop, usage={"output_tokens": used["output_tokens"]})
        yield _sse("message_stop")


def _sse(event: str, **data: Any) -> str:
    """One frame; the SDK ignores frames without an event line."""
    return f"event: {event}\ndata: {json.dumps({'type': event, **data})}\n\n"
