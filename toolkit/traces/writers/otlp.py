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
"""How many nanoseconds make a second."""
USAGE = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "cost_usd": "gen_ai.usage.cost",
}
"""The attribute of each count."""
OPERATION = "gen_ai.operation.name"
FAILED = 2
WENT_WELL = 1
"""The codes of a span's status."""
Object = dict[str, Any]
"""An object of JSON: a span, a message, a part of one, or attributes by their names."""


def otlp_record(trace: Trace) -> Object:
    """The export of a trace. Each call to the model has the history before it, as the rule is."""
    spans = Spans(trace)
    spans.add_calls()
    scope = {"scope": {"name": EXTENSION}, "spans": spans.listed}
    resource = {"resource": {"attributes": []}, "scopeSpans": [scope]}
    document = {"resourceSpans": [resource]}
    read = otlp.read_document(document, trace.id)
    lacking = json_text(difference(trace, read))
    _set(spans.root, {EXTENSION: lacking})
    return document


class Spans:
    """The spans of a trace, while its turns are written."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.trace_id = _hex(trace.id, 32)
        self.histories: dict[Any, list[Object]] = {}
        """The messages of each branch by now."""
        self.listed: list[Object] = []
        self.root = self._root()

    def _root(self) -> Object:
        """The span of the agent, which lasts from the first step to the last."""
        root = self.add("root", "invoke_agent", {OPERATION: "invoke_agent"})
        del root["parentSpanId"]
        _set(root, {otlp.TRACE_ID: self.trace.id})
        session = self.trace.meta.get("session")
        if isinstance(session, str):
            _set(root, {"gen_ai.conversation.id": session})
        times = [step.time for step in self.trace.steps if step.time is not None]
        if times:
            _set_times(root, min(times), max(times))
        return root

    def add(self, key: str, name: str, attributes: Object) -> Object:
        """Add a span of the agent's; it gets its id from `key`."""
        span: Object = {
            "traceId": self.trace_id,
            "spanId": _hex(self.trace_id + key, 16),
            "parentSpanId": _hex(self.trace_id + "root", 16),
            "name": name,
            "kind": 1,
            "attributes": [],
        }
        _set(span, attributes)
        self.listed.append(span)
        return span

    def add_calls(self) -> None:
        """Add the spans of the calls to the model and to tools, turn by turn."""
        unanswered: dict[Any, Turn] = {}
        for number, turn in enumerate(turns_of(self.trace.steps)):
            branch = turn.first.data.get("branch")
            history = self.histories.setdefault(branch, [])
            if turn.role == "assistant":
                self._add_reply(turn, number, history)
                unanswered.pop(branch, None)
            else:
                unanswered[branch] = turn
            if turn.role != "tool":
                history.append(_message(turn))
            history += [_answer(step) for step in turn.results]
        for branch, turn in unanswered.items():
            # what was said last and got no answer is a call that never came back
            span = self._add_chat(f"open {branch}", turn, self.histories[branch])
            _set_times(span, turn.first.time, turn.first.time)

    def _add_reply(self, turn: Turn, number: int, history: list[Object]) -> None:
        """Add the span of a reply, and those of the tools that it calls."""
        span = self._add_chat(f"reply {number}", turn, history)
        output = json_text([_message(turn)])
        _set(span, {"gen_ai.output.messages": output})
        for name, attribute in USAGE.items():
            if name in turn.usage:
                _set(span, {attribute: turn.usage[name]})
        first = turn.first
        if first.time is not None:
            duration = number_of(first.data.get("duration_s")) or 0
            start = first.time - duration
            _set_times(span, start, first.time)
        for place, call in enumerate(turn.calls):
            self._add_tool(f"tool {number} {place}", call, turn)

    def _add_chat(self, key: str, turn: Turn, history: list[Object]) -> Object:
        """Add the span of a call to the model, which was sent all that came before it."""
        name = f"chat {turn.model}" if turn.model else "chat"
        attributes = {OPERATION: "chat", "gen_ai.input.messages": json_text(history)}
        span = self.add(key, name, attributes)
        agent = turn.first.data.get("agent")
        if isinstance(agent, str):
            _set(span, {"gen_ai.agent.name": agent})
        if turn.model:
            _set(span, {"gen_ai.request.model": turn.model})
        return span

    def _add_tool(self, key: str, call: Step, turn: Turn) -> None:
        """Add the span of a tool that a turn called."""
        data = call.data
        name = str(data.get("name") or call.content)
        call_id = data.get("call_id")
        arguments = json_text(data.get("arguments"))
        attributes = {
            OPERATION: "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.call.id": str(call_id),
            "gen_ai.tool.call.arguments": arguments,
        }
        span = self.add(key, f"execute_tool {name}", attributes)
        _set_times(span, call.time, None)
        for result in turn.results:
            if result.data.get("call_id") == call_id:
                _set(span, {"gen_ai.tool.call.result": result.content})
                _set_times(span, None, result.time)
                _set_status(span, result.data.get("error"))
                return


def _message(turn: Turn) -> Object:
    """A turn as a message of parts."""
    parts: list[Object] = []
    for step in turn.thoughts:
        parts.append({"type": "reasoning", "content": step.content})
    if turn.message is not None:
        parts.append({"type": "text", "content": turn.message.content})
    for call in turn.calls:
        data = call.data
        part = {
            "type": "tool_call",
            "id": data.get("call_id"),
            "name": data.get("name") or call.content,
            "arguments": data.get("arguments"),
        }
        parts.append(part)
    return {"role": turn.role, "parts": parts}


def _answer(step: Step) -> Object:
    """A result as the message of a tool."""
    part = {
        "type": "tool_call_response",
        "id": step.data.get("call_id"),
        "response": step.content,
    }
    return {"role": "tool", "parts": [part]}


def _hex(text: str, n_digits: int) -> str:
    """An id as OTLP has them, which is the same for the same text."""
    content = text.encode(errors="replace")
    digest = sha256(content).hexdigest()
    return digest[:n_digits]


def _set(span: Object, attributes: Object) -> None:
    """Add attributes to a span. Integers are text: JSON has no numbers of 64 bits."""
    for key, value in attributes.items():
        held: Object = {"stringValue": str(value)}
        if isinstance(value, int):
            held = {"intValue": str(value)}
        elif isinstance(value, float):
            held = {"doubleValue": value}
        attribute = {"key": key, "value": held}
        span["attributes"].append(attribute)


def _set_times(span: Object, start: float | None, end: float | None) -> None:
    """Set the times that are known, in nanoseconds as text."""
    if start is not None:
        span["startTimeUnixNano"] = str(round(Fraction(start) * NS))
    if end is not None:
        span["endTimeUnixNano"] = str(round(Fraction(end) * NS))


def _set_status(span: Object, error: Any) -> None:
    """Say whether a span failed, where that is known."""
    if error is not None:
        code = FAILED if error else WENT_WELL
        span["status"] = {"code": code}
