"""Labels: what a person thought of a trace, and why. The file is only ever added to."""

import time as clock
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args
from uuid import uuid4

from pydantic import BeforeValidator

from toolkit.evals.text import spelling
from toolkit.records import FileChanged, JsonlFile, Line, RecordError, canonical

if TYPE_CHECKING:
    import pandas as pd

Judgement = Literal["pass", "fail", "defer"]
"""``defer`` is "I cannot say yet": kept, counted, and in no statistic."""

RaterKind = Literal["human", "model", "simulated"]
"""Who rated. Only ``human`` may stand under the words human alignment."""

TRIES = 100


def tidy(name: str) -> str:
    """A rater's name, or a code, in Unicode's NFC and without blanks around it: what looks the same
    is the same.
    """
    return unicodedata.normalize("NFC", name).strip()


@dataclass(frozen=True, slots=True)
class Label:
    """One rater's verdict on one trace. Raises ValueError for blank words, and for a verdict that
    there is not.
    """

    trace_id: str
    rater: str
    verdict: Judgement
    why: str
    """The reason, in the rater's own words. Never blank: a verdict without one teaches nothing."""
    rater_kind: RaterKind = "human"
    id: str = field(default_factory=lambda: uuid4().hex)
    """Unique; a second record with the same id is the same label."""
    time: float = field(default_factory=clock.time)
    """Seconds since 1970 UTC."""

    def __post_init__(self) -> None:
        for name in ("trace_id", "rater", "why", "id", "verdict", "rater_kind", "time"):
            value = getattr(self, name)
            if hasattr(value, "item"):  # a scalar of numpy, as a table gives it
                object.__setattr__(self, name, value.item())
        for name in ("trace_id", "rater", "why", "id"):
            text = getattr(self, name)
            if not isinstance(text, str) or not text.strip():
                hint = ": say why, in a few words" if name == "why" else ""
                raise ValueError(
                    f"a label of trace {self.trace_id!r} needs {name}{hint}; it is {text!r}"
                )
        object.__setattr__(self, "rater", tidy(self.rater))
        for name, word, known in (
            ("verdict", self.verdict, Judgement),
            ("rater_kind", self.rater_kind, RaterKind),
        ):
            if word not in get_args(known):
                raise ValueError(
                    f"a label's {name} is one of {', '.join(get_args(known))}, not {word!r}"
                )
        if not isfinite(
            self.time
        ):  # JSON has no such number: the label could be written, and never be read
            raise ValueError(f"a label's time is a number of seconds, not {self.time}")


@dataclass(frozen=True, slots=True)
class Retraction:
    """The record of this id is taken back; the record itself stays in the file."""

    retracts: str
    time: float = field(default_factory=clock.time)
    trace_id: str | None = None
    """Of the label: another program may give one id to the labels of several raters. None where
    nobody said.
    """
    rater: str | None = None
    """Who gave the label, or did what is taken back. None where nobody said."""


def _as_stored(line: Any) -> Any:
    """Refuse a stored label that leaves to a default who rated, or the id by which it is taken
    back.
    """
    stored = line if isinstance(line, dict) else {"retracts": None}
    if missing := [name for name in ("rater_kind", "id") if not stored.keys() & {name, "retracts"}]:
        raise ValueError(f"a stored label needs {missing[0]}: write it into the line")
    return line


LINE: Any = Annotated[Label | Retraction, BeforeValidator(_as_stored)]


class LabelStore:
    """Labels in an append-only JSONL file that several processes may write.

    Each action is fsynced before it returns, and each reading is of the file (which the first `add`
    makes), so a new store on the same path goes on where the last one was killed.
    """

    def __init__(self, path: "str | PathLike[str]"):
        self.path = Path(path).expanduser()
        self._file = JsonlFile(self.path, LINE)
        self._text, self._whole, self._known = b"", 0, list[Line]()

    def __fspath__(self) -> str:
        return str(self.path)

    def add(self, label: Label) -> None:
        """Write `label`. Raises TimeoutError where another process holds the file's lock too long.

        Raises ValueError where its id was taken back, or is another label's: such a label would
        never count.
        """
        if not isinstance(label, Label):
            raise TypeError(f"a LabelStore takes a Label, not {type(label).__name__}: {label!r}")
        lines = self._lines()
        if canonical(label.id).encode() in self._text:
            known = (line.record for line in lines)
            if any(
                label.id in (getattr(x, "retracts", ""), getattr(x, "id", "")) and x != label
                for x in known
            ):
                raise ValueError(
                    f"{self.path}: the id {label.id} is taken: a new Label gets an id of its own"
                )
        self._file.append(label)

    def undo(self, rater: str | None = None) -> Label | None:
        """Take back the newest label (of `rater`, or of anyone), and return it; None where there is
        none. Where it replaced an older label of the same trace by the same rater, that one counts
        again.
        """
        newest: list[Label] = []

        def decide() -> list[Retraction]:
            standing = [
                label for label in self._standing() if rater is None or label.rater == tidy(rater)
            ]
            newest[:] = standing[-1:]
            return [
                Retraction(label.id, trace_id=label.trace_id, rater=label.rater) for label in newest
            ]

        append_decided(self._file, decide)
        return newest[0] if newest else None

    def labels(self) -> list[Label]:
        """What counts now: the last label of each rater on each trace, unless taken back, oldest
        first.
        """
        last: dict[tuple[str, str], Label] = {}
        for label in self._standing():
            last.pop((label.trace_id, label.rater), None)
            last[label.trace_id, label.rater] = label
        return list(last.values())

    def frame(self) -> "pd.DataFrame":
        """`labels` as a table: ``trace_id, rater, verdict, why, rater_kind, time``."""
        import pandas as pd

        columns = ["trace_id", "rater", "verdict", "why", "rater_kind", "time"]
        return pd.DataFrame([asdict(label) for label in self.labels()], columns=columns)

    @property
    def problems(self) -> tuple[RecordError, ...]:
        """Lines that cannot be read, contradict another, or spell a rater anew, each with file,
        line and field.
        """
        lines = self._lines()
        unread = [line.error for line in lines if line.error]
        return (*unread, *_labels_in(lines, str(self.path))[1])

    def _lines(self) -> list[Line]:
        """Each line of the file; only what was added since the last reading is decoded, unless more
        changed.
        """
        text = self._file.utf8(self.path.read_bytes()) if self.path.exists() else b""
        if not text.startswith(self._text[: self._whole]):
            self._whole, self._known = 0, []
        whole = text.rfind(b"\n") + 1  # what stands behind it may yet be written on, or moved aside
        first = text.count(b"\n", 0, self._whole) + 1
        self._known += self._file.read(text[self._whole : whole], first)
        self._text, self._whole = text, whole
        return [*self._known, *self._file.read(text[whole:], text.count(b"\n") + 1)]

    def _standing(self) -> list[Label]:
        """Every label that was not taken back, in the order of the file."""
        return _labels_in(self._lines(), str(self.path))[0]


