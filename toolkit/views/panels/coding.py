"""CodingPanel: read a reason, say in a word or two what went wrong, and gather such codes into
failure modes.
"""

from collections.abc import Iterable
from functools import partial

from ipywidgets import HTML, Box, Combobox, SelectMultiple, Text, VBox, Widget

from toolkit import render
from toolkit.evals.labels.codebook import Codebook, Coding, FailureMode, Version
from toolkit.evals.labels.labels import Label
from toolkit.evals.labels.spelled import tidy
from toolkit.traces import Trace
from toolkit.views.panels.codes import (
    DIGITS,
    HELP,
    KEYS,
    about_html,
    chip_html,
    code_counts,
    hue_class,
    hues_of,
    read_html,
    reason_html,
)
from toolkit.views.panels.look import heading, progress_html
from toolkit.views.panels.mergeform import MergeForm
from toolkit.views.panels.page import Page
from toolkit.views.panels.panel import Panel, problems_text, user_name
from toolkit.views.panels.reading import WINDOW
from toolkit.views.words import quantity

__all__ = ["CodingPanel"]


class CodingPanel(Panel):
    """One reason at a time, with its trace, the codes that it has, and those that are
    suggested for it.

    Labels of failed traces come first. `by` is who codes; None takes the user name of the
    environment. `height` is that of the panel, as CSS: the window's.

    >>> from tempfile import mkdtemp
    >>> from toolkit.evals import Codebook, Label
    >>> labels = [Label("t1", "ada", "fail", "Too curt.")]
    >>> panel = CodingPanel(Codebook(f"{mkdtemp()}/codes.jsonl", labels), by="ada")
    >>> panel.code.value = "tone"
    >>> panel.page.buttons["add"].click()
    >>> panel.position
    '1 of 1 read · 1 code, 0 failure modes'
    """

    code: Combobox
    """The box for a code of the reason on display."""
    picked: SelectMultiple
    """The codes that Merge takes."""
    mode: Combobox
    """The box for the name of the failure mode that Merge makes, or adds to."""
    definition: Text
    """The box for its definition."""

    def __init__(
        self,
        codebook: Codebook,
        traces: Iterable[Trace] = (),
        by: str | None = None,
        height: str = WINDOW,
    ):
        super().__init__(KEYS, help=HELP)
        self.add_class("fieldbook-window").add_class("fieldbook-coding")
        self.layout.max_width = "none"
        self.layout.height = height
        self.codebook = codebook
        self.by = tidy(user_name(by))
        self._traces = {trace.id: trace for trace in traces}
        self._labels = sorted(codebook.labels, key=lambda label: label.verdict != "fail")
        self._at = self._first_unread()
        self._form: MergeForm | None = None
        self.turn_page(problems_text("codebook", codebook.problems))

    @property
    def label(self) -> Label | None:
        """The label whose reason is on display; None where there is none."""
        return self._labels[self._at] if self._labels else None

    @property
    def position(self) -> str:
        """How far the reading is, as the codebook has it."""
        now = self.codebook.now
        codes = quantity(len(code_counts(now)), "code")
        modes = quantity(len(now.modes), "failure mode")
        n_read = len(self._read(now))
        return f"{n_read} of {len(self._labels)} read · {codes}, {modes}"

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
        share = len(self._read(self.codebook.now)) / max(1, len(self._labels))
        return progress_html(self.position, share, (f"coded by {self.by} (human)",))

    def draw(self, page: Page) -> list[Widget]:
        """The reason, and beside it its codes, the box for another, and what makes failure modes
        of codes.
        """
        now = self.codebook.now
        self._draw_bar(page)
        side: list[Widget] = [self._draw_codes(page, now), self._draw_box(page, now)]
        side += [self._draw_chips(page, now), page.note, self._draw_merge(page, now)]
        reason = HTML(reason_html(self._at + 1, self.label, self._traces))
        trace = Box([HTML(read_html(self.label, self._traces))]).add_class("fieldbook-frame")
        reading = VBox([reason, trace]).add_class("fieldbook-reading")
        columns = [reading, VBox(side).add_class("fieldbook-side").add_class("wide")]
        return [Box(columns).add_class("fieldbook-columns")]

    def _draw_bar(self, page: Page) -> None:
        """What leads from reason to reason."""
        back = partial(self._step, -1)
        on = partial(self._step, 1)
        previous = page.button(
            "previous", "Previous", "arrow-left", "The reason before this one", back
        )
        following = page.button("next", "Next", "arrow-right", "The reason after this one", on)
        previous.disabled = self._at == 0
        following.disabled = self._at >= len(self._labels) - 1
        self.bar.children = [previous, following, self.undo_button(page)]

    def _codes_of_reason(self, now: Version) -> list[Coding]:
        """The codes of the reason on display, those that were taken off it too."""
        label_id = self.label.id if self.label else None
        return [coding for coding in now.codings if coding.label_id == label_id and coding.code]

    def _draw_codes(self, page: Page, now: Version) -> VBox:
        """The codes of the reason, each with who gave it and the buttons that decide on it."""
        hues = hues_of(now)
        rows = [heading("Codes of this reason")]
        for coding in self._codes_of_reason(now):
            has_keys = coding.status == "suggested" and "confirm" not in page.buttons
            rows.append(self._draw_coding(page, coding, hues[coding.code], has_keys))
        if len(rows) == 1:
            rows.append(HTML(render.block(render.tag("span", "none yet", class_="soft"))))
        return VBox(rows)

    def _draw_coding(self, page: Page, coding: Coding, hue: int, has_keys: bool) -> Box:
        """A code with who gave it, and its buttons: those of the first suggestion have keys."""
        code = coding.code
        which = "" if has_keys else f" {code}"
        row: list[Widget] = [HTML(chip_html(code, hue))]
        if coding.status == "suggested":
            tooltip = "Make this suggestion count, for this reason"
            confirm = partial(self._confirm, code)
            row.append(page.button(f"confirm{which}", "Confirm", "check", tooltip, confirm))
        if coding.status != "dismissed":
            tooltip = "Take this code off this reason"
            dismiss = partial(self._dismiss, code)
            row.append(page.button(f"dismiss{which}", "Dismiss", "times", tooltip, dismiss))
        row.append(HTML(about_html(coding)))
        return Box(row).add_class("fieldbook-row")

    def _draw_box(self, page: Page, now: Version) -> VBox:
        """The box for a code, and the buttons that go with it."""
        codes = sorted(code for code, _ in code_counts(now))
        self.code = Combobox(
            placeholder="A code: type one, or pick one (W)",
            options=codes,
            continuous_update=False,
        )
        self.code.add_class("fieldbook-write").add_class("fieldbook-enter-add")
        page.box = self.code
        add = page.button("add", "Add code", "plus", "Put this code on the reason", self._add)
        tooltip = "Put this code on the reason, if there is one, and show the next reason"
        add_on = page.button("add-on", "Add, next", "forward", tooltip, self._add_and_go_on)
        none = page.button(
            "none",
            "No code",
            "minus",
            "Read: there is nothing in it to code",
            self._add_none,
        )
        return VBox([self.code, Box([add, add_on, none]).add_class("fieldbook-row")])

    def _draw_chips(self, page: Page, now: Version) -> VBox:
        """The codes that are used most, each with its count and a key."""
        hues = hues_of(now)
        here = set()
        for coding in self._codes_of_reason(now):
            if coding.status == "confirmed":
                here.add(coding.code)
        chips = []
        for digit, (code, n) in zip(DIGITS, code_counts(now), strict=False):
            tooltip = f"Put {code} on the reason; {quantity(n, 'reason')} have it"
            chip = page.button(
                f"code-{digit}", f"{code} · {n}", "", tooltip, partial(self._put, code)
            )
            if code in here:
                chip.disabled = True
                chip.description = f"{code} · on this reason"
            chips.append(chip.add_class("fieldbook-chip").add_class(hue_class(hues[code])))
        words = "Codes so far: a number key puts one on this reason"
        rows = [heading(words)] if chips else []
        return VBox([*rows, Box(chips).add_class("fieldbook-row")])

    def _draw_merge(self, page: Page, now: Version) -> MergeForm:
        """The codes to choose from, and the form of the failure mode that they make."""
        merge = page.button(
            "merge",
            "Merge",
            "compress",
            "Make the chosen codes a failure mode, or add them to the one of that name",
            self._merge,
        )
        is_open = self._form is not None and self._form.fold.value
        self._form = MergeForm(code_counts(now), now.modes, merge, is_open)
        self.picked = self._form.picked
        self.mode = self._form.name
        self.definition = self._form.definition
        return self._form

    def unsaved(self, act: str) -> str:
        """The message about words in a box that another button than that of `act` saves."""
        code = self.code.value
        if act not in {"add", "add-on"} and code.strip():
            return f"{code!r} is not saved yet: press Add code, or empty the box."
        definition = self.definition.value
        if act != "merge" and definition.strip():
            return f"{definition!r} is not saved yet: press Merge, or empty the box."
        return ""

    def _add(self) -> str:
        """Put the code in the box on the reason."""
        if self.label is None:
            return ""
        return self._put(self.code.value)

    def _add_and_go_on(self) -> str:
        """Put the code in the box on the reason, if there is one, and show the next reason."""
        message = self._add() if self.code.value.strip() else ""
        return f"{message} {self._step(1)}".strip()

    def _put(self, code: str) -> str:
        """Put a code on the reason."""
        if self.label is None:
            return ""
        self.codebook.code(self.label.id, code, by=self.by)
        return f"Saved: {code.strip()}."

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
        if self._form is None:
            return ""
        mode = self._form.mode(self.by)
        self.codebook.merge(mode)
        return f"Saved: {mode.name} is made of {', '.join(mode.codes)}."
