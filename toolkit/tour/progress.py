"""Progress: lines that say which part of a command runs, and how far it is."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Self, TextIO

EACH_S = 1.0
"""The seconds between two lines on a terminal, where each takes the place of the one before."""
EACH_ELSEWHERE_S = 15.0
"""The same where the lines stay."""
CLEAR = "\r\x1b[K"
"""To the begin of a terminal's line, and away with what stands there."""


class Progress:
    """Says how far a command is, from entering it to leaving it.

    A thread says it, because some parts hold up the event loop for seconds, as the first fit of
    topics does. On a terminal one line is written over and over, elsewhere a line follows a line.

    Parameters
    ----------
    parts : int
        How many there will be.
    stream : TextIO, optional
        Where to say it: stderr by default, for stdout belongs to figures.
    each_s : float
        The seconds between two lines; by default a second on a terminal, and longer elsewhere.
    """

    def __init__(self, parts: int, stream: TextIO | None = None, each_s: float | None = None):
        self._parts = parts
        self._stream = stream or sys.stderr
        if each_s is None:
            each_s = EACH_S if self._stream.isatty() else EACH_ELSEWHERE_S
        self._each_s = each_s
        self._begun = self._part_begun = time.monotonic()
        self._number = 0
        self._part = ""
        self._far = ""
        self._lock = Lock()
        self._over = Event()
        self._thread = Thread(target=self._say_each_second, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        with self._lock:
            self._clear()

    def begin(self, part: str) -> None:
        """Go on to the next part. Where lines stay, one says how far the part before has come."""
        with self._lock:
            if self._far and not self._stream.isatty():
                self._say()
            self._number += 1
            self._part = part
            self._far = ""
            self._part_begun = time.monotonic()
            self._say()

    def update(self, done: int, total: int) -> None:
        """Say how far the part is."""
        self._far = f": {done:,} of {total:,}"

    def apart_from(self, say: Callable[[str], object]) -> Callable[[str], None]:
        """What says the same as `say`, but never in the middle of a line of progress."""

        def say_apart(line: str) -> None:
            with self._lock:
                self._clear()
                say(line)

        return say_apart

    def _say_each_second(self) -> None:
        while not self._over.wait(self._each_s):
            with self._lock:
                self._say()

    def _say(self) -> None:
        if not self._number:
            return
        now = time.monotonic()
        far = self._far
        part_seconds = now - self._part_begun
        if not far and part_seconds >= 1:
            far = f": {part_seconds:.0f} s so far"
        line = f"[{self._number} of {self._parts}] {self._part}{far} ({now - self._begun:.0f} s)"
        before, after = (CLEAR, "") if self._stream.isatty() else ("", "\n")
        self._write(f"{before}{line}{after}")

    def _clear(self) -> None:
        if self._stream.isatty():
            self._write(CLEAR)

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # nobody reads it any more
            self._stream.write(text)
            self._stream.flush()
