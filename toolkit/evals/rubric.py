"""Rubric: what a judge is told to look for, as a Markdown file that a person edits."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from toolkit.records import RecordError, canonical, validate

FRONT_MATTER = re.compile(r"\s*---[ \t]*\n(.*?)^---[ \t]*$(.*)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rubric:
    """What makes an answer good."""

    name: str
    """What it is called."""
    text: str
    """The question that the judge answers, in Markdown."""
    criteria: tuple[str, ...] = ()
    """One sentence each; all must hold for a pass."""
    meta: dict[str, Any] = field(default_factory=dict)
    """Whatever else the front matter says. The judge does not see it, the hash does."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "criteria", tuple(self.criteria))
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
        """Read a Markdown file that opens with YAML front matter.

        ::

            ---
            name: promises kept
            criteria:
              - The refund is the amount that the policy allows.
            ---
            Did the assistant do what it told the customer it would do?

        Raises
        ------
        RecordError
            Names the file and the field; FileNotFoundError where there is no file.
        """
        import yaml

        file = str(path)
        parts = FRONT_MATTER.match(Path(path).read_text(encoding="utf-8-sig"))
        if not parts:
            raise RecordError("a rubric opens with front matter between two lines of ---", file, 1)
        try:
            # dates become text, so that the hash is of JSON
            head = json.loads(json.dumps(yaml.safe_load(parts[1]) or {}, default=str))
        except (yaml.YAMLError, TypeError) as error:
            mark = getattr(error, "problem_mark", None)
            raise RecordError(f"not YAML of names and values: {error}", file, mark and mark.line + 2) from None
        if not isinstance(head, dict):
            raise RecordError("the front matter is not a mapping of names to values", file, 2)
        known = {name: head.pop(name) for name in ("name", "criteria") if head.get(name) is not None}
        try:
            return validate(cls, {**known, "text": parts[2].strip(), "meta": head}, file)
        except RecordError as error:
            hint = " (quote a sentence that holds a colon)" if (error.field or "").startswith("criteria") else ""
            raise RecordError(error.why + hint, file, field=error.field) from None
