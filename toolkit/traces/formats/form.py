"""Format: one way to write traces down."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from toolkit.traces.ids import Record, first_id
from toolkit.traces.trace import Trace


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

    def fits(self, record: object) -> bool:
        """Whether `record` is of this format."""
        if not isinstance(record, dict):
            return False
        has_field = any(name in record for name in self.fields)
        return has_field and (self.knows is None or self.knows(record))
