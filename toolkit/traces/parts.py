"""The parts of a message: words, thoughts, calls and results, whoever's spelling they came in."""

from dataclasses import dataclass, field
from typing import Any

from toolkit.traces.decode import MOST_DECODED, MOST_LEVELS, decode_at, shallow
from toolkit.traces.ids import Record, id_text
from toolkit.traces.kinds import ANSWERS, FAILED, VERCEL_TYPES, WHYS
from toolkit.traces.spelling import Names, snake, stated, take
from toolkit.traces.words import json_text, words_of

# the fields of a call and of its result that say the same, the first of which counts
CALL_IDS = Names(("call_id", "tool_call_id", "tool_use_id", "source_call_id", "id"))
CALL_NAMES = Names(("name", "tool_name", "function_name", "tool", "function"))
ARGUMENTS = Names("arguments args input parameters kwargs action code queries".split())
WENT_WELL = {"success", "completed", "ok", "output-available", "outcome_ok"}
"""What a state says of the answer to a call, in lower case."""
NAMELESS_CALLS = ("tool_call", "function_call", "custom_tool_call")
"""The types of calls that do not name a tool."""


@dataclass(slots=True)
class Call:
    """A call of a tool."""

    id: str | None
    name: str
    arguments: Any
    data: dict[str, Any] = field(default_factory=dict)
    """The further fields of the call."""
    not_finite: tuple[str, ...] = ()
    """The numbers in its arguments that became None."""


@dataclass(slots=True)
class Result:
    """The answer to a call."""

    call_id: str | None
    name: str | None
    words: str
    error: bool | None
    """None where the source does not say whether the call failed."""
    data: dict[str, Any] = field(default_factory=dict)


def thought_of(part: Any) -> tuple[str, dict[str, Any]]:
    """What was thought, and the further fields of the part."""
    if not isinstance(part, dict):
        return words_of(part)
    fields = dict(part)
    type_ = fields.pop("type", "reasoning")
    fields.pop("thought", None)
    thought = take(fields, "thinking", "reasoning_text", "text", "reasoning", "think", "content")
    if not thought:
        thought = take(fields, "summary")
    words, data = words_of(thought)
    return words or f"[{type_}]", {**fields, **data}


def call_of(part: Any) -> Call | None:
    """A call in whatever spelling; None where it names no tool."""
    if not isinstance(part, dict):
        return None
    fields = dict(part)
    for coat in ("function", "custom"):
        inner = fields.get(coat)
        if isinstance(inner, dict):
            del fields[coat]
            fields |= inner
    name = CALL_NAMES.take(fields)
    type_ = fields.pop("type", None)
    if name is None and isinstance(type_, str):
        name = _tool_of(type_)
    if not isinstance(name, str):
        return None
    written = ARGUMENTS.take(fields)
    arguments, not_finite = decoded_arguments(written)
    call_id = id_text(CALL_IDS.take(fields))
    return Call(call_id, name, arguments, fields, tuple(not_finite))


def _tool_of(type_: str) -> str | None:
    """The tool that the type of a call names, as ``tool-clock`` or ``web_search_call``."""
    if type_.startswith("tool-") and type_ not in VERCEL_TYPES:
        return type_.removeprefix("tool-")
    name = snake(type_)
    if name == "executable_code":
        return "code_execution"
    if name in NAMELESS_CALLS or not name.endswith("_call"):
        return None
    return name.removesuffix("_call")


def result_of(part: Record) -> Result:
    """A result in whatever spelling."""
    fields = dict(part)
    type_ = fields.pop("type", None)
    call_id = id_text(CALL_IDS.take(fields))
    name = CALL_NAMES.take(fields)
    if not isinstance(name, str):
        name = None
    why = WHYS.take(fields)
    answer = ANSWERS.take(fields)
    if why is None and isinstance(answer, dict) and len(answer) == 1:
        why = answer.get("error")
        answer = answer if why is None else None
    error = _error_of(fields, why, answer)
    if error is None and type_ is not None and snake(type_).endswith("tool_result"):
        error = False  # the Messages API leaves it out where the call went well
    words, data = answer_words(answer)
    if why is not None and not isinstance(why, bool):
        if words:
            fields["why"] = why
        else:
            words, data = _why_words(why)
    return Result(call_id, name, words, error, {**fields, **data})


def _error_of(fields: dict[str, Any], why: Any, answer: Any) -> bool | None:
    """Whether a result says that its call failed; None where it says nothing."""
    flag = take(fields, "is_error", "failed")
    if isinstance(flag, bool):
        return flag
    if isinstance(why, bool):
        return why
    if why:
        return True
    if isinstance(answer, dict):
        flag = stated(answer, "is_error")
        if isinstance(flag, bool):
            return flag
        type_ = str(answer.get("type"))
        if type_.startswith("error") or type_.endswith("_error"):
            return True
    for name in ("status", "state", "outcome"):
        state = fields.get(name)
        if not isinstance(state, str):
            continue
        if state.lower() in FAILED:
            return True
        if state.lower() in WENT_WELL:
            return False
    return None


def _why_words(why: Any) -> tuple[str, dict[str, Any]]:
    """Why a call failed, in words."""
    if isinstance(why, dict):
        message = stated(why, "message", "detail", "error")
        if isinstance(message, str):
            return message, {"why": why}
    return words_of(why)


def answer_words(answer: Any) -> tuple[str, dict[str, Any]]:
    """The words of an answer, out of the coat that MCP, Gemini or Vercel's SDK put around it."""
    if not isinstance(answer, dict):
        return words_of(answer)
    inner = answer.get("value") if "type" in answer else answer.get("content")
    if len(answer) == 1:
        inner = ANSWERS.stated(answer)
    if isinstance(inner, str | list):
        words, _ = words_of(inner)
    elif inner is not None and "type" in answer:
        words = json_text(inner)
    elif "type" in answer:
        return words_of(answer)
    else:
        return json_text(answer), {}
    return words, {"parts": [answer]}


def decoded_arguments(written: Any) -> tuple[Any, list[str]]:
    """Arguments as a dict, and the numbers in them that became None.

    Text that is no JSON object, or one that is nested too deeply, is kept as it is.
    """
    if written is None or written == "":
        return {}, []
    value = written
    for _ in range(MOST_DECODED):
        if not isinstance(value, str):
            break
        decoded = decode_at(value, 0)
        rest = value[decoded.end :].strip()
        if rest or decoded.n_cut or not isinstance(decoded.value, dict | str):
            break
        n_brackets = value.count("{") + value.count("[")
        if n_brackets > MOST_LEVELS:
            _, n_cut = shallow(decoded.value)
            if n_cut:
                break
        value = decoded.value
        if isinstance(value, dict):
            return value, list(decoded.not_finite)
    return written, []
