"""Chat messages become the steps of a trace, and each result of a tool is paired with its call."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.dialects import is_message
from toolkit.traces.ids import Record, Taken
from toolkit.traces.pairing import OpenCalls
from toolkit.traces.parsed import UNREAD, ParsedMessage, Words, parse_message
from toolkit.traces.parts import Call, Result
from toolkit.traces.totals import totals_of
from toolkit.traces.trace import Step, Trace

__all__ = ["NOT_FINITE", "UNREAD", "Transcript", "is_message"]

NOT_FINITE = "not_finite"
"""The field of a call's data with the numbers in its arguments that became None, as ``NaN``."""


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
        self.default_time: float | None = None
        """That of steps whose message states none."""
        self._time: float | None = None
        """That of the message that was appended last."""
        self._everywhere: dict[str, Any] = {}
        """The agent and the branch of the message that is appended, for each of its steps."""
        self._extra: dict[str, Any] = {}
        """The further fields of the message, until its first step takes them."""
        self._message_id: str | None = None
        """That of the message, until its first step takes it."""
        self._step_ids = Taken()
        self._call_ids = Taken()
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
            self.append(parse_message(message), agent, branch)

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
        self.append(parse_message(message), agent, branch, kind)

    def append(
        self,
        message: ParsedMessage,
        agent: str | None = None,
        branch: str | None = None,
        kind: str = "message",
    ) -> None:
        """Append the steps of a message that was taken apart; the arguments are those of `read`."""
        n_before = len(self.steps)
        self._time = message.time
        self._message_id = message.id
        self._extra = message.extra
        agent = agent or message.agent
        if agent:
            self._everywhere["agent"] = agent
        if branch:
            self._everywhere["branch"] = branch
        for entry in message.entries:
            if isinstance(entry, Words):
                step_kind = "thinking" if entry.is_thought else kind
                self.add(step_kind, message.actor, entry.text, entry.data)
            else:
                self._append_act(entry, message)
        self._everywhere = {}
        first = self.steps[n_before]
        if message.model:
            first.data["model"] = message.model
        if message.usage:
            self._set_usage(first, message)
        if message.unread:
            first.data[UNREAD] = message.unread

    def _append_act(self, entry: Call | Result, message: ParsedMessage) -> None:
        if isinstance(entry, Call):
            self.call(entry, message.actor)
        else:
            is_named = message.is_answer and self._open_calls.knows(message.id)
            if entry.call_id is None and is_named:
                entry = replace(entry, call_id=message.id)
            self.result(entry)

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
        time = self.default_time if self._time is None else self._time
        step_data = self._everywhere | self._extra
        for name, value in data.items():
            if value is not None:
                step_data[name] = value
        step = Step(step_id, kind, actor, content, time, step_data)
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

    def _set_usage(self, step: Step, message: ParsedMessage) -> None:
        """State the usage of a reply once, also where the reply came as several messages.

        They have one id, and count the same prompt; the last of them has counted the whole reply.
        """
        earlier = self._replies.get(message.id or "")
        if earlier and _prompt(earlier.data) == _prompt(message.usage):
            step = earlier
        elif message.id:
            self._replies[message.id] = step
        step.data.update(message.usage)

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
