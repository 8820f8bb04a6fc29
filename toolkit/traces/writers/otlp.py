"""OTLP as JSON with OpenTelemetry's GenAI conventions: an agent's span, with its calls in it."""

from fractions import Fraction
from hashlib import sha256
from typing import Any

from toolkit.traces.extension import EXTENSION, difference
from toolkit.traces.formats import otlp
from toolkit.traces.trace import Step, Trace
from toolkit.traces.usage import number_of
from toolkit.traces.words import json_text
from toolkit.traces.writers.turns import Turn, turns_of

NS = 10**9
USAGE = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "cost_usd": "gen_ai.usage.cost",
}
"""The attribute of each count."""
Place = tuple[str, str, str]
"""The id of the trace, the name by which a span gets its id, and the id of its parent."""


def otlp_record(trace: Trace) -> dict[str, Any]:
    """The export of a trace. Each call to the model has the history before it, as the rule is."""
    trace_id = _hex(trace.id, 32)
    root = _span(trace_id, "root", None, "invoke_agent", {"gen_ai.operation.name": "invoke_agent"})
    root["attributes"].append(_attribute(otlp.TRACE_ID, trace.id))
    session = trace.meta.get("session")
    if isinstance(session, str):
        root["attributes"].append(_attribute("gen_ai.conversation.id", session))
    root |= _times(*_ends(trace.steps))
    spans = [root, *_calls(trace, trace_id, root["spanId"])]
    scope = {"scope": {"name": EXTENSION}, "spans": spans}
    document = {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [scope]}]}
    read = otlp.read_document(document, trace.id)
    root["attributes"].append(_attribute(EXTENSION, json_text(difference(trace, read))))
    return document


def _calls(trace: Trace, trace_id: str, root: str) -> list[dict[str, Any]]:
    """The spans of the calls to the model and to tools."""
    spans: list[dict[str, Any]] = []
    histories: dict[Any, list[dict[str, Any]]] = {}
    pending: dict[Any, Turn] = {}
    for number, turn in enumerate(turns_of(trace.steps)):
        branch = turn.first.data.get("branch")
        history = histories.setdefault(branch, [])
        if turn.role == "assistant":
            spans.append(_reply(turn, history, (trace_id, f"reply {number}", root)))
            spans += _tools(turn, trace_id, root, number)
            pending.pop(branch, None)
        else:
            pending[branch] = turn
        if turn.role != "tool":
            history.append(_message(turn))
        history += [_answer(step) for step in turn.results]
    for branch, turn in pending.items():
        history = histories[branch]
        spans.append(_unanswered(turn, history, (trace_id, f"open {branch}", root)))
    return spans


def _reply(turn: Turn, history: list[dict[str, Any]], place: Place) -> dict[str, Any]:
    span = _chat(history, place, turn)
    span["attributes"].append(_attribute("gen_ai.output.messages", json_text([_message(turn)])))
    for name, attribute in USAGE.items():
        if name in turn.usage:
            span["attributes"].append(_attribute(attribute, turn.usage[name]))
    end = turn.first.time
    duration = number_of(turn.first.data.get("duration_s")) or 0
    return span | _times(None if end is None else end - duration, end)


def _unanswered(turn: Turn, history: list[dict[str, Any]], place: Place) -> dict[str, Any]:
    """What was said last, and got no answer, as a call that never came back."""
    return _chat(history, place, turn) | _times(turn.first.time, turn.first.time)


def _chat(history: list[dict[str, Any]], place: Place, turn: Turn) -> dict[str, Any]:
    trace_id, name, parent = place
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": json_text(history),
    }
    agent = turn.first.data.get("agent")
    if isinstance(agent, str):
        attributes["gen_ai.agent.name"] = agent
    if turn.model:
        attributes["gen_ai.request.model"] = turn.model
    return _span(trace_id, name, parent, f"chat {turn.model or ''}".strip(), attributes)


def _tools(turn: Turn, trace_id: str, root: str, number: int) -> list[dict[str, Any]]:
    """The spans of the tools that a turn called."""
    spans: list[dict[str, Any]] = []
    results = {step.data.get("call_id"): step for step in turn.results}
    for place, call in enumerate(turn.calls):
        name = str(call.data.get("name") or call.content)
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.call.id": str(call.data.get("call_id")),
            "gen_ai.tool.call.arguments": json_text(call.data.get("arguments")),
        }
        result = results.get(call.data.get("call_id"))
        if result is not None:
            attributes["gen_ai.tool.call.result"] = result.content
        id_ = f"tool {number} {place}"
        span = _span(trace_id, id_, root, f"execute_tool {name}", attributes)
        if result is not None and result.data.get("error") is not None:
            span["status"] = {"code": 2 if result.data["error"] else 1}
        spans.append(span | _times(call.time, result.time if result else None))
    return spans


def _message(turn: Turn) -> dict[str, Any]:
    """A turn as a message of parts."""
    parts: list[dict[str, Any]] = []
    for step in turn.thoughts:
        parts.append({"type": "reasoning", "content": step.content})
    if turn.message is not None:
        parts.append({"type": "text", "content": turn.message.content})
    for call in turn.calls:
        about = {"id": call.data.get("call_id"), "name": call.data.get("name") or call.content}
        parts.append({"type": "tool_call", **about, "arguments": call.data.get("arguments")})
    return {"role": turn.role, "parts": parts}


def _answer(step: Step) -> dict[str, Any]:
    part = {"type": "tool_call_response", "id": step.data.get("call_id"), "response": step.content}
    return {"role": "tool", "parts": [part]}


def _span(
    trace_id: str, key: str, parent: str | None, name: str, attributes: dict[str, Any]
) -> dict[str, Any]:
    span: dict[str, Any] = {"traceId": trace_id, "spanId": _hex(trace_id + key, 16)}
    if parent is not None:
        span["parentSpanId"] = parent
    listed = [_attribute(key, value) for key, value in attributes.items()]
    return span | {"name": name, "kind": 1, "attributes": listed}


def _hex(text: str, n: int) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()[:n]


def _attribute(key: str, value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"key": key, "value": {"boolValue": value}}
        case int():
            return {"key": key, "value": {"intValue": str(value)}}
        case float():
            return {"key": key, "value": {"doubleValue": value}}
    return {"key": key, "value": {"stringValue": str(value)}}


def _ends(steps: tuple[Step, ...]) -> tuple[float | None, float | None]:
    times = [step.time for step in steps if step.time is not None]
    return (min(times), max(times)) if times else (None, None)


def _times(start: float | None, end: float | None) -> dict[str, str]:
    """The fields of when a span began and ended, as text: JSON has no numbers of 64 bits."""
    fields: dict[str, str] = {}
    if start is not None:
        fields["startTimeUnixNano"] = str(round(Fraction(start) * NS))
    if end is not None:
        fields["endTimeUnixNano"] = str(round(Fraction(end) * NS))
    return fields
