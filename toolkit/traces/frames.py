"""Traces from a DataFrame, and traces as DataFrames."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from toolkit.records import RecordError
from toolkit.traces.collect import collect, row_format
from toolkit.traces.report import Traces, title, warn_of
from toolkit.traces.scan import Found
from toolkit.traces.trace import Source, Trace

if TYPE_CHECKING:
    from pandas import DataFrame

INPUT_TOKENS = ("input_tokens", "prompt_tokens")
OUTPUT_TOKENS = ("output_tokens", "completion_tokens")


def traces_from_frame(df: "DataFrame", id: str, input: str, output: str, source: Source = "imported") -> Traces:
    """A trace for each row.

    Parameters
    ----------
    df : DataFrame
        A cell of `input` or `output` is text, or a list of chat messages; the columns not named go to ``meta``.
    id, input, output : str
        Names of columns. Ids are unique: a row without one, or with one seen before, is skipped and reported.
    source : str
        Where the conversations come from; ``simulated`` where a script made them.

    Raises
    ------
    RecordError
        A column is not there; the message lists those that are.

    Warns
    -----
    SkippedRecords
        Once, where rows were skipped.
    """
    missing = [name for name in (id, input, output) if name not in df.columns]
    if missing:
        raise RecordError(f"no column {missing[0]!r}; the columns are: {', '.join(map(str, df.columns))}")
    names = list(df.columns)
    rows = (dict(zip(names, map(_plain, row), strict=True)) for row in df.itertuples(index=False, name=None))
    found = [Found(number, 0, {**row, id: _whole(row[id])}) for number, row in enumerate(rows, 1)]
    format_ = row_format(id, input, output, source)
    traces = collect(found, format_, "DataFrame", f"columns {id}, {input}, {output}", suffix=False)
    warn_of(traces.report)
    return traces


def _whole(value: Any) -> Any:
    """An id of 7.0 is a 7 that stood in a column with gaps."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plain(value: Any) -> Any:
    """A cell as JSON: what pandas takes for missing is None."""
    import pandas as pd

    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if pd.isna(value):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool) else str(value)


def traces_frame(traces: Iterable[Trace]) -> "DataFrame":
    """One row a trace.

    Returns
    -------
    DataFrame
        Index 0 to n-1. Text: id, title (the first words of the user), outcome, source. Counts (Int64): steps,
        messages, tool_calls, tool_errors, input_tokens, output_tokens, tokens. Floats: cost_usd, duration_s (from
        the first to the last step with a time). Where the source does not say, the cell is ``pd.NA``: tool_errors
        where no result says whether it failed; tokens where neither a step's ``usage`` nor ``meta`` has them.
    """
    import pandas as pd

    kinds = dict.fromkeys(("id", "title"), "string")
    kinds |= dict.fromkeys("steps messages tool_calls tool_errors input_tokens output_tokens tokens".split(), "Int64")
    kinds |= dict.fromkeys(("cost_usd", "duration_s"), "Float64") | dict.fromkeys(("outcome", "source"), "string")
    return pd.DataFrame([_trace_row(t) for t in traces], columns=list(kinds)).astype(kinds)


def _trace_row(trace: Trace) -> dict[str, Any]:
    tokens_in, tokens_out = _tokens(trace, INPUT_TOKENS), _tokens(trace, OUTPUT_TOKENS)
    both = None if tokens_in is None or tokens_out is None else tokens_in + tokens_out
    times = [step.time for step in trace.steps if step.time is not None]
    results = [step.data.get("error") for step in trace.steps if step.kind == "tool.result"]
    told = not results or any(error is not None for error in results)
    cost = _number(trace.meta.get("cost_usd"))
    outcome = trace.meta.get("outcome")
    return {
        "id": trace.id,
        "title": title(trace),
        "steps": len(trace.steps),
        "messages": sum(step.kind == "message" for step in trace.steps),
        "tool_calls": len(trace.calls),
        "tool_errors": sum(map(bool, results)) if told else None,
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "tokens": both,
        "cost_usd": _sum(_number(s.data.get("cost_usd")) for s in trace.steps) if cost is None else cost,
        "duration_s": max(times) - min(times) if len(times) > 1 else _number(trace.meta.get("duration_s")),
        "outcome": None if outcome is None else str(outcome),
        "source": trace.source,
    }


def _tokens(trace: Trace, names: tuple[str, str]) -> int | None:
    """Tokens summed over the steps that state a usage, else those that ``meta`` states for the whole."""
    stated = _sum(_usage(step.data.get("usage"), names) for step in trace.steps)
    if stated is None:
        stated = _usage(trace.meta.get("usage"), names)
    stated = _usage(trace.meta, names) if stated is None else stated
    return None if stated is None else round(stated)


def _usage(usage: Any, names: tuple[str, str]) -> float | None:
    found = (_number(usage.get(name)) for name in names) if isinstance(usage, Mapping) else iter(())
    return next((number for number in found if number is not None), None)


def _number(value: Any) -> float | None:
    """`value` where it is a finite number; the text of a CSV cell counts."""
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and abs(number) < float("inf") else None


def _sum(numbers: Iterable[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def steps_frame(traces: Iterable[Trace]) -> "DataFrame":
    """One row a step: trace_id, position (from 0), step_id, kind, actor, content, time (s since 1970 UTC, Float64),
    name and call_id of tool calls and results; ``pd.NA`` where the source does not say. Index 0 to n-1.
    """
    import pandas as pd

    text = ("step_id", "kind", "actor", "content")
    kinds = {"trace_id": "string", "position": "Int64"} | dict.fromkeys(text, "string")
    kinds |= {"time": "Float64", "name": "string", "call_id": "string"}
    rows = [
        (t.id, at, s.id, s.kind, s.actor, s.content, s.time, s.data.get("name"), s.data.get("call_id"))
        for t in traces
        for at, s in enumerate(t.steps)
    ]
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)
