"""Chat messages become the steps of a trace, and each result of a tool is paired with its call."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.dialects import (
    NOBODY,
    is_message,
    take_actor,
    take_model,
    take_parts,
    take_time,
    take_usage,
    unwrapped,
)
from toolkit.traces.ids import Record, Taken, id_text
from toolkit.traces.kinds import PartKind, kind_of
from toolkit.traces.pairing import OpenCalls
from toolkit.traces.parts import Call, Result, call_of, result_of, thought_of
from toolkit.traces.spelling import stated, take
from toolkit.traces.totals import totals_of
from toolkit.traces.trace import Step, Trace
from toolkit.traces.words import words_of

__all__ = ["NOT_FINITE", "UNREAD", "Message", "Transcript", "is_message"]

NOT_FINITE = "not_finite"
"""The field of a call's data with the numbers in its arguments that became None, as ``NaN``."""
UNREAD = "unread"
"""The field of a step's data with what could not be read of its message, as it came."""
NOT_PLAIN = ("tool", NOBODY)
"""The actors of messages that are more than words."""
Message = dict[str, Any]
"""A message in any spelling: who speaks, and what was said, thought, called or answered."""


class Transcript:
    """The steps of one trace while its messages are read; each result is paired with its call.

    >>> transcript = Transcript()
    >>> transcript.read({"role": "user", "content": "Is a bike free?"})
    >>> transcript.read({"role": "model", "parts": [{"text": "Two are."}]})
    >>> transcript.trace("a", {"id": "a", "shop": "north"}, "id")
    Trace('a', 2 steps, imported, 'Is a bike free?')
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._time: float | None = None
        """That of the message that is read."""
        self._kind = "message"
        """The kind of the words of the message that is read."""
        self._everywhere: dict[str, Any] = {}
        """The agent and the branch of the message that is read, for each of its steps."""
        self._extra: dict[str, Any] = {}
        """The further fields of the message that is read, until its first step takes them."""
        self._step_ids = Taken()
        self._call_ids = Taken()
        self._message_id: str | None = None
        """That of the message that is read, until its first step takes it."""
        self._open_calls = OpenCalls()
        self._replies: dict[str, Step] = {}
        """The first step of each reply of a model that came with an id and with its usage."""

    def read_all(
        self, messages: Iterable[Any], agent: str | None = None, branch: str | None = None
    ) -> None:
        """Append the steps of `messages`, as `read` does.

        A null says nothing and is passed over. Another value that is no message is kept as what
        could not be read. Raises RecordError where there is no message among several values.
        """
        listed = [message for message in messages if message is not None]
        if listed and not any(is_message(message) for message in listed):
            raise RecordError("no message says who speaks", field="messages.0.role")
        for message in listed:
            self.read(message, agent, branch)

    def read(
        self,
        message: Any,
        agent: str | None = None,
        branch: str | None = None,
        kind: str = "message",
    ) -> None:
        """Append the steps of a message in any spelling.

        Parameters
        ----------
        message
            An object. Its further fields go to the data of its first step, its time to each.
        agent
            Who acts, where it is a named agent or a sub-agent; else as the message says.
        branch
            The id of the branch that the message stands in, where it is not in the main line.
        kind
            That of the step of its words, where the source calls it more than a message.
        """
        self._kind = kind
        if isinstance(message, dict):
            self._read(unwrapped(message), agent, branch)
        else:
            words, _ = words_of(message)
            self._time = None
            self.add(kind, NOBODY, words, {UNREAD: {"message": message}})
        self._everywhere = {}

    def _read(self, fields: dict[str, Any], agent: str | None, branch: str | None) -> None:
        """Append the steps of a message by its fields."""
        actor = take_actor(fields)
        content = fields.get("content")
        if isinstance(content, str) and content and len(fields) == 1 and actor not in NOT_PLAIN:
            # words alone, as most messages are: there is no more to look for
            self._time = None
            self._set_everywhere(agent, branch)
            self.add(self._kind, actor, content, {})
            return
        unread: dict[str, Any] = {}
        if actor == NOBODY:
            unread["role"] = fields.pop("role", None)
        self._begin(fields, actor, agent, branch)
        message_id = self._message_id
        model = take_model(fields)
        usage = take_usage(fields)
        n_before = len(self.steps)
        self._read_parts(fields, actor, unread)
        first = self.steps[n_before]
        if model:
            first.data["model"] = model
        self._set_usage(first, message_id, usage)
        if unread:
            first.data[UNREAD] = unread

    def _begin(
        self, fields: dict[str, Any], actor: str, agent: str | None, branch: str | None
    ) -> None:
        """Take from the fields what each step of the message has, and its id."""
        self._time = take_time(fields)
        kind = kind_of(fields)
        if kind in ("words", "thinking") or stated(fields, "call_id"):
            self._message_id = id_text(take(fields, "id", "message_id"))
        named = take(fields, "agent", "agent_name")
        if actor == "assistant" and named is None and kind == "words":
            named = take(fields, "name")
        self._set_everywhere(agent or (named if isinstance(named, str) else None), branch)

    def _set_everywhere(self, agent: str | None, branch: str | None) -> None:
        self._everywhere = {}
        if agent:
            self._everywhere["agent"] = agent
        if branch:
            self._everywhere["branch"] = branch

    def _read_parts(self, fields: dict[str, Any], actor: str, unread: dict[str, Any]) -> None:
        """Append the steps of the parts of a message, at least one."""
        parts = list(take_parts(fields))
        n_before = len(self.steps)
        if actor == "tool" and all(part.kind == "words" for part in parts):
            self._tool_message(fields, [part.value for part in parts])
            return
        self._extra = {name: value for name, value in fields.items() if value is not None}
        for kind, group in groupby(parts, key=lambda part: part.kind):
            values = [part.value for part in group]
            if kind == "words":
                self._say(actor, values)
            elif kind != "mark":
                for value in values:
                    self._part(kind, value, actor, unread)
        if len(self.steps) == n_before:
            refusal = self._extra.get("refusal")
            self.add(self._kind, actor, refusal if isinstance(refusal, str) else "", {})

    def _say(self, actor: str, parts: list[Any]) -> None:
        words, data = words_of(parts)
        if words or data:
            self.add(self._kind, actor, words, data)

    def _part(self, kind: PartKind, value: Any, actor: str, unread: dict[str, Any]) -> None:
        """Append the step of a part that is more than words, or both of a call with its answer."""
        if kind == "thinking":
            words, data = thought_of(value)
            self.add("thinking", actor, words, data)
            return
        if kind == "result":
            self.result(result_of(value))
            return
        call = call_of(value)
        if call is None:
            unread.setdefault("tool_calls", []).append(value)
        elif kind == "call":
            self.call(call, actor)
        else:
            answer = {**call.data, "call_id": call.id, "name": call.name}
            self.call(replace(call, data={}), actor)
            self.result(result_of(answer))

    def _tool_message(self, fields: dict[str, Any], content: list[Any]) -> None:
        """Append the result that a message of a tool is."""
        if content:
            fields["content"] = content[0] if len(content) == 1 else content
        result = result_of(fields)
        if result.call_id is None and self._open_calls.knows(self._message_id):
            result = replace(result, call_id=self._message_id)
        self.result(result)

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
        step_id = self._step_ids.unused(self._message_id or f"s{len(self.steps) + 1}")
        stated_data = {name: value for name, value in data.items() if value is not None}
        data = self._everywhere | self._extra | stated_data
        step = Step(step_id, kind, actor, content, self._time, data)
        self._message_id = None
        self._extra = {}
        self.steps.append(step)
        return step

    def call(self, call: Call, actor: str = "assistant") -> None:
        """Append a call. An id that comes again gets a suffix, or results would be mixed up."""
        own_id = self._call_ids.unused(call.id or f"call-{len(self._call_ids) + 1}")
        data = {**call.data, "call_id": own_id, "name": call.name, "arguments": call.arguments}
        if call.id and call.id != own_id:
            data["original_call_id"] = call.id
        if call.not_finite:
            data[NOT_FINITE] = call.not_finite
        step = self.add("tool.call", actor, call.name, data)
        self._open_calls.add(step, call.id)

    def result(self, result: Result) -> None:
        """Append a result, with the id and the name of the call that it answers."""
        call = self._open_calls.take(result.call_id, result.name)
        call_id = result.call_id
        name = result.name
        if call:
            call_id = call.data["call_id"]
            name = name or call.data["name"]
        data = {**result.data, "call_id": call_id, "name": name}
        step = self.add("tool.result", "tool", result.words, data)
        step.data["error"] = result.error

    def _set_usage(self, step: Step, message_id: str | None, usage: dict[str, Any]) -> None:
        """State the usage of a reply once, also where the reply came as several messages.

        They have one id, and count the same prompt; the last of them has counted the whole reply.
        """
        if not usage:
            return
        earlier = self._replies.get(message_id or "")
        if earlier and _prompt(earlier.data) == _prompt(usage):
            step = earlier
        elif message_id:
            self._replies[message_id] = step
        step.data.update(usage)

    def trace(self, id_: str, record: Record, *used: str | None) -> Trace:
        """The trace that was read.

        Parameters
        ----------
        id_
            Its id.
        record
            That which the messages came from.
        *used
            The fields of the record that are in the steps; the others become the trace's meta,
            with the totals among them under our names.
        """
        meta = {name: value for name, value in record.items() if name not in used}
        return Trace(id_, tuple(self.steps), {**meta, **totals_of(meta)})


def _prompt(data: Record) -> tuple[Any, Any]:
    """The counts of the prompt in the usage of a reply."""
    usage = data.get("usage", {})
    return usage.get("input_tokens"), usage.get("cached_tokens")
