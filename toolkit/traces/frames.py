"""Traces from a DataFrame, and traces as DataFrames."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import FiniteFloat
from pydantic_core import to_jsonable_python

from toolkit.records import RecordError, validate
from toolkit.traces.formats import row_format
from toolkit.traces.read import collect
from toolkit.traces.report import Traces
from toolkit.traces.scan import RawRecord
from toolkit.traces.trace import Source, Trace, title

if TYPE_CHECKING:
    from pandas import DataFrame


def traces_from_frame(
    df: "DataFrame", id: str, input: str, output: str, source: Source = "imported"
) -> Traces:
    """A trace for each row of `df`, whose columns `id`, `input`, `output` are named; the others go
    to ``meta``.

    A cell of `input` or `output` is text, or a list of chat messages. A row without an id is
    skipped, and named in
    ``.report`` and a `SkippedRecords` warning; an id that comes again gets a suffix, and a note. `source` is
    ``simulated`` where a script made the conversations. Raises RecordError, with the columns, where one is not there.
    """
    df = df.rename(columns=str)
    missing = [name for name in (id, input, output) if name not in df.columns]
    if missing:
        raise RecordError(f"no column {missing[0]!r}; the columns are: {', '.join(df.columns)}")
    df = df.assign(**{id: df[id].convert_dtypes()}).astype(
        object
    )  # an id of 7.0 stood in a column with gaps
    rows = df.where(df.notna(), None).to_dict("records")
    plain = partial(
        to_jsonable_python,
        fallback=lambda cell: cell.tolist() if hasattr(cell, "tolist") else str(cell),
    )
    raw_records = [RawRecord(number, 0, plain(row)) for number, row in enumerate(rows, 1)]
    return collect(
        raw_records,
        row_format(id, input, output, source),
        "DataFrame",
        f"columns {id}, {input}, {output}",
    )


def traces_frame(traces: Iterable[Trace]) -> "DataFrame":
    """One row a trace: its id and title (the user's first words), counts (Int64), cost_usd,
    duration_s (from the first to the last step with a time), outcome and source. ``pd.NA`` where
    the source does not say: tool_errors where no result says whether it failed; tokens and cost
    where neither a step nor ``meta`` states them.
    """
    names = "id title steps messages tool_calls tool_errors input_tokens output_tokens tokens cost_usd duration_s"
    kinds = dict.fromkeys(names.split(), "Int64") | {"cost_usd": "Float64", "duration_s": "Float64"}
    kinds |= dict.fromkeys(("id", "title", "outcome", "source"), "string")
    return _frame(map(_trace_row, traces), kinds)


def _trace_row(trace: Trace) -> tuple[Any, ...]:
    asked = _total(trace, "input_tokens", "prompt_tokens")
    answered = _total(trace, "output_tokens", "completion_tokens")
    tokens = asked, answered, None if asked is None or answered is None else asked + answered
    times = [step.time for step in trace.steps if step.time is not None]
    took = max(times) - min(times) if len(times) > 1 else _number(trace.meta, "duration_s")
    errors = [step.data.get("error") for step in trace.steps if step.kind == "tool.result"]
    n_errors = None if errors and all(error is None for error in errors) else sum(map(bool, errors))
    counts = (
        len(trace.steps),
        sum(s.kind == "message" for s in trace.steps),
        len(trace.calls),
        n_errors,
    )
    more = _total(trace, "cost_usd"), took, trace.meta.get("outcome"), trace.source
    return trace.id, title(trace), *counts, *(n and round(n) for n in tokens), *more


def _total(trace: Trace, *names: str) -> float | None:
    """What ``meta`` states for the whole, else the sum over the steps that state it."""
    whole = _number(trace.meta, *names)
    stated = [number for step in trace.steps if (number := _number(step.data, *names)) is not None]
    return whole if whole is not None or not stated else sum(stated)


def _number(data: Mapping[str, Any], *names: str) -> float | None:
    """The first of `names`, in `data` or its ``usage``, that is a finite number, or the text of
    one.
    """
    usage = data.get("usage")
    stated = {**usage, **data} if isinstance(usage, Mapping) else data
    for name in names:
        with suppress(KeyError, RecordError):
            return validate(FiniteFloat, stated[name])
    return None


def steps_frame(traces: Iterable[Trace]) -> "DataFrame":
    """One row a step: position counts from 0, time is s since 1970 UTC; ``pd.NA`` where the trace
    does not say.

    The last column, source, is that of the trace.
    """
    names = "trace_id position step_id kind actor content time name call_id source"
    kinds = dict.fromkeys(names.split(), "string") | {"position": "Int64", "time": "Float64"}
    rows: list[tuple[Any, ...]] = []
    for trace in traces:
        for position, step in enumerate(trace.steps):
            step_cells = (step.id, step.kind, step.actor, step.content, step.time)
            rows.append(
                (
                    trace.id,
                    position,
                    *step_cells,
                    step.data.get("name"),
                    step.data.get("call_id"),
                    trace.source,
                )
            )
    return _frame(rows, kinds)


def _frame(rows: Iterable[tuple[Any, ...]], kinds: dict[str, str]) -> "DataFrame":
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(kinds)).astype(kinds)
