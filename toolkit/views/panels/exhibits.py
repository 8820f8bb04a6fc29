"""Exhibits: the criteria of a contract in rows, and the evidence of the one that a person opens."""

import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ipywidgets import HTML, Box, Button, VBox

from toolkit import render
from toolkit.harness.watching import Cell, Exhibit, Line, SprintStatus, find_evidence
from toolkit.views.panels.building import GRADES, line_html
from toolkit.views.panels.page import button

__all__ = ["ContractView"]

PNG = b"\x89PNG\r\n\x1a\n"
SHOWN_CHARS = 20_000
SHOWN_ROUNDS = 3
"""How many rounds of a criterion have their files read when it is opened."""
LOOKS = {"pass": "verdict pass", "fail": "verdict fail", "unscored": "verdict"}
"""How the style shows a grade."""
NO_WORKSPACE = "Its files are in the build's folder: make the panel with workspace=, to see them."
GONE = "Not in the build's folder any more, or changed since: it is not shown."
NO_CONTRACT = "No contract yet: its criteria stand here once both sides have signed."


class ContractView(VBox):  # type: ignore[misc]
    """The criteria of one sprint, and what the checks left of the one that is open."""

    def __init__(self, workspace: Path | None):
        self._workspace = workspace
        self._lines: dict[str, Line] = {}
        self._rows: dict[str, _Row] = {}
        self._open = ""
        """The criterion whose evidence is shown."""
        self._shown: object = None
        """What of it is shown."""
        self._title = HTML()
        self._list = VBox().add_class("fieldbook-criteria")
        self.text = HTML()
        """The evidence that is open."""
        shut = button("Close the evidence", "times", "Back to the contract alone", self.shut, "C")
        shut.add_class("fieldbook-page-button")  # it goes, and the panel has the keys again
        frame = Box([self.text]).add_class("fieldbook-frame")
        self.reader = VBox([shut, frame]).add_class("fieldbook-reader")
        self.reader.layout.display = "none"
        columns = Box([self._list, self.reader]).add_class("fieldbook-halves")
        super().__init__([self._title, columns])
        self.add_class("fieldbook-contract")

    def show(self, sprint: SprintStatus | None) -> None:
        """Show the criteria of a sprint, as they stand now."""
        self._lines = {}
        if sprint is not None:
            self._lines.update(sprint.lines)
            self._lines.update(sprint.earlier)
        self._title.value = _title_html(sprint)
        self._show_rows()
        if self._open in self._lines:
            self._draw()
        elif self._open:
            self.shut()

    def _show_rows(self) -> None:
        """Say how each criterion stands. Rows are made anew only where there are other criteria."""
        if self._rows.keys() != self._lines.keys():
            self._rows = {id_: _Row(id_, self.read) for id_ in self._lines}
            self._list.children = list(self._rows.values())
        for id_, row in self._rows.items():
            row.show(self._lines[id_])

    def read(self, id_: str) -> None:
        """Open the evidence of a criterion."""
        if id_ not in self._lines:
            return
        self._open = id_
        self._shown = None
        self.reader.layout.display = None
        self._draw()

    def read_next(self) -> None:
        """Open the first criterion that does not hold, else the first; after it the next."""
        ids = list(self._lines)
        if not ids:
            return
        if self._open in ids:
            next_index = ids.index(self._open) + 1
            self.read(ids[next_index % len(ids)])
            return
        failing = [id_ for id_, line in self._lines.items() if not line.holds]
        first = failing[0] if failing else ids[0]
        self.read(first)

    def shut(self) -> None:
        """Close the evidence."""
        self._open = ""
        self.text.value = ""
        self.reader.layout.display = "none"

    def _draw(self) -> None:
        line = self._lines[self._open]
        state = (line.id, dict(line.cells))
        if state != self._shown:
            self._shown = state
            self.text.value = _evidence_html(line, self._workspace)


class _Row(Box):  # type: ignore[misc]
    """A criterion, and the button that opens its evidence."""

    def __init__(self, id_: str, on_read: Callable[[str], None]):
        self.words = HTML()
        tooltip = f"What the checks of {id_} left"
        self.button: Button = button("Evidence", "search", tooltip, lambda: on_read(id_))
        super().__init__([self.words, self.button])
        self.add_class("fieldbook-failure")

    def show(self, line: Line) -> None:
        """Say how it stands."""
        self.words.value = line_html(line)
        self.button.disabled = not line.cells


def _title_html(sprint: SprintStatus | None) -> render.Html:
    if sprint is None or not sprint.sha256:
        return render.block(_soft(NO_CONTRACT))
    words = f"Contract {sprint.sha256[:12]}, signed by both: a later edit ends the build"
    heading = render.tag("h2", words, class_="fieldbook-heading")
    goal = render.tag("p", sprint.goal) if sprint.goal else ""
    return render.block(heading, goal)


def _evidence_html(line: Line, workspace: Path | None) -> render.Html:
    """What came of a criterion, the last round first."""
    rounds = sorted(line.cells.items(), reverse=True)
    name = render.tag("strong", line.id)
    parts = [render.tag("p", render.spaced(name, line.claim))]
    for number, cell in rounds[:SHOWN_ROUNDS]:
        parts.append(_round_html(number, cell, workspace))
    earlier = [f"{number} {GRADES[cell.grade]}" for number, cell in rounds[SHOWN_ROUNDS:]]
    if earlier:
        list_ = ", ".join(earlier)
        parts.append(_soft(f"Earlier rounds: {list_}."))
    return render.block(*parts)


def _round_html(number: int, cell: Cell, workspace: Path | None) -> render.Html:
    """What a round showed of a criterion, why, and the files that are left of it."""
    heading = render.tag("h2", _round_words(number, cell))
    why = render.tag("p", cell.why)
    files = [_file_html(file, workspace) for file in cell.evidence]
    return render.tag("section", heading, why, *files)


def _round_words(number: int, cell: Cell) -> render.Html:
    when = f"Round {number}" if number else "Before the build"
    by = "by verdict" if cell.is_verdict else "by its check"
    look = LOOKS[cell.grade]
    grade = render.tag("span", f"{GRADES[cell.grade]}, {by}", class_=look)
    return render.spaced(when, grade)


def _file_html(file: Exhibit, workspace: Path | None) -> render.Html:
    """A file of evidence, under its name."""
    caption = render.tag("figcaption", f"{file.name} · {file.sha256[:12]}")
    return render.tag("figure", caption, _content_html(file, workspace))


def _content_html(file: Exhibit, workspace: Path | None) -> render.Html:
    """A picture, or the text of a file: nothing in it runs."""
    if workspace is None:
        return _soft(NO_WORKSPACE)
    content = find_evidence(workspace, file.sha256)
    if content is None:
        return _soft(GONE)
    if content.startswith(PNG):
        base64 = b64encode(content).decode()
        return render.tag("img", src=f"data:image/png;base64,{base64}", alt=file.name)
    return render.tag("pre", _shown_text(content))


def _shown_text(content: bytes) -> str:
    """The text of a file, JSON indented; the beginning of a long one."""
    text = content.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):  # it is no JSON, and is shown as it is
        text = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    n_left_out = len(text) - SHOWN_CHARS
    if n_left_out <= 0:
        return text
    return f"{text[:SHOWN_CHARS]}\n[... {n_left_out:,} characters left out ...]"


def _soft(words: str) -> render.Html:
    return render.tag("p", words, class_="soft")
