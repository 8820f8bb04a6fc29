"""Which format is a text of? The answer comes from its content alone."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from toolkit.records import RecordError
from toolkit.traces.archive import Archive
from toolkit.traces.decode import readable
from toolkit.traces.formats import Format
from toolkit.traces.scan import LOOKED_AT, RawRecord
from toolkit.traces.table import read_table

Formats = Mapping[str, Format]
SHOWN_CHARS = 60
HEADER_CHARS = 1_000_000
MOST_LOOKED_AT = 20_000


def may_be_known(text: str, formats: Formats) -> bool:
    """Whether the name of a field of some format stands anywhere in `text`: a look, no decoding."""
    names = {"role"}  # of a message: a bare list of messages is a record too
    for format_ in formats.values():
        names.update(format_.fields)
    return any(f'"{name}"' in text for name in names)


def beginning(records: Iterator[RawRecord]) -> list[RawRecord]:
    """The first records: as many as tell whether the format is known."""
    first: list[RawRecord] = []
    n_readable = 0
    for record in islice(records, MOST_LOOKED_AT):
        first.append(record)
        n_readable += not record.error
        if n_readable == LOOKED_AT:
            break
    return first


def format_of(record: object, formats: Formats) -> str | None:
    """The name of the first format that `record` fits."""
    for name, format_ in formats.items():
        if format_.fits(record):
            return name
    return None


def log_in(archive: Archive, formats: Formats) -> tuple[str, list[RawRecord]] | None:
    """The format of an archive whose members belong together, and its records; None for others."""
    for name, format_ in formats.items():
        records = format_.archive(archive) if format_.archive else None
        if records is not None:
            return name, [RawRecord(n, 0, record) for n, record in enumerate(records, 1)]
    return None


def any_fits(records: Iterable[RawRecord], formats: Formats) -> bool:
    """Whether a record fits some format."""
    return any(format_of(record.value, formats) for record in records)


def vote(records: list[RawRecord], formats: Formats) -> tuple[str, str]:
    """The format that most records fit, and why it was chosen.

    At least one record fits a format.
    """
    votes = Counter(format_of(record.value, formats) for record in records)
    del votes[None]
    [(name, n_fit)] = votes.most_common(1)
    return name or "", f"decided from the content: {n_fit:,} of {len(records):,} records fit"


def as_conversation(records: list[RawRecord], formats: Formats) -> list[RawRecord]:
    """One record where `records` are a bare list of messages, else the records as they are.

    What is no message among the messages is skipped, and counted.
    """
    messages: list[RawRecord] = []
    skipped: list[RawRecord] = []
    for record in records:
        if _is_message(record.value, formats):
            messages.append(record)
        else:
            error = record.error or "no message: it has no role"
            skipped.append(replace(record, error=error))
    if len(messages) <= len(skipped):
        return records
    conversation = {
        "messages": [message.value for message in messages],
        "messages_skipped": len(skipped),
    }
    not_finite: list[str] = []
    for message in messages:
        not_finite += message.not_finite
    return [RawRecord(1, 1, conversation, not_finite=tuple(not_finite)), *skipped]


def _is_message(value: object, formats: Formats) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        return False
    return format_of(value, formats) is None


def is_table(text: str) -> bool:
    """Whether `text` has a header of several columns, and below it a row that fits."""
    first = re.search(r"\S", text)
    if not first or first[0] in "[{":
        return False
    if text.find("\n", first.start(), first.start() + HEADER_CHARS) < 0:
        return False
    names, rows = read_table(text)
    return len(names) > 1 and any(not row.error for row in islice(rows, LOOKED_AT))


def no_traces(path: str, text: str, first: list[RawRecord], formats: Formats) -> RecordError:
    """Why the file has no traces: what it begins with, and the first record that is broken."""
    begin = re.search(r"\S", text)
    shown = "nothing at all"
    if begin:
        shown = readable(text[begin.start() : begin.start() + SHOWN_CHARS].rstrip())
    why = f"no traces found: it begins with {shown!r}."
    for record in first:
        if record.error:
            why += f" Record {record.number}, line {record.line}: {record.error}."
            break
    known = f"{', '.join(formats)}, and CSV with a header; for others see traces_from_frame"
    return RecordError(f"{why} read_traces knows {known}", path)
