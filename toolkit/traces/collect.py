"""Turn what was found in a file into traces and a report: decide the format, read each record, note the rest."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolkit.records import RecordError, validate
from toolkit.traces.formats import JSON_FORMATS, chat, table
from toolkit.traces.formats.conversation import unused
from toolkit.traces.formats.format import Format, Record, first_id
from toolkit.traces.report import ImportReport, Problem, Traces
from toolkit.traces.scan import Found, readable
from toolkit.traces.trace import Trace

SCALAR_FIELD = re.compile(r'"(\w+)"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)')


def decide(found: Sequence[Found]) -> tuple[str | None, str]:
    """The format that most records fit, or None, and why.

    A chat is a Messages file when any record has what only that API has: its plainer records look alike.
    """
    whole = [_as_record(item.value) for item in found]
    votes = Counter(name for record in whole if record for name in [_fits(record)] if name)
    if _is_conversation(found):
        bare = {"messages": [item.value for item in found if _is_message(item.value)]}
        return _fits(bare), "decided from the content: one bare list of messages"
    if not votes:
        return None, ""
    name = votes.most_common(1)[0][0]
    if name == "chat" and votes["anthropic"]:
        name = "anthropic"
    fit = votes[name] + (votes["chat"] if name == "anthropic" else 0)
    return name, f"decided from the content: {fit:,} of {len(found):,} records fit"


def one_conversation(found: list[Found], name: str) -> tuple[list[Found], list[Problem]]:
    """Bare messages as one record; a broken message is a problem, and the conversation counts its gaps."""
    if name not in ("chat", "anthropic") or not _is_conversation(found):
        return found, []
    problems, messages = [], []
    for item in found:
        try:
            if item.error:
                raise RecordError(item.error)
            validate(chat.Message, item.value)
            messages.append(item.value)
        except RecordError as error:
            problems.append(Problem(item.number, item.line, None, error.field, f"message skipped: {error.why}"))
    gaps = {"messages_skipped": len(problems)} if problems else {}
    return [Found(1, found[0].line, {"messages": messages} | gaps)], problems


def collect(
    found: Sequence[Found],
    format_: Format,
    path: str | Path,
    decided: str,
    problems: Sequence[Problem] = (),
    notes: Sequence[str] = (),
    suffix: bool = True,
) -> Traces:
    """Read each record with `format_`; what cannot be read becomes a Problem."""
    traces: list[Trace] = []
    skipped, said, unknown, taken = list(problems), list(notes), set[str](), set[str]()
    for item in found:
        record, own = _as_record(item.value), ""
        wanted = format_.record_id(record if record is not None else _remains(item.raw))
        try:
            if item.error or record is None:
                raise RecordError(item.error or f"a record is an object, not {_kind(item.value)}")
            if wanted in taken and not suffix:
                raise RecordError("the id stands in an earlier row; ids must be unique")
            own = unused(wanted or f"{Path(path).stem}-{item.number}", taken)
            trace, fields = format_.read(record, own)
        except RecordError as error:
            taken.discard(own)
            skipped.append(Problem(item.number, item.line or None, wanted, error.field, error.why))
            continue
        if wanted and own != wanted:
            said.append(f"record {item.number}, line {item.line}: the id {wanted} stands twice; this one is {own}")
        traces.append(trace)
        unknown |= fields
    n_steps, n_calls = sum(len(t.steps) for t in traces), sum(len(t.calls) for t in traces)
    counts = (len(traces), n_steps, n_calls, tuple(skipped), tuple(sorted(unknown)), tuple(said))
    return Traces(traces, ImportReport(str(path), format_.name, decided, *counts))


def row_format(id_: str | None, asked: str, answered: str, source: Any = "imported") -> Format:
    """The format of rows with these columns; the others are meta."""

    def record_id(record: Record) -> str | None:
        return first_id(record, id_) if id_ is not None else None

    def read(record: Record, own: str) -> tuple[Trace, set[str]]:
        if id_ is not None and record_id(record) is None:
            raise RecordError("the id is missing", field=id_)
        meta = {name: value for name, value in record.items() if name not in (id_, asked, answered)}
        return table.row_trace(own, record[asked], record[answered], meta, source), set()

    return Format("table", table.LOOKS, lambda record: asked in record, record_id, read)


def _as_record(value: Any) -> dict[str, Any] | None:
    """`value` where it is an object; a list of messages stands for its conversation."""
    if isinstance(value, list) and value and all(map(_is_message, value)):
        return {"messages": value}
    return value if isinstance(value, dict) else None


def _fits(record: Record) -> str | None:
    return next((name for name, format_ in JSON_FORMATS.items() if format_.knows(record)), None)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and "messages" not in value


def _is_conversation(found: Sequence[Found]) -> bool:
    """Whether most of what was found are messages, not records."""
    good = [item.value for item in found if not item.error]
    return bool(good) and sum(_is_message(v) and not _fits(v) for v in good) * 2 > len(good)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _remains(raw: str) -> dict[str, Any]:
    """Fields with an id that broken text still shows: those before its first list and after its last one."""
    head, _, rest = readable(raw).rstrip().removesuffix("]").partition("[")
    outer = head + rest.rpartition("]")[2]
    pairs = ((m.group(1), m.group(2)) for m in SCALAR_FIELD.finditer(outer))
    return {name: value[1:-1] if value[0] == '"' else int(value[:18]) for name, value in reversed(list(pairs))}
