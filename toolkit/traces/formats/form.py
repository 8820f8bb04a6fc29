"""Format: one way to write traces down."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from toolkit.traces.archive import Archive
from toolkit.traces.ids import Record, first_id
from toolkit.traces.trace import Trace

PARTS = "content.*"
"""Stands among the names of the fields of messages where the content of one is a list."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The names of fields without any of which a record with ``messages`` is not of a form."""

    record: frozenset[str]
    """Names of the record's own fields."""
    messages: frozenset[str]
    """Names of fields of its messages, and `PARTS`."""


def names_in(messages: Any) -> set[str] | None:
    """The names of the fields of messages, and `PARTS`; None of what is no list of objects.

    >>> sorted(names_in([{"role": "user", "content": "hi"}, {"content": []}]))
    ['content', 'content.*', 'role']
    """
    if not isinstance(messages, list):
        return None
    names: set[str] = set()
    for message in messages:
        if not isinstance(message, dict):
            return None
        names.update(message)
        if isinstance(message.get("content"), list):
            names.add(PARTS)
    return names


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write traces down: how a record of it is recognised, and how it is read.

    A record is an object in a file: a line, an element of an array, a document, or a row of a table
    under the names of its columns.

    >>> from toolkit.traces import Format, Step, Trace
    >>> def read_note(record, id):
    ...     return Trace(id, (Step("1", "message", "user", record["note"]),))
    >>> note = Format("note", ("note",), read_note)
    >>> note.fits({"note": "The tandem is lost."})
    True
    """

    name: str
    """What `read_traces` calls it."""
    fields: tuple[str, ...]
    """The names of fields of which each record has at least one."""
    read: Callable[[Record, str], Trace | Iterable[Trace]]
    """The trace of a record, or its traces; the first has the id given. What has no place in a
    Trace goes to its meta. Raises RecordError where the record cannot be read."""
    knows: Callable[[Record], bool] | None = None
    """Whether a record with one of the fields is of this format, where that is not enough."""
    record_id: Callable[[Record], str | None] = first_id
    """The id of a record, however broken the rest of it is."""
    parts: Callable[[Record], Iterable[Record]] | None = None
    """The records inside a record, as the spans of a document; each is then read by itself."""
    group: Callable[[Record], str | None] | None = None
    """The id of the trace that a record belongs to, where a trace takes several records. They are
    read together, in their order, as ``{"records": [...]}``. A record without an id belongs to the
    trace of the record before it; where none in a file has one, they are one trace together."""
    converted: frozenset[str] = frozenset()
    """The fields that a trace holds in another shape, as a role, a type or a time: by their paths
    in the record, without the places in lists, as ``messages.recipient``. A ``*`` is any one name,
    ``**.`` whatever leads there. A field is reported as passed over where it is not among them and
    its value is not in the trace."""
    archive: Callable[[Archive], Iterable[Record] | None] | None = None
    """The records of a zip archive whose members belong together, as those of a log; None where the
    archive is not of this format."""
    companions: Callable[[str, Record], Iterable[Record] | None] | None = None
    """The records in a file that stands beside those of traces, as an index of sessions does, from
    its name and its object; None where it is no such file. Each joins the trace that `group` names,
    and begins none."""

    beside: frozenset[str] = frozenset()
    """The names of files without a conversation that stand in the folder of those of this form, as
    that of the account in an export: they are noted, and not counted as skipped."""

    signs: Signs | None = None
    """What `knows` looks for, where it looks through the messages of a record: one look at their
    names tells most records of other forms. None where it is to be asked each time."""

    def fits(self, record: object) -> bool:
        """Whether `record` is of this format."""
        if not isinstance(record, dict):
            return False
        has_field = any(name in record for name in self.fields)
        return has_field and (self.knows is None or self.knows(record))
