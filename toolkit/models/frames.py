"""An Answer as the Messages API puts it: the whole message, or the events of a stream in their order."""

import json
from collections.abc import Iterator
from typing import Any

from toolkit.models import wire
from toolkit.models.script import Answer, calls_of, half, pieces_of, usage_of

JSON_CHARS = 16
Frame = tuple[str, dict[str, Any]]


def sse(event: str, data: dict[str, Any]) -> bytes:
    """One frame of the stream; the SDK ignores frames without an event line."""
    return f"event: {event}\ndata: {json.dumps({'type': event, **data})}\n\n".encode()


def message_of(body: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """The whole message, as an answer that is not streamed."""
    request = wire.request_of(body)
    usage = usage_of(request, answer)
    content: list[dict[str, Any]] = [{"type": "text", "text": answer.words}] if answer.words else []
    for call in calls_of(request, answer):
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments})
    return {
        "id": f"msg_{wire.fingerprint(request, body['model'])[:24]}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": answer.stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
    }


def frames_of(body: dict[str, Any], answer: Answer) -> Iterator[Frame]:
    """The events of the stream in the API's order, up to where the fault breaks it."""
    message = message_of(body, answer)
    usage = message["usage"]
    start: dict[str, Any] = {"content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 0}}
    yield "message_start", {"message": message | start}
    for index, block in enumerate(message["content"]):
        yield from _block_frames(index, block, cut_short=bool(answer.fault))
        if answer.fault:
            break
    if answer.fault == "error":
        yield "error", {"error": {"type": "overloaded_error", "message": wire.SCRIPTED_ERROR}}
    if answer.fault:
        return
    yield "ping", {}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield "message_delta", {"delta": stop, "usage": {"output_tokens": usage["output_tokens"]}}
    yield "message_stop", {}


def _block_frames(index: int, block: dict[str, Any], cut_short: bool) -> Iterator[Frame]:
    text = block["text"] if block["type"] == "text" else json.dumps(block["input"])
    text = half(text) if cut_short else text
    if block["type"] == "text":
        yield "content_block_start", {"index": index, "content_block": {**block, "text": ""}}
        deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": piece} for piece in pieces_of(text)]
    else:
        yield "content_block_start", {"index": index, "content_block": {**block, "input": {}}}
        parts = (text[n : n + JSON_CHARS] for n in range(0, len(text), JSON_CHARS))
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    for delta in deltas:
        yield "content_block_delta", {"index": index, "delta": delta}
    if not cut_short:
        yield "content_block_stop", {"index": index}
