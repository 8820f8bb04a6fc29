"""Scorers made to order: of words, JSON, tool calls, time, tokens and cost.

Each function here returns a scorer whose name says what was ordered. Those of words read the
messages of one actor. Where the trace does not hold what is asked about, it is unscored.
"""

import re
from collections.abc import Callable
from typing import Any, Literal

from toolkit.evals.scorers.pattern import SearchStopped, search
from toolkit.evals.scorers.scorers import Score, Scorer, Value, scorer_from
from toolkit.evals.text import python_value, same_form
from toolkit.models.schema import parse
from toolkit.records import fingerprint
from toolkit.traces import Trace, traces_frame

MAX_SEARCHED_CHARS = 20_000


def contains(*words: str, actor: str = "assistant") -> Scorer:
    """Whether `actor` says one of `words`, whatever the case of the letters, and the form of quotes
    and spaces.
    """
    if not words or not all(words):
        raise ValueError(f"contains needs words to look for, not {words!r}")

    def find(messages: list[str]) -> tuple[Value, str]:
        text = same_form("\n".join(messages)).casefold()
        for word in words:
            if same_form(word).casefold() in text:
                return True, f"{actor} says {word!r}"
        return False, f"{actor} says none of {', '.join(words)}"

    return _of_words(f"contains({', '.join(map(repr, words))})", actor, find)


def matches(pattern: str, actor: str = "assistant", flags: int = 0) -> Scorer:
    """Whether a message of `actor` holds the regular expression `pattern`. Raises re.error for what
    is none.

    A message is searched as it is, and where nothing was found once more with plain quotes and
    spaces (`same_form`). A pattern can take for ever, so a search that takes a second is stopped,
    and a message of more than 20,000 characters is not searched: both are unscored.
    """
    compiled = re.compile(pattern, flags)
    in_same_form = re.compile(same_form(pattern), flags)

    def find(messages: list[str]) -> tuple[Value, str]:
        if max(map(len, messages)) > MAX_SEARCHED_CHARS:
            return None, f"a message of more than {MAX_SEARCHED_CHARS:,} characters is not searched"
        texts = [same_form(message) for message in messages]
        try:
            is_there = search(compiled, messages)
            if not is_there and (texts != messages or in_same_form != compiled):
                is_there = search(in_same_form, texts)
        except SearchStopped as error:
            return None, str(error)
        return is_there, f"searched {len(messages)} messages of {actor}"

    arguments = f"{pattern!r}, {flags:d}" if flags else repr(pattern)
    return _of_words(f"matches({arguments})", actor, find)


def valid_json(schema: dict[str, Any], actor: str = "assistant") -> Scorer:
    """Whether the last message of `actor` is a JSON object of `schema` (draft 2020-12), with
    nothing around it.
    """
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema)
    version = fingerprint(schema)[:8]

    def find(messages: list[str]) -> tuple[Value, str]:
        value, wrong = parse(messages[-1], schema)
        return value is not None, wrong or "it is as the schema says"

    return _of_words("valid_json", actor, find, version)


def length(unit: Literal["chars", "words"] = "chars", actor: str = "assistant") -> Scorer:
    """How long the messages of `actor` are, taken together."""
    if unit not in ("chars", "words"):
        raise ValueError(f"unit is chars or words, not {unit!r}")

    def find(messages: list[str]) -> tuple[Value, str]:
        sizes = []
        for message in messages:
            sizes.append(len(message) if unit == "chars" else len(message.split()))
        return sum(sizes), f"{len(messages)} messages"

    return _of_words(f"length({unit})", actor, find)


def measure(column: str) -> Scorer:
    """A number that `traces_frame` has of a trace, as ``tokens`` or ``cost_usd``."""
    known = [str(name) for name in traces_frame([]).select_dtypes("number")]
    if column not in known:
        raise ValueError(f"no measure {column!r}; there are {', '.join(known)}")

    def find(trace: Trace) -> tuple[Value, str]:
        stated = traces_frame([trace])[column].dropna().tolist()
        if stated and stated[0] >= 0:
            return stated[0], "the trace states it"
        return None, "the trace does not state it"

    return scorer_from(column, find)


def latency_s(trace: Trace) -> Score:
    """The longest wait, in seconds, from a user's words to the assistant's next. Unscored where a
    time is missing.
    """
    question = None
    waits = []
    for step in trace.steps:
        if step.kind != "message":
            continue
        if question is None:
            if step.actor == "user":
                question = step
        elif step.actor == "assistant":
            if question.time is None or step.time is None or step.time < question.time:
                why = f"steps {question.id} and {step.id} do not tell how long it took"
                return Score("latency_s", None, why)
            waits.append(step.time - question.time)
            question = None
    return Score("latency_s", max(waits, default=None), f"{len(waits)} questions with an answer")


def called(tool: str, /, **arguments: Any) -> Scorer:
    """Whether `tool` is called, with at least these arguments. Unscored where those of a call
    cannot be read.
    """
    wanted = {name: comparable(value) for name, value in arguments.items()}

    def find(trace: Trace) -> tuple[Value, str]:
        if not trace.steps:
            return None, "the trace is empty"
        calls = [
            call.data.get("arguments")
            for call in trace.calls
            if call.data.get("name", call.content) == tool
        ]
        count = f"{len(calls)} calls of {tool}"
        if not calls:
            return False, count
        if not wanted:
            return True, count
        readable = [call for call in calls if isinstance(call, dict)]
        if any(wanted.items() <= comparable(call).items() for call in readable):
            return True, count
        if len(readable) < len(calls):
            return None, f"the arguments of a call of {tool} cannot be read"
        return False, f"{count}, with other arguments"

    ordered = "".join(f", {name}={value!r}" for name, value in arguments.items())
    return scorer_from(f"called({tool!r}{ordered})", find)


def comparable(value: Any) -> Any:
    """`value` with each word in one form, numpy's and pandas' scalars as Python's, and 2.0 as 2."""
    value = python_value(value)
    if isinstance(value, str):
        return same_form(value)
    if isinstance(value, dict):
        return {key: comparable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [comparable(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _of_words(
    name: str, actor: str, find: Callable[[list[str]], tuple[Value, str]], version: str = "1"
) -> Scorer:
    """A scorer of the messages of `actor` that are not blank; unscored where there are none."""

    def read(trace: Trace) -> tuple[Value, str]:
        messages = []
        for step in trace.steps:
            if step.kind == "message" and step.actor == actor and step.content.strip():
                messages.append(step.content)
        if not messages:
            return None, f"there is no message of {actor}"
        return find(messages)

    if actor != "assistant":
        name = f"{name} of {actor}"
    return scorer_from(name, read, version)
