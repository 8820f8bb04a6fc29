"""TraceBrowser: thousands of traces in a table; search, filter and sort them, open one, and label a
selection.
"""

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Box, HBox, Layout, Text, ToggleButton, VBox, Widget
from itables.widget import ITable

from toolkit import render
from toolkit.traces import Trace, trace_html, traces_frame
from toolkit.traces.outline import outline
from toolkit.traces.page_head import outcome_look, reward_of
from toolkit.views.panels.annotate import AnnotationPanel
from toolkit.views.panels.page import Page, button, close_tree
from toolkit.views.panels.panel import Panel, by_id
from toolkit.views.panels.reading import STYLE, WINDOW, browser_button

if TYPE_CHECKING:
    from pandas import DataFrame

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
    "pageLength": 8,
    "lengthMenu": [8, 20, 50, 200],
    "select": "os",
    "column_filters": "footer",
    "classes": "display compact nowrap",
    "scrollX": True,
    "layout": {
        "topStart": None,
        "topEnd": None,
        "bottomStart": ["info", "pageLength"],
        "bottomEnd": "paging",
    },
}
"""Every row, escaped. The table's own search is left out: ours looks through whole traces."""
KEYS = {"search": "/", "failures": "F", "label": "L", "error": "E", "open": "O"}
HINT = (
    "Click the panel, or Tab into it, for its keys: ↑ ↓ open the trace above or below, with Shift "
    "they select several; Page Up, Page Down and Space scroll the trace; / F L E O as shown."
)


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
        super().__init__(KEYS, HINT)
        self.add_class("fieldbook").add_class("fieldbook-window").add_class("fieldbook-browse")
        self.stage.layout.height = f"calc({height} - 3rem)"
        self.layout.max_width = "none"  # a table takes all the room that there is
        self._traces = by_id(traces)
        self._frame = _cells(self._traces.values())
        self._same = _same_in_all(self._frame)
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
        self.search.add_class("fieldbook-search")
        self.search.observe(lambda _: self._search(), "value")
        self.failures_first = ToggleButton(
            description="Failed first (F)",
            icon="exclamation",
            tooltip="Those that failed come first, then those in which most steps failed",
        )
        self.failures_first.add_class("fieldbook-failures")
        self.failures_first.observe(lambda _: self._search(), "value")
        tooltip = "Label the traces whose rows are selected"
        self.label = button("Label these", "tags", tooltip, self._label_selection, key="L")
        self.label.add_class("fieldbook-label").disabled = self._store is None
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

    def heading(self) -> str:
        """The look of the panel."""
        return render.block(style=STYLE)

    def draw(self, page: Page) -> list[Widget]:
        """The only page: the search, the table, and the trace that is open."""
        buttons = [self.failures_first, self.label]
        for act in ("error", "open"):
            buttons.append(browser_button(act, KEYS))
        top = HBox([self.search, *buttons]).add_class("fieldbook-tools")
        same = HTML(render.block(render.tag("div", _in_words(self._same), class_="soft")))
        about = HBox([page.note, same]).add_class("fieldbook-tools")
        return [top, self._table_box, about, self._reader]

    def show(self, trace_id: str) -> None:
        """Open the trace of this id beneath the table, with the words that were searched for
        marked. Raises KeyError where there is none.
        """
        self.trace = self._traces[trace_id]
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

    def _search(self) -> None:
        words = self.search.value.casefold().split()
        self.found = [trace for trace in self._traces.values() if _has_words(trace, words)]
        message = f"{len(self.found):,} of {len(self._traces):,} traces"
        if self.failures_first.value:
            troubles = {trace.id: _trouble(trace) for trace in self.found}
            self.found.sort(key=lambda trace: troubles[trace.id], reverse=True)
            n_failed = sum(trouble > (False, 0) for trouble in troubles.values())
            message += f", {n_failed:,} with a failure, which come first"
        self._show_table()
        if self.trace:
            self.show(self.trace.id)
        self.say(message)

    def _show_table(self) -> None:
        """Put up a table of its own for each search: itables no longer tells of selections once
        the rows of a table were changed.
        """
        for earlier in self._table_box.children:
            close_tree(earlier)
        rows = self._frame.loc[[trace.id for trace in self.found]]
        hidden = [n for n, name in enumerate(rows.columns) if name in self._same]
        columns = [{"targets": hidden, "visible": False}]
        self.table = ITable(rows, columnDefs=columns, **OPTIONS)
        self.table.observe(self._on_select, "selected_rows")
        self._table_box.children = [self.table]

    def _on_select(self, change: dict[str, Any]) -> None:
        new_rows = [row for row in change["new"] if row not in change["old"]]
        if new_rows:
            self.show(self.found[new_rows[-1]].id)
        self.say(f"{len(change['new'])} of {len(self.found):,} selected")


def _cells(traces: Iterable[Trace]) -> "DataFrame":
    """The table as text: a row a trace, without the columns that nobody fills."""
    frame = traces_frame(traces)
    frame["started"] = frame["started"].dt.strftime("%Y-%m-%d %H:%M:%S")
    filled = frame.loc[:, frame.notna().any() | (frame.columns == "id")]
    cells = filled.round({"cost_usd": 4, "duration_s": 1}).astype("string").fillna("")
    return cells.set_index("id", drop=False)


def _same_in_all(frame: "DataFrame") -> dict[str, str]:
    """The columns of which each row says the same, with what it says."""
    same = {}
    for name in frame.columns:
        if len(frame) > 1 and name != "id" and frame[name].nunique() == 1:
            same[name] = frame[name].iloc[0]
    return same


def _in_words(same: Mapping[str, str]) -> str:
    """The sentence that says what is hidden."""
    if not same:
        return ""
    values = ", ".join(f"{name} {value}" for name, value in same.items())
    return f"Hidden, as every trace says the same: {values}."


def _trouble(trace: Trace) -> tuple[bool, int]:
    """Whether the trace failed, and how many of its steps did."""
    reward = reward_of(trace)
    is_failed = outcome_look(trace.meta.get("outcome")) == "failed"
    n_failed = sum(entry.failed for entry in outline(trace))
    return is_failed or (reward is not None and reward <= 0), n_failed


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
