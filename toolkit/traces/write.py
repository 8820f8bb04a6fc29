"""Write traces as Fieldbook's JSON lines."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from toolkit.errors import UsageError
from toolkit.records import encode, write_whole
from toolkit.traces.trace import Trace


def write_traces(path: str | Path, traces: Iterable[Trace]) -> None:
    """Write traces as JSONL, a line each.

    NaN and infinity become null. The file is replaced as a unit, or left as it was.

    Raises ValueError, which names the trace, where two have the same id, or one holds what is not
    JSON.
    """
    traces = list(traces)
    for id_, n in Counter(trace.id for trace in traces).most_common(1):
        if n > 1:
            raise UsageError(f"{path}: {n} traces have the id {id_!r}; rename all but one")
    lines: list[str] = []
    for trace in traces:
        try:
            lines.append(encode(trace) + "\n")
        except ValueError as error:
            raise UsageError(f"trace {trace.id!r} cannot be written as JSON: {error}") from None
    write_whole(path, "".join(lines))
