"""The Messages API's JSON as pure functions: Request to body and back, what is wrong with a body, how a reply ends."""

import hashlib
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from toolkit.models.model import Reply, Request, Stopped, ToolCall, Usage
from toolkit.records import RecordError, canonical, validate
from toolkit.traces import Source

Pieces = AsyncGenerator[str | Reply, None]

SCRIPTED_STOPS: dict[Stopped, str] = {
    "end": "end_turn",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "refusal": "refusal",
}
STOPPED: dict[str, tuple[Stopped, str]] = {
    "end_turn": ("end", ""),
    "stop_sequence": ("end", ""),
    "tool_use": ("tool_use", ""),
    "max_tokens": ("max_tokens", "max_tokens was reached before the reply was complete"),
    "model_context_window_exceeded": ("max_tokens", "the context window was full before the reply was complete"),
    "refusal": ("refusal", "the model refused"),
}
"""The API's ``stop_reason`` in our words; any other reason is an error."""

CLOSED: tuple[Stopped, str] = ("truncated", "the stream closed before message_stop")
CUT: tuple[Stopped, str] = ("truncated", "the connection was cut in mid-stream")
SILENT: tuple[Stopped, str] = ("timeout", "nothing came for {timeout_s:g} s")
SCRIPTED_ERROR = "scripted error in mid-stream"

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Message(_Strict):
    role: Literal["user", "assistant"]
    content: str | list[dict[str, Any]]


class _Tool(_Strict):
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
    input_schema: dict[str, Any]
    description: str = ""
    cache_control: Any = None
    strict: bool = False
    type: Literal["custom"] = "custom"


class _Format(_Strict):
    type: Literal["json_schema"]
    json_schema: dict[str, Any] = Field(alias="schema")


class _OutputConfig(_Strict):
    format: _Format | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class _Metadata(_Strict):
    user_id: str | None = None


class _Body(_Strict):
    model: str
    max_tokens: int = Field(ge=1)
    messages: list[_Message] = Field(min_length=1)
    system: str | list[dict[str, Any]] = ""
    tools: list[_Tool] = []
    tool_choice: dict[str, Any] | None = None
    output_config: _OutputConfig | None = None
    metadata: _Metadata | None = None
    stop_sequences: list[str] = []
    thinking: dict[str, Any] | None = None
    service_tier: str | None = None
    cache_control: Any = None
    stream: bool = False


def body_of(request: Request, model: str) -> dict[str, Any]:
    """The body of ``POST /v1/messages`` for `request`; absent parts are left out."""
    body: dict[str, Any] = {"model": model, "max_tokens": request.max_tokens, "messages": list(request.messages)}
    if request.system:
        body["system"] = request.system
    if request.tools:
        body["tools"] = list(request.tools)
    if request.schema is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": request.schema}}
    if request.metadata:
        body["metadata"] = dict(request.metadata)
    return body


def request_of(body: dict[str, Any]) -> Request:
    """The Request that a checked `body` stands for: `body_of`, backwards."""
    system = body.get("system") or None
    if isinstance(system, list):
        system = "\n".join(str(block.get("text", "")) for block in system)
    form = (body.get("output_config") or {}).get("format") or {}
    return Request(
        messages=tuple(body["messages"]),
        system=system,
        tools=tuple(body.get("tools") or ()),
        schema=form.get("schema"),
        max_tokens=body["max_tokens"],
        metadata=dict(body.get("metadata") or {}),
    )


def what_is_wrong(body: Any) -> str | None:
    """What the API would refuse in `body`, naming the place; None where nothing is wrong."""
    try:
        validate(_Body, body)
    except RecordError as error:
        return f"{error.field or 'body'}: {error.why}"
    names = [tool["name"] for tool in body.get("tools") or ()]
    if len(set(names)) < len(names):
        return "tools: two tools have the same name"
    return next(_message_faults(body["messages"]), None) or _schema_fault(request_of(body).schema)


