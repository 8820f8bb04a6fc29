"""Draft: a rubric's file, and the edit of it that is not saved yet, in a file beside it."""

from pathlib import Path

from toolkit.evals import Rubric
from toolkit.records import RecordError, read_text, write_whole

__all__ = ["Draft", "placed"]

CHANGED_MEANWHILE = (
    "somebody changed the file since it was read: Revert shows it; copy your words first"
)


class Draft:
    """The text of the rubric's file as it was read, and the draft, which outlives the kernel."""

    def __init__(self, path: Path):
        self.path = path
        self.draft_path = path.with_name(f".{path.name}.draft")
        self.saved = read_text(path)
        """The text of the file."""
        self.text = self.saved
        """The text that was typed last."""
        if self.draft_path.exists():
            self.text = read_text(self.draft_path)

    def type(self, text: str) -> None:
        """Put an edit on disk, as the draft. The text of the file is no edit."""
        if text == self.saved:
            self._drop()
            return
        write_whole(self.draft_path, text)
        self.text = text

    def save(self, text: str) -> Rubric:
        """Make `text` the file, and return its rubric.

        Raises RecordError where it is no rubric, or somebody changed the file meanwhile.
        """
        rubric = Rubric.parse(text, self.path)
        if read_text(self.path) != self.saved:
            raise RecordError(CHANGED_MEANWHILE)
        write_whole(self.path, text)
        self.saved = text
        self._drop()
        return rubric

    def revert(self) -> str:
        """Read the file again, drop the draft, and return the text of the file."""
        self.saved = read_text(self.path)
        self._drop()
        return self.saved

    def _drop(self) -> None:
        self.text = self.saved
        self.draft_path.unlink(missing_ok=True)


def placed(error: RecordError, text: str) -> str:
    """What is wrong with the text of a rubric, and the line of it."""
    lines = text.splitlines()
    if not error.line or error.line > len(lines):
        return str(error)
    line = lines[error.line - 1].strip()
    return f"{error.file}, line {error.line} ({line}): {error.why}"
