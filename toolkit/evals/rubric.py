"""Rubric: what a judge is told to look for, as a Markdown file that a person edits."""

import hashlib
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from toolkit.records import RecordError, canonical, validate

FRONT_MATTER = re.compile(r"\s*---[ \t]*\n(.*?)^---[ \t]*$(.*)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rubric:
    """What makes an answer good."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    name: str
    text: str
    """The question that the judge answers, in Markdown."""
    criteria: tuple[str, ...] = ()
    """One sentence each; all must hold for a pass."""
    version: int = 1

    def __post_init__(self) -> None:
        if not all(words.strip() for words in (self.name, self.text, *self.criteria)):
            raise ValueError("a rubric needs a name, a text that tells what to judge, and no blank criterion")

    @property
    def hash(self) -> str:
        """SHA-256 of everything in it, 16 hex digits: a rubric with one changed letter is another rubric."""
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()[:16]

    @property
    def prompt(self) -> str:
        """The rubric as the judge reads it."""
        numbered = [f"{number}. {criterion}" for number, criterion in enumerate(self.criteria, 1)]
        head = ["", "Criteria, all of which must hold:"] if numbered else []
        return "\n".join([self.text.strip(), *head, *numbered])

    @classmethod
    def load(cls, path: str | Path) -> "Rubric":
        """Read a Markdown file: the text, under YAML front matter with ``name``, ``criteria`` and ``version``.

        The front matter stands between two lines of ``---``; in it a sentence that holds a colon is quoted. Raises
        RecordError, which names the file and the field.
        """
        import yaml

        file = str(path)
        parts = FRONT_MATTER.match(Path(path).read_text(encoding="utf-8-sig"))
        if not parts:
            raise RecordError("a rubric opens with front matter between two lines of ---", file, 1)
        try:
            head = yaml.safe_load("\n" + parts[1])  # the line of --- is counted, as an editor does
        except yaml.YAMLError as error:
            raise RecordError(f"not YAML: {error}", file) from None
        if not isinstance(head, dict):
            raise RecordError("the front matter is not a mapping of names to values", file, 2)
        return validate(cls, {**head, "text": parts[2].strip()}, file)
