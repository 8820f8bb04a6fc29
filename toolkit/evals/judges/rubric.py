"""Rubric: what a judge is told to look for, as a Markdown or YAML file that a person edits."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BeforeValidator, TypeAdapter

from toolkit.records import RecordError, fingerprint, read_text, validate, write_whole

FRONT_MATTER = re.compile(r"\s*---[ \t]*\n(.*?)^---[ \t]*$(.*)", re.DOTALL | re.MULTILINE)
YAML = (".yaml", ".yml")
DUMP: Any = partial(yaml.safe_dump, sort_keys=False, allow_unicode=True, width=100)
STRICT: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a good answer does."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    id: str
    """Letters, digits, ``_`` and ``-``. In a file, a sentence alone is called c1, c2 by its place.
    """
    text: str
    """A sentence that can be seen to hold or not."""
    rule: str = ""
    """How a `RuleJudge` checks it; blank where it takes a reader."""
    required: bool = False
    """Whether the whole fails where this fails, whatever the rubric's threshold."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of a criterion, or of the whole; the reasons come before the grade."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    critique: str
    verdict: str
    """A grade of the rubric's scale."""

    def __post_init__(self) -> None:
        if not self.critique.strip():
            raise ValueError("the critique is empty")


@dataclass(frozen=True, slots=True)
class Example:
    """A trace that the judge is shown, with the answer that a person would give."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    trace_id: str
    findings: dict[str, Finding]
    """What is said of each criterion, by its id."""


WHOLE = Criterion("whole", "All that is asked above holds.")
"""The criterion of a rubric that lists none."""
CRITERION_FIELDS = {"id", "text", "rule", "required"}


def _criteria(given: Any) -> Any:
    """Criteria as mappings; a sentence alone gets an id by its place."""
    if not isinstance(given, list | tuple):
        return given
    criteria: list[Any] = []
    for number, criterion in enumerate(given, 1):
        if isinstance(criterion, str):
            criteria.append({"id": f"c{number}", "text": criterion})
            continue
        if isinstance(criterion, dict) and not criterion.keys() & CRITERION_FIELDS:
            begin = next(iter(criterion), "")
            why = f"criterion {number} holds a colon, which YAML takes for a name and its value"
            raise ValueError(f'{why}: put the sentence in quotes, as "{begin}: ..."')
        criteria.append(criterion)
    return tuple(criteria) or (WHOLE,)


@dataclass(frozen=True, slots=True)
class Rubric:
    """What makes an answer good. Raises ValueError for what contradicts itself."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    name: str
    text: str
    """The question that the judge answers, in Markdown."""
    criteria: Annotated[tuple[Criterion, ...], BeforeValidator(_criteria)] = (WHOLE,)
    """Each is judged for itself. A sentence alone will do; none at all means `WHOLE`."""
    scale: tuple[str, ...] = ("pass", "fail")
    """The grades, best first."""
    passing: str = ""
    """The lowest grade that is a pass; blank means the best."""
    threshold: float = 1.0
    """The share of the criteria that must pass for a pass: 1 means all."""
    examples: tuple[Example, ...] = ()
    version: int = 1

    def __post_init__(self) -> None:
        criteria = tuple(
            Criterion(**c) if isinstance(c, dict) else c for c in _criteria(self.criteria)
        )
        object.__setattr__(self, "criteria", criteria)
        object.__setattr__(self, "text", re.sub("\r\n?", "\n", self.text).strip())
        if not all(words.strip() for words in (self.name, self.text, *(c.text for c in criteria))):
            raise ValueError(
                "a rubric needs a name, a text that tells what to judge, and no blank criterion"
            )
        ids = [c.id for c in criteria]
        if len(set(ids)) < len(ids) or not all(re.fullmatch(r"[\w-]{1,40}", id_) for id_ in ids):
            raise ValueError(
                f"criteria have short ids of letters, digits, _ and -, each its own; not {', '.join(ids)}"
            )
        if len(set(self.scale)) < max(2, len(self.scale)) or self.passing not in (
            "",
            *self.scale[:-1],
        ):
            raise ValueError(
                "a scale has two grades or more, best first; passing is one of them, and not the worst"
            )
        if not 0 < self.threshold <= 1:
            raise ValueError(f"the threshold is above 0 and at most 1, not {self.threshold}")
        for one in self.examples:
            if set(one.findings) != set(ids) or not {
                f.verdict for f in one.findings.values()
            } <= set(self.scale):
                raise ValueError(
                    f"example {one.trace_id}: it needs a grade of the scale for {', '.join(ids)}"
                )

    @property
    def hash(self) -> str:
        """SHA-256 of everything in it, 16 hex digits: a rubric with one changed letter is another
        rubric.
        """
        return fingerprint(asdict(self))[:16]

    @property
    def prompt(self) -> str:
        """The rubric as the judge reads it."""
        head = [
            "",
            f"Grades, best first: {', '.join(self.scale)}.",
            "Criteria, each graded for itself:",
        ]
        return "\n".join([self.text, *head, *(f"- {c.id}: {c.text}" for c in self.criteria)])

    def passes(self, grade: str) -> bool:
        """Whether `grade` is a pass. Raises ValueError for one that is not on the scale."""
        return self.scale.index(grade) <= self.scale.index(self.passing or self.scale[0])

    def decide(self, grades: Mapping[str, str]) -> Literal["pass", "fail"]:
        """The verdict that the `grades` of all criteria make. Raises KeyError where one is missing."""
        failed = [criterion for criterion in self.criteria if not self.passes(grades[criterion.id])]
        share = 1 - len(failed) / len(self.criteria)
        return (
            "fail" if share < self.threshold - 1e-9 or any(c.required for c in failed) else "pass"
        )

    @classmethod
    def load(cls, path: str | Path) -> "Rubric":
        """Read a Markdown file: the text, under YAML front matter with the other fields; or all of
        it in ``.yaml``.

        The front matter stands between two lines of ``---``; in it a sentence that holds a colon is
        quoted. Raises RecordError, which names the file and the field.
        """
        return cls.parse(read_text(path), path)

    @classmethod
    def parse(cls, source: str, file: str | Path = "rubric.md") -> "Rubric":
        """As `load`, from the text of a file called `file`."""
        head, body = _parts(source, file)
        try:
            # The line of --- is counted, as an editor does. No word is taken for a number or a
            # truth value by itself, so that grades may be 5 to 1, or yes and no; the fields that
            # are numbers are read as such afterwards.
            found = yaml.load("\n" * (body is not None) + head, yaml.BaseLoader)
        except yaml.YAMLError as error:
            hint = ""
            if "mapping values are not allowed" in str(error):
                hint = ". A sentence that holds a colon is put in quotes"
            raise RecordError(f"not YAML: {error}{hint}", str(file)) from None
        if not isinstance(found, dict):
            raise RecordError("the front matter is not a mapping of names to values", str(file), 2)
        try:
            return validate(cls, found if body is None else {**found, "text": body}, str(file))
        except RecordError as error:
            at = (error.field or "").split(".")
            inner = (
                Finding
                if "findings" in at
                else {"criteria": Criterion, "examples": Example}.get(at[0], cls)
            )
            known = (
                f": known are {', '.join(one.name for one in fields(inner))}"
                * error.why.startswith("Unexpected")
            )
            raise RecordError(error.why + known, error.file, error.line, error.field) from None

    def save(self, path: str | Path) -> None:
        """Write a new file, fsynced; where `path` holds this rubric already, whatever its comments,
        it stays as it is.

        Raises FileExistsError where something else is there, which somebody wrote: edit it, or save
        elsewhere.
        """
        with suppress(RecordError):
            if Path(path).exists() and Rubric.load(path) == self:
                return None
        if Path(path).exists():
            raise FileExistsError(f"{path} holds something else: edit it there, or save elsewhere")
        told = TypeAdapter(Rubric).dump_python(self, mode="json", exclude_defaults=True)
        if "criteria" in told:
            plain = enumerate(told["criteria"], 1)
            told["criteria"] = [
                c["text"] if c == {"id": f"c{n}", "text": c["text"]} else c for n, c in plain
            ]
        text = "" if Path(path).suffix in YAML else f"---\n\n{told.pop('text')}\n"
        source = "---\n" * bool(text) + DUMP(told) + text
        with suppress(RecordError):
            if Rubric.parse(source, path) == self:
                return write_whole(path, source)
        raise ValueError(
            f"{path}: something in this rubric cannot be written so that it is read back the same"
        )


def _parts(source: str, file: str | Path) -> tuple[str, str | None]:
    """The YAML of a rubric file, and the Markdown under it; None where all is YAML."""
    if Path(file).suffix in YAML:
        return source, None
    if not (parts := FRONT_MATTER.match(source)):
        raise RecordError("a rubric opens with front matter between two lines of ---", str(file), 1)
    return parts[1], parts[2]
