"""Google AI Studio: a chat as it is kept in Drive."""

from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import fields_of, object_in, without
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

PROMPT = "chunkedPrompt"
SYSTEM = "systemInstruction"
SETTINGS = "runSettings"


def _read(record: Record, id_: str) -> Trace:
    prompt = fields_of(record[PROMPT])
    chunks = prompt.get("chunks")
    if not isinstance(chunks, list):
        raise RecordError("it has no list of chunks", field=PROMPT)
    transcript = Transcript()
    system = record.get(SYSTEM)
    if system:
        content = system if isinstance(system, dict) else {"text": system}
        transcript.read({**content, "role": "system"})
    for chunk in chunks:
        transcript.read(_message(chunk))
    about = without(prompt, "chunks")
    model = object_in(record, SETTINGS).get("model")
    rest = {**record, **about, "model": model}
    return transcript.trace(id_, rest, "id", PROMPT, SYSTEM)


def _message(chunk: Any) -> Any:
    """A chunk as a message of Gemini's; its words come again in its parts."""
    if not isinstance(chunk, dict):
        return chunk
    fields = without(chunk, "text", "isThought", "parts")
    text = chunk.get("text") or ""
    parts = chunk.get("parts") or [{"text": text}]
    if chunk.get("isThought"):
        parts = [{"text": text, "thought": True}]
    return {**fields, "parts": parts}


FORMAT = Format("ai-studio", (PROMPT,), _read)
