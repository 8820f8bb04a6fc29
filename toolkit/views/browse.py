"""TraceBrowser: thousands of traces in a table; search, filter and sort them, open one, and label a selection."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Box, Combobox, HBox, Layout, Text, VBox
from itables.widget import ITable

from toolkit import render
from toolkit.traces import Trace, trace_html, traces_frame
from toolkit.views.annotate import AnnotationPanel, by_id
from toolkit.views.page import button, close_tree

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TraceBrowser"]

OPTIONS: dict[str, Any] = {
    **{
        "maxBytes": 0,
        "maxRows": 0,
        "allow_html": False,
        "showIndex": False,
        "pageLength": 10,
        "select": "os",
        "scrollX": True,
    },
    **{"column_filters": "header", "css": ".dt-container thead input{width:100%;min-width:4rem}"},
    "layout": {"topStart": "pageLength", "topEnd": None, "bottomStart": "info", "bottomEnd": "paging"},
}
"""Every row, escaped. The search is the browser's own: it looks through whole traces, not only through the table."""


class TraceBrowser(VBox):  # type: ignore[misc]
    """Search the words of all traces, filter and sort by column, click a row to open it, Ctrl or Shift for more.

    Parameters
    ----------
    traces : iterable of Trace
        What to look through.
    store : str, Path or None
        A label file: with it, a button puts an `AnnotationPanel` on the selection beneath the table.
    rater : str or None
        Who labels; None takes the user name of the environment.
    height : str
        Height of the frame that a trace is read in, as CSS.

    Examples
    --------
    >>> from toolkit.traces import Step, Trace
    >>> asked = ("Is the tandem free?", "My refund is late.")
    >>> browser = TraceBrowser([Trace(text[:2], (Step("1", "message", "user", text),)) for text in asked])
    >>> browser.search.value = "refund"
    >>> [trace.id for trace in browser.found]
    ['My']
    """

    def __init__(
        self, traces: Iterable[Trace], store: str | Path | None = None, rater: str | None = None, height: str = "22rem"
    ):
        self._traces, self._store, self._rater = by_id(traces), store, rater
        self._words: dict[str, str] = {}
        self._frame = _columns(traces_frame(self._traces.values()))
        self.found = list(self._traces.values())
        self.trace: Trace | None = None
        self.search = Text(
            placeholder="Words anywhere in a trace, then Enter", continuous_update=False, layout=Layout(width="20rem")
        )
        self.search.observe(lambda change: self._search(change["new"]), "value")
        self.jump = Combobox(placeholder="Open an id", continuous_update=False, layout=Layout(width="14rem"))
        self.jump.observe(lambda change: self.show(change["new"].strip()) if change["new"] else None, "value")
        self.label = button("Label these", "tags", "Label the rows that are selected", self._on_label)
        self.label.layout.display = "" if store else "none"
        self._note, self._text, self._below = HTML(), HTML(), VBox()
        self._reader = Box(
            [self._text], layout=Layout(height=height, overflow="auto", border="1px solid #8886", padding="0 12px")
        )
        self._reader.layout.display = "none"
        self._place = VBox()
        super().__init__(
            [HBox([self.search, self.jump, self.label, self._note]), self._place, self._reader, self._below]
        )
        self._draw()

    @property
    def selected(self) -> list[Trace]:
        """The traces whose rows are selected, in the order of the list."""
        return [self.found[row] for row in sorted(self.table.selected_rows)]

    def show(self, trace_id: str) -> None:
        """Open the trace of this id beneath the table."""
        self.trace = self._traces.get(trace_id)
        missing = render.tag("p", f"No trace has the id {trace_id}.", role="alert")
        self._text.value = render.block(trace_html(self.trace) if self.trace else missing)
        self._reader.layout.display = ""

    def annotate(self, store: str | Path, rater: str | None = None) -> AnnotationPanel:
        """An `AnnotationPanel` on the selection. Raises ValueError where no row is selected."""
        if not self.selected:
            raise ValueError("no row is selected: click one; Ctrl or Shift and a click adds to it")
        return AnnotationPanel(self.selected, store, rater)

    def _on_label(self) -> None:
        try:
            panel = self.annotate(self._store or "", self._rater)
        except ValueError as error:
            self._say(str(error))
            return
        for gone in self._below.children:
            close_tree(gone)
        self._below.children = [panel]

    def _search(self, words: str) -> None:
        wanted = words.casefold().split()
        self.found = [t for t in self._traces.values() if all(word in self._all_words(t) for word in wanted)]
        self._draw()

    def _all_words(self, trace: Trace) -> str:
        """What a search looks through: id, words, tool calls and results; not the system prompt, which all share."""
        if trace.id not in self._words:
            said = (f"{s.content} {s.data.get('arguments', '')}" for s in trace.steps if s.actor != "system")
            self._words[trace.id] = "\n".join((trace.id, *said)).casefold()
        return self._words[trace.id]

    def _draw(self) -> None:
        """A table of its own for each search: itables forgets to tell of selections once its rows were changed."""
        for gone in self._place.children:
            close_tree(gone)
        kept = self._frame[self._frame["id"].isin([trace.id for trace in self.found])]
        self.table = ITable(kept, **OPTIONS)
        self.table.observe(self._on_select, "selected_rows")
        self._place.children = [self.table]
        self._say(f"{len(self.found):,} of {len(self._traces):,} traces")

    def _on_select(self, change: dict[str, Any]) -> None:
        fresh = [row for row in change["new"] if row not in change["old"]]
        if fresh:
            self.show(self.found[fresh[-1]].id)
        self._say(f"{len(change['new'])} of {len(self.found):,} selected")

    def _say(self, text: str) -> None:
        self._note.value = render.tag("span", text, role="status", style="padding:0 8px")


def _columns(frame: "pd.DataFrame") -> "pd.DataFrame":
    """What the table shows, as text: the columns in which some source says something; blank where this one does not."""
    shown = frame.drop(columns=["messages", "input_tokens", "output_tokens"])
    return (
        shown.loc[:, shown.notna().any() | (shown.columns == "id")]
        .round({"cost_usd": 4, "duration_s": 1})
        .astype("string")
        .fillna("")
    )
