"""Store: an append-only file of actions that can be taken back, under labels and codebooks alike.

What is taken back stays in the file: a `Retraction` is written behind it.
"""

import time as clock
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.jsonl import FileChanged, JsonlFile, Line

TRIES = 100


@dataclass(frozen=True, slots=True)
class Retraction:
    """The record of this id is taken back; the record itself stays in the file."""

    retracts: str
    time: float = field(default_factory=clock.time)
    trace_id: str | None = None
    """Of the label: another program may give one id to the labels of several raters. None where
    nobody said.
    """
    rater: str | None = None
    """Who gave the label, or did what is taken back. None where nobody said."""


class RetractableFile(JsonlFile):
    """A `JsonlFile` whose newest action can be taken back, and which is read again only where it
    grew.
    """

    def __init__(self, path: Any, kind: Any):
        super().__init__(path, kind)
        self.text = b""
        """The file as it was read last, in UTF-8."""
        self._decoded_bytes = 0
        self._decoded: list[Line] = []

    def current_lines(self) -> list[Line]:
        """Each line of the file; only what was added since the last reading is decoded, unless more
        changed.
        """
        text = self.utf8(self.path.read_bytes()) if self.path.exists() else b""
        if not text.startswith(self.text[: self._decoded_bytes]):
            self._decoded_bytes = 0
            self._decoded = []
        # what stands behind the last line end may yet be written on, or moved aside
        end = text.rfind(b"\n") + 1
        first_new = text.count(b"\n", 0, self._decoded_bytes) + 1
        self._decoded += self.read(text[self._decoded_bytes : end], first_new)
        self.text = text
        self._decoded_bytes = end
        unfinished = self.read(text[end:], text.count(b"\n") + 1)
        return [*self._decoded, *unfinished]

    def take_back(self, newest: Callable[[], tuple[list[Any], Retraction] | None]) -> list[Any]:
        """Write the retraction of the `newest` action, and return its records; none where there is
        no action left.
        """
        records: list[Any] = []

        def decide() -> list[Retraction]:
            action = newest()
            if action is None:
                records.clear()
                return []
            records[:] = action[0]
            return [action[1]]

        append_decided(self, decide)
        return records


def append_decided(file: JsonlFile, decide: Callable[[], Sequence[Any]]) -> None:
    """Append what `decide` makes of the file as it is; decide anew where another program wrote to
    it meanwhile.

    Raises FileChanged where that goes on for `TRIES` times.
    """
    for _ in range(TRIES):
        end = file.content().end
        records = decide()
        if not records:
            return
        try:
            file.append(*records, expected_end=end)
        except FileChanged:
            continue
        return
    raise FileChanged(f"{file.path}: other programs write to it all the time; try again")
