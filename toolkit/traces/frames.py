"""Traces from a DataFrame, and traces as DataFrames."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydantic import FiniteFloat

from toolkit.records import RecordError, validate
from toolkit.traces.collect import collect, warn_of_skipped
from toolkit.traces.formats import row_format
from toolkit.traces.inputs import frame_rows
from toolkit.traces.report import Traces
from toolkit.traces.scan import RawRecord
from toolkit.traces.trace import Source, Step, Trace, title

if TYPE_CHECKING:
    from pandas import DataFrame

TRACE_COLUMNS = {
    "id": "string",
    "title": "string",
    "steps": "Int64",
    "messages": "Int64",
    "tool_calls": "Int64",
    "tool_errors": "Int64",
    "input_tokens": "Int64",
    "output_tokens": "Int64",
    "tokens": "Int64",
    "cost_usd": "Float64",
    "duration_s": "Float64",
    "outcome": "string",
    "source": "string",
}
STEP_COLUMNS = {
    "trace_id": "string",
    "position": "Int64",
    "step_id": "string",
    "kind": "string",
    "actor": "string",
    "content": "string",
    "time": "Float64",
    "name": "string",
    "call_id": "string",
    "source": "string",
}


def traces_from_frame(
    df: "DataFrame", id: str, input: str, output: str | None = None, source: Source = "imported"
) -> Traces:
    """A trace for each row of a DataFrame.

    Parameters
    ----------
    df
        A row a trace. Columns that are not named go to ``meta``.
    id, input, output
        Names of columns. A cell of `input` or `output` is text, or chat messages: a list of them,
        one, or the JSON of these. Without an `output`, all is in the `input`.
    source
        ``simulated`` where a script made the conversations.

    Returns
    -------
    Traces
        A list with a ``.report``. A row without an id is skipped; the report and a
        `SkippedRecords` warning name it. An id that comes again gets a suffix, and a note.

    Raises
    ------
    RecordError
        With the columns that are there, where one is not.
    """
    df = df.rename(columns=str)
    columns = [name for name in (id, input, output) if name is not None]
    for name in columns:
        if name not in df.columns:
            raise RecordError(f"no column {name!r}; the columns are: {', '.join(df.columns)}")
    ids = df[id].convert_dtypes()  # an id of 7.0 stood in a column with gaps
    rows = frame_rows(df.assign(**{id: ids}))
    records = [RawRecord(number, 0, row) for number, row in enumerate(rows, 1)]
    format_ = row_format(id, input, output, source)
    traces = collect(records, format_, "DataFrame", f"columns {', '.join(columns)}")
    warn_of_skipped(traces.report)
    return traces


def traces_frame(traces: Iterable[Trace]) -> "DataFrame":
    """One row a trace: what it cost, how long it took, and how it ended.

    Returns
    -------
    DataFrame
        id, title (the user's first words), counts (Int64), cost_usd, duration_s (from the first to
        the last step with a time), outcome and source. ``pd.NA`` where the source does not say:
        tool_errors where no result says whether it failed; tokens and cost where neither a step
        nor ``meta`` states them.
    """
    return _frame([trace_row(trace) for trace in traces], TRACE_COLUMNS)


def trace_row(trace: Trace) -> dict[str, Any]:
    """The row of a trace in `traces_frame`, with None where the trace does not say."""
    input_tokens = _total_count(trace, "input_tokens", "prompt_tokens")
    output_tokens = _total_count(trace, "output_tokens", "completion_tokens")
    tokens: int | None = None
    if input_tokens is not None and output_tokens is not None:
        tokens = input_tokens + output_tokens
    return {
        "id": trace.id,
        "title": title(trace),
        "steps": len(trace.steps),
        "messages": sum(step.kind == "message" for step in trace.steps),
        "tool_calls": len(trace.calls),
        "tool_errors": _tool_errors(trace.steps),
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "tokens": tokens,
        "cost_usd": _total(trace, "cost_usd"),
        "duration_s": _duration_s(trace),
        "outcome": trace.meta.get("outcome"),
        "source": trace.source,
    }


def _tool_errors(steps: Iterable[Step]) -> int | None:
    """How many results say that their call failed; None where none says whether it did."""
    errors = [step.data.get("error") for step in steps if step.kind == "tool.result"]
    if errors and all(error is None for error in errors):
        return None
    return sum(bool(error) for error in errors)


def _duration_s(trace: Trace) -> float | None:
    """From the first to the last step with a time, or as ``meta`` states it."""
    times = [step.time for step in trace.steps if step.time is not None]
    return max(times) - min(times) if len(times) > 1 else _number(trace.meta, "duration_s")


def _total_count(trace: Trace, *names: str) -> int | None:
    total = _total(trace, *names)
    return None if total is None else round(total)


def _total(trace: Trace, *names: str) -> float | None:
    """What ``meta`` states for the trace, else the sum over the steps that state it."""
    total = _number(trace.meta, *names)
    if total is not None:
        return total
    numbers = [_number(step.data, *names) for step in trace.steps]
    stated = [number for number in numbers if number is not None]
    return sum(stated) if stated else None


def _number(data: Mapping[str, Any], *names: str) -> float | None:
    """The first of `names` that is a finite number, or the text of one.

    It stands in `data` or in its ``usage``.
    """
    usage = data.get("usage")
    stated = {**usage, **data} if isinstance(usage, Mapping) else data
    for name in names:
        with suppress(KeyError, RecordError):
            return validate(FiniteFloat, stated[name])
    return None


def steps_frame(traces: Iterable[Trace]) -> "DataFrame":
    """One row a step.

    Returns
    -------
    DataFrame
        The position counts from 0, the time is in s since 1970 UTC; the last column is the source
        of the trace. ``pd.NA`` where the trace does not say.
    """
    rows: list[dict[str, Any]] = []
    for trace in traces:
        for position, step in enumerate(trace.steps):
            rows.append(
                {
                    "trace_id": trace.id,
                    "position": position,
                    "step_id": step.id,
                    "kind": step.kind,
                    "actor": step.actor,
                    "content": step.content,
                    "time": step.time,
                    "name": step.data.get("name"),
                    "call_id": step.data.get("call_id"),
                    "source": trace.source,
                }
            )
    return _frame(rows, STEP_COLUMNS)


def _frame(rows: list[dict[str, Any]], columns: dict[str, str]) -> "DataFrame":
    """A DataFrame with these columns, each of its type."""
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns)).astype(columns)
