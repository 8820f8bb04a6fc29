"""The Messages API's JSON as pure functions: Request to body and back, what is wrong with a body,
how a reply ends.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field
from pydantic_core import from_json

from toolkit.models.model import Reply, Request, State, Stopped, ToolCall, Usage
from toolkit.records import RecordError, canonical, validate
from toolkit.traces import Source

STOPPED: dict[str, tuple[Stopped, str]] = {
    "end_turn": ("end", ""),
    "stop_sequence": ("end", ""),
    "tool_use": ("tool_use", ""),
    "max_tokens": ("max_tokens", "max_tokens was reached before the reply was complete"),
    "model_context_window_exceeded": (
        "max_tokens",
        "the context window was full before the reply was complete",
    ),
    "refusal": ("refusal", "the model refused"),
}
"""The API's ``stop_reason`` in our words; any other reason is an error."""

CLOSED: tuple[Stopped, str] = ("truncated", "the stream closed before message_stop")
CUT: tuple[Stopped, str] = ("truncated", "the connection was cut in mid-stream")
SILENT = "nothing came for {timeout_s:g} s"

UNASKED: dict[str, tuple[Stopped, str]] = {
    "canceled": ("error", "the batch was cancelled before this was answered"),
    "expired": ("timeout", "the batch expired before this was answered"),
}

T = TypeVar("T")


class _Message(BaseModel, strict=True):
    role: Literal["user", "assistant"]
    content: str | list[dict[str, Any]]


class _Tool(BaseModel, strict=True):
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
    input_schema: dict[str, Any]
    description: str = ""


class _Body(BaseModel, strict=True):
    model: str
    max_tokens: int = Field(ge=1)
    messages: list[_Message] = Field(min_length=1)
    system: str | list[dict[str, Any]] = ""
    tools: list[_Tool] = []
    output_config: dict[Literal["format"], dict[str, Any]] | None = None
    metadata: dict[Literal["user_id"], str | None] | None = None
    stream: bool = False
    temperature: None = None  # the API has no sampling parameters any more


class _Item(BaseModel, strict=True):
    custom_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    params: dict[str, Any]


class _Batch(BaseModel, strict=True):
    requests: list[_Item] = Field(min_length=1, max_length=100_000)


def well_formed(value: T) -> T:
    """Copy a JSON `value`, lone surrogates replaced: hostile JSON may bring them, and no UTF-8 file
    can hold them.
    """
    text = json.dumps(value, ensure_ascii=False)
    copy: T = json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return copy


def body_of(request: Request, model: str) -> dict[str, Any]:
    """The body of ``POST /v1/messages`` for `request`; absent parts are left out."""
    body = {"model": model, "max_tokens": request.max_tokens, "messages": request.messages}
    if request.schema is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": request.schema}}
    parts = {"system": request.system, "tools": request.tools, "metadata": request.metadata}
    return well_formed(body | {name: part for name, part in parts.items() if part})


def request_of(body: dict[str, Any]) -> Request:
    """The Request that a checked `body` stands for: `body_of`, backwards."""
    system = body.get("system") or None
    if isinstance(system, list):
        system = "\n".join(str(block.get("text", "")) for block in system)
    schema = (body.get("output_config") or {}).get("format", {}).get("schema")
    tools, metadata = tuple(body.get("tools") or ()), dict(body.get("metadata") or {})
    return Request(tuple(body["messages"]), system, tools, schema, body["max_tokens"], metadata)


def what_is_wrong(body: Any, batch: bool = False) -> str | None:
    """What the API would refuse in `body`, of a message or a `batch`, naming the place; None for
    nothing.
    """
    try:
        validate(_Batch if batch else _Body, body)
    except RecordError as error:
        return f"{error.field or 'body'}: {error.why}"
    if batch:
        twice = len({item["custom_id"] for item in body["requests"]}) < len(body["requests"])
        return "requests: two requests have the same custom_id" if twice else None
    return next(_faults(body), None)


def _faults(body: dict[str, Any]) -> Iterator[str]:
    names = [tool["name"] for tool in body.get("tools") or ()]
    if len(set(names)) < len(names):
        yield "tools: two tools have the same name"
    asked: list[Any] = []
    for n, message in enumerate(body["messages"]):
        blocks = message["content"] if isinstance(message["content"], list) else []
        if not message["content"]:
            yield f"messages.{n}.content: must not be empty"
        if any(not isinstance(block.get("type"), str) for block in blocks):
            yield f"messages.{n}.content: each block needs a type"
        results = [
            block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result"
        ]
        if unanswered := [id_ for id_ in asked if id_ not in results]:
            yield f"messages.{n}: tool_use {unanswered[0]!r} has no tool_result in the next user message"
        if unasked := [id_ for id_ in results if id_ not in asked]:
            yield f"messages.{n}: tool_result {unasked[0]!r} answers no tool_use of the message before"
        asked = [block.get("id") for block in blocks if block.get("type") == "tool_use"]
    if message["role"] != "user":
        yield f"messages.{n}: the last message must be the user's; prefill is not supported"
    if schema := request_of(body).schema:
        for fault in _validator(_validator({}).META_SCHEMA).iter_errors(schema):
            yield f"output_config.format.schema: {fault.message}"


