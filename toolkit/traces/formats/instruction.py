"""Rows of an instruction, what it is about, and the answer, as those of Alpaca."""

from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

ASKED = ("instruction", "input")
ANSWER = "output"


def _has_words(record: Record) -> bool:
    """Whether an instruction and an answer are there as text."""
    instruction = record.get("instruction")
    answer = record.get(ANSWER)
    return isinstance(instruction, str) and isinstance(answer, str)


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    system = record.get("system")
    if system:
        transcript.read({"role": "system", "content": system})
    asked = [str(record[name]) for name in ASKED if record.get(name)]
    transcript.read({"role": "user", "content": "\n\n".join(asked)})
    transcript.read({"role": "assistant", "content": record[ANSWER]})
    return transcript.trace(id_, record, "id", "system", *ASKED, ANSWER)


FORMAT = Format("instruction", ("instruction",), _read, _has_words)
