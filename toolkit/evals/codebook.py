"""Codebook: from the reasons of labels to open codes, and from codes to failure modes. The file is only ever added to."""

import hashlib
import time as clock
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from toolkit.evals.labels import Label, LabelStore, RaterKind
from toolkit.records import JsonlFile, RecordError, canonical

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """What `by` is; so with a failure mode."""
    act: str
    """Id of the action that wrote it: what was done at once is taken back at once."""
    suggested_by: str = ""
    """Who suggested it, where somebody else confirmed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureMode:
    """An axial code: open codes that are one way of failing. Of several with the same name, the last counts."""

    name: str
    definition: str
    codes: tuple[str, ...]
    by: str
    kind: RaterKind
    act: str
    include: dict[str, str] = field(default_factory=dict)
    """Examples of it: trace id to the reason why it is one."""
    exclude: dict[str, str] = field(default_factory=dict)
    """Near misses: trace id to the reason why it is none."""


@dataclass(frozen=True, slots=True)
class Retraction:
    """The action of this id is taken back."""

    retracts: str
    time: float = field(default_factory=clock.time)


@dataclass(frozen=True, slots=True)
class Freeze:
    """A version is what the file said up to line `upto`, and has this hash."""

    hash: str
    upto: int
    by: str
    time: float = field(default_factory=clock.time)


@dataclass(frozen=True, slots=True)
class Version:
    """What a codebook said when it was frozen."""

    number: int
    """From 1; 0 is a draft."""
    codings: tuple[Coding, ...]
    modes: tuple[FailureMode, ...]

    @property
    def hash(self) -> str:
        """SHA-256 of the confirmed codings and the modes, 16 hex digits."""
        said = sorted(canonical(asdict(one)) for one in (*self.confirmed, *self.modes))
        return hashlib.sha256(canonical(said).encode()).hexdigest()[:16]

    @property
    def confirmed(self) -> tuple[Coding, ...]:
        """The codings that count."""
        return tuple(one for one in self.codings if one.status == "confirmed" and one.code)

    def groups(self, of: str = "modes") -> dict[str, list[Coding]]:
        """The codings that count, by failure mode, or by code where `of` is ``codes``."""
        names = {one.code: (one.code,) for one in self.confirmed}
        names = {mode.name: mode.codes for mode in self.modes} if of == "modes" else names
        return {name: [one for one in self.confirmed if one.code in codes] for name, codes in names.items()}


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Codes that nobody has confirmed, with the ids of the labels whose reasons they are for."""

    codes: Mapping[str, Iterable[str]]
    by: str
    kind: RaterKind
    """``simulated`` as soon as the model or a label is."""


