"""The members of a `.eval` archive become logs, one a sample, as a `.json` log holds them.

A run that died has no header. What it began with, and what it finished, stands in its journal.
"""

import re
from collections.abc import Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.archive import Archive
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
    names = set(archive.names)
    if HEADER not in names and START not in names:
        return None
    header = archive.json(HEADER if HEADER in names else START)
    if not isinstance(header, dict) or not isinstance(header.get("eval"), dict):
        return None
    log = header if HEADER in names else {"status": "started", **header}
    return _logs(archive, log)


def _logs(archive: Archive, log: Record) -> Iterator[Record]:
    """The samples of the archive, and then those of which only a summary was written."""
    chunks = _chunks(archive)
    known: set[tuple[str, Any]] = set()
    n_samples = 0
    for name in archive.names:
        match = SAMPLE.fullmatch(name)
        if not match:
            continue
        try:
            sample = archive.json(name)
            if match["shell"] and isinstance(sample, dict):
                sample = _joined(archive, sample, chunks.get(match["shell"], {}))
        except RecordError as error:
            sample = {"id": match["sample"] or match["shell"], UNREADABLE: error.why}
        if isinstance(sample, dict):
            known.add((str(sample.get("id")), sample.get("epoch")))
        n_samples += 1
        yield {**log, "samples": [sample]}
    for summary in _summaries(archive):
        if (str(summary.get("id")), summary.get("epoch")) not in known:
            n_samples += 1
            yield {**log, "samples": [{**summary, ONLY_SUMMARY: True}]}
    if not n_samples:
        yield dict(log)


def _summaries(archive: Archive) -> Iterator[Record]:
    """The summaries of samples, from the journal where the run died before it wrote them all."""
    names = [name for name in archive.names if name == SUMMARIES]
    names = names or [name for name in archive.names if JOURNAL_SUMMARY.fullmatch(name)]
    for name in names:
        summaries = archive.json(name)
        for summary in summaries if isinstance(summaries, list) else ():
            if isinstance(summary, dict):
                yield summary


def _chunks(archive: Archive) -> dict[str, dict[str, list[tuple[int, str]]]]:
    """The members that hold the sequences of large samples: by sample, by kind, in their order."""
    chunks: dict[str, dict[str, list[tuple[int, str]]]] = {}
    for name in archive.names:
        match = CHUNK.fullmatch(name)
        if match:
            kinds = chunks.setdefault(match["sample"], {})
            kinds.setdefault(match["kind"], []).append((int(match["start"]), name))
    return chunks


def _joined(
    archive: Archive, shell: Record, chunks: dict[str, list[tuple[int, str]]]
) -> dict[str, Any]:
    """A large sample with the sequences that stand beside it, as a small one holds them."""
    sequences: dict[str, list[Any]] = {}
    for kind, members in chunks.items():
        sequences[kind] = []
        for _, name in sorted(members):
            items = archive.json(name)
            sequences[kind] += items if isinstance(items, list) else [items]
    messages = sequences.pop("messages", [])
    attachments = sequences.pop("attachments", [])
    sample = {name: value for name, value in shell.items() if name != "message_refs"}
    sample["messages"] = referred(messages, shell.get("message_refs"))
    sample["attachments"] = {str(number): text for number, text in enumerate(attachments)}
    return {**sample, **sequences}
