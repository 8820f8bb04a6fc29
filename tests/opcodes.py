"""What a piece of code costs, as the number of Python's instructions that it runs: the same on a
busy machine as on an idle one, so a test may hold growth to it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Opcodes:
    """The instructions that were run so far, those inside C functions apart."""

    def __init__(self) -> None:
        self.count = 0

    def trace(self, frame: FrameType, event: str, _argument: Any) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        self.count += event == "opcode"
        return self.trace


@contextmanager
def counted() -> Iterator[Opcodes]:
    """Count what runs in this thread, in functions that are called inside the block."""
    opcodes = Opcodes()
    before = sys.gettrace()
    sys.settrace(opcodes.trace)
    try:
        yield opcodes
    finally:
        sys.settrace(before)
