"""The pieces of AG-UI's messages and calls, which come one after the other, put together."""

from typing import Any

from toolkit.traces.fields import objects_in
from toolkit.traces.ids import Record, id_text

Fields = dict[str, Any]
Key = tuple[str, Any]
"""What pieces belong to: ``message``, ``thought`` or ``call``, and its id."""


class Pieces:
    """The messages of a run in the order in which they began."""

    def __init__(self) -> None:
        self._messages: list[Fields] = []
        self._pieces: dict[Key, list[str]] = {}
        """The pieces of each message and call."""
        self._unfinished: list[tuple[Fields, str, list[str]]] = []
        """Where the pieces go in the end: into a field of a message, or of a call."""
        self._ids: set[str] = set()
        """The ids of the messages that stand in the run."""

    def add_message(self, message: Record) -> None:
        """Add a whole message."""
        fields = dict(message)
        fields.pop("type", None)
        self._ids.add(str(message.get("id")))
        self._messages.append(fields)

    def add_history(self, record: Record) -> None:
        """Add the messages of a record that do not stand in the run."""
        for message in objects_in(record, "messages"):
            message_id = str(message.get("id"))
            if message_id not in self._ids:
                self.add_message(message)

    def read(self, event: Record, kind: str) -> None:
        """Begin a message or a call, or add a piece to it. An end says nothing."""
        begins = kind.endswith("_START") and kind.count("_") > 1
        delta = event.get("delta")
        if not isinstance(delta, str):
            if not begins:
                return
            delta = ""
        key = self._key(event, kind, begins)
        if key not in self._pieces:
            self._begin(event, key)
        self._pieces[key].append(delta)

    def _key(self, event: Record, kind: str, begins: bool) -> Key:
        """What a piece belongs to; one without an id goes to the last of its sort."""
        sort = "thought"
        if kind.startswith("TEXT_MESSAGE_"):
            sort = "message"
        elif kind.startswith("TOOL_CALL_"):
            sort = "call"
        field = "toolCallId" if sort == "call" else "messageId"
        id_ = id_text(event.get(field))
        if id_ is not None:
            return sort, id_
        if not begins:
            for known in reversed(self._pieces):
                if known[0] == sort:
                    return known
        return sort, len(self._pieces)

    def _begin(self, event: Record, key: Key) -> None:
        """Begin a message, which is whole when all its pieces are there."""
        sort, id_ = key
        message: Fields = {
            "role": event.get("role") or "assistant",
            "timestamp": event.get("timestamp"),
            "name": event.get("name"),
            "parentMessageId": event.get("parentMessageId"),
        }
        self._messages.append(message)
        pieces: list[str] = []
        self._pieces[key] = pieces
        if sort == "call":
            call = {"id": id_, "name": event.get("toolCallName")}
            message["tool_calls"] = [call]
            self._unfinished.append((call, "arguments", pieces))
            return
        self._ids.add(str(id_))
        message["id"] = id_
        self._unfinished.append((message, "content", pieces))
        if sort == "thought":
            message["role"] = "assistant"
            message["step_kind"] = "thinking"

    def messages(self) -> list[Fields]:
        """The messages, each in one piece."""
        for fields, name, pieces in self._unfinished:
            fields[name] = "".join(pieces)
        return self._messages