def _message_faults(messages: list[dict[str, Any]]) -> Iterator[str]:
    asked: list[Any] = []
    for n, message in enumerate(messages):
        blocks = message["content"] if isinstance(message["content"], list) else []
        if not message["content"]:
            yield f"messages.{n}.content: must not be empty"
        if any(not isinstance(block.get("type"), str) for block in blocks):
            yield f"messages.{n}.content: each block needs a type"
        results = [block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result"]
        if unanswered := [id_ for id_ in asked if id_ not in results]:
            yield f"messages.{n}: tool_use {unanswered[0]!r} has no tool_result in the next user message"
        if unasked := [id_ for id_ in results if id_ not in asked]:
            yield f"messages.{n}: tool_result {unasked[0]!r} answers no tool_use of the message before"
        calls = [block.get("id") for block in blocks if block.get("type") == "tool_use"]
        if calls and message["role"] == "user":
            yield f"messages.{n}: a user message cannot hold tool_use"
        asked = calls
    if messages[-1]["role"] != "user":
        yield f"messages.{len(messages) - 1}: the last message must be the user's; prefill is not supported"


def _schema_fault(schema: dict[str, Any] | None) -> str | None:
    if schema is None:
        return None
    fault = next(_validator(_validator(schema).META_SCHEMA).iter_errors(schema), None)
    return f"output_config.format.schema: {fault.message}" if fault else None


def fingerprint(request: Request, model: str) -> str:
    """SHA-256 of all that an answer depends on: model, system, messages, tools, schema, max_tokens; not metadata."""
    body = body_of(request, model)
    body.pop("metadata", None)
    return hashlib.sha256(canonical(body).encode("utf-8", "backslashreplace")).hexdigest()


def error_type(status: int) -> str:
    """The API's word for an error status."""
    return ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def error_why(status: int, kind: str, message: str) -> str:
    """Our sentence about an error status."""
    return f"HTTP {status} {kind}: {message}"


def error_event_why(kind: str, message: str) -> str:
    """Our sentence about an ``error`` event after the stream began."""
    return f"error in mid-stream: {kind}: {message}"


def conclude(
    request: Request, model: str, source: Source, text: str, stop_reason: str, calls: Sequence[ToolCall], usage: Usage
) -> Reply:
    """The Reply to a message that arrived whole, with structured output checked again."""
    stopped, why = STOPPED.get(stop_reason, ("error", f"unknown stop_reason {stop_reason!r}"))
    if stopped == "tool_use" and not (calls and all(isinstance(call.arguments, dict) for call in calls)):
        stopped, why = "error", "stop_reason is tool_use, and there is no tool call that can be read"
    parsed = None
    if stopped == "end" and request.schema is not None:
        parsed, why = parse(text, request.schema)
        stopped = "error" if parsed is None else "end"
    called = tuple(calls) if stopped == "tool_use" else ()
    return Reply(text, stopped, model, source, usage, called, parsed, why)


def parse(text: str, schema: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The JSON object in `text` where it satisfies `schema`, or None and what is wrong."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
        fault = next(_validator(schema).iter_errors(value), None)
    except Exception as error:  # text nested too deep, a pattern that is no regex, a $ref to nowhere
        return None, f"the reply cannot be read as JSON of the schema: {type(error).__name__}: {error}"
    if not isinstance(value, dict):
        return None, f"the reply is a JSON {type(value).__name__}, not an object"
    if fault:
        return None, f"the reply does not match the schema at {fault.json_path}: {fault.message}"
    return value, ""


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _validator(schema: dict[str, Any]) -> Any:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    # a registry of its own keeps a $ref from being fetched over the network
    return Draft202012Validator(schema, registry=REGISTRY)


async def whole(pieces: Pieces) -> Reply:
    """The Reply at the end of a stream."""
    reply = None
    try:
        async for piece in pieces:
            reply = piece
    finally:
        await pieces.aclose()
    assert isinstance(reply, Reply)
    return reply
