"""Codebook: from the reasons of labels to open codes, and from codes to failure modes, in a file
only ever added to.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from toolkit.evals.labels import counts as tables
from toolkit.evals.labels.codes import (
    CoderKind,
    Coding,
    FailureMode,
    Spelling,
    Status,
    Version,
)
from toolkit.evals.labels.labels import Label, LabelStore, RaterKind
from toolkit.evals.labels.store import RetractableFile, Retraction, append_decided
from toolkit.records import RecordError
from toolkit.traces.sources import least_live

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Codebook", "Coding", "FailureMode", "Version"]

Entry = Coding | FailureMode


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
        self._file = RetractableFile(path, Entry | Retraction | Version)

    @property
    def labels(self) -> list[Label]:
        """The labels whose reasons are coded, in the order of reading."""
        return self._given.labels() if isinstance(self._given, LabelStore) else self._given

    @property
    def now(self) -> Version:
        """What the codebook says at the moment."""
        codings: dict[tuple[str, str, str], Coding] = {}
        modes: dict[str, FailureMode] = {}
        for entry in self._standing():
            if isinstance(entry, Coding):
                codings[entry.label_id, entry.trace_id, entry.code] = entry
            else:
                modes[entry.name] = entry
        return Version(0, tuple(codings.values()), tuple(modes.values()))

    @property
    def problems(self) -> tuple[RecordError, ...]:
        """Lines that cannot be read, versions that were changed, and labels that share an id."""
        problems = [line.error for line in self._file.current_lines() if line.error]
        if shared := self._shared_ids():
            why = (
                f"several labels have the id {shared[0]}: none of them can be coded until each has "
                "an id of its own"
            )
            problems.append(RecordError(why, field="id"))
        return tuple(problems)

    def _shared_ids(self) -> list[str]:
        times = Counter(label.id for label in self.labels)
        return sorted(label_id for label_id, count in times.items() if count > 1)

    @property
    def simulated(self) -> bool:
        """Whether the traces are simulated, a label, or one who coded it or made a failure mode."""
        now = self.now
        kinds: set[CoderKind] = {label.rater_kind for label in self.labels}
        kinds |= {coding.kind for coding in now.codings}
        kinds |= {mode.kind for mode in now.modes}
        return "simulated" in kinds or self.trace_source == "simulated"

    def code(self, label_id: str, *codes: str, by: str, kind: RaterKind = "human") -> None:
        """Put `codes` on the reason of a label; none means that it was read, and there is nothing
        to code.
        """
        if not all(code.strip() for code in codes):
            raise ValueError("a code is a word or a few, not blank")
        pairs = [(label_id, code) for code in codes or ("",)]
        self._write(self._codings(pairs, "confirmed", by, kind))

    def suggest(
        self, codes: Mapping[str, Iterable[str]], by: str, kind: CoderKind = "computed"
    ) -> int:
        """Note a code for the ids of labels, but for what was suggested or decided before. Returns
        how many are new.
        """
        spelling = self._spelling()
        known = {(coding.label_id, coding.code) for coding in self.now.codings}
        pairs = []
        for code, label_ids in codes.items():
            if code.strip():
                pairs += [(label_id, spelling.of(code)) for label_id in label_ids]
        new = [pair for pair in pairs if pair not in known]
        codings = self._codings(new, "suggested", by, kind)
        self._write(codings)
        return len(codings)

    def confirm(
        self,
        code: str,
        by: str,
        kind: RaterKind = "human",
        label_ids: Collection[str] | None = None,
    ) -> None:
        """Make a suggested code count, on these reasons or on all for which it was suggested."""
        confirmed = []
        for coding in self._codings_of(code, label_ids, "suggested"):
            who = f"{coding.by} ({coding.kind})"
            confirmed.append(
                replace(coding, status="confirmed", by=by, kind=kind, suggested_by=who)
            )
        self._write(confirmed)

    def dismiss(
        self,
        code: str,
        by: str,
        kind: RaterKind = "human",
        label_ids: Collection[str] | None = None,
    ) -> None:
        """Take a code, suggested or confirmed, off these reasons, or off all."""
        codings = self._codings_of(code, label_ids, "suggested", "confirmed")
        self._write([replace(coding, status="dismissed", by=by, kind=kind) for coding in codings])

    def merge(self, mode: FailureMode) -> None:
        """Make confirmed codes, of no other mode, a failure mode; one of that name is replaced."""
        append_decided(self._file, lambda: [self._checked(mode)])

    def _checked(self, mode: FailureMode) -> FailureMode:
        """`mode` in the letters of what is there. Raises ValueError where it may not be merged."""
        now = self.now
        names = Spelling()
        for known in now.modes:
            names.learn(known.name)
        spelling = self._spelling()
        codes = tuple(dict.fromkeys(spelling.of(code) for code in mode.codes))
        mode = replace(mode, name=names.of(mode.name), codes=codes, act=uuid4().hex)
        confirmed = {coding.code for coding in now.confirmed}
        owners: dict[str, str] = {}
        for other in now.modes:
            if other.name != mode.name:
                owners |= dict.fromkeys(other.codes, other.name)
        for code in codes:
            what = f"failure mode {mode.name!r}: the code {code!r}"
            if code in owners:
                raise ValueError(f"{what} belongs to {owners[code]!r}")
            if code not in confirmed:
                raise ValueError(f"{what} is confirmed by nobody")
        return mode

    def undo(self, by: str | None = None) -> list[Entry]:
        """Take back the newest action (of `by`, or of anyone), and return what it wrote; nothing
        where none is left.
        """

        def newest() -> tuple[list[Entry], Retraction] | None:
            standing = self._standing()
            for last in reversed(standing):
                if last.act and by in (None, last.by):
                    action = (last.act, last.by)
                    entries = [entry for entry in standing if (entry.act, entry.by) == action]
                    return entries, Retraction(last.act, rater=last.by)
            return None

        return self._file.take_back(newest)

    def freeze(self, by: str) -> Version:
        """Bind what the codebook says by its hash. Where nothing has changed since, the last
        version stands.
        """
        frozen: list[Version] = []

        def decide() -> list[Version]:
            now = self.now
            versions = self.versions()
            if versions and versions[-1].hash == now.hash:
                frozen[:] = versions[-1:]
                return []
            frozen[:] = [replace(now, number=len(versions) + 1, by=by, codings=now.confirmed)]
            return frozen

        append_decided(self._file, decide)
        return frozen[0]

    def versions(self) -> list[Version]:
        """Every frozen version, oldest first."""
        records = [line.record for line in self._file.current_lines()]
        return [record for record in records if isinstance(record, Version)]

    def counts(self, of: str = "modes") -> "pd.DataFrame":
        """In how many of the ``n`` labelled traces does a reason carry each failure mode, or each
        of the ``codes``?

        ``low`` and ``high`` are Wilson's at 95%, as if the traces were a random sample.
        ``n_deferred`` traces were put off by all, and are in no other number; ``n_uncoded`` were
        failed by somebody and not coded yet: until that is 0, a share is a lower bound. A reason
        can carry several codes, so shares need not add up to 1.
        """
        return tables.counts(self.now, self.labels, of)

    def saturation(self) -> "pd.DataFrame":
        """Do new traces still bring new codes? A row for each trace read: how many ``new`` in it,
        and ``codes`` so far.

        In the order of the labels. A trace counts as read where it has a code, or somebody said
        that it needs none.
        """
        return tables.saturation(self.now, self.labels)

    def _codings(
        self, pairs: Iterable[tuple[str, str]], status: Status, by: str, kind: CoderKind
    ) -> list[Coding]:
        """A coding for each label id and code; refused where the label is not there."""
        traces = {label.id: label.trace_id for label in self.labels}
        shared = self._shared_ids()
        spelling = self._spelling()
        spelt = [(label_id, spelling.of(code)) for label_id, code in pairs]
        codings = []
        for label_id, code in dict.fromkeys(spelt):
            if label_id not in traces:
                raise ValueError(f"this codebook's labels have none with the id {label_id!r}")
            if label_id in shared:
                raise ValueError(
                    f"several labels have the id {label_id!r}: give each an id of its own"
                )
            codings.append(Coding(label_id, traces[label_id], code, status, by, kind))
        return codings

    def _spelling(self) -> Spelling:
        """The spelling of codes, which knows those of the codebook."""
        spelling = Spelling()
        for coding in self.now.codings:
            spelling.learn(coding.code)
        return spelling

    def _codings_of(
        self, code: str, label_ids: Collection[str] | None, *status: Status
    ) -> list[Coding]:
        code = self._spelling().of(code)
        codings = []
        for coding in self.now.codings:
            is_asked_for = label_ids is None or coding.label_id in label_ids
            if coding.code == code and coding.status in status and is_asked_for:
                codings.append(coding)
        if not codings:
            raise ValueError(f"no reason has the code {code!r} as {' or '.join(status)}")
        return codings

    def _write(self, entries: Sequence[Entry]) -> None:
        """Write `entries` as one action."""
        act = uuid4().hex
        if entries:
            self._file.append(*(replace(entry, act=act) for entry in entries))

    def _standing(self) -> list[Entry]:
        """What was not taken back, each code and each mode in the letters that came first."""
        records = [line.record for line in self._file.current_lines()]
        entries = [record for record in records if isinstance(record, Entry)]
        owners: dict[str, str] = {}
        for entry in entries:
            owners.setdefault(entry.act, entry.by)
        undone = set()
        for record in records:
            if isinstance(record, Retraction):
                undone.add((record.retracts, record.rater or owners.get(record.retracts)))
        codes = Spelling()
        names = Spelling()
        standing: list[Entry] = []
        for entry in entries:
            if (entry.act, entry.by) in undone:
                continue
            if isinstance(entry, Coding):
                standing.append(replace(entry, code=codes.of(entry.code)))
            else:
                own_codes = dict.fromkeys(codes.of(code) for code in entry.codes)
                standing.append(replace(entry, name=names.of(entry.name), codes=tuple(own_codes)))
        return standing
