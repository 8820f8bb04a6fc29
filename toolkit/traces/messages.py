"""Chat messages, as OpenAI or Anthropic write them, become the steps of a trace."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from pydantic import BaseModel

from toolkit.traces.ids import Record, id_text, unused
from toolkit.traces.parts import decoded_arguments, epoch_s, is_block, words_of
from toolkit.traces.trace import Step, Trace

TIMES = ("time", "timestamp", "created_at", "created", "ts")
"""The fields of a message that may say when it was sent."""
ACTORS = {"developer": "system", "function": "tool"}
"""The actor of a role that has another name."""
BLOCK_FIELDS = set("type id name input tool_use_id content thinking is_error".split())
"""The fields of a block that have a home in a step; the others go to its data."""
NOT_FINITE = "not_finite"
"""The field of a call's data with the numbers in its arguments that became None, as ``NaN``."""


class Function(BaseModel):
    """The function that a call names."""

    name: str
    arguments: str | dict[str, Any] | None = None
    """JSON text, as OpenAI writes it, or the object itself."""


class Call(BaseModel, extra="allow"):
    """A call of a tool in a message of OpenAI's."""

    function: Function
    id: str | None = None
    type: str | None = None


class Message(BaseModel, extra="allow"):
    """A message of either provider."""

    role: str
    content: str | list[Any] | dict[str, Any] | None = None
    """Words, or parts: text, pictures, and the blocks of the Messages API."""
    tool_calls: list[Call | None] | None = None
    function_call: Function | None = None
    """A call as OpenAI wrote it before there were several in a message."""
    tool_call_id: str | None = None
    """The call that a message of a tool answers."""
    name: str | None = None
    refusal: str | None = None

    def calls(self) -> list[Call]:
        """The calls of functions, old and new."""
        calls = [call for call in self.tool_calls or () if call is not None]
        if self.function_call:
            calls.append(Call(function=self.function_call))
        return calls


