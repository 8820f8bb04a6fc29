"""Dataset: cases to run an agent on, each with the trace, the labels and the person that it came from."""

import hashlib
import os
import time as clock
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.evals.labels import Label
from toolkit.records import RecordError, canonical, decode, encode
from toolkit.traces import Source, Trace


@dataclass(frozen=True, slots=True)
class Case:
    """One input, what is expected of it, and where it came from."""

    id: str
    """Unique in its dataset."""
    input: Any
    """What the task is given, as JSON. Of a promoted trace: the user's messages, a list of str."""
    expected: Any = None
    """What a good answer holds, as JSON; None where nobody has said."""
    trace_id: str | None = None
    """The trace that it was promoted from."""
    label_ids: tuple[str, ...] = ()
    """The labels that it was promoted for."""
    source: Source | None = None
    """The source of the trace."""
    promoted_by: str | None = None
    """Who promoted it."""
    promoted_time: float | None = None
    """When, in seconds since 1970 UTC."""
    meta: dict[str, Any] = field(default_factory=dict)
    """The rest. ``reasons`` holds rater, kind of rater, verdict and reason of each label."""


def user_messages(trace: Trace) -> list[str]:
    """What people said in `trace`: its messages, but for those of assistant, system and tools."""
    spoken = (step for step in trace.steps if step.kind == "message")
    return [step.content for step in spoken if step.actor not in {"assistant", "system", "tool"}]


def promote(
    trace: Trace, labels: Sequence[Label], by: str, expected: Any = None, meta: dict[str, Any] | None = None
) -> Case:
    """Make a case of a labelled trace.

    The input is the list of the user's messages, in order, up to the last; what the agent said between them
    is left out, because another agent will say something else.

    Parameters
    ----------
    trace : Trace
        With at least one message of a user.
    labels : sequence of Label
        At least one, all of this trace.
    by : str
        Who promotes it.
    expected : JSON, optional
        What a good answer holds.
    meta : dict, optional
        Kept with the case.

    Raises
    ------
    ValueError
        For labels of another trace, no labels, no name, or a trace in which no user speaks.
    """
    foreign = sorted({label.trace_id for label in labels} - {trace.id})
    if foreign or not labels:
        what = f"labels of {', '.join(foreign)}" if foreign else "no label"
        raise ValueError(f"case of trace {trace.id}: {what} given; give the labels that say why it matters")
    said = user_messages(trace)
    if not said or not by.strip():
        raise ValueError(
            f"case of trace {trace.id}: {'it needs the name of who promotes it' if said else 'no user speaks in it'}"
        )
    reasons = [
        {"rater": one.rater, "rater_kind": one.rater_kind, "verdict": one.verdict, "why": one.why} for one in labels
    ]
    return Case(
        id="case-" + hashlib.sha256(canonical([trace.id, said]).encode()).hexdigest()[:12],
        input=said,
        expected=expected,
        trace_id=trace.id,
        label_ids=tuple(label.id for label in labels),
        source=trace.source,
        promoted_by=by,
        promoted_time=clock.time(),
        meta={**(meta or {}), "reasons": reasons},
    )


class Dataset:
    """Cases in order, without duplicates.

    Parameters
    ----------
    cases : iterable of Case
        Each is added as by `add`.
    name : str
        What the dataset is called.
    """

    def __init__(self, cases: Iterable[Case] = (), name: str = "dataset"):
        self.name = name
        self.cases: list[Case] = []
        self.problems: tuple[RecordError, ...] = ()
        for case in cases:
            self.add(case)

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {len(self)} cases, {len(self.problems)} problems)"

    def add(self, case: Case) -> None:
        """Add `case`.

        Raises
        ------
        ValueError
            Where a case has its id, or the same input and expectation: it would count twice.
        """
        for other in self.cases:
            if case.id == other.id or (case.input, case.expected) == (other.input, other.expected):
                raise ValueError(f"case {case.id} is a duplicate of {other.id} in dataset {self.name}")
        self.cases.append(case)

    @classmethod
    def load(cls, path: str | Path) -> "Dataset":
        """Read a JSONL file of cases. Lines that cannot be read, or repeat a case, are left in `problems`."""
        dataset, problems = cls(name=Path(path).stem), []
        for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n"), 1):
            try:
                if line.strip():
                    dataset.add(decode(Case, line, str(path), number))
            except RecordError as error:
                problems.append(error)
            except ValueError as error:
                problems.append(RecordError(str(error), str(path), number))
        dataset.problems = tuple(problems)
        return dataset

    def save(self, path: str | Path) -> None:
        """Write all cases to a JSONL file, which is replaced as a whole or not at all.

        Raises
        ------
        ValueError
            Where `load` left problems: saving would drop those lines for good.
        """
        if self.problems:
            raise ValueError(f"mend these lines first, or save Dataset(dataset.cases): {self.problems[0]}")
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        with draft.open("w", encoding="utf-8") as file:
            file.writelines(encode(case) + "\n" for case in self.cases)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
