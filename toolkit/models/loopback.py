"""LoopbackServer: the Messages API on 127.0.0.1, answered by a policy, so that the real SDK runs
without a key.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from weakref import WeakSet

from toolkit.models import wire
from toolkit.models.ledger import price_table
from toolkit.models.model import DAY_S
from toolkit.models.script import (
    BROKEN,
    Answer,
    Fault,
    Policy,
    answer_to,
    half,
    message_of,
    pieces_of,
    result_of,
)
from toolkit.records import canonical
from toolkit.web import serving

if TYPE_CHECKING:
    from starlette.responses import Response

COUNTS = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
HEADERS = {
    "request-id": "req_loopback",
    "retry-after-ms": "1",
}  # a scripted server needs no back-off


class Received(NamedTuple):
    """One HTTP request as it arrived: its headers in lower case, its JSON or None."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass(eq=False)
class LoopbackServer:
    """Serves the Messages API from `policy` in the running event loop; an async context manager and
    an ASGI app.
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
    _batches: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    """Each batch as the API shows it, its requests and its results."""
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
            self.url = f"http://127.0.0.1:{await stack.enter_async_context(serving(self))}"
            self._open = stack
            _running.add(self)

    async def close(self) -> None:
        """Stop listening and drop every connection, an unfinished stream included."""
        stack, self._open = self._open, None
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
                return _say(body, answer_to(body, self.policy, self.errors))
            case "POST", ["v1", "messages", "count_tokens"]:
                body = {"max_tokens": 1, **body} if isinstance(body, dict) else body
                if wrong := wire.what_is_wrong(body):
                    return _json(Answer(wrong, status=400))
                return _json({"input_tokens": message_of(body, Answer())["usage"]["input_tokens"]})
            case "POST", ["v1", "messages", "batches"]:
                if wrong := wire.what_is_wrong(body, batch=True):
                    return _json(Answer(wrong, status=400))
                return _json(self._create(body["requests"]))
            case _, ["v1", "messages", "batches", id_, *rest] if id_ in self._batches:
                return self._batch(" ".join([method, *rest]), id_)
            case "GET", ["v1", "models"]:
                made = {"type": "model", "created_at": f"{price_table()['as_of']}T00:00:00Z"}
                data = [
                    {**made, "id": name, "display_name": name} for name in price_table()["models"]
                ]
                return _json({"data": data, "has_more": False})
        return _json(Answer(f"{method} {path} is not served on loopback", status=404))

    def _create(self, requests: list[Any]) -> dict[str, Any]:
        now = datetime.now(UTC)
        shown: dict[str, Any] = {
            "id": f"msgbatch_{len(self._batches):06d}",
            "type": "message_batch",
        }
        shown |= {
            "created_at": now.isoformat(),
            "expires_at": (now + timedelta(seconds=DAY_S)).isoformat(),
        }
        shown |= {
            "processing_status": "in_progress",
            "request_counts": COUNTS | {"processing": len(requests)},
        }
        self._batches[shown["id"]] = shown, requests, []
        return shown

    def _batch(self, asked: str, id_: str) -> "Response":
        """A batch is answered as a whole when it is first looked at, if it is not cancelled before."""
        shown, requests, results = self._batches[id_]
        if asked == "GET results" and shown["processing_status"] == "ended":
            return _json(results[::-1])  # the API promises no order
        if asked == "POST cancel" and not results:
            results += [
                {"custom_id": item["custom_id"], "result": {"type": "canceled"}}
                for item in requests
            ]
            shown["processing_status"] = "canceling"
        elif asked == "GET":
            for item in requests[len(results) :]:
                result = result_of(item["params"], self.policy, self.errors)
                results.append({"custom_id": item["custom_id"], "result": result})
            shown["processing_status"] = "ended"
            shown["results_url"] = f"{self.url}/v1/messages/batches/{id_}/results"
            shown["request_counts"] = COUNTS | Counter(item["result"]["type"] for item in results)
        else:
            return _json(
                Answer(f"the batch is {shown['processing_status']}: no {asked}", status=400)
            )
        return _json(shown)


_running: WeakSet[LoopbackServer] = WeakSet()


def is_loopback(url: str) -> bool:
    """Whether a `LoopbackServer` of this process listens at `url`. Any other server here may be a
    gateway.
    """
    return any(server.url == url.rstrip("/") for server in _running)


def _json(said: Any) -> "Response":
    from starlette.responses import JSONResponse, Response

    if isinstance(said, list):
        return Response(
            "".join(json.dumps(line) + "\n" for line in said), 200, HEADERS, "application/x-jsonl"
        )
    error = isinstance(said, Answer)
    content = {"type": "error", "error": said.error} if error else said
    return JSONResponse(content, said.status if error else 200, HEADERS)


def _say(body: Any, answer: Answer) -> "Response":
    """The HTTP response to `body` that says `answer`; a message that is not streamed hangs or is
    cut, by its fault.
    """
    from starlette.responses import StreamingResponse

    if answer.status >= 400:
        return _json(answer)
    message, fault, media_type = message_of(body, answer), answer.fault, "text/event-stream"
    frames = [
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        for event in _events(message, fault)
    ]
    if not body.get("stream"):
        text, media_type = json.dumps(message), "application/json"
        frames, fault = (
            [half(text) if fault else text],
            "cut" if fault in ("close", "error") else fault,
        )
    return StreamingResponse(
        _sent(frames, fault, answer.delay_s), headers=HEADERS, media_type=media_type
    )


async def _sent(frames: list[str], fault: Fault | None, delay_s: float) -> AsyncIterator[str]:
    for frame in frames:
        yield frame
        await asyncio.sleep(delay_s)
    if fault == "cut":
        raise ConnectionAbortedError("scripted cut")  # uvicorn then drops the connection
    if fault == "hang":
        await (
            asyncio.Event().wait()
        )  # until the client leaves: closing the server makes every client leave


def _events(message: dict[str, Any], fault: Fault | None) -> Iterator[dict[str, Any]]:
    """The events of the stream in the API's order, up to where the fault breaks it."""
    used, empty = message["usage"], dict[str, Any]()
    start: dict[str, Any] = {
        "content": [],
        "stop_reason": None,
        "usage": used | {"output_tokens": 0},
    }
    yield {"type": "message_start", "message": message | start}
    for index, block in enumerate(message["content"][:1] if fault else message["content"]):
        if block["type"] == "text":
            empty, text, delta, key = {"text": ""}, block["text"], "text_delta", "text"
        else:
            empty, text, delta, key = (
                {"input": {}},
                canonical(block["input"]),
                "input_json_delta",
                "partial_json",
            )
        yield {"type": "content_block_start", "index": index, "content_block": block | empty}
        for piece in pieces_of(half(text) if fault else text):
            yield {
                "type": "content_block_delta",
                "index": index,
                "delta": {"type": delta, key: piece},
            }
        if not fault:
            yield {"type": "content_block_stop", "index": index}
    if fault == "error":
        yield {"type": "error", "error": BROKEN}
    if not fault:
        stop = {name: message[name] for name in ("stop_reason", "stop_sequence")}
        yield {"type": "ping"}
        yield {"type": "message_delta", "delta": stop, "usage": message["usage"]}
        yield {"type": "message_stop"}
