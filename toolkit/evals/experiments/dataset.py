"""Dataset: cases to run an agent on, each with the trace, the labels and the person that it came
from.
"""

import time as clock
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from toolkit import render
from toolkit.evals.experiments.openai_evals import exported_cases
from toolkit.evals.labels.labels import Label
from toolkit.evals.text import user_messages
from toolkit.jsonl import LOCK_TIMEOUT_S
from toolkit.records import (
    RecordError,
    canonical,
    decode,
    encode,
    fingerprint,
    read_text,
    write_whole,
)
from toolkit.shown import Shown
from toolkit.traces import Source, Trace
from toolkit.traces.amounts import quantity

REASON_FIELDS = ("rater", "rater_kind", "verdict", "why")


@dataclass(frozen=True, slots=True)
class Case(Shown):
    """One input, what is expected of it, and where it came from."""

    id: str
    input: Any
    """What the task is given, as JSON. Of a promoted trace: the user's messages, a list of str."""
    expected: Any = None
    """What a good answer holds, as JSON; None where nobody has said."""
    trace_id: str | None = None
    """The trace that it was promoted from, for the labels that the next field names."""
    label_ids: tuple[str, ...] = ()
    source: Source | None = None
    """Of the trace."""
    promoted_by: str | None = None
    promoted_time: float | None = None
    """When, in seconds since 1970 UTC."""
    meta: dict[str, Any] = field(default_factory=dict)
    """The rest. ``reasons`` holds rater, kind of rater, verdict and reason of each label."""


def promote(
    trace: Trace,
    labels: Sequence[Label],
    by: str,
    expected: Any = None,
    meta: dict[str, Any] | None = None,
) -> Case:
    """Make a case of a labelled trace, for the reasons that its labels give.

    The input is the list of the user's messages; what the agent said between them is left out,
    because another agent will say something else. `by` is who promotes it; `expected` and `meta`
    are kept with the case. Raises ValueError for labels of another trace, no labels, no name, or a
    trace in which no user speaks.
    """
    messages = user_messages(trace)
    foreign = sorted({label.trace_id for label in labels} - {trace.id})
    case = f"case of trace {trace.id}"
    if not labels:
        raise ValueError(f"{case}: no label given; give those that say why it matters")
    if foreign:
        raise ValueError(f"{case}: labels of {', '.join(foreign)} given; give its own")
    if not messages:
        raise ValueError(f"{case}: no user speaks in it")
    if not by.strip():
        raise ValueError(f"{case}: it needs the name of who promotes it")
    reasons = []
    for label in labels:
        reasons.append({name: getattr(label, name) for name in REASON_FIELDS})
    return Case(
        id="case-" + fingerprint([trace.id, messages])[:12],
        input=messages,
        expected=expected,
        trace_id=trace.id,
        label_ids=tuple(label.id for label in labels),
        source=trace.source,
        promoted_by=by,
        promoted_time=clock.time(),
        meta={**(meta or {}), "reasons": reasons},
    )


CASES_SHOWN = 20


def _first_reason(case: Case) -> str:
    """The reason of the first label; blank where the case has none."""
    reasons = case.meta.get("reasons")
    first = reasons[0] if isinstance(reasons, list) and reasons else None
    return str(first.get("why", "")) if isinstance(first, dict) else ""


class Dataset:
    """Cases in order, each added as by `add`, under a name."""

    def __init__(self, cases: Iterable[Case] = (), name: str = "dataset"):
        self.name = name
        self.cases: list[Case] = []
        self._known: dict[tuple[str, str], str] = {}
        self.problems: tuple[RecordError, ...] = ()
        self._loaded: tuple[Path, bytes] | None = None
        """The file that it was loaded from, and what that held."""
        for case in cases:
            self.add(case)

    def _repr_html_(self) -> str:
        rows = []
        for case in self.cases[:CASES_SHOWN]:
            rows.append((case.id, case.trace_id or "", _first_reason(case)))
        head = f"{self.name}: {quantity(len(self.cases), 'case')}"
        table = render.table(rows, ("case", "from the trace", "why"))
        return render.block(render.tag("p", head), table)

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def add(self, case: Case) -> None:
        """Add `case`. Raises ValueError where one has its id, or the same input and expectation: it
        counts once.
        """
        content = canonical([case.input, case.expected])
        keys = (("id", case.id), ("content", content))
        for key in keys:
            if key in self._known:
                raise ValueError(
                    f"case {case.id} is a duplicate of {self._known[key]} in dataset {self.name}"
                )
        self._known |= dict.fromkeys(keys, case.id)
        self.cases.append(case)

    @classmethod
    def load(cls, path: str | Path) -> "Dataset":
        """Read a JSONL file of cases, or an export of OpenAI's hosted Evals.

        What cannot be read, or repeats a case, is left in `problems`. The graders of an export stay
        with its cases, under ``testing_criteria`` of their meta: the source of one is never run.
        """
        dataset = cls(name=Path(path).stem)
        exported = exported_cases(read_text(path))
        if exported is not None:
            dataset._add_exported(exported, str(path))
            return dataset
        dataset._loaded = (Path(path).resolve(), Path(path).read_bytes())
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if not line.strip():
                continue
            try:
                dataset.add(decode(Case, line, str(path), number))
            except RecordError as problem:
                dataset.problems += (problem,)
            except ValueError as error:  # a duplicate
                dataset.problems += (RecordError(str(error), str(path), number),)
        return dataset

    def _add_exported(self, cases: Iterable[dict[str, Any]], path: str) -> None:
        """Add the cases of an export; one that repeats another is a problem."""
        for number, fields in enumerate(cases, 1):
            try:
                self.add(Case(**fields, source="imported"))
            except ValueError as error:
                self.problems += (RecordError(f"row {number}: {error}", path),)

    def save(self, path: str | Path) -> None:
        """Replace a JSONL file as a whole or not at all.

        Raises ValueError where `load` left problems, or the file that it was loaded from has
        changed since.
        """
        if self.problems:  # saving would drop those lines for good
            raise ValueError(
                f"mend these lines first, or save Dataset(dataset.cases): {self.problems[0]}"
            )
        text = "".join(encode(case) + "\n" for case in self.cases)
        target = Path(path).resolve()
        if self._loaded and self._loaded[0] == target and target.exists():
            with FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT_S):
                if target.read_bytes() != self._loaded[1]:
                    mend = "load it again, and add your cases to that"
                    raise ValueError(
                        f"{path} was changed since it was loaded, and that would be lost: {mend}"
                    )
                write_whole(path, text)
        else:
            write_whole(path, text)
        self._loaded = (target, text.encode())
