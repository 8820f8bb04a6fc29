"""Conversation: collects steps, and pairs each tool call with its result."""

import json
from typing import Any

from toolkit.traces.formats.format import TIME_FIELDS, epoch_s
from toolkit.traces.trace import Step


class Conversation:
    """The steps of one trace while they are read."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.unknown: set[str] = set()
        self._ids: set[str] = set()
        self._call_ids: set[str] = set()
        self._unanswered: list[tuple[str | None, Step]] = []

    def add(self, kind: str, actor: str, content: str, data: dict[str, Any]) -> Step:
        """Append a step. An ``id`` and a time in `data` become the step's own."""
        data = {key: value for key, value in data.items() if value is not None}
        times = [(name, epoch_s(data[name])) for name in TIME_FIELDS if name in data]
        name, time = next(((name, time) for name, time in times if time is not None), ("", None))
        data.pop(name, None)
        wanted = data.pop("id", None)
        number = f"s{len(self.steps) + 1}"
        id_ = unused(wanted if isinstance(wanted, str) and wanted else number, self._ids)
        step = Step(id_, kind, actor, content, time, data)
        self.steps.append(step)
        return step

    def call(self, call_id: str | None, name: str, arguments: Any, data: dict[str, Any]) -> None:
        """A tool is called. Ids that come again within a trace get a suffix, or results would be mixed up."""
        own = unused(call_id or f"call-{len(self._call_ids) + 1}", self._call_ids)
        seen_as = call_id if call_id and call_id != own else None
        about = {"call_id": own, "name": name, "arguments": arguments, "original_call_id": seen_as}
        self._unanswered.append((call_id, self.add("tool.call", "assistant", name, {**data, **about})))

    def result(self, call_id: str | None, name: str | None, content: str, data: dict[str, Any]) -> None:
        """A tool answers: the oldest call of that id still open or, without an id, of that name."""
        for place, (raw_id, call) in enumerate(self._unanswered):
            if raw_id == call_id if call_id else name in (None, call.data["name"]):
                del self._unanswered[place]
                call_id, name = call.data["call_id"], name or call.data["name"]
                break
        step = self.add("tool.result", "tool", content, {**data, "call_id": call_id, "name": name})
        step.data.setdefault("error", None)


def unused(id_: str, taken: set[str]) -> str:
    """`id_`, with the first suffix -2, -3, ... that makes it new; it is then taken."""
    own, n = id_, 1
    while own in taken:
        n += 1
        own = f"{id_}-{n}"
    taken.add(own)
    return own


def arguments_of(text: object) -> Any:
    """Arguments as a dict; text that is no JSON object is kept as it is."""
    if not isinstance(text, str):
        return {} if text is None else text
    try:
        value = json.loads(text or "{}", parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) else text


def words_of(content: object) -> tuple[str, dict[str, Any]]:
    """The words of a message's content, and the parts themselves where some are not text."""
    if content is None or isinstance(content, str):
        return content or "", {}
    if not isinstance(content, list):
        return json.dumps(content, ensure_ascii=False), {"parts": content}
    words, whole = [], True
    for part in content:
        text = part if isinstance(part, str) else part.get("text") if isinstance(part, dict) else None
        whole = whole and isinstance(text, str)
        kind = part.get("type", "part") if isinstance(part, dict) else type(part).__name__
        words.append(text if isinstance(text, str) else f"[{kind}]")
    return "\n".join(words), {} if whole else {"parts": content}
