"""Codebook: from the reasons of labels to open codes, and from codes to failure modes, in a file
only ever added to.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from toolkit.evals.alignment.intervals import proportion
from toolkit.evals.labels.labels import (
    Label,
    LabelStore,
    RaterKind,
    Retraction,
    append_decided,
    tidy,
)
from toolkit.evals.text import spelling
from toolkit.records import JsonlFile, RecordError, canonical, fingerprint
from toolkit.traces.sources import least_live

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Coding:
    """A code on a reason. Of several with the same reason and code, the last counts."""

    label_id: str
    trace_id: str
    code: str
    """Blank where the reason was read, and there is nothing in it to code."""
    status: Literal["suggested", "confirmed", "dismissed"]
    """Only ``confirmed`` counts anywhere."""
    by: str
    kind: RaterKind
    """What `by` is."""
    suggested_by: str = ""
    """Who suggested it, and what that one is, where it was not `by`."""
    act: str = ""
    """Id of the action that wrote it, as the codebook sets it: what was done at once is taken back
    at once.
    """

    def __post_init__(self) -> None:
        if not self.by.strip() or (self.kind == "model" and self.status != "suggested"):
            raise ValueError("a model may suggest; what counts needs the name of who says so")

    @property
    def coder(self) -> str:
        """Who coded, as ``ada (human), suggested by TF-IDF clusters (model)``."""
        return f"{self.by} ({self.kind})" + f", suggested by {self.suggested_by}" * bool(
            self.suggested_by
        )


@dataclass(frozen=True, slots=True)
class FailureMode:
    """An axial code: open codes that are one way of failing. Raises ValueError for one that says
    nothing.
    """

    name: str
    definition: str
    codes: tuple[str, ...]
    by: str
    kind: RaterKind = "human"
    include: dict[str, str] = field(default_factory=dict)
    """Examples of it: trace id to the reason why it is one."""
    exclude: dict[str, str] = field(default_factory=dict)
    """Near misses: trace id to the reason why it is none."""
    act: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", tuple(self.codes))
        said = self.name, self.definition, self.by, *self.include.values(), *self.exclude.values()
        if not all(words.strip() for words in said) or self.include.keys() & self.exclude.keys():
            raise ValueError(
                f"failure mode {self.name!r} needs name, definition, by, and a reason for each example"
            )
        if self.kind == "model":
            raise ValueError(
                f"failure mode {self.name!r}: a model may suggest; somebody else decides"
            )


@dataclass(frozen=True, slots=True)
class Version:
    """What a codebook says: at the moment, or when it was frozen. Raises ValueError where its hash
    is of another.
    """

    number: int
    """From 1; 0 is not frozen."""
    codings: tuple[Coding, ...]
    modes: tuple[FailureMode, ...]
    hash: str = ""
    """SHA-256 of the codings that count and of the modes, 16 hex digits."""
    by: str = ""
    """Who froze it."""

    def __post_init__(self) -> None:
        said = sorted(
            canonical(asdict(one) | {"act": ""})
            for one in list[Any]([*self.confirmed, *self.modes])
        )
        found = fingerprint(said)[:16]
        if self.hash != found and (self.hash or self.number):
            raise ValueError(
                f"version {self.number} was frozen as {self.hash}, and now says something else ({found})"
            )
        object.__setattr__(self, "hash", found)

    @property
    def confirmed(self) -> tuple[Coding, ...]:
        """The codings that count."""
        return tuple(one for one in self.codings if one.status == "confirmed" and one.code)

    def groups(self, of: str = "modes") -> dict[str, list[Coding]]:
        """The codings that count, by failure mode, or by code where `of` is ``codes``."""
        names = {mode.name: mode.codes for mode in self.modes}
        names = names if of == "modes" else {one.code: (one.code,) for one in self.confirmed}
        return {
            name: [one for one in self.confirmed if one.code in codes]
            for name, codes in names.items()
        }


class Codebook:
    """Codes on the reasons of `labels`, in an append-only JSONL file that several processes may
    write.

    A code, or a failure mode, that was there before in other letters (``Slow``, ``slow``) is the
    one that was there. A model, or a clustering, may `suggest`; what counts is what somebody else
    said by `code` or `confirm`. Raises ValueError where a label or a code is not there, and where a
    model would decide. `trace_source` says where the traces come from, as ``simulated`` or all of
    their sources.
    """

    def __init__(
        self,
        path: str | Path,
        labels: LabelStore | Iterable[Label],
        trace_source: str | Iterable[str] | None = None,
    ):
        self.path = Path(path)
        self._given = labels if isinstance(labels, LabelStore) else list(labels)
        self.trace_source = least_live(trace_source)
        self._file = JsonlFile(path, Coding | FailureMode | Retraction | Version)  # type: ignore[arg-type]

    @property
    def labels(self) -> list[Label]:
        """The labels whose reasons are coded, in the order of reading."""
        return self._given.labels() if isinstance(self._given, LabelStore) else self._given

    @property
    def now(self) -> Version:
        """What the codebook says at the moment."""
        codings: dict[tuple[str, str, str], Coding] = {}
        modes: dict[str, FailureMode] = {}
        for record in self._standing():
            if isinstance(record, Coding):
                codings[record.label_id, record.trace_id, record.code] = record
            else:
                modes[record.name] = record
        return Version(0, tuple(codings.values()), tuple(modes.values()))

    @property
    def problems(self) -> tuple[RecordError, ...]:
        """Lines that cannot be read, versions that were tampered with, and labels that share an id."""
        problems = [line.error for line in self._file.lines() if line.error]
        if shared := self._shared_ids():
            why = f"several labels have the id {shared[0]}: none of them can be coded until each has an id of its own"
            problems.append(RecordError(why, field="id"))
        return tuple(problems)

    def _shared_ids(self) -> list[str]:
        times = Counter(label.id for label in self.labels)
        return sorted(id_ for id_, n in times.items() if n > 1)

    @property
    def simulated(self) -> bool:
        """Whether the traces are simulated, a label, or one who coded it or made a failure mode."""
        now = self.now
        kinds = {label.rater_kind for label in self.labels}
        kinds |= {coding.kind for coding in now.codings} | {mode.kind for mode in now.modes}
        return "simulated" in kinds or self.trace_source == "simulated"

    def code(self, label_id: str, *codes: str, by: str, kind: RaterKind = "human") -> None:
        """Put `codes` on the reason of a label; none means that it was read, and there is nothing
        to code.
        """
        if not all(code.strip() for code in codes):
            raise ValueError("a code is a word or a few, not blank")
        self._write(
            self._made([(label_id, code) for code in codes or ("",)], "confirmed", by, kind)
        )

    def suggest(
        self, codes: Mapping[str, Iterable[str]], by: str, kind: RaterKind = "model"
    ) -> int:
        """Note a code for the ids of labels, but for what was suggested or decided before. Returns
        how many are new.
        """
        spelt = self._spelt()
        known = {(one.label_id, one.code) for one in self.now.codings}
        pairs = [
            (label_id, spelt(code))
            for code, ids in codes.items()
            for label_id in ids
            if code.strip()
        ]
        made = self._made([pair for pair in pairs if pair not in known], "suggested", by, kind)
        self._write(made)
        return len(made)

    def confirm(
        self,
        code: str,
        by: str,
        kind: RaterKind = "human",
        label_ids: Collection[str] | None = None,
    ) -> None:
        """Make a suggested code count, on these reasons or on all for which it was suggested."""
        found = [(one, f"{one.by} ({one.kind})") for one in self._of(code, label_ids, "suggested")]
        self._write(
            [
                replace(one, status="confirmed", by=by, kind=kind, suggested_by=who)
                for one, who in found
            ]
        )

    def dismiss(
        self,
        code: str,
        by: str,
        kind: RaterKind = "human",
        label_ids: Collection[str] | None = None,
    ) -> None:
        """Take a code, suggested or confirmed, off these reasons, or off all."""
        found = self._of(code, label_ids, "suggested", "confirmed")
        self._write([replace(one, status="dismissed", by=by, kind=kind) for one in found])

    def merge(self, mode: FailureMode) -> None:
        """Make confirmed codes, of no other mode, a failure mode; it replaces the one of that name."""
        append_decided(self._file, lambda: self._checked(mode))

    def _checked(self, mode: FailureMode) -> list[FailureMode]:
        now, spelt = self.now, self._spelt()
        names = {_letters(known.name): known.name for known in now.modes}
        name = names.get(_letters(mode.name), tidy(mode.name))
        codes = tuple(dict.fromkeys(spelt(code) for code in mode.codes))
        mode = replace(mode, name=name, codes=codes, act=uuid4().hex)
        taken = {code: one.name for one in now.modes if one.name != mode.name for code in one.codes}
        known = {one.code for one in now.confirmed}
        if wrong := [code for code in mode.codes if code in taken or code not in known]:
            why = (
                f"belongs to {taken[wrong[0]]!r}" if wrong[0] in taken else "is confirmed by nobody"
            )
            raise ValueError(f"failure mode {mode.name!r}: the code {wrong[0]!r} {why}")
        return [mode]

    def undo(self, by: str | None = None) -> list[Coding | FailureMode]:
        """Take back the newest action (of `by`, or of anyone), and return what it wrote; nothing
        where none is left.
        """
        undone: list[Coding | FailureMode] = []

        def decide() -> list[Retraction]:
            standing = [entry for entry in self._standing() if entry.act and by in (None, entry.by)]
            if not standing:
                undone.clear()
                return []
            last = standing[-1]
            undone[:] = [
                entry for entry in standing if (entry.act, entry.by) == (last.act, last.by)
            ]
            return [Retraction(last.act, rater=last.by)]

        append_decided(self._file, decide)
        return undone

    def freeze(self, by: str) -> Version:
        """Bind what the codebook says by its hash. Where nothing has changed since, the last
        version stands.
        """
        frozen: list[Version] = []

        def decide() -> list[Version]:
            versions, now = self.versions(), self.now
            if versions and versions[-1].hash == now.hash:
                frozen[:] = versions[-1:]
                return []
            frozen[:] = [replace(now, number=len(versions) + 1, by=by, codings=now.confirmed)]
            return frozen

        append_decided(self._file, decide)
        return frozen[0]

    def versions(self) -> list[Version]:
        """Every frozen version, oldest first."""
        return [line.record for line in self._file.lines() if isinstance(line.record, Version)]

    def counts(self, of: str = "modes") -> "pd.DataFrame":
        """In how many of the ``n`` labelled traces does a reason carry each failure mode, or each
        of the ``codes``?

        ``low`` and ``high`` are Wilson's at 95%, as if the traces were a random sample. ``n_deferred`` traces were put
        off by all, and are in no other number; ``n_uncoded`` were failed by somebody and not coded
        yet: until that is 0, a share is a lower bound. A reason can carry several codes, so shares
        need not add up to 1.
        """
        import pandas as pd

        now, labels = self.now, self.labels
        counted = {label.id: label.trace_id for label in labels if label.verdict != "defer"}
        judged = {label.trace_id for label in labels if label.verdict != "defer"}
        n, rows = len(judged), list[Any]()
        failed = {label.trace_id for label in labels if label.verdict == "fail"}
        read = {
            one.trace_id
            for one in now.codings
            if one.status == "confirmed" and one.label_id in counted
        }
        deferred = {label.trace_id for label in labels} - judged
        for name, codings in now.groups(of).items():
            said = [one for one in codings if one.label_id in counted]
            k = len({one.trace_id for one in said})
            share = (k / n, *(proportion(k, n) or ())) if n else (None, None, None)
            rows.append(
                (
                    name,
                    k,
                    n,
                    *share,
                    len(deferred),
                    len(failed - read),
                    "; ".join(sorted({one.coder for one in said})),
                )
            )
        columns = "name traces n share low high n_deferred n_uncoded coded_by".split()
        return pd.DataFrame(rows, columns=columns).sort_values(
            "traces", ascending=False, ignore_index=True
        )

    def saturation(self) -> "pd.DataFrame":
        """Do new traces still bring new codes? A row for each trace read: how many ``new`` in it,
        and ``codes`` so far.

        In the order of the labels. A trace counts as read where it has a code, or somebody said
        that it needs none.
        """
        import pandas as pd

        standing = [one for one in self.now.codings if one.status == "confirmed"]
        seen, new = {""}, dict[str, int]()
        for label in self.labels:
            codes = {one.code for one in standing if one.label_id == label.id}
            if codes and label.verdict != "defer":
                new[label.trace_id] = new.get(label.trace_id, 0) + len(codes - seen)
                seen |= codes
        frame = pd.DataFrame(
            {"read": range(1, len(new) + 1), "trace_id": list(new), "new": list(new.values())}
        )
        return frame.assign(codes=frame["new"].cumsum())

    def _made(
        self, pairs: list[tuple[str, str]], status: Any, by: str, kind: RaterKind
    ) -> list[Coding]:
        traces = {label.id: label.trace_id for label in self.labels}
        shared, spelt = self._shared_ids(), self._spelt()
        codings = []
        for label_id, code in dict.fromkeys((label_id, spelt(code)) for label_id, code in pairs):
            if label_id not in traces:
                raise ValueError(f"this codebook's labels have none with the id {label_id!r}")
            if label_id in shared:
                raise ValueError(
                    f"several labels have the id {label_id!r}: give each an id of its own"
                )
            codings.append(
                Coding(label_id, traces[label_id], code, status=status, by=by, kind=kind)
            )
        return codings

    def _spelt(self) -> Callable[[str], str]:
        """A function that gives a code in the letters in which it was written first."""
        first: dict[str, str] = {}
        for coding in self.now.codings:
            first.setdefault(_letters(coding.code), coding.code)

        def spelt(code: str) -> str:
            return first.setdefault(_letters(code), tidy(code))

        return spelt

    def _of(self, code: str, label_ids: Collection[str] | None, *status: str) -> list[Coding]:
        code = self._spelt()(code)
        of_it = [one for one in self.now.codings if one.code == code and one.status in status]
        if found := [one for one in of_it if label_ids is None or one.label_id in label_ids]:
            return found
        raise ValueError(f"no reason has the code {code!r} as {' or '.join(status)}")

    def _write(self, said: Sequence[Coding | FailureMode]) -> None:
        act = uuid4().hex
        if said:
            self._file.append(*(replace(one, act=act) for one in said))

    def _standing(self) -> list[Coding | FailureMode]:
        """What was not taken back, each code and each failure mode in the letters that came first."""
        records = [line.record for line in self._file.lines()]
        written = [record for record in records if isinstance(record, Coding | FailureMode)]
        owners: dict[str, str] = {}
        for entry in written:
            owners.setdefault(entry.act, entry.by)
        undone = set()
        for record in records:
            if isinstance(record, Retraction):
                undone.add((record.retracts, record.rater or owners.get(record.retracts)))
        spelling: dict[str, str] = {}
        names: dict[str, str] = {}
        standing: list[Coding | FailureMode] = []
        for entry in written:
            if (entry.act, entry.by) in undone:
                continue
            if isinstance(entry, Coding):
                code = spelling.setdefault(_letters(entry.code), tidy(entry.code))
                standing.append(replace(entry, code=code))
            else:
                codes = tuple(
                    spelling.setdefault(_letters(code), tidy(code)) for code in entry.codes
                )
                name = names.setdefault(_letters(entry.name), tidy(entry.name))
                standing.append(replace(entry, name=name, codes=tuple(dict.fromkeys(codes))))
        return standing


def _letters(word: str) -> str:
    """What the spellings of a code have in common."""
    return spelling(word)
