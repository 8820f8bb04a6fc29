"""CodingPanel: read a reason, say in a word or two what went wrong, and gather such codes into
failure modes.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from ipywidgets import HTML, Box, Combobox, HBox, Layout, SelectMultiple, Text, VBox, Widget

from toolkit import render
from toolkit.evals.labels.codebook import Codebook, Coding, FailureMode, Version
from toolkit.evals.labels.labels import Label, tidy
from toolkit.traces import Trace, trace_html
from toolkit.views.panels.page import Page
from toolkit.views.panels.panel import Panel, problems_text, user_name
from toolkit.views.words import quantity

__all__ = ["CodingPanel"]

FEWEST_ROWS = 3
MOST_ROWS = 8
"""How many codes the list shows at once."""


class CodingPanel(Panel):
    """One reason at a time, with its trace folded away, the codes that it has, and those that are
    suggested for it.

    Labels of failed traces come first. `by` is who codes; None takes the user name of the
    environment.

    >>> from tempfile import mkdtemp
    >>> from toolkit.evals import Codebook, Label
    >>> labels = [Label("t1", "ada", "fail", "Too curt.")]
    >>> panel = CodingPanel(Codebook(f"{mkdtemp()}/codes.jsonl", labels), by="ada")
    >>> panel.code.value = "tone"
    >>> panel.page.buttons["add"].click()
    >>> panel.position
    '1 of 1 · 1 read · 1 code, 0 failure modes'
    """

    code: Combobox
    """The box for a code of the reason on display."""
    picked: SelectMultiple
    """The codes that Merge takes."""
    mode: Combobox
    """The box for the name of the failure mode that Merge makes, or adds to."""
    definition: Text
    """The box for its definition."""

    def __init__(self, codebook: Codebook, traces: Iterable[Trace] = (), by: str | None = None):
        super().__init__(hint="Enter in the first box adds the code.")
        self.codebook = codebook
        self.by = tidy(user_name(by))
        self._traces = {trace.id: trace for trace in traces}
        self._labels = sorted(codebook.labels, key=lambda label: label.verdict != "fail")
        self._at = self._first_unread()
        self.turn_page(problems_text("codebook", codebook.problems))

    @property
    def label(self) -> Label | None:
        """The label whose reason is on display; None where there is none."""
        return self._labels[self._at] if self._labels else None

    @property
    def position(self) -> str:
        """Where the panel stands, as the codebook has it."""
        now = self.codebook.now
        number = self._at + 1 if self._labels else 0
        codes = quantity(len(_codes(now)), "code")
        modes = quantity(len(now.modes), "failure mode")
        n_read = len(self._read(now))
        return f"{number} of {len(self._labels)} · {n_read} read · {codes}, {modes}"

    def _read(self, now: Version) -> set[str]:
        """The ids of the labels that have a code, or were said to need none."""
        coded = {coding.label_id for coding in now.codings if coding.status == "confirmed"}
        return coded & {label.id for label in self._labels}

    def _first_unread(self) -> int:
        read = self._read(self.codebook.now)
        for at, label in enumerate(self._labels):
            if label.id not in read:
                return at
        return 0

    def heading(self) -> str:
        """Where the panel stands, and who codes."""
        coder = f" · coded by {self.by} (human)"
        return render.block(render.tag("strong", self.position), coder)

    def draw(self, page: Page) -> list[Widget]:
        """The reason, its codes, the box for another, and what makes failure modes of codes."""
        now = self.codebook.now
        rows: list[Widget] = [self._draw_reason()]
        for coding in now.codings:
            if self.label and coding.label_id == self.label.id and coding.code:
                rows.append(self._draw_coding(page, coding))
        rows.append(self._draw_bar(page, now))
        rows.append(page.note)
        rows.append(self._draw_merge(page, now))
        return rows

    def _draw_reason(self) -> Box:
        """The reason, and under it its trace, folded away."""
        reason = HTML(_reason_html(self.label, self._traces))
        layout = Layout(max_height="min(26rem, 45vh)", overflow="auto")
        return Box([reason], layout=layout)

    def _draw_coding(self, page: Page, coding: Coding) -> HBox:
        """A code of the reason, who gave it, and the buttons that decide on it."""
        code = coding.code
        about = f" · {coding.status} · {coding.coder}"
        text = render.block(render.fragment(render.tag("strong", code), about))
        row: list[Widget] = [HTML(text)]
        if coding.status == "suggested":
            confirm = page.button(
                f"confirm {code}",
                "Confirm",
                "check",
                "Make this suggestion count, for this reason",
                partial(self._confirm, code),
            )
            row.append(confirm)
        if coding.status != "dismissed":
            dismiss = page.button(
                f"dismiss {code}",
                "Dismiss",
                "times",
                "Take this code off this reason",
                partial(self._dismiss, code),
            )
            row.append(dismiss)
        return HBox(row)

    def _draw_bar(self, page: Page, now: Version) -> HBox:
        """The box for a code, and the buttons that go with it."""
        self.code = Combobox(
            placeholder="A code: type one, or pick one",
            options=_codes(now),
            continuous_update=False,
            layout=Layout(width="16rem"),
        )
        self.code.add_class("fieldbook-add")  # Enter in it presses Add code
        page.box = self.code
        add = page.button("add", "Add code", "plus", "Put this code on the reason", self._add)
        none = page.button(
            "none",
            "No code",
            "minus",
            "Read: there is nothing in it to code",
            self._add_none,
        )
        back = partial(self._step, -1)
        on = partial(self._step, 1)
        previous = page.button(
            "previous", "Previous", "arrow-left", "The reason before this one", back
        )
        following = page.button("next", "Next", "arrow-right", "The reason after this one", on)
        undo = self.undo_button(page)
        bar = [self.code, add, none, previous, following, undo]
        return HBox(bar, layout=Layout(flex_flow="row wrap"))

    def _draw_merge(self, page: Page, now: Version) -> HBox:
        """The codes to choose from, and the form of the failure mode that they make."""
        codes = _codes(now)
        self.picked = SelectMultiple(
            options=codes,
            rows=max(FEWEST_ROWS, min(MOST_ROWS, len(codes))),
            layout=Layout(width="18rem"),
        )
        self.mode = Combobox(
            placeholder="Name of the failure mode",
            options=[mode.name for mode in now.modes],
            continuous_update=False,
        )
        self.definition = Text(
            placeholder="What it is, in a sentence",
            continuous_update=False,
        )
        merge = page.button(
            "merge",
            "Merge",
            "compress",
            "Make the chosen codes a failure mode, or add them to the one of that name",
            self._merge,
        )
        form = VBox([self.mode, self.definition, merge])
        return HBox([self.picked, form], layout=Layout(flex_flow="row wrap"))

    def unsaved(self, act: str) -> str:
        """The message about words in a box that another button than that of `act` saves."""
        code = self.code.value
        if act != "add" and code.strip():
            return f"{code!r} is not saved yet: press Add code, or empty the box."
        definition = self.definition.value
        if act != "merge" and definition.strip():
            return f"{definition!r} is not saved yet: press Merge, or empty the box."
        return ""

    def _add(self) -> str:
        """Put the code in the box on the reason."""
        if self.label is None:
            return ""
        self.codebook.code(self.label.id, self.code.value, by=self.by)
        return f"Saved: {self.code.value.strip()}."

    def _add_none(self) -> str:
        """Note that the reason was read, and needs no code."""
        if self.label is None:
            return ""
        self.codebook.code(self.label.id, by=self.by)
        return "Saved: nothing to code."

    def _confirm(self, code: str) -> str:
        if self.label is None:
            return ""
        self.codebook.confirm(code, self.by, label_ids=[self.label.id])
        return f"Saved: {code} is confirmed."

    def _dismiss(self, code: str) -> str:
        if self.label is None:
            return ""
        self.codebook.dismiss(code, self.by, label_ids=[self.label.id])
        return f"Saved: {code} is dismissed."

    def _step(self, by: int) -> str:
        last = len(self._labels) - 1
        self._at = max(0, min(self._at + by, last))
        return ""

    def take_back(self) -> str:
        """Take back the newest action of who codes here."""
        names = []
        for record in self.codebook.undo(self.by):
            name = record.name if isinstance(record, FailureMode) else record.code
            names.append(name or "nothing")
        if not names:
            return "There is nothing to take back."
        return f"Taken back: {', '.join(names)}."

    def _merge(self) -> str:
        """Make the picked codes a failure mode, or add them to the one of that name."""
        name = self.mode.value.strip()
        picked = self.picked.value
        if not picked:
            raise ValueError("choose the codes to merge first.")
        if not name:
            raise ValueError("the failure mode needs a name.")
        mode = self._mode_named(name)
        codes = tuple(dict.fromkeys([*mode.codes, *picked]))
        self.codebook.merge(replace(mode, codes=codes, by=self.by, kind="human"))
        return f"Saved: {mode.name} is made of {', '.join(codes)}."

    def _mode_named(self, name: str) -> FailureMode:
        """The failure mode of this name, with the definition in the box, if there is one."""
        definition = self.definition.value.strip()
        for mode in self.codebook.now.modes:
            if mode.name.casefold() == name.casefold():
                return replace(mode, definition=definition or mode.definition)
        if not definition:
            raise ValueError(f"the failure mode {name!r} needs a definition.")
        return FailureMode(name, definition, (), self.by)


def _codes(now: Version) -> list[str]:
    """The codes that count, in the order of the alphabet."""
    return sorted({coding.code for coding in now.confirmed})


def _reason_html(label: Label | None, traces: dict[str, Trace]) -> str:
    if label is None:
        empty = "There are no reasons to code: the codebook has no labels."
        return render.block(render.tag("p", empty))
    about = f"{label.verdict} of trace {label.trace_id}, by {label.rater} ({label.rater_kind})"
    who = render.tag("div", about, class_="who")
    reason = render.tag("pre", label.why)
    trace = traces.get(label.trace_id)
    if trace is None:
        return render.block(who, reason, "The trace is not at hand.")
    return render.block(who, reason, render.details("The trace", trace_html(trace)))
