"""TraceBrowser: thousands of traces in a table; search, filter and sort them, open one, and label a
selection.
"""

from collections.abc import Iterable
from os import PathLike
from typing import Any

from ipywidgets import HTML, Box, HBox, Layout, Text, ToggleButton, VBox, Widget
from itables.widget import ITable

from toolkit import render
from toolkit.traces import Trace, trace_html
from toolkit.views.panels.annotate import AnnotationPanel
from toolkit.views.panels.page import Page, button, close_tree
from toolkit.views.panels.panel import Panel, by_id
from toolkit.views.panels.reading import WINDOW, browser_button
from toolkit.views.panels.sift import NO_TROUBLE, has_words, trouble_of, words_around
from toolkit.views.panels.tracetable import cells_of, hidden_html, same_in_all, trace_table

__all__ = ["TraceBrowser"]

KEYS = {"search": "/", "failures": "F", "label": "L", "error": "E", "open": "O"}
HELP = {
    "/": "search the words of all traces",
    "↑ ↓": "open the trace above or below",
    "Shift+↑ ↓": "select several",
    "Page Up, Page Down, Space": "scroll the trace",
    "F": "put those first that failed",
    "L": "label the selected traces",
    "E": "the next step that failed",
    "O": "open all that is folded, or fold it",
}


class TraceBrowser(Panel):
    """Search the words of all `traces`, filter and sort by column, click a row to open it, Ctrl or
    Shift for more.

    A column that says the same of all traces is hidden, and named beneath the table. With `store`,
    a label file, a button puts an `AnnotationPanel` on the selection beneath the trace. `height` is
    that of the panel, as CSS: the window's.
    """

    found: list[Trace]
    """What the search left, in the order of the table before it is sorted by a column."""
    trace: Trace | None = None
    """The trace that is open."""
    table: ITable
    """The table of what the search left."""

    def __init__(
        self,
        traces: Iterable[Trace],
        store: str | PathLike[str] | None = None,
        rater: str | None = None,
        height: str = WINDOW,
    ):
        super().__init__(KEYS, help=HELP)
        self.add_class("fieldbook-window").add_class("fieldbook-browse")
        self.stage.layout.height = f"calc({height} - 3rem)"
        self.layout.max_width = "none"  # a table takes all the room that there is
        self._traces = by_id(traces)
        self._frame = cells_of(self._traces.values())
        self._same = same_in_all(self._frame)
        """The columns that are hidden, with what they say."""
        self._store = store
        self._rater = rater
        self._make_widgets()
        self.turn_page()
        self._search()

    def _make_widgets(self) -> None:
        self.search = Text(
            placeholder="Words anywhere in a trace, then Enter (/)",
            continuous_update=False,
            layout=Layout(width="20rem"),
        )
        self.failures_first = ToggleButton(
            description="Failed first (F)",
            icon="exclamation",
            tooltip="Those that failed come first, then those in which most steps failed",
        )
        self.label = button(
            "Label these",
            "tags",
            "Label the traces whose rows are selected",
            self._label_selection,
            key="L",
        )
        self.search.add_class("fieldbook-search")
        self.failures_first.add_class("fieldbook-failures")
        self.label.add_class("fieldbook-label")
        for widget in (self.search, self.failures_first):
            widget.observe(self._on_search, "value")
        self.label.disabled = self._store is None
        self._table_box = VBox().add_class("fieldbook-table")
        how = render.tag("p", "A click on a row opens its trace here.", class_="soft")
        self._text = HTML(render.block(how))
        self._reader = Box([self._text]).add_class("fieldbook-frame")
        self._below = VBox()
        self.children = [*self.children, self._below]

    @property
    def selected(self) -> list[Trace]:
        """The traces whose rows are selected, in the order of `found`."""
        return [self.found[row] for row in sorted(self.table.selected_rows)]

    def draw(self, page: Page) -> list[Widget]:
        """The only page: the search, the table, and the trace that is open."""
        buttons = [self.failures_first, self.label]
        for act in ("error", "open"):
            buttons.append(browser_button(act, KEYS))
        top = HBox([self.search, *buttons]).add_class("fieldbook-tools")
        same = HTML(render.block(render.tag("div", hidden_html(self._same), class_="soft")))
        same.add_class("fieldbook-hidden")
        about = HBox([page.note, same]).add_class("fieldbook-tools")
        return [top, self._table_box, about, self._reader]

    def show(self, trace_id: str) -> None:
        """Open the trace of this id beneath the table, with the words that were searched for
        marked. Raises KeyError where there is none.
        """
        self.trace = self._traces[trace_id]
        self.add_class("fieldbook-opened")
        self._text.value = render.block(trace_html(self.trace, mark=self.search.value))
        self.key_layer.send({"seek": ".steps article:not(.system) mark"})

    def _label_selection(self) -> None:
        for earlier in self._below.children:
            loss = earlier.unsaved("")
            if loss:
                self.say(f"The panel below has unsaved work. {loss}", problem=True)
                return
            close_tree(earlier)
        self._below.children = []
        if self._store is None or not self.selected:
            self.say("no row is selected: click one; Ctrl or Shift and a click adds to it")
            return
        panel = AnnotationPanel(self.selected, self._store, self._rater)
        panel.key_layer.seek = True
        self._below.children = [panel]

    def _on_search(self, _: object) -> None:
        self._search()

    def _search(self) -> None:
        words = self.search.value.casefold().split()
        self.found = [trace for trace in self._traces.values() if has_words(trace, words)]
        message = f"{len(self.found):,} of {len(self._traces):,} traces"
        if self.failures_first.value:
            n_failed = self._put_failures_first()
            message += f", {n_failed:,} with a failure, which come first"
        self._show_table()
        self.key_layer.send({"searched": True})  # the rows take clicks again
        if self.trace:
            self.show(self.trace.id)
        self.say(message)

    def _put_failures_first(self) -> int:
        """Sort what was found by what went wrong, and count where anything did."""
        troubles = {trace.id: trouble_of(trace) for trace in self.found}
        self.found.sort(key=lambda trace: troubles[trace.id], reverse=True)
        return sum(trouble > NO_TROUBLE for trouble in troubles.values())

    def _show_table(self) -> None:
        """Put up a table of its own for each search: itables no longer tells of selections once
        the rows of a table were changed.
        """
        for earlier in self._table_box.children:
            close_tree(earlier)
        rows = self._frame.loc[[trace.id for trace in self.found]]
        words = self.search.value.casefold().split()
        if words:
            rows = rows.drop(columns="title", errors="ignore")
            rows.insert(1, "found", [words_around(trace, words[0]) for trace in self.found])
        self.table = trace_table(rows, self._same)
        self.table.observe(self._on_select, "selected_rows")
        self._table_box.children = [self.table]

    def _on_select(self, change: dict[str, Any]) -> None:
        new_rows = [row for row in change["new"] if row not in change["old"]]
        if new_rows:
            self.show(self.found[new_rows[-1]].id)
        message = f"{len(change['new'])} of {len(self.found):,} selected"
        if self.trace and not change["new"]:
            message += f"; {self.trace.id} stays open"
        self.say(message)