def fingerprint(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical(value).encode("utf-8", "backslashreplace")).hexdigest()


def error_why(status: int, type: str, message: str) -> str:
    """Our sentence about an error status, or about an ``error`` event in a stream that began with a
    good one.
    """
    return f"{f'HTTP {status}' if status >= 400 else 'error in mid-stream:'} {type}: {message}"


def usage_of(message: dict[str, Any]) -> Usage:
    """What a `message` from outside claims to have used, cached tokens included. Raises RecordError
    or TypeError.
    """
    used = message["usage"]
    written = used.get("cache_creation_input_tokens") or 0
    read = used.get("cache_read_input_tokens") or 0
    written_1h = (used.get("cache_creation") or {}).get("ephemeral_1h_input_tokens") or 0
    counts = {
        "input_tokens": used["input_tokens"] + written + read,
        "output_tokens": used["output_tokens"],
        "cache_write_5m_tokens": written - written_1h,  # five minutes is the API's default
        "cache_write_1h_tokens": written_1h,
        "cache_read_tokens": read,
    }
    return validate(Usage, counts)


def usage_to_api(usage: Usage) -> dict[str, Any]:
    """The ``usage`` of a message of the API: `usage_of`, backwards."""
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    used: dict[str, Any] = {
        "input_tokens": usage.input_tokens - written - usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    }
    if written:
        used["cache_creation_input_tokens"] = written
        used["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }
    if usage.cache_read_tokens:
        used["cache_read_input_tokens"] = usage.cache_read_tokens
    return used


def conclude(
    request: Request, model: str, source: Source, text: str, message: dict[str, Any]
) -> Reply:
    """The Reply to a `message` that arrived whole; what cannot be read raises, as `usage_of` does."""
    blocks = validate(tuple[dict[str, Any], ...], well_formed(message["content"]))
    reason, usage = message["stop_reason"], usage_of(message)
    stopped, why = STOPPED.get(reason, ("error", f"unknown stop_reason {reason!r}"))
    calls, parsed = tuple[ToolCall, ...](), None
    if stopped == "tool_use":
        used = [
            {**block, "arguments": block.get("input")}
            for block in blocks
            if block.get("type") == "tool_use"
        ]
        calls = validate(tuple[ToolCall, ...], used)
        why = "" if calls else "stop_reason is tool_use, and there is no tool call"
    elif stopped == "end" and request.schema is not None:
        parsed, why = parse(text, request.schema)
    if not why:
        return Reply(text, stopped, model, source, usage, calls, parsed, blocks=blocks)
    return Reply(
        text, "error" if stopped in ("end", "tool_use") else stopped, model, source, usage, why=why
    )


def read_result(request: Request, model: str, source: Source, result: Any) -> tuple[Reply, State]:
    """The Reply to `request` that a batch's `result` stands for, and what it cost; only a success
    is charged.
    """
    try:
        if result["type"] == "succeeded":
            message = result["message"]
            text = "".join(block["text"] for block in message["content"] if block["type"] == "text")
            return conclude(request, model, source, well_formed(text), message), "billed"
        if result["type"] == "errored":
            told = result["error"]["error"]
            return Reply(
                "", "error", model, source, why=well_formed(f"{told['type']}: {told['message']}")
            ), "free"
        stopped, why = UNASKED[result["type"]]
        return Reply("", stopped, model, source, why=why), "free"
    except Exception as error:  # whatever a server may send
        why = f"the result cannot be read: {type(error).__name__}: {error}"
        return Reply("", "error", model, source, why=well_formed(why)), "possibly billed"


def parse(text: str, schema: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The JSON object in `text` where it satisfies `schema`, or None and what is wrong."""
    try:
        value = from_json(text, allow_inf_nan=False)
        json.loads(text, object_pairs_hook=_each_once)
        fault = next(_validator(schema).iter_errors(value), None)
    except (
        Exception
    ) as error:  # text nested too deep, a pattern that is no regex, a $ref to nowhere
        return (
            None,
            f"the reply cannot be read as JSON of the schema: {type(error).__name__}: {error}",
        )
    if not isinstance(value, dict):
        return None, f"the reply is a JSON {type(value).__name__}, not an object"
    if fault:
        return None, f"the reply does not match the schema at {fault.json_path}: {fault.message}"
    return value, ""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of `pairs`. Raises ValueError where a name stands twice: of two verdicts none is
    clear.
    """
    if twice := [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]:
        raise ValueError(f"{twice[0]!r} stands there twice")
    return dict(pairs)


def _validator(schema: dict[str, Any]) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema_specifications import REGISTRY

    # a registry of its own keeps a $ref from being fetched over the network
    return Draft202012Validator(schema, registry=REGISTRY)
