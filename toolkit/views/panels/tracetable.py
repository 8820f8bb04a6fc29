"""The table of a `TraceBrowser`: a row a trace, as text, and the columns that are worth a look."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from itables.widget import ITable

from toolkit import render
from toolkit.traces import Trace, traces_frame
from toolkit.traces.amounts import dollars
from toolkit.traces.frames import STATED_COLUMNS, TRACE_COLUMNS
from toolkit.traces.outcome import outcome_words

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["cells_of", "hidden_html", "same_in_all", "trace_table"]

OPTIONS: dict[str, Any] = {
    "maxBytes": 0,
    "maxRows": 0,
    "allow_html": False,
    "showIndex": False,
    "pageLength": 8,
    "lengthMenu": [8, 20, 50, 200],
    "select": {"style": "os", "info": False},  # the panel counts the selected rows
    "column_filters": "footer",
    "classes": "display compact nowrap",
    "scrollX": True,
    "language": {
        "info": "_START_ to _END_ of _TOTAL_ traces",
        "infoEmpty": "no traces",
        "infoFiltered": "(of _MAX_, by the fields above)",
        "lengthMenu": "_MENU_ rows at once",
        "zeroRecords": "No trace has these words.",
        "emptyTable": "No trace has these words.",
    },
    "layout": {
        "topStart": None,
        "topEnd": None,
        "bottomStart": ["info", "pageLength"],
        "bottomEnd": "paging",
    },
}
"""Every row, escaped. The table's own search is left out: ours looks through whole traces."""


HEADS = {
    "tool_calls": "tool calls",
    "tool_errors": "tool errors",
    "cached_tokens": "cached tokens",
    "reasoning_tokens": "reasoning tokens",
    "cost_usd": "cost ($)",
    "duration_s": "duration (s)",
}
"""The heads of the columns whose names are no words."""
TOKEN_PARTS = ["input_tokens", "output_tokens"]
"""The columns that ``tokens`` is the sum of: they are left out."""
OWN_FIELDS = 6
"""How many fields of the source's own become columns."""
OWN_CHARS = 60
"""How much of such a field is shown."""
FIELD_NAME = re.compile(r"[\w.-]{1,30}")
TOLD = {*TRACE_COLUMNS, *STATED_COLUMNS, "session", "cursor"}
"""The fields that are no columns of their own: others show them, or they say nothing of a trace."""


def trace_table(rows: "DataFrame", hidden: Iterable[str]) -> ITable:
    """The table of `rows`, without the columns named in `hidden`."""
    return ITable(rows.drop(columns=list(hidden), errors="ignore"), **OPTIONS)


def cells_of(traces: Iterable[Trace]) -> "DataFrame":
    """The table as text: a row a trace, without the columns that nobody fills. Fields of the
    source's own stand beside the title.
    """
    listed = list(traces)
    own = _own_fields(listed)
    frame = traces_frame(listed, meta=own)
    for name in reversed(own):
        column = frame.pop(name).astype("string").str.slice(0, OWN_CHARS)
        frame.insert(2, name, column)
    frame["outcome"] = frame["outcome"].map(outcome_words, na_action="ignore")
    frame["started"] = frame["started"].dt.strftime("%Y-%m-%d %H:%M")
    filled = frame.loc[:, frame.notna().any() | (frame.columns == "id")]
    cells = filled.round({"duration_s": 1}).astype("string").fillna("")
    if "cost_usd" in filled:
        cells["cost_usd"] = filled["cost_usd"].map(_amount, na_action="ignore").fillna("")
    if "tokens" in filled:
        cells["tokens"] = filled["tokens"].map("{:,}".format, na_action="ignore").fillna("")
        cells = cells.drop(columns=TOKEN_PARTS, errors="ignore")
    return cells.rename(columns=HEADS).set_index("id", drop=False)


def _amount(cost_usd: float) -> str:
    """Dollars with two digits that say something, without their sign: the head has it."""
    return dollars(cost_usd).removeprefix("$")


def _own_fields(traces: Iterable[Trace]) -> list[str]:
    """The names of the first fields of the source's own that hold a text, a number or a truth
    value, and not the id again.
    """
    names: dict[str, None] = {}
    for trace in traces:
        for name, value in trace.meta.items():
            is_told = FIELD_NAME.fullmatch(name) and name not in TOLD and value != trace.id
            if is_told and isinstance(value, str | int | float | bool):
                names[name] = None
            if len(names) == OWN_FIELDS:
                return list(names)
    return list(names)


def same_in_all(frame: "DataFrame") -> dict[str, str]:
    """The columns of which each row says the same, with what it says."""
    same = {}
    for name in frame.columns:
        if len(frame) > 1 and name != "id" and frame[name].nunique() == 1:
            same[name] = frame[name].iloc[0]
    return same


def hidden_html(same: Mapping[str, str]) -> render.Html:
    """How many columns are hidden, and folded under that what they say."""
    if not same:
        return render.fragment()
    says = "column that says" if len(same) == 1 else "columns that say"
    verb = "is" if len(same) == 1 else "are"
    summary = f"{len(same)} {says} the same everywhere {verb} hidden"
    values = ", ".join(f"{name} {value}" for name, value in same.items())
    return render.details(summary, render.tag("p", values))
