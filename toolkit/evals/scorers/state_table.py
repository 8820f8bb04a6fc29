"""A StateDiff as a table: a row a field, what is wrong first."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from toolkit import render
from toolkit.evals.scorers.state_changes import Change
from toolkit.traces import Trace, trace_html

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.evals.scorers.state import StateDiff

COLUMNS = "verdict table key change field before after expected count why".split()
SHOWN = 100
"""Changed rows that are shown at all."""
SHOWN_FIELDS = 20
CELL_CHARS = 160
ABSENT = ""
"""What stands for a field that is not there."""
FAULTS = ("wrong", "missing", "collateral")
VERDICTS = {
    True: ("as expected", "pill ok"),
    False: ("not as expected", "pill failed"),
    None: ("what changed", "pill"),
}
STYLE = """.fieldbook .state td:last-child{overflow-wrap:anywhere}
.fieldbook .sides{display:flex;flex-wrap:wrap;gap:var(--fb-space-l)}
.fieldbook .sides>*{flex:1 1 24rem;min-width:0}"""


def state_frame(diff: "StateDiff") -> "pd.DataFrame":
    """A row a field, with the columns of `COLUMNS`."""
    import pandas as pd

    rows = []
    for verdict, change, fields in _judged(diff):
        for name in fields or [""]:
            row = {
                "verdict": verdict,
                "table": change.table,
                "key": change.key,
                "change": change.kind,
                "field": name,
                "before": change.before.get(name, ABSENT),
                "after": change.after.get(name, ABSENT),
                "expected": change.expected.get(name, ABSENT),
                "count": change.count,
                "why": change.why,
            }
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def _judged(diff: "StateDiff") -> Iterator[tuple[str, Change, list[str]]]:
    """The changes with their verdict, and the fields that it is about."""
    faults: defaultdict[Any, set[str]] = defaultdict(set)
    for verdict in FAULTS:
        for change in getattr(diff, verdict):
            faults[_identity(change)].update(change.fields)
            yield verdict, change, list(change.fields)
    verdict = "change" if diff.matches is None else "expected"
    for change in diff.changes:
        identity = _identity(change)
        at_fault = faults.get(identity, ())
        fields = [name for name in change.fields if name not in at_fault]
        if fields or identity not in faults:
            yield verdict, change, fields


def _identity(change: Change) -> Any:
    """What tells a changed row from others."""
    row = change.key if change.key is not None else (change.before, change.after)
    return change.kind, change.table, repr(row)


def state_html(diff: "StateDiff") -> render.Html:
    """The counts, and the table below."""
    return render.block(*_parts(diff), style=STYLE)


def _parts(diff: "StateDiff") -> list[render.Html]:
    verdict, look = VERDICTS[diff.matches]
    pill = render.tag("span", verdict, class_=look)
    parts = [render.tag("p", pill, " ", diff.summary)]
    for sentence in diff.drift:
        parts.append(render.tag("p", f"drift: {sentence}"))
    rows = []
    for verdict, change, fields in islice(_judged(diff), SHOWN):
        rows.append(_cells(verdict, change, fields))
    if rows:
        table = render.table(rows)
        parts.append(render.tag("div", table, class_="state"))
    if len(rows) == SHOWN:
        parts.append(_soft("p", "All of it is in .frame()."))
    return parts


def _soft(element: str, text: str) -> render.Html:
    """A remark, in a pale colour."""
    return render.tag(element, text, class_="soft")


def _cells(verdict: str, change: Change, fields: list[str]) -> list[object]:
    """What is shown of a change: its row in words, and a line a field."""
    look = "pill failed" if verdict in FAULTS else "pill"
    pill = render.tag("span", verdict, class_=look)
    row = f"{change.kind} {change.table}"
    if change.key is not None:
        row += f" {change.key}"
    if change.count > 1:
        row += f" ({change.count} times)"
    lines = []
    for name in fields[:SHOWN_FIELDS]:
        lines.append(render.tag("div", _line(name, change)))
    n_hidden = len(fields) - SHOWN_FIELDS
    if n_hidden > 0:
        lines.append(_soft("div", f"{n_hidden} more fields"))
    if change.why:
        lines.append(_soft("div", _cut(change.why)))
    return [pill, _cut(row), render.fragment(*lines)]


def _line(name: str, change: Change) -> str:
    """A field as it was, as it is, and as it should be."""
    states = []
    for row in (change.before, change.after):
        if name in row:
            states.append(_shown(row[name]))
    line = f"{name}: {' → '.join(states)}"
    if name in change.expected:
        line += f" (expected {_shown(change.expected[name])})"
    return line


def _shown(value: object) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    if len(text) <= CELL_CHARS:
        return text
    return text[: CELL_CHARS - 1] + "…"


def beside(trace: Trace, diff: "StateDiff") -> render.Html:
    """A trace, and what it left behind, side by side."""
    left = render.tag("div", trace_html(trace))
    right = render.tag("div", render.tag("h2", "What it left behind"), *_parts(diff))
    return render.block(render.tag("div", left, right, class_="sides"), style=STYLE)
