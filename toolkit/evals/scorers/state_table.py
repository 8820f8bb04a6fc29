"""A StateDiff as a table: a row a field, what is wrong first."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from toolkit import render
from toolkit.evals.scorers.state_changes import Change
from toolkit.traces import Trace, trace_html

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.evals.scorers.state import StateDiff

COLUMNS = "verdict table key change field before after expected count why".split()
SHOWN = 100
"""Rows that are shown at all."""
CELL_CHARS = 160
ABSENT = ""
"""What stands for a field that is not there."""
SIDE_BY_SIDE = """.fieldbook .sides{display:flex;flex-wrap:wrap;gap:var(--fb-space-l)}
.fieldbook .sides>*{flex:1 1 24rem;min-width:0;overflow-x:auto}"""


def state_frame(diff: "StateDiff") -> "pd.DataFrame":
    """A row a field, with the columns of `COLUMNS`."""
    import pandas as pd

    return pd.DataFrame(_rows(diff), columns=COLUMNS, dtype=object)


def _rows(diff: "StateDiff") -> Iterator[tuple[Any, ...]]:
    faults: defaultdict[Any, set[str]] = defaultdict(set)
    for verdict in ("wrong", "missing", "collateral"):
        for change in getattr(diff, verdict):
            faults[_identity(change)].update(change.fields)
            yield from _fields(verdict, change, change.fields)
    verdict = "change" if diff.matches is None else "expected"
    for change in diff.changes:
        at_fault = faults[_identity(change)]
        fields = [name for name in change.fields if name not in at_fault]
        if fields or not change.fields:
            yield from _fields(verdict, change, fields)


def _identity(change: Change) -> Any:
    """What tells a changed row from others."""
    row = change.key if change.key is not None else (change.before, change.after)
    return change.kind, change.table, repr(row)


def _fields(verdict: str, change: Change, fields: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    """A row a field; one for all of them where there are none to name."""
    for name in fields or [""]:
        yield (
            verdict,
            change.table,
            change.key,
            change.kind,
            name,
            change.before.get(name, ABSENT),
            change.after.get(name, ABSENT),
            change.expected.get(name, ABSENT),
            change.count,
            change.why,
        )


def state_html(diff: "StateDiff") -> render.Html:
    """The counts, and the table below."""
    return render.block(*_parts(diff))


def _parts(diff: "StateDiff") -> list[render.Html]:
    verdict = {True: "as expected", False: "not as expected", None: "what changed"}[diff.matches]
    look = {True: "pill ok", False: "pill failed", None: "pill"}[diff.matches]
    head = render.tag("p", render.tag("span", verdict, class_=look), " ", diff.summary)
    parts = [head]
    for sentence in diff.drift:
        parts.append(render.tag("p", f"drift: {sentence}"))
    frame = state_frame(diff)
    if len(frame):
        rows = frame.head(SHOWN).map(_cell).to_numpy().tolist()
        parts.append(render.table(rows, COLUMNS))
    if len(frame) > SHOWN:
        note = f"{len(frame) - SHOWN} more rows are in .frame()."
        parts.append(render.tag("p", note, class_="soft"))
    return parts


def _cell(value: Any) -> str:
    """A value in few words; null and words that look like numbers are told apart."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= CELL_CHARS else text[: CELL_CHARS - 1] + "…"


def beside(trace: Trace, diff: "StateDiff") -> render.Html:
    """A trace, and what it left behind, side by side."""
    left = render.tag("div", trace_html(trace))
    right = render.tag("div", *_parts(diff))
    return render.block(render.tag("div", left, right, class_="sides"), style=SIDE_BY_SIDE)
