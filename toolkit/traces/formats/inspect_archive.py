"""The members of a `.eval` archive become logs, one a sample, as a `.json` log holds them.

A run that died has no header. What it began with, and what it finished, stands in its journal.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.archive import Archive
from toolkit.traces.fields import fields_of, object_in, objects_in
from toolkit.traces.formats.inspect_events import referred
from toolkit.traces.ids import Record

HEADER = "header.json"
START = "_journal/start.json"
SUMMARIES = "summaries.json"
JOURNAL_SUMMARY = re.compile(r"_journal/summaries/\d+\.json")
SAMPLE = re.compile(r"samples/(?P<sample>[^/]+)\.json|samples/(?P<shell>.+_epoch_\d+)/sample\.json")
CHUNK = re.compile(r"samples/(?P<sample>.+_epoch_\d+)/(?P<kind>\w+)/(?P<start>\d+)\.json")
UNREADABLE = "unreadable"
"""The field of a sample that says why it cannot be read."""
ONLY_SUMMARY = "only_summary"
"""The field of a sample that the archive knows by its summary alone."""


def archived_logs(archive: Archive) -> Iterator[Record] | None:
    """A log for each sample of an archive of Inspect; None for another archive."""
    log: dict[str, Any] = {}
    if HEADER in archive.names:
        log = fields_of(archive.json(HEADER))
    elif START in archive.names:
        start = fields_of(archive.json(START))
        log = {"status": "started", **start}
    if not object_in(log, "eval"):
        return None
    return _logs(archive, log)


def _logs(archive: Archive, log: Record) -> Iterator[Record]:
    """The samples of the archive, and then those of which only a summary was written."""
    read: set[tuple[str, Any]] = set()
    for sample in _samples(archive):
        read.add(_key(sample))
        yield {**log, "samples": [sample]}
    for summary in _summaries(archive):
        key = _key(summary)
        if key not in read:
            read.add(key)
            sample = {**summary, ONLY_SUMMARY: True}
            yield {**log, "samples": [sample]}
    if not read:
        yield dict(log)


def _key(sample: Record) -> tuple[str, Any]:
    """The id of a sample and its epoch, which together name it."""
    id_ = sample.get("id")
    return str(id_), sample.get("epoch")


def _samples(archive: Archive) -> Iterator[Record]:
    """The samples that were written whole; one that cannot be read says why."""
    sequences = _sequences(archive.names)
    for name in archive.names:
        match = SAMPLE.fullmatch(name)
        if not match:
            continue
        folder = match["shell"]
        try:
            sample = archive.json(name)
            if not isinstance(sample, dict):
                raise RecordError(f"member {name} of the archive: a sample is an object")
            if folder:
                sample = _joined(archive, folder, sample, sequences)
        except RecordError as error:
            id_ = match["sample"] or folder
            sample = {"id": id_, UNREADABLE: error.why}
        yield sample


def _summaries(archive: Archive) -> Iterator[Record]:
    """The summaries of samples, from the journal where the run died before it wrote them all."""
    names = [SUMMARIES]
    if SUMMARIES not in archive.names:
        names = [name for name in archive.names if JOURNAL_SUMMARY.fullmatch(name)]
    for name in names:
        yield from objects_in({name: archive.json(name)}, name)


def _sequences(names: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """The members that hold the sequences of large samples, in order, by sample and by kind."""
    members: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for name in names:
        match = CHUNK.fullmatch(name)
        if match:
            key = (match["sample"], match["kind"])
            start = int(match["start"])
            members.setdefault(key, []).append((start, name))
    ordered: dict[tuple[str, str], list[str]] = {}
    for key, numbered in members.items():
        ordered[key] = [name for _, name in sorted(numbered)]
    return ordered


def _joined(
    archive: Archive, folder: str, shell: Record, sequences: dict[tuple[str, str], list[str]]
) -> dict[str, Any]:
    """A large sample with what stands beside it, as a small one holds it."""

    def sequence(kind: str) -> list[Any]:
        items: list[Any] = []
        names = sequences.get((folder, kind), [])
        for name in names:
            chunk = archive.json(name)
            if not isinstance(chunk, list):
                raise RecordError(f"member {name} of the archive: it is no list")
            items += chunk
        return items

    sample = dict(shell)
    messages = sequence("messages")
    metadata = f"samples/{folder}/metadata.json"
    if metadata in archive.names:
        sample["metadata"] = archive.json(metadata)
    refs = sample.pop("message_refs", None)
    sample["messages"] = referred(messages, refs)
    sample["events"] = sequence("events")
    sample["events_data"] = {"messages": messages, "calls": sequence("calls")}
    texts = sequence("attachments")
    sample["attachments"] = {str(number): text for number, text in enumerate(texts)}
    return sample
