"""CriteriaForm: the criteria of a rubric as a form, for whoever would rather not write YAML. It
edits the same text.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipywidgets import Checkbox, Dropdown, Text, ToggleButtons, VBox

from toolkit.evals import SCORERS, Criterion, Rubric
from toolkit.evals.judges.front_matter import fields_in, with_field
from toolkit.records import RecordError

__all__ = ["CriteriaForm"]

AS_TEXT = "as text"
"""The tab on which no criterion is open."""
JUDGED = ("read by a judge", "")
"""How a criterion without a rule is checked."""
VERBS = ("says", "never says", "calls", "never calls")
"""The rules that need a word more: what is said, or which tool is called."""


def rule_options() -> list[tuple[str, str]]:
    """The ways to check a criterion, each with how its rule begins."""
    scorers = [(scorer.__name__.replace("_", " "), scorer.__name__) for scorer in SCORERS]
    verbs = [(f"{verb} …", verb) for verb in VERBS]
    return [JUDGED, *scorers, *verbs]


def split_rule(rule: str) -> tuple[str, str]:
    """The verb of a rule and what it is about; the rule alone where it has no verb.

    >>> split_rule("never says voucher"), split_rule("answered")
    (('never says', 'voucher'), ('answered', ''))
    """
    for verb in VERBS:
        if rule.startswith(f"{verb} "):
            return verb, rule.removeprefix(verb).strip()
    return rule, ""


class CriteriaForm(VBox):  # type: ignore[misc]
    """A tab for each criterion of the rubric that `show` was given: what holds, how it is checked,
    and whether the whole fails with it.

    An edit is handed to `on_edit` as the whole new text, and `on_problem` hears why one cannot be
    put in; what `show` cannot read leaves the form as it is.
    """

    def __init__(
        self, path: Path, on_edit: Callable[[str], None], on_problem: Callable[[str], None]
    ):
        self._path = path
        self._on_edit = on_edit
        self._on_problem = on_problem
        self._criteria: dict[str, Criterion] = {}
        self._source = ""
        self._is_filling = False
        self.tabs = ToggleButtons(options=[AS_TEXT], style={"button_width": "auto"})
        self.claim = Text(description="What holds", continuous_update=False)
        self.rule = Dropdown(description="How checked", options=rule_options())
        self.about = Text(continuous_update=False)
        self.required = Checkbox(description="must pass, or the whole fails", indent=False)
        self._fields = VBox([self.claim, self.rule, self.about, self.required]).add_class(
            "fieldbook-fields"
        )
        super().__init__([self.tabs.add_class("fieldbook-chips"), self._fields])
        self.add_class("fieldbook-form")
        self.tabs.observe(lambda _: self._fill(), "value")
        self.claim.observe(lambda change: self._edit("text", change["new"]), "value")
        self.rule.observe(lambda _: self._choose(), "value")
        self.about.observe(lambda _: self._write_rule(), "value")
        self.required.observe(
            lambda change: self._edit("required", str(change["new"]).lower()), "value"
        )

    def show(self, source: str) -> None:
        """Show the criteria of the rubric with this text."""
        self._source = source
        try:
            rubric = Rubric.parse(source, self._path)
            listed = fields_in(source, self._path).get("criteria")
        except RecordError:
            return  # the panel says why; what was typed here stays to be mended
        self._criteria = {criterion.id: criterion for criterion in rubric.criteria}
        ids = list(self._criteria) if isinstance(listed, list) else []
        if list(self.tabs.options) != [AS_TEXT, *ids]:
            chosen = self.tabs.value if self.tabs.value in ids else AS_TEXT
            self.tabs.options = [AS_TEXT, *ids]
            self.tabs.value = chosen
        self.layout.display = None if ids else "none"
        self._fill()

    @property
    def criterion(self) -> Criterion | None:
        """The criterion whose tab is open; None where that of the text is."""
        return self._criteria.get(self.tabs.value)

    def _fill(self) -> None:
        """Put what the text says of the open criterion into the fields."""
        criterion = self.criterion
        self._fields.layout.display = None if criterion else "none"
        if criterion is None:
            return
        self._is_filling = True
        self.claim.value = criterion.text
        self._fill_rule(criterion.rule)
        self.required.value = criterion.required
        self._is_filling = False

    def _fill_rule(self, rule: str) -> None:
        """Put a rule into its two fields: one that the list does not know is put on it."""
        verb, about = split_rule(rule)
        options = rule_options()
        if all(verb != value for _, value in options):
            options.append((verb, verb))
        self.rule.options = options
        self.rule.value = verb
        self.about.value = about
        self._show_about()

    def _show_about(self) -> None:
        """Show the second field where the rule needs it."""
        verb = self.rule.value
        is_tool = verb.endswith("calls")
        self.about.layout.display = None if verb in VERBS else "none"
        self.about.description = "Which tool" if is_tool else "Which words"
        self.about.placeholder = "the name of a tool" if is_tool else "words, or a pattern"

    def _choose(self) -> None:
        """Take another way to check; where words are missing, the text waits for them."""
        if self._is_filling:
            return
        self._is_filling = True
        self.about.value = ""
        self._show_about()
        self._is_filling = False
        self._write_rule()

    def _write_rule(self) -> None:
        """Put the rule that both fields spell into the text, once it is complete."""
        verb = self.rule.value
        about = self.about.value.strip()
        if verb in VERBS and not about:
            return
        self._edit("rule", f"{verb} {about}".strip())

    def _edit(self, field: str, value: str) -> None:
        """Put one field of the open criterion into the text."""
        criterion = self.criterion
        if self._is_filling or criterion is None:
            return
        try:
            text = self._edited(criterion, field, value)
        except (ValueError, LookupError) as error:
            self._on_problem(f"Not put into the text: {error}")
        else:
            self._on_edit(text)

    def _edited(self, criterion: Criterion, field: str, value: str) -> str:
        """The text with another `field` of a criterion."""
        number = list(self._criteria).index(criterion.id)
        place = f"criteria.{number}"
        given: Any = fields_in(self._source, self._path)["criteria"][number]
        if isinstance(given, dict):
            return with_field(self._source, self._path, f"{place}.{field}", value)
        if field == "text":  # a sentence alone
            return with_field(self._source, self._path, place, value)
        whole = {"id": criterion.id, "text": given, field: value}
        return with_field(self._source, self._path, place, whole)
