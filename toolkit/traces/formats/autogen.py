"""AutoGen, both generations: a chat among named agents, and the state of a team.

In the first (0.2, and AG2) a role says who keeps the log, not who speaks; the name does. In the
second (0.4) each message names its source and its type.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

Fields = dict[str, Any]
LISTS = ("trajectory", "history", "chat_history", "message_thread", "messages")
"""Where the messages of a record stand."""
PEOPLE = re.compile(r"user|human|proxy|customer", re.IGNORECASE)
"""What stands in the name of an agent that speaks for a person."""
CALLS = "ToolCallRequestEvent"
RESULTS = ("ToolCallExecutionEvent", "FunctionExecutionResultMessage")
KINDS = {"ThoughtEvent": "thinking", "StopMessage": "stop", "HandoffMessage": "handoff"}
EXIT_CODE = re.compile(r"exitcode: (\d+)")
"""How the words of the agent begin that runs the code of the others."""
TYPE = re.compile(r"\w+(Message|Event)")


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    first_steps: list[int] = []
    for message in _listed(record):
        first_steps.append(len(transcript.steps))
        for read in _messages_of(message):
            agent = read.pop("agent_name", None)
            transcript.read(read, agent, kind=read.pop("step_kind", "message"))
    if not transcript.steps:
        raise RecordError("nobody says anything")
    meta = dict(record)
    if record.get("stop_reason"):
        meta["outcome"] = record["stop_reason"]
    if isinstance(record.get("is_correct"), bool):
        meta["outcome"] = "correct" if record["is_correct"] else "incorrect"
    if "mistake_step" in record:
        number = str(record["mistake_step"])
        at = first_steps[int(number)] if number in map(str, range(len(first_steps))) else None
        step_id = None if at is None else transcript.steps[at].id
        meta["scores"] = [_mistake(record, step_id)]
    return transcript.trace(id_, meta, "records", *LISTS)


def _listed(record: Record) -> Iterable[Any]:
    """The messages of a record, or those that the manager of a team keeps."""
    for name in ("records", *LISTS):
        if isinstance(record.get(name), list):
            return list(record[name])
    threads = [_listed(state) for state in _states(record)]
    return max(threads, key=lambda thread: len(list(thread)), default=[])


def _states(record: Record) -> Iterator[Record]:
    """The states of the agents of a team, out of the coats around them."""
    states = record.get("agent_states")
    for state in states.values() if isinstance(states, dict) else ():
        while isinstance(state, dict):
            yield state
            state = state.get("agent_state") or state.get("llm_context")


def _messages_of(message: Any) -> Iterator[Fields]:
    """A message as a chat has it; the answers of several tools are a message each."""
    if not isinstance(message, dict):
        return
    fields = dict(message)
    answers = fields.pop("tool_responses", None)
    if isinstance(answers, list) and answers:
        for answer in answers:
            yield {"role": "tool", **answer}
        return
    if "source" in fields or TYPE.fullmatch(str(fields.get("type"))):
        yield from _new_messages(fields)
        return
    name = fields.pop("name", None)
    if isinstance(name, str) and fields.get("role") in ("user", "assistant"):
        fields["role"] = "user" if PEOPLE.search(name) else "assistant"
        fields["agent_name"] = name
    elif name is not None:
        fields["name"] = name
    exit_code = EXIT_CODE.match(str(fields.get("content")))
    if exit_code:
        fields["exit_code"] = int(exit_code[1])
        fields["error"] = exit_code[1] != "0"
    yield fields


def _new_messages(fields: Fields) -> Iterator[Fields]:
    """The messages that a message of version 0.4 makes."""
    source = fields.pop("source", None)
    kind = str(fields.pop("type", "TextMessage"))
    content = fields.get("content")
    fields["usage"] = fields.pop("models_usage", None)
    fields["role"] = "user" if PEOPLE.fullmatch(str(source)) else "assistant"
    fields["agent_name"] = source
    if kind == "SystemMessage":
        fields["role"] = "system"
    if kind in RESULTS and isinstance(content, list):
        for result in content:
            if isinstance(result, dict):
                yield {**result, "role": "tool", "created_at": fields.get("created_at")}
        return
    if isinstance(content, list) and _are_calls(content):
        fields["tool_calls"] = content
        fields["content"] = fields.pop("thought", None)
    elif isinstance(content, list):
        fields["content"] = [_picture(part) for part in content]
    elif isinstance(content, dict):
        fields["content"] = [content]
    fields["step_kind"] = KINDS.get(kind, "message")
    if kind == "ModelClientStreamingChunkEvent":
        return  # the message that it is a piece of comes too
    yield fields


def _are_calls(content: list[Any]) -> bool:
    return any(isinstance(part, dict) and "arguments" in part for part in content)


def _picture(part: Any) -> Any:
    """A part of a message; a picture as a chat has it."""
    if isinstance(part, dict) and isinstance(part.get("data"), str) and len(part) == 1:
        source = {"type": "base64", "media_type": "image/png", **part}
        return {"type": "image", "source": source}
    return part


def _mistake(record: Record, step_id: str | None) -> Fields:
    """The failing step of a run, as a person named it by the number of its message."""
    return {
        "name": "mistake",
        "value": record.get("mistake_agent"),
        "comment": record.get("mistake_reason"),
        "rater": None,
        "rater_kind": "human",
        "step": step_id,
    }


def _is_message(message: Any) -> bool:
    """Whether it is a message as only AutoGen has them."""
    if not isinstance(message, dict):
        return False
    if "source" in message and TYPE.fullmatch(str(message.get("type"))):
        return True
    return "content" in message and "name" in message and "role" in message


def _has_messages(record: Record) -> bool:
    """Whether it is the state of a team, or has a list of messages as only AutoGen has them."""
    if "agent_states" in record:
        return True
    for name in LISTS:
        messages = record.get(name)
        if not isinstance(messages, list):
            continue
        first = messages[:3]
        if name == "messages":
            first = [message for message in first if _has_source(message)]
        if any(map(_is_message, first)):
            return True
    return False


def _has_source(message: Any) -> bool:
    return isinstance(message, dict) and "source" in message and _is_message(message)


def _together(_message: Record) -> None:
    """No id: the records of a file that name no trace are one together."""


def _id(record: Record) -> str | None:
    return first_id(record, "id", "chat_id", "team_id", "question_ID")


FORMAT = Format("autogen", (*LISTS, "agent_states"), _read, _has_messages, record_id=_id)
MESSAGES = Format(
    "autogen-messages",
    ("source",),
    _read,
    _has_source,
    record_id=lambda _record: None,
    group=_together,
)
