"""The formats of traces that `read_traces` knows: how a record of each is told, read, and named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from pydantic import BaseModel

from toolkit.records import RecordError, validate
from toolkit.traces.messages import Conversation, Message, Record, first_id, is_block, words_of
from toolkit.traces.trace import Source, Step, Trace

ID_COLUMNS = ("id", "trace_id")
INPUTS = ("input", "prompt", "question")
OUTPUTS = ("output", "response", "answer", "completion")


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write traces down."""

    name: str
    knows: Callable[[Record], bool]
    read: Callable[[Record, str], Trace]
    """The trace with the id given; unknown fields go to its meta. Raises RecordError."""
    wants: tuple[str, ...] = ()
    """The names of fields of which each of its records has one."""
    record_id: Callable[[Record], str | None] = first_id
    """The id of a record, however broken the rest of it is."""


class Chat(BaseModel):
    messages: list[Message | None]
    system: str | list[object] | None = None


class Trajectory(BaseModel):
    task_id: int | str
    traj: list[Message | None]


def _read_own(record: Record, id_: str) -> Trace:
    trace = validate(Trace, {"id": id_, **record})
    pairs = zip(trace.steps, record["steps"], strict=True)
    steps = tuple(replace(step, data=_others(raw, Step) | step.data) for step, raw in pairs)
    return replace(trace, id=id_, steps=steps, meta=_others(record, Trace) | trace.meta)


def _others(record: Record, kind: type[Step | Trace]) -> dict[str, object]:
    known = {field.name for field in fields(kind)}
    return {name: value for name, value in record.items() if name not in known}


def _read_chat(record: Record, id_: str) -> Trace:
    """The messages of either provider, or a request with its response."""
    request, answer = record.get("request"), record.get("response")
    if isinstance(request, dict) and isinstance(said := request.get("messages"), list):
        failed = isinstance(answer, dict) and "error" in answer
        answers = (
            [{"role": "assistant", "content": [answer["error"]]} if failed else answer]
            if answer
            else []
        )
        record = {**request, **record, "messages": [*said, *answers]}
    chat, talk = validate(Chat, record), Conversation()
    if chat.system:
        talk.add("message", "system", words_of(chat.system)[0], {})
    talk.read_all(chat.messages)
    return talk.trace(id_, record, "id", "messages", "system", "request", "response")


def _is_anthropic(record: Record) -> bool:
    if isinstance(record.get("request"), dict):
        return "messages" in record["request"]
    if not isinstance(messages := record.get("messages"), list):
        return False
    contents = [message.get("content") for message in messages if isinstance(message, dict)]
    return "system" in record or any(
        is_block(part) for parts in contents if isinstance(parts, list) for part in parts
    )


def _read_tau(record: Record, id_: str) -> Trace:
    talk = Conversation()
    talk.read_all(validate(Trajectory, record).traj)
    for step in talk.steps:
        if (
            step.kind == "tool.result"
        ):  # its tools say that they failed in the first word of their answer
            step.data["error"] = step.content.startswith("Error")
    return talk.trace(id_, record, "traj")


def _tau_id(record: Record) -> str | None:
    task, trial = first_id(record, "task_id"), first_id(record, "trial")
    return task and f"task-{task}" + (f"-trial-{trial}" if trial else "")


FORMATS = (
    Format(
        "fieldbook", lambda record: isinstance(record.get("steps"), list), _read_own, ("steps",)
    ),
    Format(
        "tau-bench", lambda record: "traj" in record, _read_tau, ("traj",), _tau_id
    ),  # Yao et al., arXiv 2406.12045
    Format("anthropic", _is_anthropic, _read_chat, ("messages",)),
    Format(
        "chat", lambda record: isinstance(record.get("messages"), list), _read_chat, ("messages",)
    ),
)
JSON_FORMATS = {format_.name: format_ for format_ in FORMATS}
"""In the order in which they are asked whether a record is theirs."""


def find_columns(names: Sequence[str], file: str) -> tuple[str | None, str, str]:
    """The columns of id (None where there is none), input and output, by their usual names. Raises
    RecordError.
    """
    columns = {name.strip().lower(): name for name in reversed(names)}
    usual = ID_COLUMNS, INPUTS, OUTPUTS
    id_, asked, answered = (
        next((columns[name] for name in some if name in columns), None) for some in usual
    )
    if asked is None or answered is None:
        missing = "input" if asked is None else "output"
        why = f"read as a table, it has no column that is known to be the {missing}; its columns are: "
        call = f"traces_from_frame(pandas.read_csv({file!r}), id=..., input=..., output=...)"
        raise RecordError(f"{why}{', '.join(names)}. Name them: {call}", file)
    return id_, asked, answered


def row_format(id_: str | None, asked: str, answered: str, source: Source = "imported") -> Format:
    """The format of rows with these columns; the others go to meta. A cell is text, messages, or
    None.
    """

    def read(record: Record, own: str) -> Trace:
        if id_ is not None and first_id(record, id_) is None:
            raise RecordError("the id is missing", field=id_)
        talk = Conversation()
        for role, cell in (("user", record[asked]), ("assistant", record[answered])):
            said = cell if isinstance(cell, list) else [{"role": role, "content": str(cell)}]
            talk.read_all(validate(list[Message | None], said if cell not in (None, "") else []))
        if not talk.steps:
            raise RecordError("the input and the output are both empty")
        return replace(talk.trace(own, record, id_, asked, answered), source=source)

    return Format(
        "table", lambda _: True, read, record_id=lambda record: first_id(record, id_ or "")
    )
