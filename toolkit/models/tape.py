"""Tape: replies written down once and played back, keyed by the whole request, so that a call is made only once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from toolkit.models import wire
from toolkit.models.model import Model, Reply, Request
from toolkit.records import JsonlFile
from toolkit.traces import Source


@dataclass(frozen=True, slots=True)
class Recorded:
    """One line of a tape."""

    key: str
    """SHA-256 of `request`."""
    request: dict[str, Any]
    """All that an answer depends on: model, system, messages, tools, schema and max_tokens. Metadata only where the
    model is simulated: a script goes by it."""
    reply: Reply
    """What came back, with the source that it then had."""


class Tape(Model):
    """A Model that answers from the JSONL file at `path` what it knows, and otherwise asks `model` and writes it down.

    Only replies that are results are kept. A reply that was live when recorded is played back as ``tape``; a simulated
    one stays ``simulated``. Of equal requests at once one is asked, and the others wait for its reply.

    Parameters
    ----------
    path : str or Path
        The file; made at the first miss. Each line is fsynced before its reply is handed on.
    model : Model
        Asked where the tape has no answer. Its name is part of the key.

    Raises
    ------
    RecordError
        Where a line of the file cannot be read.
    """

    def __init__(self, path: str | Path, model: Model):
        self.model, self.name, self.hits, self.misses = model, model.name, 0, 0
        self._file = JsonlFile(path, Recorded)
        self._known: dict[str, Reply] = {}
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        for line in self._file.records():
            self._known.setdefault(line.key, line.reply)
        sources = {model.source, *(reply.source for reply in self._known.values())}
        self.source: Source = "simulated" if "simulated" in sources else "tape"

    @property
    def known(self) -> int:
        """How many replies it knows."""
        return len(self._known)

    async def stream(self, request: Request) -> AsyncGenerator[str | Reply, None]:
        """The words, in one piece where they are played back, and at the end the whole Reply."""
        simulated = self.model.source == "simulated"
        body = wire.body_of(request if simulated else replace(request, metadata={}), self.name)
        key = wire.fingerprint(body)
        async with self._asking.setdefault(key, asyncio.Lock()):
            if key not in self._known:
                self.misses += 1
                async with aclosing(self.model.stream(request)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Reply) and piece.ok:
                            await asyncio.to_thread(self._file.append, Recorded(key, body, piece))
                            self._known[key] = piece
                        yield piece
                return
        self.hits += 1
        known = self._known[key]
        if known.text:
            yield known.text
        yield replace(known, source="tape") if known.source == "live" else known
