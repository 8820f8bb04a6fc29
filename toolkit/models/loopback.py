"""LoopbackServer: the Messages API and chat completions on 127.0.0.1, answered by a policy, so that
the real SDKs run without a key.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from weakref import WeakSet

from toolkit.models.batches import ServedBatch
from toolkit.models.bodies import batch_problem, message_problem
from toolkit.models.prices import price_table
from toolkit.models.script import (
    BROKEN,
    Answer,
    Fault,
    Policy,
    answer_to,
    first_half,
    message_of,
    pieces_of,
)
from toolkit.records import RecordError, canonical
from toolkit.web import serving

if TYPE_CHECKING:
    from starlette.responses import Response

# A scripted server needs no pause before a retry.
RESPONSE_HEADERS = {"request-id": "req_loopback", "retry-after-ms": "1"}


class Received(NamedTuple):
    """One HTTP request as it arrived: its headers in lower case, its JSON or None."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass(eq=False)
class LoopbackServer:
    """Serves the Messages API, and under ``/v1`` chat completions too, from `policy` in the running
    event loop; an async context manager and an ASGI app.
    """

    policy: Policy
    """A plain function of the Request, called in the loop. One that raises is answered with status
    500.
    """
    keep: int = 1000
    """How many of the `requests` that arrived are kept."""
    url: str = field(default="", init=False)
    """``http://127.0.0.1:<port>``, once started."""
    requests: list[Received] = field(default_factory=list, init=False, repr=False)
    """The last that arrived."""
    errors: list[Exception] = field(default_factory=list, init=False)
    """All that the policy raised."""
    _batches: dict[str, ServedBatch] = field(default_factory=dict, init=False, repr=False)
    _open: AsyncExitStack | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen on a free port; returns at once where the server runs already."""
        if self._open is None:
            stack = AsyncExitStack()
            port = await stack.enter_async_context(serving(self))
            self.url = f"http://127.0.0.1:{port}"
            self._open = stack
            _running.add(self)

    async def close(self) -> None:
        """Stop listening and drop every connection, an unfinished stream included."""
        stack = self._open
        self._open = None
        _running.discard(self)
        if stack is not None:
            await stack.aclose()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one HTTP request, as ASGI has it."""
        from starlette.requests import Request

        http = Request(scope, receive)
        try:
            body = json.loads(await http.body())
        except (ValueError, RecursionError):
            body = None
        self.requests.append(Received(http.url.path, dict(http.headers), body))
        del self.requests[: -self.keep]
        await self._respond(http.method, http.url.path, body)(scope, receive, send)

    def _respond(self, method: str, path: str, body: Any) -> "Response":
        match method, path.split("/")[1:]:
            case "POST", ["v1", "messages"]:
                return _message(body, answer_to(body, self.policy, self.errors))
            case "POST", ["v1", "chat", "completions"]:
                return _completion(body, self.policy, self.errors)
            case "POST", ["v1", "messages", "count_tokens"]:
                return _count_tokens(body)
            case "POST", ["v1", "messages", "batches"]:
                return self._create_batch(body)
            case _, ["v1", "messages", "batches", id_, *action] if id_ in self._batches:
                return self._batch(self._batches[id_], " ".join([method, *action]))
            case "GET", ["v1", "models"]:
                return _models()
        return _error(Answer(f"{method} {path} is not served on loopback", status=404))

    def _create_batch(self, body: Any) -> "Response":
        problem = batch_problem(body)
        if problem:
            return _error(Answer(problem, status=400))
        batch = ServedBatch(f"msgbatch_{len(self._batches):06d}", body["requests"])
        self._batches[batch.id] = batch
        return _json(batch.to_api(self.url))

    def _batch(self, batch: ServedBatch, action: str) -> "Response":
        if action == "GET results" and batch.status == "ended":
            return _json_lines(batch.results[::-1])  # the API promises no order
        if action == "POST cancel" and not batch.results:
            batch.cancel()
        elif action == "GET":
            batch.end(self.policy, self.errors)
        else:
            return _error(Answer(f"the batch is {batch.status}: no {action}", status=400))
        return _json(batch.to_api(self.url))


_running: WeakSet[LoopbackServer] = WeakSet()


def is_loopback(url: str) -> bool:
    """Whether a `LoopbackServer` of this process listens at `url`, its ``/v1`` or not. Any other
    server here may be a gateway.
    """
    root = url.rstrip("/").removesuffix("/v1")
    return any(server.url == root for server in _running)


def _json(content: Any, status: int = 200) -> "Response":
    from starlette.responses import JSONResponse

    return JSONResponse(content, status, RESPONSE_HEADERS)


