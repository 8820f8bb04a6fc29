"""Kinds of parts: what a part of a message's content is, by its type."""

from functools import lru_cache
from typing import Any, Literal

from toolkit.traces.fields import without
from toolkit.traces.ids import Record
from toolkit.traces.spelling import Names, snake

PartKind = Literal["words", "thinking", "call", "result", "call and result", "mark"]

BLOCKS = ("tool_use", "tool_result", "thinking")
"""How the types of blocks end that only the Messages API writes."""
CALLS = ("tool_use", "_call", "executable_code", "tool_invocation", "dynamic_tool")
"""How the types of parts end that call a tool, in snake case."""
RESULTS = (
    "tool_result",
    "_call_output",
    "call_response",
    "function_response",
    "function_result",
    "code_execution_result",
    "tool_error",
)
THOUGHTS = {
    "thinking",
    "redacted_thinking",
    "reasoning",
    "reasoning_content",
    "reasoning_text",
    "thought",
    "think",
}
MARKS = {"step_start", "step_finish"}
"""Parts that hold nothing: they say where a reply of the model begins or ends."""
VERCEL_TYPES = {
    "tool-call",
    "tool-result",
    "tool-error",
    "tool-invocation",
    "tool-approval-request",
    "tool-approval-response",
}
"""The types in Vercel's SDK that begin as ``tool-NAME``, the call of a tool of that name, does."""
COATS = {
    **dict.fromkeys(("function_call", "functionCall"), "function_call"),
    **dict.fromkeys(("function_response", "functionResponse"), "function_response"),
    **dict.fromkeys(("executable_code", "executableCode"), "executable_code"),
    **dict.fromkeys(("code_execution_result", "codeExecutionResult"), "code_execution_result"),
    **dict.fromkeys(("tool_call", "toolInvocation"), "tool_call"),
    **{"toolUse": "tool_use", "toolResult": "tool_result"},
    "reasoningContent": "reasoning_content",
}
"""The type of what stands in a part as an object under a name, as ``{"functionCall": {...}}``."""
ANSWERS = Names(("content", "output", "result", "response", "outputs", "results", "value"))
WHYS = Names(("error_text", "error", "error_message"))
ANSWERED = Names((*ANSWERS, *WHYS))
FAILED = {"error", "failed", "failure", "output-error", "output-denied", "outcome_failed"}


def is_block(part: object) -> bool:
    """Whether a part of a message's content is a block as only the Messages API writes it."""
    return isinstance(part, dict) and str(part.get("type")).endswith(BLOCKS)


def opened(part: Any) -> Any:
    """A part under its own fields and with its type, where it stood in a coat.

    >>> opened({"functionCall": {"name": "clock"}})
    {'type': 'function_call', 'name': 'clock'}
    """
    if not isinstance(part, dict) or COATS.keys().isdisjoint(part):
        return part
    for name, inner in part.items():
        if name in COATS and isinstance(inner, dict):
            others = without(part, name, "type")
            return {"type": COATS[name], **others, **inner}
    return part


def kind_of(part: Any) -> PartKind:
    """What a part is, by its type."""
    if not isinstance(part, dict):
        return "words"
    if part.get("thought") is True:
        return "thinking"
    type_ = part.get("type")
    if not isinstance(type_, str):
        return "words"
    kind = _kind_of_type(type_)
    if kind == "call" and has_answer(part):
        return "call and result"
    return kind


@lru_cache(maxsize=1000)
def _kind_of_type(type_: str) -> PartKind:
    if type_.startswith("tool-") and type_ not in VERCEL_TYPES:
        return "call"
    name = snake(type_)
    if name in MARKS:
        return "mark"
    if name in THOUGHTS:
        return "thinking"
    if name.endswith(RESULTS):
        return "result"
    return "call" if name.endswith(CALLS) else "words"


def has_answer(part: Record) -> bool:
    """Whether a call came back in the same part, as in the user interface of Vercel's SDK."""
    return str(part.get("state")) in FAILED or ANSWERED.stated(part) is not None
