"""A message taken apart: who speaks and when, and what is said, thought, called and answered."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from toolkit.traces.dialects import (
    NOBODY,
    PARTED,
    Part,
    aspects_of,
    take_actor,
    take_model,
    take_parts,
    take_time,
    take_usage,
    unwrapped,
)
from toolkit.traces.ids import id_text
from toolkit.traces.kinds import PartKind, kind_of
from toolkit.traces.parts import Call, Result, call_of, result_of, thought_of
from toolkit.traces.spelling import stated, take
from toolkit.traces.words import words_of

UNREAD = "unread"
"""The field of a step's data with what could not be read of its message, as it came."""
NOT_PLAIN = ("tool", NOBODY)
"""The actors of messages that are more than words."""


class Words(NamedTuple):
    """What is said or thought in a part of a message."""

    text: str
    data: dict[str, Any]
    is_thought: bool = False


Entry = Words | Call | Result
"""What becomes a step: words, a call, or the answer to one."""


@dataclass(slots=True)
class ParsedMessage:
    """A message under our names, whatever its spelling was."""

    actor: str
    entries: list[Entry] = field(default_factory=list, init=False)
    """At least one, when it is parsed."""
    id: str | None = field(default=None, init=False)
    time: float | None = field(default=None, init=False)
    agent: str | None = field(default=None, init=False)
    """The name of who acts, where it is a named agent."""
    model: str | None = field(default=None, init=False)
    usage: dict[str, Any] = field(default_factory=dict, init=False)
    """What a reply used, and how the source states it where that is otherwise."""
    extra: dict[str, Any] = field(default_factory=dict, init=False)
    """The further fields, which the first step takes."""
    unread: dict[str, Any] = field(default_factory=dict, init=False)
    """What could not be read."""
    is_answer: bool = field(default=False, init=False)
    """Whether it is the answer of a tool; it may name the call by its own id."""


def parse_message(message: Any) -> ParsedMessage:
    """A message in any spelling, taken apart.

    >>> parsed = parse_message({"role": "model", "parts": [{"text": "Two are."}]})
    >>> parsed.actor, parsed.entries
    ('assistant', [Words(text='Two are.', data={}, is_thought=False)])
    """
    if not isinstance(message, dict):
        words, _ = words_of(message)
        parsed = ParsedMessage(NOBODY)
        parsed.entries.append(Words(words, {}))
        parsed.unread["message"] = message
        return parsed
    fields = unwrapped(message)
    parsed = ParsedMessage(take_actor(fields))
    content = fields.get("content")
    is_alone = len(fields) == 1 and parsed.actor not in NOT_PLAIN
    if is_alone and isinstance(content, str) and content:
        # words alone, as most messages are: there is no more to look for
        parsed.entries.append(Words(content, {}))
        return parsed
    if parsed.actor == NOBODY:
        parsed.unread["role"] = fields.pop("role", None)
    aspects = aspects_of(tuple(fields))
    kind = kind_of(fields) if "kind" in aspects else "words"
    _take_about(fields, aspects, kind, parsed)
    if kind == "words":
        _take_entries(fields, aspects, parsed)
    else:  # an item that is a call, an answer or a thought by itself
        _add_entries([(kind, fields)], parsed)
    if not parsed.entries:
        refusal = parsed.extra.get("refusal")
        parsed.entries.append(Words(refusal if isinstance(refusal, str) else "", {}))
    return parsed


def _take_about(
    fields: dict[str, Any], aspects: frozenset[str], kind: PartKind, parsed: ParsedMessage
) -> None:
    """Take what holds for the message from its fields: its time, id, agent, model and usage."""
    if "time" in aspects:
        parsed.time = take_time(fields)
    if "id" in aspects and (kind in ("words", "thinking") or stated(fields, "call_id")):
        parsed.id = id_text(take(fields, "id", "message_id"))
    if "agent" in aspects:
        agent = take(fields, "agent", "agent_name")
        if parsed.actor == "assistant" and agent is None and kind == "words":
            agent = take(fields, "name")
        if isinstance(agent, str):
            parsed.agent = agent
    if "model" in aspects:
        parsed.model = take_model(fields)
    if "usage" in aspects:
        parsed.usage = take_usage(fields)


def _take_entries(fields: dict[str, Any], aspects: frozenset[str], parsed: ParsedMessage) -> None:
    """Take the parts of a message from its fields; what is left over is extra."""
    content = fields.get("content")
    if isinstance(content, str) and content and PARTED.isdisjoint(aspects):
        if parsed.actor == "tool":
            parsed.is_answer = True
            parsed.entries.append(result_of(fields))
            return
        del fields["content"]
        parsed.extra = {name: value for name, value in fields.items() if value is not None}
        parsed.entries.append(Words(content, {}))
        return
    parts = take_parts(fields, aspects)
    if parsed.actor == "tool" and all(kind == "words" for kind, _ in parts):
        parsed.is_answer = True
        parsed.entries.append(_answer_of(fields, parts))
        return
    parsed.extra = {name: value for name, value in fields.items() if value is not None}
    _add_entries(parts, parsed)


def _add_entries(parts: list[Part], parsed: ParsedMessage) -> None:
    """Add what the parts of a message become; words that follow one another are one entry."""
    spoken: list[Any] = []
    for kind, value in parts:
        if kind == "words":
            spoken.append(value)
            continue
        _add_words(spoken, parsed)
        spoken = []
        if kind != "mark":
            parsed.entries += _entries_of(kind, value, parsed.unread)
    _add_words(spoken, parsed)


def _add_words(spoken: list[Any], parsed: ParsedMessage) -> None:
    """Add parts that are words, where they say anything, as one entry."""
    if not spoken:
        return
    words, data = words_of(spoken)
    if words or data:
        parsed.entries.append(Words(words, data))


def _answer_of(fields: dict[str, Any], parts: list[Part]) -> Result:
    """The answer that a message of a tool is."""
    if parts:
        content = [value for _, value in parts]
        fields["content"] = content[0] if len(content) == 1 else content
    return result_of(fields)


def _entries_of(kind: PartKind, value: Any, unread: dict[str, Any]) -> Iterable[Entry]:
    """What a part that is more than words becomes; a call may come with its answer."""
    if kind == "thinking":
        words, data = thought_of(value)
        return [Words(words, data, is_thought=True)]
    if kind == "result":
        return [result_of(value)]
    call = call_of(value)
    if call is None:
        unread.setdefault("tool_calls", []).append(value)
        return []
    if kind == "call":
        return [call]
    answer = {**call.data, "call_id": call.id, "name": call.name}
    return [replace(call, data={}), result_of(answer)]
