"""Replies that came in pieces: the events of OpenAI's and Anthropic's streams, put together again.

What was asked is not in a stream, so that its trace is a reply alone.
"""

from collections.abc import Iterable
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.decode import decoded
from toolkit.traces.fields import elements_of, fields_of, object_in, objects_in, without
from toolkit.traces.formats import openai, responses
from toolkit.traces.formats.chat import read_chat
from toolkit.traces.formats.exchange import first_record
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.trace import Trace

Fields = dict[str, Any]
CHUNK = "chat.completion.chunk"
BLOCK = "content_block_"
GROWING = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}
"""The field of a piece of a block by the type of the piece, as Anthropic has them."""


def _id_of_chunk(chunk: Record) -> str | None:
    return first_id(first_record(chunk), "id")


def _is_chunk(record: Record) -> bool:
    return record.get("object") == CHUNK


def _read_chunks(record: Record, id_: str) -> Trace | Iterable[Trace]:
    return openai.FORMAT.read(completion_of(record["records"]), id_)


def completion_of(chunks: Iterable[Record]) -> Fields:
    """The completion that chunks are together; of several choices the first."""
    completion: Fields = {}
    message: Fields = {"role": "assistant"}
    calls: dict[Any, Fields] = {}
    choice: Fields = {}
    for chunk in chunks:
        stated = {name: value for name, value in chunk.items() if value is not None}
        completion |= without(stated, "choices", "object")
        for part in objects_in(chunk, "choices")[:1]:
            choice |= {name: value for name, value in part.items() if value is not None}
            delta = object_in(part, "delta")
            _grow(message, without(delta, "tool_calls", "role"))
            for call in objects_in(delta, "tool_calls"):
                function = object_in(call, "function")
                known = calls.setdefault(call.get("index", len(calls)), {"function": {}})
                known |= without(call, "index", "function")
                _grow(known["function"], function)
    if calls:
        message["tool_calls"] = list(calls.values())
    return {**completion, "choices": [{**without(choice, "delta"), "message": message}]}


def _grow(fields: Fields, pieces: Record) -> None:
    """Append pieces of text to the fields that they are of."""
    for name, piece in pieces.items():
        if isinstance(piece, str) and isinstance(fields.get(name), str):
            fields[name] += piece
        elif piece is not None:
            fields[name] = piece


def _is_response_event(record: Record) -> bool:
    return str(record.get("type")).startswith("response.") and "sequence_number" in record


def _id_of_response(record: Record) -> str | None:
    return first_id(object_in(first_record(record), "response"), "id")


def _read_response(record: Record, id_: str) -> Trace | Iterable[Trace]:
    return responses.FORMAT.read(response_of_events(record["records"]), id_)


def response_of_events(events: Iterable[Record]) -> Fields:
    """The response that events end with; where they are cut off, with what had come of it."""
    response: Fields = {}
    items: dict[Any, Fields] = {}
    for event in events:
        response |= object_in(event, "response")
        place = event.get("output_index")
        if isinstance(event.get("item"), dict):
            items[place] = event["item"]
        elif event.get("type") == "response.output_text.delta":
            item = items.setdefault(place, {"type": "message", "role": "assistant"})
            parts = elements_of(item.get("content")) or [{"type": "output_text", "text": ""}]
            parts[0]["text"] = parts[0].get("text", "") + str(event.get("delta", ""))
            item["content"] = parts
    if not response.get("output"):
        response["output"] = [items[place] for place in sorted(items, key=str)]
    return response


def _is_anthropic_event(record: Record) -> bool:
    type_ = str(record.get("type"))
    if type_ == "message_start":
        return "message" in record
    if type_ == "message_delta":
        return "delta" in record
    return type_.startswith(BLOCK) and "index" in record


def _id_of_message(record: Record) -> str | None:
    return first_id(object_in(first_record(record), "message"), "id")


def _read_message(record: Record, id_: str) -> Trace:
    message = message_of(record["records"])
    return read_chat({"messages": [], "response": message}, id_)


def message_of(events: Iterable[Record]) -> Fields:
    """The message that events of Anthropic's API are together."""
    message: Fields = {}
    blocks: dict[Any, Fields] = {}
    for event in events:
        message |= object_in(event, "message")
        place = event.get("index")
        if "content_block" in event:
            blocks[place] = dict(fields_of(event["content_block"]))
        elif event.get("type") == f"{BLOCK}delta":
            _grow_block(blocks.setdefault(place, {}), object_in(event, "delta"))
        else:
            usage = object_in(message, "usage") | object_in(event, "usage")
            message |= object_in(event, "delta")
            message |= {"usage": usage} if usage else {}
        if "error" in event:
            message["error"] = event["error"]
    if not message:
        raise RecordError("no event of the stream has a message")
    message["content"] = [_whole(block) for block in blocks.values()]
    return message


def _grow_block(block: Fields, delta: Record) -> None:
    type_ = str(delta.get("type"))
    field = GROWING.get(type_)
    if field is None:
        block.setdefault("other_pieces", []).append(dict(delta))
        return
    block[field] = str(block.get(field) or "") + str(delta.get(field, ""))


def _whole(block: Fields) -> Fields:
    """A block whose arguments came as pieces of JSON."""
    if "partial_json" not in block:
        return block
    text = block.pop("partial_json")
    return {**block, "input": decoded(text)}


OPENAI = Format(
    "openai-stream",
    ("object",),
    _read_chunks,
    _is_chunk,
    _id_of_chunk,
    group=_id_of_chunk,
    converted=frozenset(
        {
            "choices.index",
            "choices.delta.content",
            "choices.delta.tool_calls.index",
            "choices.delta.tool_calls.function.arguments",
        }
    ),
)
RESPONSES = Format(
    "openai-responses-stream",
    ("sequence_number",),
    _read_response,
    _is_response_event,
    _id_of_response,
    group=_id_of_response,
    converted=frozenset(
        {"sequence_number", "output_index", "content_index", "item_id", "delta", "text"}
    ),
)
ANTHROPIC = Format(
    "anthropic-stream",
    ("message", "delta", "index"),
    _read_message,
    _is_anthropic_event,
    _id_of_message,
    group=_id_of_message,
    converted=frozenset(f"delta.{field}" for field in GROWING.values()),
)
