"""The Messages API's JSON as pure functions: Request to body and back, and the Reply that a message
stands for.
"""

import json
from typing import Any, TypeVar

from toolkit.models.model import Reply, Request, Stopped, ToolCall, Usage
from toolkit.models.schema import parse
from toolkit.records import validate
from toolkit.traces import Source

STOP_REASONS: dict[str, tuple[Stopped, str]] = {
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

CLOSED: tuple[Stopped, str] = ("truncated", "the stream closed before its end")
CUT: tuple[Stopped, str] = ("truncated", "the connection was cut in mid-stream")
GIVEN_UP: tuple[Stopped, str] = ("truncated", "given up before its end")
SILENT = "nothing came for {timeout_s:g} s"

T = TypeVar("T")


def well_formed(value: T) -> T:
    """Copy a JSON `value`, lone surrogates replaced: hostile JSON may bring them, and no UTF-8 file
    can hold them.
    """
    text = json.dumps(value, ensure_ascii=False)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    copy: T = json.loads(text)
    return copy


def body_of(request: Request, model: str) -> dict[str, Any]:
    """The body of ``POST /v1/messages`` for `request`; absent parts are left out."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_tokens,
        "messages": request.messages,
    }
    if request.schema is not None:
        form = {"type": "json_schema", "schema": request.schema}
        body["output_config"] = {"format": form}
    if request.system:
        body["system"] = request.system
    if request.tools:
        body["tools"] = request.tools
    if request.metadata:
        body["metadata"] = request.metadata
    return well_formed(body)


def request_of(body: dict[str, Any]) -> Request:
    """The Request that a checked `body` stands for: `body_of`, backwards."""
    system = body.get("system") or None
    if isinstance(system, list):
        system = "\n".join(str(block.get("text", "")) for block in system)
    return Request(
        messages=tuple(body["messages"]),
        system=system,
        tools=tuple(body.get("tools") or ()),
        schema=schema_of(body),
        max_tokens=body["max_tokens"],
        metadata=dict(body.get("metadata") or {}),
    )


def schema_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON schema that a `body` asks for; None for none."""
    config = body.get("output_config") or {}
    schema: dict[str, Any] | None = config.get("format", {}).get("schema")
    return schema


def error_why(status: int, type: str, message: str) -> str:
    """Our sentence about an error status, or about an ``error`` event in a stream that began with a
    good one.
    """
    where = f"HTTP {status}" if status >= 400 else "error in mid-stream:"
    return f"{where} {type}: {message}"


def usage_of(message: dict[str, Any]) -> Usage:
    """What a `message` from outside claims to have used, cached tokens included. Raises RecordError
    or TypeError.
    """
    used = message["usage"]
    written = used.get("cache_creation_input_tokens") or 0
    read = used.get("cache_read_input_tokens") or 0
    by_time = used.get("cache_creation") or {}
    written_1h = by_time.get("ephemeral_1h_input_tokens") or 0
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
    """The Reply to a `message` that arrived in full; what cannot be read raises, as `usage_of`
    does.
    """
    blocks = validate(tuple[dict[str, Any], ...], well_formed(message["content"]))
    usage = usage_of(message)
    reason = message["stop_reason"]
    stopped, why = STOP_REASONS.get(reason, ("error", f"unknown stop_reason {reason!r}"))
    tool_calls: tuple[ToolCall, ...] = ()
    parsed = None
    if stopped == "tool_use":
        tool_calls = _tool_calls(blocks)
        if not tool_calls:
            why = "stop_reason is tool_use, and there is no tool call"
    elif stopped == "end" and request.schema is not None:
        parsed, why = parse(text, request.schema)
    if why:
        failed = "error" if stopped in ("end", "tool_use") else stopped
        return Reply(text, failed, model, source, usage, why=why)
    return Reply(text, stopped, model, source, usage, tool_calls, parsed, blocks=blocks)


def _tool_calls(blocks: tuple[dict[str, Any], ...]) -> tuple[ToolCall, ...]:
    calls = []
    for block in blocks:
        if block.get("type") == "tool_use":
            calls.append({**block, "arguments": block.get("input")})
    return validate(tuple[ToolCall, ...], calls)