class Codebook:
    """Codes on the reasons of `labels`, in an append-only JSONL file that several processes may write."""

    def __init__(self, path: str | Path, labels: LabelStore | Iterable[Label]):
        self.path, given = Path(path), labels if isinstance(labels, LabelStore) else list(labels)
        self._labels: Callable[[], list[Label]] = given.labels if isinstance(given, LabelStore) else lambda: given
        self._file = JsonlFile(path, Coding | FailureMode | Retraction | Freeze)  # type: ignore[arg-type]

    @property
    def labels(self) -> dict[str, Label]:
        """The labels whose reasons are coded, by id, in the order of reading."""
        return {label.id: label for label in self._labels()}

    @property
    def draft(self) -> Version:
        """What the codebook says now."""
        return self._fold()

    @property
    def problems(self) -> tuple[RecordError, ...]:
        """Lines that cannot be read, each with file, line and field."""
        return tuple(line.error for line in self._file.lines() if line.error)

    @property
    def simulated(self) -> bool:
        """Whether a label is simulated, or what codes it."""
        kinds = [label.rater_kind for label in self._labels()] + [one.kind for one in self.draft.codings]
        return "simulated" in kinds

    def code(self, label_id: str, *codes: str, by: str, kind: RaterKind = "human") -> None:
        """Put `codes` on the reason of a label; none means that it was read, and there is nothing to code.

        Raises ValueError for a label that there is not, for a blank code, and for a model, which may only suggest.
        """
        if not all(code.strip() for code in codes):
            raise ValueError("a code is a word or a few, not blank")
        self._write([self._coding(label_id, code.strip(), by, kind) for code in codes or [""]], by, kind)

    def suggest(self, found: Suggestions) -> int:
        """Note suggestions, but for those that were made or decided before. Returns how many are new."""
        known = {(one.label_id, one.code) for one in self.draft.codings}
        pairs = [(label_id, code.strip()) for code, ids in found.codes.items() for label_id in ids]
        made = [self._coding(*pair, found.by, found.kind) for pair in dict.fromkeys(pairs) if pair not in known]
        self._write([replace(one, status="suggested") for one in made if one.code], found.by)
        return len(made)

    def confirm(self, code: str, by: str, kind: RaterKind = "human", label_ids: Iterable[str] | None = None) -> None:
        """Make a suggested code count, on these reasons or on all for which it was suggested.

        Raises ValueError where there is no such suggestion, and for a model.
        """
        found = self._of(code, label_ids, "suggested")
        said = [
            replace(one, status="confirmed", by=by, kind=kind, suggested_by=f"{one.by} ({one.kind})") for one in found
        ]
        self._write(said, by, kind)

    def dismiss(self, code: str, by: str, kind: RaterKind = "human", label_ids: Iterable[str] | None = None) -> None:
        """Take a code, suggested or confirmed, off these reasons, or off all. Raises ValueError as `confirm` does."""
        found = self._of(code, label_ids, "suggested", "confirmed")
        self._write([replace(one, status="dismissed", by=by, kind=kind) for one in found], by, kind)

    def merge(
        self,
        codes: Iterable[str],
        into: str,
        definition: str = "",
        *,
        by: str,
        kind: RaterKind = "human",
        include: Mapping[str, str] | None = None,
        exclude: Mapping[str, str] | None = None,
    ) -> FailureMode:
        """Make confirmed `codes` a failure mode, or add them, and what else is given, to the one of that name.

        Raises ValueError for a mode without a name or definition, a code that nobody has confirmed, one that belongs
        to another mode, and a trace that is an example of both sides.
        """
        draft, codes = self.draft, tuple(codes)
        old = next((mode for mode in draft.modes if mode.name == into), None)
        taken = {code: mode.name for mode in draft.modes if mode.name != into for code in mode.codes}
        new = FailureMode(
            name=into,
            definition=definition or (old.definition if old else ""),
            codes=tuple(dict.fromkeys([*(old.codes if old else ()), *codes])),
            by=by,
            kind=kind,
            act=uuid4().hex,
            include={**(old.include if old else {}), **(include or {})},
            exclude={**(old.exclude if old else {}), **(exclude or {})},
        )
        unknown = [code for code in codes if code not in {one.code for one in draft.confirmed}]
        for wrong, why in (
            (not new.name.strip() or not new.definition.strip(), "it needs a name and a definition"),
            (unknown, f"nobody has confirmed the code {unknown}"),
            (set(codes) & set(taken), f"{[(code, taken[code]) for code in codes if code in taken]} belong to a mode"),
            (set(new.include) & set(new.exclude), "a trace is an example of both sides"),
        ):
            if wrong:
                raise ValueError(f"failure mode {into!r}: {why}")
        self._write([new], by, kind)
        return new

    def undo(self, by: str | None = None) -> list[Coding | FailureMode]:
        """Take back the newest action (of `by`, or of anyone), and return what it wrote; nothing where there is none."""
        standing = [one for one in self._standing() if by in (None, one.by)]
        if not standing:
            return []
        self._file.append(Retraction(standing[-1].act))
        return [one for one in standing if one.act == standing[-1].act]

    def freeze(self, by: str) -> Version:
        """Bind what the codebook says by its hash; where nothing has changed, the last version stands."""
        upto = max((line.number for line in self._file.lines()), default=0)
        last, now = (self.versions() or [Version(0, (), ())])[-1], self._fold(upto)
        if last.number and last.hash == now.hash:
            return last
        self._file.append(Freeze(now.hash, upto, by))
        return replace(now, number=last.number + 1)

    def versions(self) -> list[Version]:
        """Every frozen version, oldest first. Raises RecordError where the file no longer says what was frozen."""
        found: list[Version] = []
        for line in self._file.lines():
            if isinstance(line.record, Freeze):
                found.append(replace(self._fold(line.record.upto), number=len(found) + 1))
                if found[-1].hash != line.record.hash:
                    why = f"version {len(found)} was frozen as {line.record.hash}, and the lines before give another"
                    raise RecordError(why, str(self.path), line.number)
        return found

    def counts(self, of: str = "modes") -> "pd.DataFrame":
        """In how many of the labelled traces does each failure mode (or ``codes``) show? Most frequent first.

        Columns: ``name``; ``traces`` with a reason that carries it; ``n`` labelled traces; ``share``, ``low``, ``high``
        (Wilson's interval at 95%, as if the traces were a random sample; None where n is 0); ``n_deferred`` traces that
        everybody put off, which are in no number; ``n_uncoded`` traces that somebody fails and that have no code: until
        it is 0, the shares are lower bounds; ``coded_by``. A reason can carry several codes: shares need not add up.
        """
        import pandas as pd
        from statsmodels.stats.proportion import proportion_confint

        counted = {label.id: label for label in self._labels() if label.verdict != "defer"}
        n, rows = len({label.trace_id for label in counted.values()}), []
        coded = {one.trace_id for one in self.draft.confirmed if one.label_id in counted}
        failed = {label.trace_id for label in counted.values() if label.verdict == "fail"}
        deferred = {label.trace_id for label in self._labels()} - {label.trace_id for label in counted.values()}
        for name, codings in self.draft.groups(of).items():
            said = [one for one in codings if one.label_id in counted]
            k = len({one.trace_id for one in said})
            share = (k / n, *map(float, proportion_confint(k, n, method="wilson"))) if n else (None, None, None)
            rows.append((name, k, n, *share, len(deferred), len(failed - coded), _coders(said)))
        columns = "name traces n share low high n_deferred n_uncoded coded_by".split()
        return pd.DataFrame(sorted(rows, key=lambda row: -row[1]), columns=columns)

    def saturation(self) -> "pd.DataFrame":
        """Do new traces still bring new codes? A row for each trace that was coded, in the order of reading.

        Columns: ``read`` (from 1), ``trace_id``, ``new`` codes in it, ``codes`` so far. A trace without a code counts
        where somebody said that there is nothing to code; the others are not read yet.
        """
        import pandas as pd

        said: dict[str, set[str]] = {}
        for one in self.draft.codings:
            if one.status == "confirmed":
                said.setdefault(one.label_id, set()).add(one.code)
        seen, new = {""}, dict[str, int]()
        for label in self._labels():
            if label.id in said and label.verdict != "defer":
                new[label.trace_id] = new.get(label.trace_id, 0) + len(said[label.id] - seen)
                seen |= said[label.id]
        frame = pd.DataFrame({"read": range(1, len(new) + 1), "trace_id": list(new), "new": list(new.values())})
        return frame.assign(codes=frame["new"].cumsum())

    def _coding(self, label_id: str, code: str, by: str, kind: RaterKind) -> Coding:
        if label_id not in self.labels:
            raise ValueError(f"no label with the id {label_id!r} in this codebook's labels")
        trace_id = self.labels[label_id].trace_id
        return Coding(label_id=label_id, trace_id=trace_id, code=code, status="confirmed", by=by, kind=kind, act="")

    def _of(self, code: str, label_ids: Iterable[str] | None, *status: str) -> list[Coding]:
        wanted = None if label_ids is None else set(label_ids)
        of_it = (one for one in self.draft.codings if one.code == code and one.status in status)
        found = [one for one in of_it if wanted is None or one.label_id in wanted]
        if not found:
            raise ValueError(f"no reason has the code {code!r} as {' or '.join(status)}")
        return found

    def _write(self, said: list[Any], by: str, decides: RaterKind | None = None) -> None:
        if not by.strip() or decides == "model":
            raise ValueError("say by whom; a model may suggest a code, and a person decides")
        act = uuid4().hex
        if said:
            self._file.append(*(replace(one, act=act) for one in said))

    def _standing(self, upto: int | None = None) -> list[Coding | FailureMode]:
        lines = [x.record for x in self._file.lines() if x.record and (upto is None or x.number <= upto)]
        gone = {record.retracts for record in lines if isinstance(record, Retraction)}
        return [one for one in lines if isinstance(one, Coding | FailureMode) and one.act not in gone]

    def _fold(self, upto: int | None = None) -> Version:
        codings: dict[tuple[str, str], Coding] = {}
        modes: dict[str, FailureMode] = {}
        for one in self._standing(upto):
            if isinstance(one, Coding):
                codings[one.label_id, one.code] = one
            else:
                modes[one.name] = one
        return Version(0, tuple(codings.values()), tuple(modes.values()))


def _coders(codings: Iterable[Coding]) -> str:
    """Who coded: ``ada (human), from TF-IDF clusters (model)``."""
    whos = (f"{one.by} ({one.kind})" + f", from {one.suggested_by}" * bool(one.suggested_by) for one in codings)
    return "; ".join(sorted(set(whos)))
