"""TraceBrowser: thousands of traces in a table; search, filter and sort them, open one, and label a
selection.
"""

from collections.abc import Iterable
from os import PathLike
from typing import Any

from ipywidgets import HTML, Box, HBox, Layout, Text, VBox, Widget
from itables.widget import ITable

from toolkit import render
from toolkit.traces import Trace, trace_html, traces_frame
from toolkit.views.panels.annotate import AnnotationPanel
from toolkit.views.panels.page import Page, button, close_tree
from toolkit.views.panels.panel import Panel, by_id

__all__ = ["TraceBrowser"]

UNSHOWN = [
    *("messages", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "started"),
]
"""The columns of `traces_frame` that the table leaves out."""

OPTIONS: dict[str, Any] = {
    "maxBytes": 0,
    "maxRows": 0,
    "allow_html": False,
    "showIndex": False,
    "pageLength": 10,
    "select": "os",
    "column_filters": "header",
    "css": ".dt-container thead input{width:100%;min-width:4rem}",
    "scrollX": True,
    "layout": {
        "topStart": "pageLength",
        "topEnd": None,
        "bottomStart": "info",
        "bottomEnd": "paging",
    },
}
"""Every row, escaped. The table's own search is left out: ours looks through whole traces."""


class TraceBrowser(Panel):
    """Search the words of all `traces`, filter and sort by column, click a row to open it, Ctrl or
    Shift for more.

    With `store`, a label file, a button puts an `AnnotationPanel` on the selection beneath the
    table.
    """

    found: list[Trace]
    """What the search left, in the order of the list."""
    trace: Trace | None = None
    """The trace that is open."""
    table: ITable
    """The table of what the search left."""

    def __init__(
        self,
        traces: Iterable[Trace],
        store: str | PathLike[str] | None = None,
        rater: str | None = None,
        height: str = "22rem",
    ):
        super().__init__()
        self.layout.max_width = None  # a table takes all the room that there is
        self._traces = by_id(traces)
        self._frame = _cells(self._traces.values())
        self._store = store
        self._rater = rater
        self.search = Text(
            placeholder="Words anywhere in a trace, then Enter",
            continuous_update=False,
            layout=Layout(width="20rem"),
        )
        self.search.observe(lambda _: self._search(), "value")
        tooltip = "Label the traces whose rows are selected"
        self.label = button("Label these", "tags", tooltip, self._label_selection)
        self.label.disabled = store is None
        self._table_box = VBox()
        self._text = HTML()
        frame = Layout(max_height=height, overflow="auto", padding="0 12px")
        self._reader = Box([self._text], layout=frame)
        self._below = VBox()
        self.children = [*self.children, self._below]
        self.turn_page()
        self._search()

    @property
    def selected(self) -> list[Trace]:
        """The traces whose rows are selected, in the order of the list."""
        return [self.found[row] for row in sorted(self.table.selected_rows)]

    def draw(self, page: Page) -> list[Widget]:
        """The only page: the search, the table, and the trace that is open."""
        top = HBox([self.search, self.label, page.note])
        return [top, self._table_box, self._reader]

    def show(self, trace_id: str) -> None:
        """Open the trace of this id beneath the table. Raises KeyError where there is none."""
        self.trace = self._traces[trace_id]
        self._text.value = render.block(trace_html(self.trace))

    def _label_selection(self) -> None:
        for earlier in self._below.children:
            close_tree(earlier)
        self._below.children = []
        if self._store is None or not self.selected:
            self.say("no row is selected: click one; Ctrl or Shift and a click adds to it")
            return
        self._below.children = [AnnotationPanel(self.selected, self._store, self._rater)]

    def _search(self) -> None:
        words = self.search.value.casefold().split()
        self.found = [trace for trace in self._traces.values() if _has_words(trace, words)]
        self._show_table()
        self.say(f"{len(self.found):,} of {len(self._traces):,} traces")

    def _show_table(self) -> None:
        """Put up a table of its own for each search: itables no longer tells of selections once
        the rows of a table were changed.
        """
        for earlier in self._table_box.children:
            close_tree(earlier)
        ids = [trace.id for trace in self.found]
        self.table = ITable(self._frame[self._frame["id"].isin(ids)], **OPTIONS)
        self.table.observe(self._on_select, "selected_rows")
        self._table_box.children = [self.table]

    def _on_select(self, change: dict[str, Any]) -> None:
        new_rows = [row for row in change["new"] if row not in change["old"]]
        if new_rows:
            self.show(self.found[new_rows[-1]].id)
        self.say(f"{len(change['new'])} of {len(self.found):,} selected")


def _cells(traces: Iterable[Trace]) -> Any:
    """The table as text: a row a trace, without the columns that nobody fills."""
    frame = traces_frame(traces).drop(columns=UNSHOWN)
    filled = frame.loc[:, frame.notna().any() | (frame.columns == "id")]
    return filled.round({"cost_usd": 4, "duration_s": 1}).astype("string").fillna("")


def _has_words(trace: Trace, words: list[str]) -> bool:
    """Whether all `words` are in a trace: in its id, what was said, tool calls and results; not in
    the system prompt, which all share.
    """
    if not words:
        return True
    texts = [trace.id]
    for step in trace.steps:
        if step.actor != "system":
            texts.append(f"{step.content} {step.data.get('arguments', '')}")
    text = "\n".join(texts).casefold()
    return all(word in text for word in words)