class Transcript:
    """The steps of one trace while its messages are read; each result is paired with its call.

    >>> transcript = Transcript()
    >>> transcript.read(Message(role="user", content="Is a bike free?"))
    >>> transcript.read(Message(role="assistant", content="Two are."))
    >>> transcript.trace("a", {"id": "a", "shop": "north"}, "id")
    Trace('a', 2 steps, imported, 'Is a bike free?')
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._time: float | None = None
        """That of the message that is read."""
        self._extra: dict[str, Any] = {}
        """The further fields of the message that is read, until its first step takes them."""
        self._step_ids: set[str] = set()
        self._call_ids: set[str] = set()
        self._open_calls: list[tuple[str | None, Step]] = []
        """The calls without a result, each with the id that the source gave it."""

    def read_all(self, messages: Iterable[Message | None]) -> None:
        """Append the steps of `messages`; a null among them says nothing, and is passed over."""
        for message in messages:
            if message is not None:
                self.read(message)

    def read(self, message: Message) -> None:
        """Append the steps of `message`.

        Its further fields go to the data of the first of them, its time to each.
        """
        self._begin(message.model_extra or {})
        role = message.role
        actor = ACTORS.get(role, role)
        if actor == "tool":
            words, parts = words_of(message.content)
            self._result(message.tool_call_id, message.name, words, parts)
            return
        about = {"name": message.name, "refusal": message.refusal}
        if role != actor:
            about["role"] = role
        n_before = len(self.steps)
        self._content(actor, message.content, about)
        for call in message.calls():
            self._function_call(call)
        if len(self.steps) == n_before:
            self.add("message", actor, message.refusal or "", about)

    def _begin(self, fields: Record) -> None:
        """Take the time from a message's further fields; the others wait for its first step."""
        self._extra = {name: value for name, value in fields.items() if value is not None}
        self._time = None
        for name in TIMES:
            if name in self._extra:
                self._time = epoch_s(self._extra[name])
                if self._time is not None:
                    del self._extra[name]
                return

    def add(self, kind: str, actor: str, content: str, data: Record) -> Step:
        """Append a step. The ``id`` of its message becomes its own.

        Parameters
        ----------
        kind, actor, content
            As those of a `Step`.
        data
            The rest of it; what is None in it is left out.

        Returns
        -------
        Step
            The step, with the time of its message.
        """
        message_id = id_text(self._extra.pop("id", None))
        step_id = unused(message_id or f"s{len(self.steps) + 1}", self._step_ids)
        stated = {name: value for name, value in data.items() if value is not None}
        step = Step(step_id, kind, actor, content, self._time, self._extra | stated)
        self._extra = {}
        self.steps.append(step)
        return step

    def _content(self, actor: str, content: Any, about: Record) -> None:
        """Append the words and the blocks of a message, in their order."""
        parts: list[Any] = []
        if isinstance(content, list):
            parts = [part for part in content if part is not None]
        elif content:
            parts = [content]
        for are_blocks, group in groupby(parts, is_block):
            if are_blocks:
                for block in group:
                    self._block(actor, block)
            else:
                words, data = words_of(list(group))
                self.add("message", actor, words, {**data, **about})

    def _block(self, actor: str, block: Record) -> None:
        """Append the step of a block: a call, a result, or what was thought."""
        kind = block["type"]
        data = {name: value for name, value in block.items() if name not in BLOCK_FIELDS}
        if kind.endswith("tool_use"):
            call_id = id_text(block.get("id"))
            name = str(block.get("name") or kind)
            self._call(call_id, name, block.get("input") or {}, data)
        elif kind.endswith("tool_result"):
            call_id = id_text(block.get("tool_use_id"))
            words, parts = words_of(block.get("content"))
            data.update(parts)
            data["error"] = bool(block.get("is_error"))
            self._result(call_id, None, words, data)
        else:
            words, _ = words_of(block.get("thinking"))
            self.add("thinking", actor, words or f"[{kind}]", data)

    def _function_call(self, call: Call) -> None:
        """Append the step of a call as OpenAI writes it."""
        arguments, not_finite = decoded_arguments(call.function.arguments)
        data = dict(call.model_extra or {})
        if not_finite:
            data[NOT_FINITE] = not_finite
        self._call(call.id, call.function.name, arguments, data)

    def _call(self, call_id: str | None, name: str, arguments: Any, data: Record) -> None:
        """Append a call. An id that comes again gets a suffix, or results would be mixed up."""
        own_id = unused(call_id or f"call-{len(self._call_ids) + 1}", self._call_ids)
        about = {**data, "call_id": own_id, "name": name, "arguments": arguments}
        if call_id and call_id != own_id:
            about["original_call_id"] = call_id
        step = self.add("tool.call", "assistant", name, about)
        self._open_calls.append((call_id, step))

    def _result(self, call_id: str | None, name: str | None, content: str, data: Record) -> None:
        """Append the answer of a tool, with the id and the name of the call that it answers."""
        call = self._close_call(call_id, name)
        if call:
            call_id = call.data["call_id"]
            name = name or call.data["name"]
        about = {**data, "call_id": call_id, "name": name}
        step = self.add("tool.result", "tool", content, about)
        step.data.setdefault("error", step.data.get("is_error"))

    def _close_call(self, call_id: str | None, name: str | None) -> Step | None:
        """The oldest open call of that id or, without an id, of that name; it is open no more."""
        for position, (source_id, call) in enumerate(self._open_calls):
            same_id = source_id == call_id
            same_name = name is None or name == call.data["name"]
            if same_id if call_id else same_name:
                del self._open_calls[position]
                return call
        return None

    def trace(self, id_: str, record: Record, *used: str | None) -> Trace:
        """The trace that was read.

        Parameters
        ----------
        id_
            Its id.
        record
            That which the messages came from.
        *used
            The fields of the record that are in the steps; the others become the trace's meta.
        """
        meta = {name: value for name, value in record.items() if name not in used}
        return Trace(id_, tuple(self.steps), meta)
