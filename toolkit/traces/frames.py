"""Traces from a DataFrame, and traces as DataFrames."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from toolkit.records import RecordError
from toolkit.traces.collect import collect
from toolkit.traces.formats import row_format
from toolkit.traces.inputs import frame_rows
from toolkit.traces.measures import trace_row
from toolkit.traces.report import Traces, warn_of_skipped
from toolkit.traces.scan import RawRecord
from toolkit.traces.trace import Source, Trace

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["steps_frame", "trace_row", "traces_frame", "traces_from_frame"]

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
    "cached_tokens": "Int64",
    "reasoning_tokens": "Int64",
    "model": "string",
    "reward": "Float64",
    "started": "datetime64[ns, UTC]",
}
STATED_COLUMNS = {
    "model",
    "outcome",
    "reward",
    "cost_usd",
    "duration_s",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
}
"""The columns that show what ``meta`` states under the same name."""
Scalar = str | int | float | bool
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
    "agent": "string",
    "branch": "string",
    "error": "boolean",
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


def traces_frame(traces: Iterable[Trace], meta: Iterable[str] | bool = ()) -> "DataFrame":
    """One row a trace: what it used, how long it took, and how it ended.

    Parameters
    ----------
    traces
        Of whatever form; a column means the same in each.
    meta
        Names of fields of ``meta`` that become columns, where they hold a text, a number or a
        truth value; ``info.model`` is the field of a field. True for all of them. A name that is
        that of a column already gets the prefix ``meta.``.

    Returns
    -------
    DataFrame
        id, title (as stated, else the user's first words), counts (Int64; steps are all in the
        trace, those that only count tokens too), input_tokens (cached
        ones included), output_tokens (reasoning included), cost_usd, duration_s (as the source
        states it, else from the first to the last step with a time), outcome, source,
        model (the models, where there are several), reward and started (the time of the first
        step). Totals are as ``meta`` states them, else sums over the replies. ``pd.NA`` where the
        source does not say: tool_errors where no result says whether it failed.
    """
    listed = list(traces)
    frame = _frame([trace_row(trace) for trace in listed], TRACE_COLUMNS)
    for name in _meta_names(listed, meta):
        column = f"meta.{name}" if name in frame.columns else name
        frame[column] = _meta_column(listed, name)
    return frame


def _meta_names(traces: list[Trace], meta: Iterable[str] | bool) -> list[str]:
    """The fields of ``meta`` that become columns: those named, or all that hold a scalar."""
    if not isinstance(meta, bool):
        return list(dict.fromkeys(meta))
    names: dict[str, None] = {}
    for trace in traces if meta else ():
        for name, value in trace.meta.items():
            if name not in STATED_COLUMNS and isinstance(value, Scalar):
                names[name] = None
    return list(names)


def _meta_column(traces: list[Trace], name: str) -> "Series[Any]":
    import pandas as pd

    cells = pd.Series([_meta_value(trace.meta, name) for trace in traces], dtype="object")
    return cells.where(cells.notna(), pd.NA).convert_dtypes()


def _meta_value(meta: Mapping[str, Any], name: str) -> Any:
    """A scalar field of ``meta``, or of a field of it; None where it is none."""
    value: Any = meta.get(name)
    if name not in meta:
        value = meta
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, Scalar) else None


def steps_frame(traces: Iterable[Trace]) -> "DataFrame":
    """One row a step.

    Returns
    -------
    DataFrame
        The position counts from 0, the time is in s since 1970 UTC, the source is that of the
        trace; agent is who acts where it has a name, branch what left the main line, and error
        whether a call failed. ``pd.NA`` where the trace does not say.
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
                    "agent": step.data.get("agent"),
                    "branch": step.data.get("branch"),
                    "error": _truth(step.data.get("error")),
                }
            )
    return _frame(rows, STEP_COLUMNS)


def _truth(value: object) -> bool | None:
    return None if value is None else bool(value)


def _frame(rows: list[dict[str, Any]], columns: dict[str, str]) -> "DataFrame":
    """A DataFrame with these columns, each of its type."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(columns))
    for name, type_ in columns.items():
        if type_.startswith("datetime"):
            seconds = frame[name].astype("Float64")
            frame[name] = pd.to_datetime(seconds, unit="s", utc=True, errors="coerce")
    return frame.astype(columns)
