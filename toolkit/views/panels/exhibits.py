"""Exhibits: the criteria of a contract in rows, and the evidence of the one that a person opens."""

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
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
        super().__init__()
        self._columns = Box([self._list, self.reader]).add_class("fieldbook-halves")
        self.children = [self._title, self._columns]
        self.add_class("fieldbook-contract")

    def show(self, sprint: SprintStatus | None) -> None:
        """Show the criteria of a sprint, as they stand now."""
        lines = {} if sprint is None else {**sprint.lines, **sprint.earlier}
        if self._lines.keys() != lines.keys() or not self._rows:
            self._rows = {id_: _Row(id_, self.read) for id_ in lines}
            self._list.children = list(self._rows.values())
        self._lines = lines
        for id_, row in self._rows.items():
            row.show(lines[id_])
        self._title.value = _title_html(sprint)
        if self._open and self._open not in lines:
            self.shut()
        elif self._open:
            self._draw()

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
            self.read(ids[(ids.index(self._open) + 1) % len(ids)])
            return
        failing = [id_ for id_ in ids if not self._lines[id_].holds]
        self.read((failing or ids)[0])

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
        return render.block(render.tag("p", NO_CONTRACT, class_="soft"))
    words = f"Contract {sprint.sha256[:12]}, signed by both: a later edit ends the build"
    heading = render.tag("h2", words, class_="fieldbook-heading")
    goal = render.tag("p", sprint.goal) if sprint.goal else ""
    return render.block(heading, goal)


def _evidence_html(line: Line, workspace: Path | None) -> render.Html:
    """What came of a criterion, the last round first."""
    rounds = sorted(line.cells.items(), reverse=True)
    parts = [render.tag("p", render.spaced(render.tag("strong", line.id), line.claim))]
    for number, cell in rounds[:SHOWN_ROUNDS]:
        parts.append(_round_html(number, cell, workspace))
    if len(rounds) > SHOWN_ROUNDS:
        parts.append(render.tag("p", f"Earlier rounds: {_earlier(rounds)}.", class_="soft"))
    return render.block(*parts)


def _earlier(rounds: Sequence[tuple[int, Cell]]) -> str:
    """The rounds whose files are not read, in words."""
    return ", ".join(f"{number} {GRADES[cell.grade]}" for number, cell in rounds[SHOWN_ROUNDS:])


def _round_html(number: int, cell: Cell, workspace: Path | None) -> render.Html:
    when = f"Round {number}" if number else "Before the build"
    look = {"pass": "verdict pass", "fail": "verdict fail"}.get(cell.grade, "verdict")
    by = "by verdict" if cell.is_verdict else "by its check"
    word = render.tag("span", f"{GRADES[cell.grade]}, {by}", class_=look)
    head = render.tag("h2", render.spaced(when, word))
    files = [_file_html(file, workspace) for file in cell.evidence]
    return render.tag("section", head, render.tag("p", cell.why), *files)


def _file_html(file: Exhibit, workspace: Path | None) -> render.Html:
    """A file of evidence: a picture, or its text. Nothing in it runs."""
    name = render.tag("figcaption", f"{file.name} · {file.sha256[:12]}")
    if workspace is None:
        return render.tag("figure", name, render.tag("p", NO_WORKSPACE, class_="soft"))
    content = find_evidence(workspace, file.sha256)
    if content is None:
        return render.tag("figure", name, render.tag("p", GONE, class_="soft"))
    if content.startswith(PNG):
        address = f"data:image/png;base64,{b64encode(content).decode()}"
        return render.tag("figure", name, render.tag("img", src=address, alt=file.name))
    return render.tag("figure", name, render.tag("pre", _text_of(content)))


def _text_of(content: bytes) -> str:
    """The text of a file, JSON indented; the beginning of a long one."""
    text = content.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):  # it is no JSON, and is shown as it is
        text = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    if len(text) > SHOWN_CHARS:
        left_out = len(text) - SHOWN_CHARS
        return f"{text[:SHOWN_CHARS]}\n[... {left_out:,} characters left out ...]"
    return text
