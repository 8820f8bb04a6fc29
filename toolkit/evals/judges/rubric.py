"""Rubric: what a judge is told to look for, as a Markdown or YAML file that a person edits."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, TypeAdapter

from toolkit.evals.judges.front_matter import fields_in, located, source_of
from toolkit.records import RecordError, fingerprint, read_text, validate, write_whole
from toolkit.shown import Shown

STRICT: dict[str, Any] = {"extra": "forbid"}
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Criterion(Shown):
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
class Finding(Shown):
    """What is said of a criterion, or of the whole; the reasons come before the grade."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    critique: str
    verdict: str
    """A grade of the rubric's scale."""

    def __post_init__(self) -> None:
        if not self.critique.strip():
            raise ValueError("the critique is empty")


@dataclass(frozen=True, slots=True)
class Example(Shown):
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
class Rubric(Shown):
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
        criteria = []
        for criterion in _criteria(self.criteria):
            if isinstance(criterion, dict):
                criterion = Criterion(**criterion)
            criteria.append(criterion)
        object.__setattr__(self, "criteria", tuple(criteria))
        object.__setattr__(self, "text", re.sub("\r\n?", "\n", self.text).strip())
        texts = [self.name, self.text, *(criterion.text for criterion in criteria)]
        if not all(text.strip() for text in texts):
            raise ValueError(
                "a rubric needs a name, a text that tells what to judge, and no blank criterion"
            )
        self._check_ids()
        self._check_scale()
        if not 0 < self.threshold <= 1:
            raise ValueError(f"the threshold is above 0 and at most 1, not {self.threshold}")
        for example in self.examples:
            self._check_example(example)

    def _check_ids(self) -> None:
        ids = [criterion.id for criterion in self.criteria]
        are_short = all(re.fullmatch(r"[\w-]{1,40}", criterion_id) for criterion_id in ids)
        if len(set(ids)) < len(ids) or not are_short:
            raise ValueError(
                "criteria have short ids of letters, digits, _ and -, each its own; "
                f"not {', '.join(ids)}"
            )

    def _check_scale(self) -> None:
        are_grades = len(self.scale) >= 2 and len(set(self.scale)) == len(self.scale)
        if not are_grades or self.passing not in ("", *self.scale[:-1]):
            raise ValueError(
                "a scale has two grades or more, best first; passing is one of them, and not the "
                "worst"
            )

    def _check_example(self, example: Example) -> None:
        ids = [criterion.id for criterion in self.criteria]
        grades = {finding.verdict for finding in example.findings.values()}
        if set(example.findings) != set(ids) or not grades <= set(self.scale):
            raise ValueError(
                f"example {example.trace_id}: it needs a grade of the scale for {', '.join(ids)}"
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
        lines = [
            self.text,
            "",
            f"Grades, best first: {', '.join(self.scale)}.",
            "Criteria, each graded for itself:",
        ]
        for criterion in self.criteria:
            lines.append(f"- {criterion.id}: {criterion.text}")
        return "\n".join(lines)

    def passes(self, grade: str) -> bool:
        """Whether `grade` is a pass. Raises ValueError for one that is not on the scale."""
        lowest_pass = self.passing or self.scale[0]
        return self.scale.index(grade) <= self.scale.index(lowest_pass)

    def decide(self, grades: Mapping[str, str]) -> Literal["pass", "fail"]:
        """The verdict that the `grades` of all criteria make. KeyError where one is missing."""
        failed = [criterion for criterion in self.criteria if not self.passes(grades[criterion.id])]
        if any(criterion.required for criterion in failed):
            return "fail"
        share_passed = 1 - len(failed) / len(self.criteria)
        return "pass" if share_passed >= self.threshold - ROUNDING else "fail"

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
        given = fields_in(source, file)
        try:
            return validate(cls, given, str(file))
        except RecordError as error:
            why = error.why
            if why.startswith("Unexpected"):
                known = fields(_class_of_field(error.field))
                why += f": known are {', '.join(field.name for field in known)}"
            plainer = RecordError(why, error.file, error.line, error.field)
            raise located(plainer, source, file) from None

    def save(self, path: str | Path) -> None:
        """Write a new file, fsynced; where `path` holds this rubric already, whatever its comments,
        it stays as it is.

        Raises FileExistsError where something else is there, which somebody wrote: edit it, or save
        elsewhere.
        """
        if Path(path).exists():
            with suppress(RecordError):
                if Rubric.load(path) == self:
                    return
            raise FileExistsError(f"{path} holds something else: edit it there, or save elsewhere")
        stated = TypeAdapter(Rubric).dump_python(self, mode="json", exclude_defaults=True)
        if "criteria" in stated:
            stated["criteria"] = _sentences(stated["criteria"])
        source = source_of(stated, path)
        with suppress(RecordError):
            if Rubric.parse(source, path) == self:
                write_whole(path, source)
                return
        raise ValueError(
            f"{path}: something in this rubric cannot be written so that it is read back the same"
        )


def _class_of_field(path: str | None) -> Any:
    """The dataclass that holds the field at `path`, as ``criteria.0.text``."""
    names = (path or "").split(".")
    if "findings" in names:
        return Finding
    return {"criteria": Criterion, "examples": Example}.get(names[0], Rubric)


def _sentences(criteria: list[dict[str, Any]]) -> list[Any]:
    """Criteria as a person writes them: a sentence alone where its id is by its number."""
    written: list[Any] = []
    for number, criterion in enumerate(criteria, 1):
        is_sentence = criterion == {"id": f"c{number}", "text": criterion["text"]}
        written.append(criterion["text"] if is_sentence else criterion)
    return written