def append_decided(file: JsonlFile, decide: Callable[[], Sequence[Any]]) -> None:
    """Append what `decide` makes of the file as it is; decide anew where another program wrote to
    it meanwhile.

    Raises FileChanged where that goes on for `TRIES` times.
    """
    for _ in range(TRIES):
        end = file.content().end
        records = decide()
        if not records:
            return
        try:
            file.append(*records, expected_end=end)
        except FileChanged:
            continue
        return
    raise FileChanged(f"{file.path}: other programs write to it all the time; try again")


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
            if labels.setdefault((record.id, record.trace_id, record.rater), record) != record:
                why = f"label {record.id} stands further up with other contents, which count: give this an id of its own"
                problems.append(RecordError(why, file, number, "id"))
            if why := _new_spelling(record.rater, raters):
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


def _new_spelling(rater: str, known: dict[str, list[str]]) -> str:
    """What is to be said of `rater`, where the name is `known` in other letters; it is then known
    too.
    """
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
        if retraction.trace_id in (None, label.trace_id) and retraction.rater in (
            None,
            label.rater,
        ):
            if retraction.rater is None and len(labels) > 1:
                return (
                    label,
                    f"{len(labels)} labels have the id {label.id}: the first is taken back",
                )
            return label, ""
    return (
        None,
        f"it takes back a label {retraction.retracts} that is not in this file, or is another rater's",
    )


def merge_labels(stores: Iterable[str | PathLike[str]], field: str = "verdict") -> "pd.DataFrame":
    """The labels of several raters: a row a trace, a column a rater, None where there is no label.

    As verdicts it is what `agreement` takes: a deferred one is None too, for it is in no statistic.
    Another `field` (``why``, ``id``, ``rater_kind`` ...) gives the same table of that field,
    deferred labels included. A line that cannot be read is a warning. Raises FileNotFoundError,
    since a name that was mistyped must not lose a rater, and ValueError where two files hold
    different labels of one rater on one trace.
    """
    import pandas as pd

    cells: dict[str, dict[str, Any]] = {}
    for label in gather_labels(stores):
        told = None if (field, label.verdict) == ("verdict", "defer") else getattr(label, field)
        cells.setdefault(label.rater, {})[label.trace_id] = told
    table = pd.DataFrame(cells, dtype=object).rename_axis(index="trace_id", columns="rater")
    return table.where(table.notna(), None)


def gather_labels(stores: Iterable[str | PathLike[str]]) -> list[Label]:
    """What counts now in all `stores`. Warns and raises as `merge_labels` does."""
    found: dict[tuple[str, str], Label] = {}
    if isinstance(stores, str | PathLike):
        raise TypeError(
            f"stores is a list of the raters' files, and not one file: [{str(stores)!r}]"
        )
    raters: dict[str, list[str]] = {}
    for store in map(LabelStore, stores):
        if not store.path.is_file():
            raise FileNotFoundError(
                f"{store.path} is not there: a rater's file begins with their first label"
            )
        if problems := store.problems:
            warnings.warn(f"{len(problems)} lines need a look; first {problems[0]}", stacklevel=3)
        for label in store.labels():
            if why := _new_spelling(label.rater, raters):
                warnings.warn(f"{store.path}: {why}", stacklevel=3)
            if found.setdefault((label.trace_id, label.rater), label) != label:
                raise ValueError(
                    f"{store.path}: {label.rater} has another label of {label.trace_id} in another file"
                )
    return list(found.values())
