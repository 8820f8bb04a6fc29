"""Rubric: what a judge is told to look for, as a Markdown file that a person edits."""

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from toolkit.records import RecordError, canonical


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
        if not self.name.strip() or not self.text.strip():
            raise ValueError("a rubric needs a name and a text that says what to judge")

    @property
    def hash(self) -> str:
        """SHA-256 of everything in it, 16 hex digits: a rubric with one changed letter is another rubric."""
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()[:16]

    @property
    def prompt(self) -> str:
        """The rubric as the judge reads it."""
        numbered = (f"{number}. {criterion}" for number, criterion in enumerate(self.criteria, 1))
        return "\n".join(
            [self.text.strip(), *(["", "Criteria, all of which must hold:"] * bool(self.criteria)), *numbered]
        )

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
        lines = Path(path).read_text(encoding="utf-8").lstrip("\ufeff").splitlines()
        if not lines or lines[0].strip() != "---" or "---" not in [line.strip() for line in lines[1:]]:
            raise RecordError("a rubric opens with front matter between two lines of ---", file, 1)
        end = [line.strip() for line in lines[1:]].index("---") + 1
        try:
            head = yaml.safe_load("\n".join(lines[1:end])) or {}
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            raise RecordError(f"not YAML: {error}", file, mark.line + 2 if mark else None) from None
        if not isinstance(head, dict):
            raise RecordError("the front matter is not a mapping of names to values", file, 2)
        return _rubric(head, "\n".join(lines[end + 1 :]).strip(), file)


def _rubric(head: dict[str, Any], text: str, file: str) -> Rubric:
    name, criteria = head.pop("name", None), head.pop("criteria", None) or []
    if not isinstance(name, str) or not name.strip():
        raise RecordError("the rubric needs a name", file, field="name")
    if not isinstance(criteria, list) or not all(isinstance(one, str) and one.strip() for one in criteria):
        raise RecordError("a list of sentences is wanted (quote one that holds a colon)", file, field="criteria")
    if not text:
        raise RecordError("no text under the front matter: say what to judge", file)
    return Rubric(name, text, tuple(criteria), {str(key): _plain(value) for key, value in head.items()})


def _plain(value: Any) -> Any:
    """YAML's dates become text, so that the hash is of JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
