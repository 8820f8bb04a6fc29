"""CodingPanel: read a reason, say in a word or two what went wrong, and gather such codes into
failure modes.

Plain ipywidgets. Each action is on disk before the panel moves on. Each reason is shown on a page
of its own: a click that arrives late was made for a page that is gone, and is dropped.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from ipywidgets import HTML, Box, Combobox, HBox, Layout, SelectMultiple, Text, VBox

from toolkit import render
from toolkit.evals.labels.codebook import Codebook, Coding, FailureMode, Version
from toolkit.evals.labels.labels import Label, tidy
from toolkit.traces import Trace, trace_html
from toolkit.views.panels.keys import Keys, Press
from toolkit.views.panels.page import button, close_tree, user_name
from toolkit.views.plots.figure import BLUE, ORANGE, new_axes, nothing_to_show, stamp

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CodingPanel", "plot_saturation"]

LOOKS = {
    "add": ("Add code", "plus", "Put this code on the reason"),
    "none": ("No code", "minus", "Read: there is nothing in it to code"),
    "previous": ("Previous", "arrow-left", "The reason before this one"),
    "next": ("Next", "arrow-right", "The reason after this one"),
    "undo": ("Undo", "undo", "Take your last action back"),
    "merge": (
        "Merge",
        "compress",
        "Make the chosen codes a failure mode, or add them to the one of that name",
    ),
    "confirm": ("Confirm", "check", "Make this suggestion count, for this reason"),
    "dismiss": ("Dismiss", "times", "Take this code off this reason"),
}


class CodingPanel(VBox):  # type: ignore[misc]
    """One reason at a time, with its trace folded away, the codes that it has, and those that are
    suggested for it.

    Labels of failed traces come first. `by` is who codes; None takes the user name of the
    environment.

    >>> from tempfile import mkdtemp
    >>> from toolkit.evals import Codebook, Label
    >>> panel = CodingPanel(Codebook(f"{mkdtemp()}/codes.jsonl", [Label("t1", "ada", "fail", "Too curt.")]), by="ada")
    >>> panel.page.box.value = "tone"
    >>> panel.page.buttons["add"].click()
    >>> panel.position
    '1 of 1 · 1 read · 1 codes, 0 failure modes'
    """

    def __init__(self, codebook: Codebook, traces: Iterable[Trace] = (), by: str | None = None):
        self.codebook, self.by, self._traces = (
            codebook,
            tidy(user_name(by)),
            {trace.id: trace for trace in traces},
        )
        self._labels = sorted(codebook.labels, key=lambda label: label.verdict != "fail")
        self._head, self._stage, self._pages = HTML(), VBox(), count(1)
        super().__init__(layout=Layout(max_width="62rem"))
        self.key_layer = Keys(self, self._on_press)
        self.key_layer.caps, self.key_layer.hint = {}, "Enter in the first box adds the code."
        self.children = [self._head, self._stage, self.key_layer]
        read = self._read(codebook.now)
        self._at = next((at for at, label in enumerate(self._labels) if label.id not in read), 0)
        self._show(
            "".join(
                f"A line of the codebook needs a look: {wrong}. " for wrong in codebook.problems
            )
        )

    @property
    def label(self) -> Label | None:
        """The label whose reason is on display; None where there is none."""
        return self._labels[self._at] if self._labels else None

    @property
    def position(self) -> str:
        """Where the panel stands, as the codebook has it."""
        now, place = (
            self.codebook.now,
            f"{self._at + 1 if self._labels else 0} of {len(self._labels)}",
        )
        codes = len({one.code for one in now.confirmed})
        return (
            f"{place} · {len(self._read(now))} read · {codes} codes, {len(now.modes)} failure modes"
        )

    def _read(self, now: Version) -> set[str]:
        said = {one.label_id for one in now.codings if one.status == "confirmed"}
        return said & {label.id for label in self._labels}

    def _show(self, said: str) -> None:
        gone, now = self._stage.children, self.codebook.now
        self.page = ReasonPage(self.label, self._traces, now, self._press, next(self._pages))
        self._stage.children = [self.page]
        self._head.value = render.block(
            render.tag("strong", self.position), f" · coded by {self.by} (human)"
        )
        self._say(said)
        for page in gone:
            close_tree(page)

    def _say(self, text: str, problem: bool = False) -> None:
        self.message = text
        role = "alert" if problem else "status"
        self.page.note.value = (
            render.block(render.tag("div", "⚠ " * problem, text, role=role)) if text else ""
        )

    def _on_press(self, press: Press) -> None:
        """Enter counts as the button Add code, on the page that it was pressed on, with the words
        of its box.
        """
        if (press.act, press.page) == ("add", self.page.number):
            self.page.box.value = press.why
            self.page.buttons["add"].click()

    def _press(self, page: "ReasonPage", what: str, code: str = "") -> None:
        """Do what a button says, and show what came of it; that of a page that is gone does
        nothing.
        """
        if page is not self.page or (not self.label and what not in ("undo", "merge")):
            return
        try:
            for box, own in ((page.box, "add"), (page.definition, "merge")):
                if what != own and box.value.strip():
                    raise ValueError(
                        f"{box.value!r} is not saved yet: press {LOOKS[own][0]}, or empty the box"
                    )
            said = self._done(page, what, code)
        except (ValueError, OSError) as error:
            self._say(f"Not done: {error}", problem=True)
        else:
            self._show(said)

    def _done(self, page: "ReasonPage", what: str, code: str) -> str:
        book, label_id = self.codebook, self.label.id if self.label else ""
        if what in ("next", "previous"):
            self._at = max(0, min(self._at + (1 if what == "next" else -1), len(self._labels) - 1))
            return ""
        if what == "undo":
            gone = [
                one.name if isinstance(one, FailureMode) else one.code or "nothing"
                for one in book.undo(self.by)
            ]
            return f"Taken back: {', '.join(gone)}." if gone else "There is nothing to take back."
        if what == "merge":
            if not page.picked.value:
                raise ValueError("choose the codes to merge first")
            name, definition = page.mode.value.strip(), page.definition.value.strip()
            old = next(
                (mode for mode in book.now.modes if mode.name == name),
                FailureMode(name, "…", (), self.by),
            )
            codes = tuple(dict.fromkeys([*old.codes, *page.picked.value]))
            definition = definition or (old.definition if old.codes else "")
            book.merge(replace(old, definition=definition, codes=codes, by=self.by, kind="human"))
            return f"Saved: {name} is made of {', '.join(codes)}."
        if what in ("confirm", "dismiss"):
            (book.confirm if what == "confirm" else book.dismiss)(
                code, self.by, label_ids=[label_id]
            )
            return f"Saved: {code} is {what}ed."
        book.code(label_id, *([page.box.value] if what == "add" else []), by=self.by)
        return f"Saved: {page.box.value.strip() or 'nothing to code'}."


class ReasonPage(VBox):  # type: ignore[misc]
    """One reason on display, with the boxes and buttons that were made for it and go with it."""

    def __init__(
        self,
        label: Label | None,
        traces: dict[str, Trace],
        now: Version,
        press: Callable[..., None],
        number: int,
    ):
        self.number, self.note = number, HTML()
        codes = sorted({one.code for one in now.confirmed})
        self.box = Combobox(
            placeholder="A code: type one, or pick one", options=codes, continuous_update=False
        )
        self.box.layout.width = "16rem"
        self.box.add_class("fieldbook-add")
        self.picked = SelectMultiple(
            options=codes, rows=max(3, min(8, len(codes))), layout=Layout(width="18rem")
        )
        names = [mode.name for mode in now.modes]
        self.mode = Combobox(
            placeholder="Name of the failure mode", options=names, continuous_update=False
        )
        self.definition = Text(placeholder="What it is, in a sentence", continuous_update=False)
        self.buttons = {
            what: button(*LOOKS[what], partial(press, self, what)) for what in list(LOOKS)[:6]
        }
        rows = [
            self._coded(one, press)
            for one in now.codings
            if label and one.label_id == label.id and one.code
        ]
        bar = [self.box, *(self.buttons[what] for what in list(LOOKS)[:5])]
        merge = [self.picked, VBox([self.mode, self.definition, self.buttons["merge"]])]
        flow = Layout(flex_flow="row wrap")
        told = Box(
            [HTML(_html(label, traces))],
            layout=Layout(max_height="min(26rem, 45vh)", overflow="auto"),
        )
        super().__init__([told, *rows, HBox(bar, layout=flow), self.note, HBox(merge, layout=flow)])
        self.add_class("fieldbook-page").add_class(f"fieldbook-page-{number}")

    def _coded(self, one: Coding, press: Callable[..., None]) -> HBox:
        told = render.fragment(render.tag("strong", one.code), f" · {one.status} · {one.coder}")
        open_to = {"suggested": ("confirm", "dismiss"), "confirmed": ("dismiss",)}.get(
            one.status, ()
        )
        made = {
            f"{what} {one.code}": button(*LOOKS[what], partial(press, self, what, one.code))
            for what in open_to
        }
        self.buttons |= made
        return HBox([HTML(render.block(told)), *made.values()])


def _html(label: Label | None, traces: dict[str, Trace]) -> str:
    if label is None:
        return render.block(
            render.tag("p", "There are no reasons to code: the codebook has no labels.")
        )
    head = f"{label.verdict} of trace {label.trace_id}, by {label.rater} ({label.rater_kind})"
    trace = traces.get(label.trace_id)
    shown = render.details("The trace", trace_html(trace)) if trace else "The trace is not at hand."
    return render.block(render.tag("div", head, class_="who"), render.tag("pre", label.why), shown)


def plot_saturation(codebook: Codebook, ax: "Axes | None" = None) -> "Axes":
    """Do new traces still bring new codes? Codes so far against traces read; a dot where a code was
    new.
    """
    frame, n = codebook.saturation(), len({label.trace_id for label in codebook.labels})
    ax, new = ax or new_axes(7.5, 3.6), frame[frame["new"] > 0]
    if frame.empty:
        ax.set_title(
            f"no codes yet: 0 of {n} labelled traces were read for them", loc="left", fontsize=10
        )
        return stamp(nothing_to_show(ax), codebook.simulated)
    ax.step(frame["read"], frame["codes"], where="post", color=BLUE)
    ax.plot(new["read"], new["codes"], "o", color=ORANGE, markeredgecolor=BLUE)
    last = f"; the last new one in number {new['read'].iloc[-1]}" if len(new) else ""
    ax.set_title(
        f"{frame['new'].sum()} codes in {len(frame)} of {n} labelled traces{last}",
        loc="left",
        fontsize=10,
    )
    ax.set_xlabel("traces read, in the order of their labels")
    ax.set_ylabel("codes so far")
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)
    return stamp(ax, codebook.simulated)
