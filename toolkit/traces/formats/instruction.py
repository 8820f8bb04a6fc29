"""Rows of an instruction, what it is about, and the answer, as those of Alpaca."""

from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

ASKED = ("instruction", "input")
ANSWER = "output"


def _has_words(record: Record) -> bool:
    return all(isinstance(record.get(name), str) for name in ("instruction", ANSWER))


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    if record.get("system"):
        transcript.read({"role": "system", "content": record["system"]})
    asked = [record[name] for name in ASKED if record.get(name)]
    transcript.read({"role": "user", "content": "\n\n".join(map(str, asked))})
    transcript.read({"role": "assistant", "content": record[ANSWER]})
    return transcript.trace(id_, record, "id", "system", *ASKED, ANSWER)


FORMAT = Format("instruction", ("instruction",), _read, _has_words)
