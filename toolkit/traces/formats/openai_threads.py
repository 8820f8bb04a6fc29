"""Threads of OpenAI's Assistants API: messages, the latest first."""

from typing import Any

from toolkit.traces.fields import elements_of, fields_of, objects_of
from toolkit.traces.formats.exchange import first_record
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace

OBJECT = "thread.message"


def _knows(record: Record) -> bool:
    """Whether it is a message, or a page of them as the API lists them."""
    return any(fields_of(part).get("object") == OBJECT for part in _opened(record))


def _opened(record: Record) -> list[Any]:
    return objects_of(record.get("data")) or [dict(record)]


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    for message in sorted(record["records"], key=_time):
        content = [_open_text(part) for part in elements_of(message.get("content"))]
        transcript.read({**message, "content": content})
    return transcript.trace(id_, {"session": id_})


def _time(message: Record) -> float:
    return epoch_s(message.get("created_at")) or 0.0


def _open_text(part: Any) -> Any:
    """A part whose text is no object with annotations, where there are none."""
    text = fields_of(fields_of(part).get("text"))
    if "value" not in text:
        return part
    annotations = text.get("annotations")
    opened = {**part, "text": text["value"]}
    return {**opened, "annotations": annotations} if annotations else opened


def _thread(record: Record) -> str | None:
    return first_id(first_record(record), "thread_id")


FORMAT = Format("openai-threads", ("object",), _read, _knows, _thread, parts=_opened, group=_thread)
