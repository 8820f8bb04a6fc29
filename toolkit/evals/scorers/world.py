"""World: what an agent acts on, as something that can be copied out and put back.

A snapshot is the bytes of a SQLite database, or plain data as JSON has it, so it can be kept in a
file, and `diff_state` compares two of them. Nothing that the agent still holds can change it.

>>> world = DictWorld({"bookings": {"HB-1": {"status": "booked"}}})
>>> before = world.snapshot()
>>> world.state["bookings"]["HB-1"]["status"] = "cancelled"
>>> world.restore(before)
>>> world.state
{'bookings': {'HB-1': {'status': 'booked'}}}
"""

import marshal
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Protocol, TypeAlias, runtime_checkable

State: TypeAlias = bytes | Mapping[str, Any]
"""A snapshot: the bytes of a SQLite database, or tables as `DictWorld` describes them."""

FORMAT_VERSIONS = slice(18, 20)
"""Where a database's header says whether it has a write-ahead log (SQLite file format, 1.3)."""
NO_WRITE_AHEAD_LOG = b"\x01\x01"
MARSHAL_VERSION = 2
"""The last in which equal data has equal bytes, whoever else refers to it."""
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@runtime_checkable
class World(Protocol):
    """What can be copied out and put back: your own will do, if it has these two methods."""

    def snapshot(self) -> State:
        """Everything in it, as it is now."""

    def restore(self, snapshot: State) -> None:
        """Put everything back as it was."""


class SqliteWorld:
    """The main database of a `sqlite3.Connection`, in a file or in memory.

    A snapshot holds what this connection sees: what others have committed, and what it has written
    itself, committed or not. `restore` writes it back, and drops an open transaction.

    A grader opens a connection of its own to the agent's file, in a process of its own: then
    nothing that the agent's process says or patches reaches it.
    """

    def __init__(self, connection: sqlite3.Connection, timeout_s: float = 5.0) -> None:
        self.connection = connection
        self.timeout_s = timeout_s
        """How long `restore` waits for a database that another reads or writes."""

    def snapshot(self) -> bytes:
        """The database as bytes, which `sqlite3.Connection.deserialize` reads."""
        cursor = self.connection.cursor()
        cursor.row_factory = None
        (n_pages,) = cursor.execute("pragma page_count").fetchone()
        if n_pages == 0:
            return b""  # SQLite refuses to serialize what is empty
        return without_write_ahead_log(self.connection.serialize())

    def restore(self, snapshot: State) -> None:
        """Write the snapshot over the database. Raises TimeoutError where it stays in use."""
        if not isinstance(snapshot, bytes):
            raise TypeError(f"a SqliteWorld restores bytes, not {type(snapshot).__name__}")
        self.connection.rollback()
        give_up = time.monotonic() + self.timeout_s

        def stop_waiting(status: int, _remaining: int, _total: int) -> None:
            if status in BUSY and time.monotonic() > give_up:
                raise TimeoutError(f"the database is still in use after {self.timeout_s:g} s")

        with closing(sqlite3.connect(":memory:")) as source:
            if snapshot:
                source.deserialize(snapshot)
            source.backup(self.connection, progress=stop_waiting, sleep=0.05)


def without_write_ahead_log(database: bytes) -> bytes:
    """The bytes of a database, for a place that keeps no second file beside it: it opens in memory
    then.
    """
    header = bytearray(database[:100])
    if not header:
        return database
    header[FORMAT_VERSIONS] = NO_WRITE_AHEAD_LOG
    return bytes(header) + database[100:]


class DictWorld:
    """Plain data that an agent's tools act on: tables by name.

    A table is a dict of rows by their key (``{"users": {"mia": {...}}}``), or a list of rows, which
    has no order (``{"log": [{...}, {...}]}``). A row is a dict, whose nested fields are named with
    dots (``address.city``); any other value is a row with the one field ``value``.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        """The very dict that the tools act on: `restore` fills it anew."""

    def snapshot(self) -> dict[str, Any]:
        """A copy. Raises TypeError for what is no plain data."""
        return _copied(self.state)

    def restore(self, snapshot: State) -> None:
        """Put a copy of the snapshot into `state`."""
        if not isinstance(snapshot, dict):
            raise TypeError(f"a DictWorld restores a dict, not {type(snapshot).__name__}")
        copy = _copied(snapshot)
        self.state.clear()
        self.state.update(copy)


def packed(value: Any) -> bytes:
    """Plain data as bytes: where they are equal, so is the data, with 1 and True told apart.

    It is marshal, which takes a fifth of the time of JSON; the bytes never leave the process.
    """
    try:
        return marshal.dumps(value, MARSHAL_VERSION)
    except ValueError as error:
        raise TypeError(f"a state is made of dicts, lists, texts and numbers: {error}") from None


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    copy: dict[str, Any] = marshal.loads(packed(state))
    return copy
