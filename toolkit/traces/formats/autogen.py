"""AutoGen, both generations: a chat among named agents, and the state of a team.

In the first (0.2, and AG2) a role says who keeps the log, not who speaks; the name does. In the
second (0.4) each message names its source and its type.
"""

import re
from collections.abc import Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import object_in, objects_in
from toolkit.traces.formats.autogen_new import is_new_message, new_messages
from toolkit.traces.formats.form import Format, Signs
from toolkit.traces.formats.scores import score
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

Fields = dict[str, Any]
LISTS = ("trajectory", "history", "chat_history", "message_thread", "messages")
"""Where the messages of a record stand."""
PEOPLE = re.compile(r"user|human|proxy|customer", re.IGNORECASE)
"""What stands in the name of an agent that speaks for a person."""
EXIT_CODE = re.compile(r"exitcode: (\d+)")
"""How the words of the agent begin that runs the code of the others."""
LOOKED_AT = 3
"""How many messages tell whose they are."""


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    first_steps: list[str] = []  # of each message; empty for one without words
    for message in _messages(record):
        n_before = len(transcript.steps)
        for fields in _readable(message):
            agent = fields.pop("agent_name", None)
            kind = fields.pop("step_kind", "message")
            transcript.read(fields, agent, kind=kind)
        added = transcript.steps[n_before:]
        first_steps.append(added[0].id if added else "")
    if not transcript.steps:
        raise RecordError("nobody says anything")
    meta = dict(record)
    if isinstance(record.get("question"), str):
        meta.setdefault("title", meta.pop("question"))
    if isinstance(record.get("is_correct"), bool):
        meta["outcome"] = "correct" if record["is_correct"] else "incorrect"
    if record.get("stop_reason"):
        meta["outcome"] = record["stop_reason"]
    if "mistake_step" in record:
        meta["scores"] = [_mistake(record, first_steps)]
    return transcript.trace(id_, meta, "records", *LISTS)


def _messages(record: Record) -> list[Fields]:
    """The messages of a record; of a team, those that its manager keeps."""
    messages = objects_in(record, "records", *LISTS)
    for state in _states(record):
        thread = objects_in(state, *LISTS)
        if len(thread) > len(messages):
            messages = thread
    return messages


def _states(record: Record) -> Iterator[Record]:
    """The states of the agents of a team, out of the coats around them."""
    states = object_in(record, "agent_states")
    for name in states:
        state = object_in(states, name)
        while state:
            yield state
            state = object_in(state, "agent_state") or object_in(state, "llm_context")


def _readable(message: Record) -> Iterator[Fields]:
    """A message as a chat has it; the answers of several tools are a message each."""
    if is_new_message(message):
        yield from new_messages(message)
        return
    answers = objects_in(message, "tool_responses")
    if answers:
        for answer in answers:
            yield {"role": "tool", **answer}
        return
    fields = dict(message)
    name = fields.get("name")
    if isinstance(name, str) and fields.get("role") in ("user", "assistant"):
        del fields["name"]
        fields["agent_name"] = name
        fields["role"] = "user" if PEOPLE.search(name) else "assistant"
    exit_code = EXIT_CODE.match(str(fields.get("content")))
    if exit_code:
        fields["exit_code"] = int(exit_code[1])
        fields["error"] = exit_code[1] != "0"
    yield fields


def _mistake(record: Record, step_ids: list[str]) -> Fields:
    """The failing step of a run, as a person named it by the number of its message (Who&When)."""
    agent = record.get("mistake_agent")
    mistake = score("mistake", agent, "human", record.get("mistake_reason"))
    number = str(record["mistake_step"])
    if number.isdecimal() and int(number) < len(step_ids):
        mistake["step"] = step_ids[int(number)]
    return mistake


def _is_old_message(message: Record) -> bool:
    return "content" in message and "name" in message and "role" in message


def _has_messages(record: Record) -> bool:
    """Whether it is the state of a team, or has a list of messages as only AutoGen has them."""
    if "agent_states" in record:
        return True
    for name in LISTS:
        if name not in record:
            continue
        first = objects_in(record, name)[:LOOKED_AT]
        if any(map(is_new_message, first)):
            return True
        # under this name every chat has messages with names
        if name != "messages" and any(map(_is_old_message, first)):
            return True
    return False


def _no_id(_record: Record) -> None:
    """Messages that name no trace: those of a file are one together."""


def _id(record: Record) -> str | None:
    return first_id(record, "id", "chat_id", "team_id", "question_ID")


SIGNS = Signs(frozenset({*LISTS, "agent_states"} - {"messages"}), frozenset({"source"}))
FIELDS = (*LISTS, "agent_states")
FORMAT = Format("autogen", FIELDS, _read, _has_messages, record_id=_id, signs=SIGNS)
MESSAGES = Format(
    "autogen-messages",
    ("source",),
    _read,
    is_new_message,
    record_id=_no_id,
    group=_no_id,
)
