"""Dialects: a chat message is taken apart, whoever's spelling it came in.

OpenAI, Anthropic, Gemini, LangChain, Vercel's SDK and AG-UI write the same conversation under other
names. The functions here take what they read out of the fields of a message; what is left over goes
to the data of its first step.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from toolkit.traces.decode import decoded
from toolkit.traces.fields import elements_of, fields_of, without
from toolkit.traces.ids import Record
from toolkit.traces.kinds import PartKind, has_answer, kind_of, opened
from toolkit.traces.spelling import Names, stated, states, take
from toolkit.traces.times import epoch_s
from toolkit.traces.usage import number_of, usage_of

ACTORS = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "customer": "user",
    "prompter": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "agent": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
}
"""The actor of a role. A role that is not here is a name, and acts under it."""
ROLES = ("role", "from", "author", "sender", "speaker", "source", "type")
"""The fields that may say who speaks; the last as LangChain writes it."""
CONTENTS = Names(("content", "text", "value", "message", "body", "utterance"))
"""The fields that may hold what was said, where there are no parts."""
THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_text")
THOUGHT_FIELDS = Names(("text", "content", "summary", "thinking"))
TIMES = ("time", "timestamp", "created_at", "created", "ts", "sent_at", "date")
"""The fields that may say when a message was sent."""
USAGES = Names(("usage", "usage_metadata", "token_usage"))
MODELS = Names(("model", "model_name", "model_id", "model_version"))
COSTS = Names(("cost_usd", "cost"))
NOBODY = "unknown"
"""The actor where a message does not say who speaks."""
ASPECTS = {
    "kind": ("type", "thought"),
    "time": TIMES,
    "id": ("id", "message_id"),
    "agent": ("agent", "agent_name", "name"),
    "model": (*MODELS, "response_metadata"),
    "usage": (*USAGES, *COSTS, "response_metadata"),
    "thought": THOUGHTS,
    "parts": ("parts",),
    "calls": ("tool_calls", "additional_kwargs"),
    "call": ("function_call",),
    "invocations": ("tool_invocations",),
}
"""What a message may state beside its content, and the fields that state it."""
PARTED = frozenset({"thought", "parts", "calls", "call", "invocations"})
"""The aspects of a message that may have more parts than its content."""
COATS = frozenset({"kwargs", "data", "message"})
"""The fields that a message may stand in."""


Part = tuple[PartKind, Any]
"""The kind of a part of a message, and the part, out of its coat."""


def is_message(value: object) -> bool:
    """Whether a value says who speaks, or is an item of a conversation, as a call by itself."""
    if not isinstance(value, dict):
        return False
    fields = unwrapped(value)
    return _role_of(fields) is not None or kind_of(fields) != "words"


def unwrapped(message: Record) -> dict[str, Any]:
    """The fields of a message, out of the coats that LangChain and others put around it.

    >>> unwrapped({"type": "human", "data": {"content": "Is a bike free?"}})
    {'type': 'human', 'content': 'Is a bike free?'}
    """
    if COATS.isdisjoint(message):
        return dict(message)
    kwargs = message.get("kwargs")
    if isinstance(kwargs, dict) and "lc" in message:
        path = elements_of(message.get("id"))
        name = path[-1] if path else None
        return {"type": name, **kwargs}
    data = message.get("data")
    if isinstance(data, dict) and _actor_of(message.get("type")):
        return {"type": message["type"], **data}
    inner = message.get("message")
    if isinstance(inner, dict) and "role" not in message:
        others = without(message, "message")
        return {**others, **inner}
    return dict(message)


@lru_cache(maxsize=1000)
def aspects_of(names: tuple[str, ...]) -> frozenset[str]:
    """What a message states beside its content, as the names of its fields tell."""
    return frozenset(aspect for aspect, fields in ASPECTS.items() if states(names, *fields))


def take_actor(fields: dict[str, Any]) -> str:
    """Who speaks. The role stays among the fields where the actor has another name."""
    role = fields.get("role")
    if isinstance(role, str) and role in ACTORS:
        return _take_role(fields, "role", role, ACTORS[role])
    stated_role = _role_of(fields)
    if stated_role is None:
        return _actor_without_role(fields)
    name, role = stated_role
    return _take_role(fields, name, role, _actor_of(role) or role)


def _take_role(fields: dict[str, Any], name: str, role: str, actor: str) -> str:
    """Take the field that says who speaks, but for a role that has another name than the actor."""
    del fields[name]
    if role != actor and name != "type":
        fields["role"] = role
    return actor


def _role_of(fields: Record) -> tuple[str, str] | None:
    """The name of the field that says who speaks, and what it says."""
    for name in ROLES:
        role = fields.get(name)
        if isinstance(role, dict):
            role = stated(role, "role", "name")
        if isinstance(role, str) and role and (name != "type" or _actor_of(role)):
            return name, role
    return None


def _actor_of(role: object) -> str | None:
    """The actor of a role, also where it is the name of a class, as ``AIMessageChunk``."""
    if not isinstance(role, str):
        return None
    if role in ACTORS:
        return ACTORS[role]
    name = role.removesuffix("Chunk").removesuffix("Message")
    return ACTORS.get(name.lower())


def _actor_without_role(fields: Record) -> str:
    """Who speaks in an item that is a call, a result or a thought by itself."""
    if kind_of(fields) != "words" or stated(fields, "tool_calls") is not None:
        return "assistant"
    return "tool" if stated(fields, "tool_call_id") else NOBODY


def take_time(fields: dict[str, Any]) -> float | None:
    """When the message was sent. A field that states no moment stays."""
    for name in TIMES:
        written = take(fields, name)
        time = epoch_s(written)
        if time is not None:
            return time
        if written is not None:
            fields[name] = written
    return None


def take_model(fields: dict[str, Any]) -> str | None:
    """The model that replied."""
    model = MODELS.take(fields)
    if model is None and "response_metadata" in fields:
        about = fields_of(fields.get("response_metadata"))
        model = MODELS.stated(about)
    return model if isinstance(model, str) else None


def take_usage(fields: dict[str, Any]) -> dict[str, Any]:
    """What the reply used and cost, and the usage as it came where it was spelled otherwise."""
    usage = USAGES.take(fields)
    if usage is None:
        about = fields_of(fields.get("response_metadata"))
        usage = USAGES.stated(about)
    counts = usage_of(fields_of(usage))
    cost = number_of(COSTS.stated(fields))
    if cost is not None:
        COSTS.take(fields)
        counts.setdefault("cost_usd", cost)
    data: dict[str, Any] = {}
    if counts:
        data["usage"] = counts
    if usage is not None and usage != counts:
        data["stated_usage"] = usage
    return data


def take_parts(fields: dict[str, Any], aspects: frozenset[str]) -> list[Part]:
    """The parts of a message in their order: what was thought, what was said, what was called."""
    parts: list[Part] = []
    thought = _take_thought(fields) if "thought" in aspects else None
    if thought:
        parts.append(("thinking", thought))
    has_parts = "parts" in aspects and isinstance(fields["parts"], list)
    content = fields.pop("parts") if has_parts else CONTENTS.take(fields)
    for value in _listed(content):
        part = opened(value)
        parts.append((kind_of(part), part))
    if "invocations" in aspects and not has_parts:
        parts += _calls(take(fields, "tool_invocations"))
    if "calls" in aspects:
        parts += _calls(_tool_calls(fields))
    if "call" in aspects:
        parts += _calls(take(fields, "function_call"))
    return parts


def _tool_calls(fields: dict[str, Any]) -> Any:
    """The calls of a message, which LangChain may have kept apart."""
    calls = take(fields, "tool_calls")
    if calls:
        return calls
    about = fields_of(fields.get("additional_kwargs"))
    return stated(about, "tool_calls")


def _take_thought(fields: dict[str, Any]) -> Any:
    """What was thought, where it stands beside the content."""
    for name in THOUGHTS:
        thought = stated(fields, name)
        if isinstance(thought, dict):
            has_words = THOUGHT_FIELDS.stated(thought) is not None
        else:
            has_words = bool(thought) and isinstance(thought, str | list)
        if has_words:
            return take(fields, name)
    return None


def _listed(content: Any) -> list[Any]:
    """The parts of a content; a null among them says nothing."""
    if isinstance(content, dict) and isinstance(content.get("parts"), list):
        content = content["parts"]
    if isinstance(content, list):
        return [part for part in content if part is not None]
    return [] if content is None or content == "" else [content]


def _calls(calls: Any) -> Iterator[Part]:
    """The calls beside the content: a list of them, or one alone, or the JSON of either."""
    if calls is None:
        return
    for written in _listed(decoded(calls)):
        call = opened(decoded(written))
        is_answered = isinstance(call, dict) and has_answer(call)
        yield "call and result" if is_answered else "call", call
