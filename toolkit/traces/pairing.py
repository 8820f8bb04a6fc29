"""Pairing: which call a result answers."""

from collections import deque

from toolkit.traces.trace import Step

Key = tuple[str, str | None]

ANY_CALL: Key = ("any", None)
"""The key of all calls, for a result that names neither an id nor a tool."""


class OpenCalls:
    """The calls of a trace that have no result yet."""

    def __init__(self) -> None:
        self._waiting: dict[Key, deque[Step]] = {}
        """The calls by the id that the source gave them, by their tool, and all of them."""
        self._answered: set[str] = set()
        """The ids of the steps of the calls that have a result."""

    def add(self, step: Step, source_id: str | None) -> None:
        """Add a call, under the id that the source gave it."""
        for key in (("id", source_id), ("name", step.content), ANY_CALL):
            self._waiting.setdefault(key, deque()).append(step)

    def knows(self, source_id: str | None) -> bool:
        """Whether a call was given that id."""
        return source_id is not None and ("id", source_id) in self._waiting

    def take(self, source_id: str | None, tool: str | None) -> Step | None:
        """The oldest open call of that id or, without an id, of that tool; it is open no more."""
        key = ANY_CALL
        if source_id:
            key = ("id", source_id)
        elif tool:
            key = ("name", tool)
        waiting = self._waiting.get(key, deque())
        while waiting:
            call = waiting.popleft()
            if call.id not in self._answered:
                self._answered.add(call.id)
                return call
        return None
