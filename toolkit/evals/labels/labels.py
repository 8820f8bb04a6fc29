"""Labels: what a person thought of a trace, and why. The file is only ever added to."""

import time as clock
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args
from uuid import uuid4

from pydantic import BeforeValidator, Field

from toolkit.evals.labels.spelled import TAG_SEPARATOR, tidy, tidy_quote, tidy_tags
from toolkit.evals.labels.store import RetractableFile, Retraction
from toolkit.evals.text import spelling
from toolkit.jsonl import Line
from toolkit.records import RecordError, canonical
from toolkit.shown import Shown

if TYPE_CHECKING:
    import pandas as pd

Judgement = Literal["pass", "fail", "defer"]
"""``defer`` is "I cannot say yet": kept, counted, and in no statistic."""

RaterKind = Literal["human", "model", "simulated"]
"""Who rated. Only ``human`` may stand under the words human alignment."""

TEXT_FIELDS = ("trace_id", "rater", "why", "id")
LABEL_FIELDS = tuple("trace_id rater verdict why rater_kind step quote tags time id".split())


@dataclass(frozen=True, slots=True)
class Label(Shown):
    """One rater's verdict on one trace. Raises ValueError for blank words, and for a verdict that
    there is not.
    """

    trace_id: str
    rater: str
    verdict: Judgement
    why: str
    """The reason, in the rater's own words. Never blank: a verdict without one teaches nothing."""
    rater_kind: RaterKind = "human"
    step: str | None = None
    """The id of the step where it goes wrong, or that the verdict is about; None for the trace as a
    whole."""
    id: str = field(default_factory=lambda: uuid4().hex)
    """Unique; a second record with the same id is the same label."""
    time: float = field(default_factory=clock.time)
    """Seconds since 1970 UTC."""
    quote: str | None = None
    """The words of the step that the reason is about, as they are shown; None for all of it. At
    most 1,000 characters."""
    tags: Annotated[tuple[str, ...], Field(exclude_if=lambda tags: not tags)] = ()
    """What else was said of the trace, in a word or two each. No verdict depends on it."""

    def __post_init__(self) -> None:
        for name in LABEL_FIELDS:
            value = getattr(self, name)
            if hasattr(value, "item"):  # a scalar of numpy, as a table gives it
                object.__setattr__(self, name, value.item())
        for name in TEXT_FIELDS:
            text = getattr(self, name)
            if not isinstance(text, str) or not text.strip():
                hint = ": say why, in a few words" if name == "why" else ""
                raise ValueError(
                    f"a label of trace {self.trace_id!r} needs {name}{hint}; it is {text!r}"
                )
        if self.step is not None and (not isinstance(self.step, str) or not self.step.strip()):
            raise ValueError(f"a label's step is the id of a step, or None, not {self.step!r}")
        object.__setattr__(self, "rater", tidy(self.rater))
        object.__setattr__(self, "quote", tidy_quote(self.quote))
        object.__setattr__(self, "tags", tidy_tags(self.tags))
        _refuse_other_words("verdict", self.verdict, get_args(Judgement))
        _refuse_other_words("rater_kind", self.rater_kind, get_args(RaterKind))
        if not isfinite(self.time):
            # JSON has no such number: the label could be written, and never be read
            raise ValueError(f"a label's time is a number of seconds, not {self.time}")


