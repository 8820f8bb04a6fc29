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
from toolkit.traces.pieces import Fields, append, grow, joined
from toolkit.traces.trace import Trace

PADDING = "obfuscation"
"""The field of OpenAI's events with letters by chance, which make all of one length."""
TEXTS = ("content", "reasoning_content", "reasoning", "refusal", "function_call.arguments")
"""The texts of a message that come in pieces."""
BLOCK = "content_block_"
GROWING = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}
"""The field of a piece of a block by the type of the piece, as Anthropic has them."""
ITEM_FIELDS = {
    "function_call_arguments": "arguments",
    "mcp_call_arguments": "arguments",
    "custom_tool_call_input": "input",
    "code_interpreter_call_code": "code",
}
"""The field of an item that a piece belongs to by the type of its event, as OpenAI has them."""
PARTS = {
    "output_text": ("content", "output_text", "text"),
    "refusal": ("content", "refusal", "refusal"),
    "reasoning_text": ("content", "reasoning_text", "text"),
    "reasoning_summary_text": ("summary", "summary_text", "text"),
}
"""The list of an item that a piece belongs to, and the type and the field of its part there."""


def _id_of_chunk(chunk: Record) -> str | None:
    return first_id(first_record(chunk), "id")


def _read_chunks(record: Record, id_: str) -> Trace | Iterable[Trace]:
    return openai.FORMAT.read(completion_of(record["records"]), id_)


class Choice:
    """One of the answers of a completion, as far as its pieces have come."""

    def __init__(self) -> None:
        self._fields: Fields = {}
        self._message: Fields = {}
        self._calls: dict[int, Fields] = {}

    def add(self, choice: Record) -> None:
        """Add what a chunk has of it."""
        delta = object_in(choice, "delta")
        stated = {name: value for name, value in choice.items() if value is not None}
        self._fields |= without(stated, "delta")
        grow(self._message, without(delta, "tool_calls", "role"))
        for call in objects_in(delta, "tool_calls"):
            index = call.get("index")
            place = index if isinstance(index, int) else len(self._calls)
            known = self._calls.setdefault(place, {"function": {}})
            known |= without(call, "index", "function")
            grow(known["function"], object_in(call, "function"))

    def whole(self) -> Fields:
        """The choice with its message."""
        message = {"role": "assistant", **joined(self._message)}
        if self._calls:
            message["tool_calls"] = [joined(call) for call in self._calls.values()]
        return {**self._fields, "message": message}


def completion_of(chunks: Iterable[Record]) -> Fields:
    """The completion that chunks are together, with each of its choices."""
    completion: Fields = {}
    choices: dict[int, Choice] = {}
    for chunk in chunks:
        stated = {name: value for name, value in chunk.items() if value is not None}
        completion |= without(stated, "choices", "object", PADDING)
        for piece in objects_in(chunk, "choices"):
            index = piece.get("index")
            place = index if isinstance(index, int) else 0
            choices.setdefault(place, Choice()).add(piece)
    whole = [choices[place].whole() for place in sorted(choices)]
    return {**completion, "choices": whole or [Choice().whole()]}


def _is_response_event(record: Record) -> bool:
    """Whether it is an event of a response; one of a realtime session has an id of its own."""
    return str(record.get("type")).startswith("response.") and "event_id" not in record


def _id_of_response(record: Record) -> str | None:
    return first_id(object_in(first_record(record), "response"), "id")


def _read_response(record: Record, id_: str) -> Trace | Iterable[Trace]:
    return responses.FORMAT.read(response_of_events(record["records"]), id_)


class Item:
    """An item of a response, as far as its pieces have come."""

    def __init__(self, fields: Record) -> None:
        self._fields: Fields = {}
        for name, value in fields.items():
            self._fields[name] = list(value) if isinstance(value, list) else value
        self._parts: dict[tuple[str, Any], Fields] = {}

    def add(self, event: Record) -> None:
        """Add a piece, which is of a field of the item or of one of its parts."""
        kind = _kind_of_piece(event)
        piece = str(event.get("delta", ""))
        if kind not in PARTS:
            append(self._fields, ITEM_FIELDS.get(kind, kind), piece)
            return
        name, type_, field = PARTS[kind]
        place = str(event.get("content_index", event.get("summary_index")))
        if (name, place) not in self._parts:
            part = {"type": type_}
            self._parts[name, place] = part
            self._fields[name] = elements_of(self._fields.get(name)) or []
            self._fields[name].append(part)
        append(self._parts[name, place], field, piece)

    def whole(self) -> Fields:
        """The item with its texts."""
        whole = joined(self._fields)
        for name, value in whole.items():
            if isinstance(value, list):
                whole[name] = [joined(part) if isinstance(part, dict) else part for part in value]
        return whole


def _kind_of_piece(event: Record) -> str:
    """What an event has a piece of; empty where it has none."""
    type_ = str(event.get("type"))
    return type_.removeprefix("response.").removesuffix(".delta") if "delta" in event else ""


def response_of_events(events: Iterable[Record]) -> Fields:
    """The response that events end with; where they are cut off, with what had come of it."""
    response: Fields = {}
    items: dict[str, Item] = {}
    for event in events:
        response |= object_in(event, "response")
        if event.get("type") == "error":
            response["error"] = without(event, "type", "sequence_number")
        place = str(event.get("output_index"))
        if isinstance(event.get("item"), dict):
            items[place] = Item(event["item"])
        elif _kind_of_piece(event):
            message = {"type": "message", "role": "assistant"}
            items.setdefault(place, Item(message)).add(event)
    if not response.get("output"):
        response["output"] = [item.whole() for item in items.values()]
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
    blocks: dict[str, Fields] = {}
    for event in events:
        message |= object_in(event, "message")
        place = str(event.get("index"))
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
    message["content"] = [_with_input(joined(block)) for block in blocks.values()]
    return message


def _grow_block(block: Fields, delta: Record) -> None:
    field = GROWING.get(str(delta.get("type")))
    if field is None:
        block.setdefault("other_pieces", []).append(dict(delta))
        return
    append(block, field, str(delta.get(field, "")))


def _with_input(block: Fields) -> Fields:
    """A block whose arguments came as pieces of JSON."""
    if "partial_json" not in block:
        return block
    text = block.pop("partial_json")
    return {**block, "input": decoded(text)}


OPENAI = Format(
    "openai-stream",
    ("object",),
    _read_chunks,
    openai.is_piece,
    _id_of_chunk,
    group=_id_of_chunk,
    converted=frozenset(
        {
            PADDING,
            "choices.index",
            "choices.delta.tool_calls.index",
            *(f"choices.delta.{name}" for name in TEXTS),
            "choices.delta.tool_calls.function.arguments",
        }
    ),
)
RESPONSES = Format(
    "openai-responses-stream",
    ("type",),
    _read_response,
    _is_response_event,
    _id_of_response,
    group=_id_of_response,
    converted=frozenset(
        {
            PADDING,
            "sequence_number",
            "output_index",
            "content_index",
            "summary_index",
            "item_id",
            "delta",
            "text",
        }
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