def _json_lines(records: list[Any]) -> "Response":
    from starlette.responses import Response

    text = "".join(json.dumps(record) + "\n" for record in records)
    return Response(text, 200, RESPONSE_HEADERS, "application/x-jsonl")


def _error(answer: Answer) -> "Response":
    return _json({"type": "error", "error": answer.error}, answer.status)


def _count_tokens(body: Any) -> "Response":
    if isinstance(body, dict):
        body = {"max_tokens": 1, **body}  # a count needs no bound on the answer
    problem = message_problem(body)
    if problem:
        return _error(Answer(problem, status=400))
    message = message_of(body, Answer())
    return _json({"input_tokens": message["usage"]["input_tokens"]})


def _models() -> "Response":
    prices = price_table()
    created_at = f"{prices['as_of']}T00:00:00Z"
    models = []
    for name in prices["models"]:
        model = {"type": "model", "created_at": created_at, "id": name, "display_name": name}
        models.append(model)
    return _json({"data": models, "has_more": False})


def _message(body: Any, answer: Answer) -> "Response":
    """The HTTP response to `body` that says `answer`."""
    if answer.status >= 400:
        return _error(answer)
    message = message_of(body, answer)
    frames = []
    for event in _events(message, answer.fault):
        frames.append(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n")
    return _answered(answer, message, frames if body.get("stream") else None)


def _completion(body: Any, policy: Policy, errors: list[Exception]) -> "Response":
    """The HTTP response to the `body` of a chat completion."""
    from toolkit.models import chat_loopback

    try:
        request = chat_loopback.message_body_of(body)
    except RecordError as error:
        answer = Answer(f"{error.field or 'body'}: {error.why}", status=400)
    else:
        answer = answer_to(request, policy, errors, any_model=True)
    if answer.status >= 400:
        return _json(chat_loopback.error_of(answer), answer.status)
    message = message_of(request, answer)
    frames = None
    if body.get("stream"):
        frames = [
            f"data: {chunk}\n\n" for chunk in chat_loopback.chunks_of(message, body, answer.fault)
        ]
    return _answered(answer, chat_loopback.completion_of(message), frames)


def _answered(answer: Answer, whole: dict[str, Any], frames: list[str] | None) -> "Response":
    """The HTTP response that streams the `frames`, or without them sends `whole`.

    What is not streamed hangs, or is cut, where the answer has a fault.
    """
    from starlette.responses import StreamingResponse

    fault = answer.fault
    media_type = "text/event-stream"
    if frames is None:
        media_type = "application/json"
        text = json.dumps(whole)
        frames = [first_half(text) if fault else text]
        if fault in ("close", "error"):
            fault = "cut"
    sending = _send(frames, fault, answer.delay_s)
    return StreamingResponse(sending, headers=RESPONSE_HEADERS, media_type=media_type)


async def _send(parts: list[str], fault: Fault | None, delay_s: float) -> AsyncIterator[str]:
    for part in parts:
        yield part
        await asyncio.sleep(delay_s)
    if fault == "cut":
        raise ConnectionAbortedError("scripted cut")  # uvicorn then drops the connection
    if fault == "hang":
        # Until the client leaves; to close the server makes every client leave.
        await asyncio.Event().wait()


def _events(message: dict[str, Any], fault: Fault | None) -> Iterator[dict[str, Any]]:
    """The events of the stream in the API's order, up to where the fault breaks it."""
    usage_at_start = message["usage"] | {"output_tokens": 0}
    at_start = {"content": [], "stop_reason": None, "usage": usage_at_start}
    yield {"type": "message_start", "message": message | at_start}
    if fault:
        for block in message["content"][:1]:
            yield from _block_events(0, block, broken=True)
        if fault == "error":
            yield {"type": "error", "error": BROKEN}
        return
    for index, block in enumerate(message["content"]):
        yield from _block_events(index, block)
    end = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    yield {"type": "ping"}
    yield {"type": "message_delta", "delta": end, "usage": message["usage"]}
    yield {"type": "message_stop"}


def _block_events(
    index: int, block: dict[str, Any], broken: bool = False
) -> Iterator[dict[str, Any]]:
    """The events of a content block; of a `broken` one those of its first half, without an end."""
    if block["type"] == "text":
        text = block["text"]
        at_start = block | {"text": ""}
        delta = "text_delta"
        key = "text"
    else:
        text = canonical(block["input"])
        at_start = block | {"input": {}}
        delta = "input_json_delta"
        key = "partial_json"
    yield {"type": "content_block_start", "index": index, "content_block": at_start}
    for piece in pieces_of(first_half(text) if broken else text):
        change = {"type": delta, key: piece}
        yield {"type": "content_block_delta", "index": index, "delta": change}
    if not broken:
        yield {"type": "content_block_stop", "index": index}