def _refuse_other_words(name: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise ValueError(f"a label's {name} is one of {', '.join(known)}, not {word!r}")


def _as_stored(line: Any) -> Any:
    """Refuse a stored label that leaves to a default who rated, or the id by which it is taken
    back.
    """
    if not isinstance(line, dict) or "retracts" in line:
        return line
    for name in ("rater_kind", "id"):
        if name not in line:
            raise ValueError(f"a stored label needs {name}: write it into the line")
    return line


LINE: Any = Annotated[Label | Retraction, BeforeValidator(_as_stored)]


class LabelStore:
    """Labels in an append-only JSONL file that several processes may write.

    Each action is fsynced before it returns, and each reading is of the file, so a new store on the
    same path goes on where the last one was killed. Raises FileNotFoundError where there is no file
    at `path`, since a name that was mistyped must not lose a rater; with `make` the first `add`
    makes it.
    """

    def __init__(self, path: "str | PathLike[str]", make: bool = False):
        self.path = Path(path).expanduser()
        self._file = RetractableFile(self.path, LINE)
        if not make and not self.path.is_file():
            raise FileNotFoundError(
                f"{self.path} is not there: a rater's file begins with their first label. To begin "
                "one, use LabelStore(path, make=True)"
            )

    def __fspath__(self) -> str:
        return str(self.path)

    def add(self, label: Label) -> None:
        """Write `label`. Raises TimeoutError where another process holds the file's lock too long.

        Raises ValueError where its id was taken back, or is another label's: such a label would
        never count.
        """
        if not isinstance(label, Label):
            raise TypeError(f"a LabelStore takes a Label, not {type(label).__name__}: {label!r}")
        lines = self._file.current_lines()
        may_be_known = canonical(label.id).encode() in self._file.text
        if may_be_known and any(_takes_id(line.record, label) for line in lines):
            raise ValueError(
                f"{self.path}: the id {label.id} is taken: a new Label gets an id of its own"
            )
        self._file.append(label)

    def undo(self, rater: str | None = None) -> Label | None:
        """Take back the newest label (of `rater`, or of anyone), and return it; None where there is
        none. Where it replaced an older label of the same trace by the same rater, that one counts
        again.
        """

        def newest() -> tuple[list[Label], Retraction] | None:
            for label in reversed(self._standing()):
                if rater is None or label.rater == tidy(rater):
                    retraction = Retraction(label.id, trace_id=label.trace_id, rater=label.rater)
                    return [label], retraction
            return None

        labels = self._file.take_back(newest)
        return labels[0] if labels else None

    def labels(self) -> list[Label]:
        """What counts now: the last label of each rater on each trace, unless taken back, oldest
        first.
        """
        last: dict[tuple[str, str], Label] = {}
        for label in self._standing():
            last.pop((label.trace_id, label.rater), None)  # so that it moves to the end
            last[label.trace_id, label.rater] = label
        return list(last.values())

    def frame(self) -> "pd.DataFrame":
        """`labels` as the table of `labels_frame`, without the ids."""
        return labels_frame(self.labels()).drop(columns="id")

    @property
    def problems(self) -> tuple[RecordError, ...]:
        """Lines that cannot be read, contradict another, or spell a rater anew, each with file,
        line and field.
        """
        lines = self._file.current_lines()
        unread = [line.error for line in lines if line.error]
        contradictions = _labels_in(lines, str(self.path))[1]
        return (*unread, *contradictions)

    def _standing(self) -> list[Label]:
        """Every label that was not taken back, in the order of the file."""
        return _labels_in(self._file.current_lines(), str(self.path))[0]


def labels_frame(labels: Iterable[Label]) -> "pd.DataFrame":
    """`labels` as a table, a row each.

    Its columns are ``trace_id, rater, verdict, why, rater_kind, step, quote, tags, time, id``. Tags
    stand in a text, as ``tone, policy``: ``frame.tags.str.get_dummies(", ")`` is a column a tag.

    ``labels_frame(store.labels()).to_csv("labels.csv", index=False)`` writes a file that
    `labels_from_frame` reads back.
    """
    import pandas as pd

    rows = []
    for label in labels:
        rows.append(asdict(label) | {"tags": TAG_SEPARATOR.join(label.tags)})
    return pd.DataFrame(rows, columns=list(LABEL_FIELDS))


def _takes_id(record: Any, label: Label) -> bool:
    """Whether `record` is another label of this id, or takes the id back."""
    if isinstance(record, Retraction):
        return record.retracts == label.id
    return isinstance(record, Label) and record.id == label.id and record != label


def _labels_in(lines: Iterable[Line], file: str) -> tuple[list[Label], list[RecordError]]:
    """The labels of `lines` that were not taken back, and what is wrong with lines that can be
    read.

    A label is known by its id, its trace and its rater: an export may give one id to the labels of
    several raters.
    """
    labels: dict[tuple[str, str, str], Label] = {}
    retractions: list[tuple[int, Retraction]] = []
    raters: dict[str, list[str]] = {}
    problems = []
    for number, record, _ in lines:
        if isinstance(record, Retraction):
            retractions.append((number, record))
        elif isinstance(record, Label):
            known = labels.setdefault((record.id, record.trace_id, record.rater), record)
            if known != record:
                why = (
                    f"label {record.id} stands further up with other contents, which count: "
                    "give this an id of its own"
                )
                problems.append(RecordError(why, file, number, "id"))
            if why := new_spelling(record.rater, raters):
                problems.append(RecordError(why, file, number, "rater"))
    by_id: dict[str, list[Label]] = {}
    for label in labels.values():
        by_id.setdefault(label.id, []).append(label)
    for number, retraction in retractions:
        target, why = _taken_back(retraction, by_id.get(retraction.retracts, []))
        if target:
            labels.pop((target.id, target.trace_id, target.rater), None)
        if why:
            problems.append(RecordError(why, file, number, "retracts"))
    return list(labels.values()), problems


def new_spelling(rater: str, known: dict[str, list[str]]) -> str:
    """A warning, where the name of `rater` is `known` in other letters; it is then known too."""
    spellings = known.setdefault(spelling(rater), [])
    if rater in spellings:
        return ""
    spellings.append(rater)
    if len(spellings) == 1:
        return ""
    return f"rater {rater!r} is {spellings[0]!r} in other letters: they count as two"


def _taken_back(retraction: Retraction, labels: Sequence[Label]) -> tuple[Label | None, str]:
    """Which of `labels`, those of its id, a `retraction` takes back, and what is wrong with it."""
    for label in labels:
        is_its_trace = retraction.trace_id in (None, label.trace_id)
        is_its_rater = retraction.rater in (None, label.rater)
        if not is_its_trace or not is_its_rater:
            continue
        why = ""
        if retraction.rater is None and len(labels) > 1:
            why = f"{len(labels)} labels have the id {label.id}: the first is taken back"
        return label, why
    target = f"a label {retraction.retracts} that is not in this file, or is another rater's"
    return None, f"it takes back {target}"
