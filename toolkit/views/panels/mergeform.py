"""MergeForm: the codes so far, and the form of the failure mode that some of them make."""

from collections.abc import Iterable
from dataclasses import replace

from ipywidgets import HTML, Button, Combobox, SelectMultiple, Text, ToggleButton, VBox

from toolkit import render
from toolkit.evals.labels.codebook import FailureMode
from toolkit.views.panels.look import heading

__all__ = ["MergeForm"]

FEWEST_ROWS = 3
MOST_ROWS = 6
"""How many codes the list shows at once."""
MISSING_CODES = "Choose one code or more in this list."
MISSING_NAME = "Give the failure mode a name."
MISSING_DEFINITION = "Say in a sentence what it is."


class MergeForm(VBox):  # type: ignore[misc]
    """A list of `codes` with their counts, a name, a definition, and the `merge` button, behind a
    fold.

    What is missing is said beside its field.
    """

    def __init__(
        self,
        codes: Iterable[tuple[str, int]],
        modes: Iterable[FailureMode],
        merge: Button,
        is_open: bool = False,
    ):
        self._modes = {mode.name.casefold(): mode for mode in modes}
        options = [(f"{code} · {n}", code) for code, n in codes]
        n_rows = max(FEWEST_ROWS, min(MOST_ROWS, len(options)))
        self.picked = SelectMultiple(options=options, rows=n_rows)
        self.picked.add_class("fieldbook-codes")
        self.name = Combobox(
            placeholder="Name of the failure mode",
            options=[mode.name for mode in self._modes.values()],
            continuous_update=False,
        )
        self.definition = Text(placeholder="What it is, in a sentence", continuous_update=False)
        self._missing = {field: HTML() for field in (self.picked, self.name, self.definition)}
        rows = [heading("Choose codes that are one way of failing")]
        for field, missing in self._missing.items():
            rows += [field, missing]
        self._form = VBox([*rows, merge])
        self.fold = ToggleButton(
            is_open, description="Merge codes into a failure mode", icon="compress"
        )
        self.fold.observe(lambda _: self._show(), "value")
        self._show()
        super().__init__([self.fold, self._form])
        self.add_class("fieldbook-merge")

    def _show(self) -> None:
        """Show the form where it is open."""
        self._form.layout.display = None if self.fold.value else "none"

    def mode(self, by: str) -> FailureMode:
        """The failure mode that the form says: one of that name with the picked codes added, or a
        new one. Raises ValueError where something is missing, which is then said beside its field.
        """
        name = self.name.value.strip()
        definition = self.definition.value.strip()
        picked = self.picked.value
        known = self._modes.get(name.casefold())
        wanted = {
            self.picked: "" if picked else MISSING_CODES,
            self.name: "" if name else MISSING_NAME,
            self.definition: "" if definition or known else MISSING_DEFINITION,
        }
        for field, missing in wanted.items():
            self._say(field, missing)
        if any(wanted.values()):
            raise ValueError(" ".join(filter(None, wanted.values())))
        mode = known or FailureMode(name, definition, (), by)
        codes = tuple(dict.fromkeys([*mode.codes, *picked]))
        definition = definition or mode.definition
        return replace(mode, definition=definition, codes=codes, by=by, kind="human")

    def _say(self, field: SelectMultiple | Combobox | Text, missing: str) -> None:
        """Say what is missing beside its field; nothing where nothing is."""
        words = render.tag("span", f"↑ {missing}", class_="fieldbook-missing")
        self._missing[field].value = words if missing else ""
