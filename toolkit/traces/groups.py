"""Traces that take several records each: their records are kept until all of them have come in.

The records of one trace are a *group*. Two kinds of records join a group late:

- A *companion* is a record of a file that stands beside those of traces, as an index of sessions.
  It begins no group: it joins the one that it names.
- An *orphan* is a record without an id that stands before the first id of its file. It joins the
  first group of its file; where no record of the file has an id, the orphans are a trace.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from toolkit.traces.amounts import quantity
from toolkit.traces.formats.form import Format
from toolkit.traces.scan import RawRecord
from toolkit.traces.tally import Tally, answer_of


@dataclass(slots=True)
class Group:
    """The records of one trace, in their order."""

    format: Format
    id: str
    """Empty where its records have none: they are orphans."""
    tally: Tally
    """That of the file with the first of them."""
    records: list[RawRecord]

    def envelope(self) -> RawRecord:
        """One record that holds all of them, under ``records``."""
        values = []
        not_finite: list[str] = []
        for record in self.records:
            values.append(record.value)
            not_finite += record.not_finite
        envelope = {"records": values}
        return replace(self.records[0], value=envelope, not_finite=tuple(not_finite))


class Groups:
    """The groups that have begun, in that order."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, int], Group] = {}
        """By form and id; those of records without an id also by the place of their file."""
        self._last_ids: dict[str, str] = {}
        """The id of the group that was met last, by form: a record without one belongs to it."""
        self._companions: list[tuple[Tally, RawRecord, tuple[str, str, int]]] = []
        """The companions, each with the key of the group that it waits for."""
        self.n_companions = 0

    def begin_file(self) -> None:
        """Begin a file: no record of it belongs to the last group of another one."""
        self._last_ids = {}

    def add(self, record: RawRecord, format_: Format, tally: Tally) -> None:
        """Keep a record. Raises RecordError where its form cannot tell its trace."""
        assert format_.group is not None
        id_ = answer_of(format_.group, record.value)
        if not id_:
            id_ = self._last_ids.get(format_.name, "")
        self._last_ids[format_.name] = id_
        place = 0 if id_ else tally.place
        key = (format_.name, id_, place)
        group = self._groups.get(key)
        if group is None:
            group = Group(format_, id_, tally, [])
            self._groups[key] = group
        group.records.append(record)

    def last_id(self, format_: Format) -> str:
        """The id of the group of a form that was met last in the file; empty where none was."""
        return self._last_ids.get(format_.name, "")

    def accompany(self, record: RawRecord, format_: Format, tally: Tally, before: str) -> None:
        """Keep a companion until the group is there that it names.

        One that names none waits for the group `before` it. Raises as `add` does.
        """
        assert format_.group is not None
        self.n_companions += 1
        id_ = answer_of(format_.group, record.value) or before
        self._companions.append((tally, record, (format_.name, id_, 0)))

    def _join_companions(self) -> None:
        """Let each companion join the group that it names."""
        alone: Counter[str] = Counter()
        tallies: dict[str, Tally] = {}
        for tally, record, key in self._companions:
            _, id_, _ = key
            group = self._groups.get(key) if id_ else None
            if group is None:
                alone[tally.path] += 1
                tallies[tally.path] = tally
            else:
                group.records.append(record)
        self._companions.clear()
        for path, n in alone.items():
            note = f"{quantity(n, 'record')} of it belong to no trace that was given"
            tallies[path].notes.append(note)

    def take(self) -> Iterator[Group]:
        """Each group. It is kept no longer: its records are let go of once they are read."""
        self._adopt_orphans()
        self._join_companions()
        for key in list(self._groups):
            yield self._groups.pop(key)

    def _adopt_orphans(self) -> None:
        """Let orphans join the first group of their form and file."""
        first_groups: dict[tuple[str, int], Group] = {}
        keys_of_orphans: list[tuple[str, str, int]] = []
        for key, group in self._groups.items():
            if group.id:
                first_groups.setdefault((group.format.name, group.tally.place), group)
            else:
                keys_of_orphans.append(key)
        for key in keys_of_orphans:
            orphans = self._groups[key]
            first = first_groups.get((orphans.format.name, orphans.tally.place))
            if first is not None:
                first.records[:0] = orphans.records
                del self._groups[key]
