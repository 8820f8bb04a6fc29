"""TraceBrowser: thousands of traces in a table; search, filter and sort them, open one, and label a
selection.
"""

from collections.abc import Iterable
from os import PathLike
from typing import Any

from ipywidgets import HTML, Box, HBox, Layout, Text, VBox
from itables.widget import ITable

from toolkit import render
from toolkit.traces import Trace, trace_html, traces_frame
from toolkit.views.panels.annotate import AnnotationPanel
from toolkit.views.panels.page import button, by_id, close_tree

__all__ = ["TraceBrowser"]

OPTIONS: dict[str, Any] = {
    **{
        "maxBytes": 0,
        "maxRows": 0,
        "allow_html": False,
        "showIndex": False,
        "pageLength": 10,
        "select": "os",
    },
    **{
        "column_filters": "header",
        "css": ".dt-container thead input{width:100%;min-width:4rem}",
        "scrollX": True,
    },
    "layout": {
        "topStart": "pageLength",
        "topEnd": None,
        "bottomStart": "info",
        "bottomEnd": "paging",
    },
}
"""Every row, escaped. The table's own search is left out: ours looks through whole traces."""


class TraceBrowser(VBox):  # type: ignore[misc]
    """Search the words of all `traces`, filter and sort by column, click a row to open it, Ctrl or
    Shift for more.

    With `store`, a label file, a button puts an `AnnotationPanel` on the selection beneath the
    table. `found` is what the search left, `trace` the one that is open.
    """

    def __init__(
        self,
        traces: Iterable[Trace],
        store: str | PathLike[str] | None = None,
        rater: str | None = None,
        height: str = "22rem",
    ):
        self._traces, self._store, self._rater = by_id(traces), store, rater
        frame = traces_frame(self._traces.values()).drop(
            columns=["messages", "input_tokens", "output_tokens"]
        )
        said = frame.loc[:, frame.notna().any() | (frame.columns == "id")]
        self._frame = said.round({"cost_usd": 4, "duration_s": 1}).astype("string").fillna("")
        self.trace: Trace | None = None
        words = "Words anywhere in a trace, then Enter"
        self.search = Text(placeholder=words, continuous_update=False, layout=Layout(width="20rem"))
        self.search.observe(lambda _: self._search(), "value")
        self.label = button(
            "Label these", "tags", "Label the traces whose rows are selected", self._label
        )
        self.label.disabled = store is None
        self._note, self._text, self._place, self._below = HTML(), HTML(), VBox(), VBox()
        reader = Box(
            [self._text], layout=Layout(max_height=height, overflow="auto", padding="0 12px")
        )
        super().__init__(
            [HBox([self.search, self.label, self._note]), self._place, reader, self._below]
        )
        self._search()

    @property
    def selected(self) -> list[Trace]:
        """The traces whose rows are selected, in the order of the list."""
        return [self.found[row] for row in sorted(self.table.selected_rows)]

    def show(self, trace_id: str) -> None:
        """Open the trace of this id beneath the table. Raises KeyError where there is none."""
        self.trace = self._traces[trace_id]
        self._text.value = render.block(trace_html(self.trace))

    def _label(self) -> None:
        for gone in self._below.children:
            close_tree(gone)
        chosen = self.selected if self._store else []
        self._below.children = (
            [AnnotationPanel(chosen, self._store or "", self._rater)] if chosen else []
        )
        if not chosen:
            self._say("no row is selected: click one; Ctrl or Shift and a click adds to it")

    def _search(self) -> None:
        """Each search has a table of its own: itables no longer tells of selections once its rows
        were changed.
        """
        words = self.search.value.casefold().split()
        said = {trace.id: _words(trace) for trace in self._traces.values()} if words else {}
        self.found = [
            trace
            for trace in self._traces.values()
            if all(word in said[trace.id] for word in words)
        ]
        for gone in self._place.children:
            close_tree(gone)
        self.table = ITable(
            self._frame[self._frame["id"].isin([trace.id for trace in self.found])], **OPTIONS
        )
        self.table.observe(self._on_select, "selected_rows")
        self._place.children = [self.table]
        self._say(f"{len(self.found):,} of {len(self._traces):,} traces")

    def _on_select(self, change: dict[str, Any]) -> None:
        if fresh := [row for row in change["new"] if row not in change["old"]]:
            self.show(self.found[fresh[-1]].id)
        self._say(f"{len(change['new'])} of {len(self.found):,} selected")

    def _say(self, text: str) -> None:
        self._note.value = render.tag("span", text, role="status", style="padding:0 8px")


def _words(trace: Trace) -> str:
    """What a search looks through: id, words, tool calls and results; not the system prompt, which
    all share.
    """
    said = (
        f"{s.content} {s.data.get('arguments', '')}" for s in trace.steps if s.actor != "system"
    )
    return "\n".join((trace.id, *said)).casefold()
