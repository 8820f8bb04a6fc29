"""Labels: what a person thought of a trace, and why. The file is only ever added to."""

import time as clock
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from math import isfinite
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args
from uuid import uuid4

from pydantic import BeforeValidator

from toolkit.records import JsonlFile, Line, RecordError, canonical

if TYPE_CHECKING:
    import pandas as pd

Judgement = Literal["pass", "fail", "defer"]
"""``defer`` is "I cannot say yet": kept, counted, and in no statistic."""

RaterKind = Literal["human", "model", "simulated"]
"""Who rated. Only ``human`` may stand under the words human alignment."""


@dataclass(frozen=True, slots=True)
class Label:
    """One rater's verdict on one trace. Raises ValueError for blank words, and for a verdict that there is not."""

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
        for name in ("trace_id", "rater", "why", "id"):
            if not isinstance(told := getattr(self, name), str) or not told.strip():
                hint = ": say why, in a few words" if name == "why" else ""
                raise ValueError(f"a label of trace {self.trace_id!r} needs {name}{hint}; it is {told!r}")
        for name, told, known in (("verdict", self.verdict, Judgement), ("rater_kind", self.rater_kind, RaterKind)):
            if told not in get_args(known):
                raise ValueError(f"a label's {name} is one of {', '.join(get_args(known))}, not {told!r}")
        if not isfinite(self.time):  # JSON has no such number: the label could be written, and never be read
            raise ValueError(f"a label's time is a number of seconds, not {self.time}")


@dataclass(frozen=True, slots=True)
class Retraction:
    """The label of this id is taken back; the label itself stays in the file."""

    retracts: str
    time: float = field(default_factory=clock.time)


def _as_stored(line: Any) -> Any:
    """Refuse a stored label that leaves to a default who rated, or the id by which it is taken back."""
    stored = line if isinstance(line, dict) else {"retracts": None}
    if missing := [name for name in ("rater_kind", "id") if not stored.keys() & {name, "retracts"}]:
        raise ValueError(f"a stored label needs {missing[0]}: write it into the line")
    return line


LINE: Any = Annotated[Label | Retraction, BeforeValidator(_as_stored)]


class LabelStore:
    """Labels in an append-only JSONL file that several processes may write.

    Each action is fsynced before it returns, and each reading is of the file (which the first `add` makes), so a
    new store on the same path goes on where the last one was killed.
    """

    def __init__(self, path: "str | PathLike[str]"):
        self.path = Path(path).expanduser()
        self._file = JsonlFile(self.path, LINE)
        self._text, self._whole, self._known = b"", 0, list[Line]()

    def __fspath__(self) -> str:
        return str(self.path)

    def add(self, label: Label) -> None:
        """Write `label`. Raises TimeoutError where another process holds the file's lock too long.

        Raises ValueError where its id was taken back, or is another label's: such a label would never count.
        """
        if not isinstance(label, Label):
            raise TypeError(f"a LabelStore takes a Label, not {type(label).__name__}: {label!r}")
        lines = self._lines()
        if canonical(label.id).encode() in self._text:
            known = (line.record for line in lines)
            if any(label.id in (getattr(x, "retracts", ""), getattr(x, "id", "")) and x != label for x in known):
                raise ValueError(f"{self.path}: the id {label.id} is taken: a new Label gets an id of its own")
        self._file.append(label)

    def undo(self, rater: str | None = None) -> Label | None:
        """Take back the newest label (of `rater`, or of anyone), and return it; None where there is none.
        Where it replaced an older label of the same trace by the same rater, that one counts again.
        """
        standing = [label for label in self._standing() if rater in (None, label.rater)]
        if not standing:
            return None
        self._file.append(Retraction(standing[-1].id))
        return standing[-1]

    def labels(self) -> list[Label]:
        """What counts now: the last label of each rater on each trace, unless taken back, oldest first."""
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
        """Lines that cannot be read, each with file, line and field. The others count."""
        return tuple(line.error for line in self._lines() if line.error)

    def _lines(self) -> list[Line]:
        """Each line of the file; only what was added since the last reading is decoded, unless more changed."""
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
        found: dict[str, Label] = {}
        gone: set[str] = set()
        for line in self._lines():
            if isinstance(line.record, Retraction):
                gone.add(line.record.retracts)
            elif line.record:
                found.setdefault(line.record.id, line.record)
        return [label for label in found.values() if label.id not in gone]


def merge_labels(stores: Iterable[str | PathLike[str]], field: str = "verdict") -> "pd.DataFrame":
    """The labels of several raters: a row a trace, a column a rater, None where there is no label.

    As verdicts it is what `agreement` takes: a deferred one is None too, for it is in no statistic. Another `field`
    (``why``, ``id``, ``rater_kind`` ...) gives the same table of that field, deferred labels included. A line that
    cannot be read is a warning. Raises FileNotFoundError, since a name that was mistyped must not lose a rater, and
    ValueError where two files hold different labels of one rater on one trace.
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
        raise TypeError(f"stores is a list of the raters' files, and not one file: [{str(stores)!r}]")
    for store in map(LabelStore, stores):
        if not store.path.is_file():
            raise FileNotFoundError(f"{store.path} is not there: a rater's file begins with their first label")
        if store.problems:
            warnings.warn(f"{len(store.problems)} labels cannot be read; first {store.problems[0]}", stacklevel=3)
        for label in store.labels():
            if found.setdefault((label.trace_id, label.rater), label) != label:
                raise ValueError(f"{store.path}: {label.rater} has another label of {label.trace_id} in another file")
    return list(found.values())
