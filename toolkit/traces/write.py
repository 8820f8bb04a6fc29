"""Write traces as Fieldbook's JSON lines, or in a form that other programs read."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError
from toolkit.records import decode, encode, write_whole
from toolkit.traces.trace import Trace
from toolkit.traces.writers import atif_record, chat_record, otlp_record

RECORDS: dict[str, Callable[[Trace], dict[str, Any]]] = {
    "chat": chat_record,
    "atif": atif_record,
    "otlp": otlp_record,
}
"""The record of a trace in each form of other programs."""


def write_traces(path: str | Path, traces: Iterable[Trace], form: str = "fieldbook") -> None:
    """Write traces as JSONL, a line each.

    Parameters
    ----------
    path
        The file. It is replaced as a unit, or left as it was.
    traces
        NaN and infinity become null.
    form
        ``fieldbook``; ``chat``, messages as OpenAI writes them; ``atif``, trajectories; ``otlp``,
        spans with the GenAI conventions. What a form has no field for stands in an extension field
        called ``fieldbook``: `read_traces` gives equal traces back.

    Raises
    ------
    UsageError
        Where two traces have the same id, one holds what is not JSON (it is named), or the form is
        none of these.
    """
    check_form(form)
    traces = list(traces)
    for id_, n in Counter(trace.id for trace in traces).most_common(1):
        if n > 1:
            raise UsageError(f"{path}: {n} traces have the id {id_!r}; rename all but one")
    lines: list[str] = []
    for trace in traces:
        try:
            lines.append(_line(trace, form))
        except ValueError as error:
            raise UsageError(f"trace {trace.id!r} cannot be written as JSON: {error}") from None
    write_whole(path, "".join(lines))


def check_form(form: str) -> None:
    """Raise UsageError for the name of a form that cannot be written."""
    if form != "fieldbook" and form not in RECORDS:
        raise UsageError(f"no form {form!r}: traces are written as fieldbook, {', '.join(RECORDS)}")


def _line(trace: Trace, form: str) -> str:
    """A trace as a line, in what the JSON of Fieldbook holds of it whatever the form."""
    written = encode(trace)
    if form == "fieldbook":
        return written + "\n"
    record = RECORDS[form](decode(Trace, written))
    return json.dumps(record, ensure_ascii=False) + "\n"
