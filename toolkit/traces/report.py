"""What an import found: the traces, and a report of what was read, skipped and not understood."""

import json
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit import render
from toolkit.records import RecordError
from toolkit.traces.conversation import unused
from toolkit.traces.formats import Format
from toolkit.traces.scan import Found, readable
from toolkit.traces.trace import Trace, title

SHOWN = 20
SCALAR_FIELD = re.compile(r'"(\w+)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?\d+))')


class SkippedRecords(UserWarning):
    """Some records could not be read; the report names each."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that was skipped."""

    record: int
    """Its place among the records or rows, counted from 1."""
    line: int | None
    """The line on which it begins; None in a frame."""
    id: str | None
    field: str | None
    """The field at fault, as ``traj.3.role``; None where the text itself is broken."""
    why: str

    def __str__(self) -> str:
        line, id_ = f", line {self.line}" if self.line else "", f" ({self.id})" if self.id else ""
        return f"record {self.record}{line}{id_}: {f'field {self.field}: ' if self.field else ''}{self.why}"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was read, and what was not."""

    path: str
    format: str
    decided: str
    """Who chose the format, and why."""
    n_traces: int
    n_steps: int
    n_tool_calls: int
    problems: tuple[Problem, ...]
    unknown_fields: tuple[str, ...]
    """Fields of records that a Trace has no place for: they are kept in its meta."""
    notes: tuple[str, ...]
    """What was changed on the way in, as an id that stood twice."""

    def __str__(self) -> str:
        counts = f"{self.n_traces:,} traces, {self.n_steps:,} steps, {self.n_tool_calls:,} tool calls"
        head = f"{self.path}: {counts}; {len(self.problems):,} records skipped\nformat: {self.format} ({self.decided})"
        kept = f"fields kept in meta: {', '.join(self.unknown_fields) or 'none'}"
        lines = [*self.notes, *(f"skipped {problem}" for problem in self.problems)]
        more = [f"and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
        return "\n".join([head, kept, *lines[:SHOWN], *more])

    def _repr_html_(self) -> str:
        return render.block(render.tag("pre", self))


class Traces(list[Trace]):
    """A list of traces that remembers how it was read."""

    def __init__(self, traces: Iterable[Trace], report: ImportReport):
        super().__init__(traces)
        self.report = report

    def _repr_html_(self) -> str:
        rows = [(t.id, t.source, len(t.steps), len(t.calls), title(t)) for t in self[:SHOWN]]
        table = render.table(rows, ("id", "source", "steps", "tool calls", "begins"))
        return render.block(render.tag("pre", self.report), table)


def collect(found: Iterable[Found], format_: Format, path: str, decided: str, *notes: str) -> Traces:
    """Read each record; what cannot be read becomes a Problem, of which the caller's caller is warned once."""
    traces, problems, said = list[Trace](), list[Problem](), list(notes)
    unknown, taken = set[str](), set[str]()
    for item in found:
        record = item.value if isinstance(item.value, dict) else None
        wanted = format_.record_id(_remains(item.raw) if record is None else record)
        own = unused(wanted or f"{Path(path).stem}-{item.number}", taken)
        try:
            if item.error or record is None:
                raise RecordError(item.error or f"a record is an object, not {json.dumps(item.value)[:40]}")
            traces.append(format_.read(record, own))
        except RecordError as error:
            taken.discard(own)
            problems.append(Problem(item.number, item.line or None, wanted, error.field, error.why))
            continue
        if wanted and own != wanted:
            said.append(f"record {item.number}: the id {wanted} stands in an earlier one; this one is {own}")
        unknown |= record.keys() & traces[-1].meta.keys()
    counts = len(traces), sum(len(t.steps) for t in traces), sum(len(t.calls) for t in traces)
    lists = tuple(problems), tuple(sorted(unknown)), tuple(said)
    if problems:
        text = f"{path}: {len(problems)} of {len(problems) + len(traces)} records skipped; first {problems[0]}. "
        warnings.warn(text + "All are in .report.problems.", SkippedRecords, stacklevel=3)
    return Traces(traces, ImportReport(path, format_.name, decided, *counts, *lists))


def _remains(raw: str) -> dict[str, Any]:
    """Fields with an id that broken text still shows: those before its first list and after its last one."""
    head, _, rest = readable(raw).rstrip().removesuffix("]").partition("[")
    pairs = list(SCALAR_FIELD.finditer(head + rest.rpartition("]")[2]))
    return {m[1]: m[2] or m[3] for m in reversed(pairs)}
