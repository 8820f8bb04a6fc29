"""Tape: replies written down once and played back, keyed by the whole request, so that a call is
made only once.
"""

import asyncio
import logging
import os
import re
import sys
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from os.path import commonprefix
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from toolkit.jsonl import JsonlFile
from toolkit.models import wire
from toolkit.models.model import Model, Price, Reply, Request
from toolkit.models.prices import price_of
from toolkit.records import canonical, encode, fingerprint
from toolkit.traces import Source

logger = logging.getLogger(__name__)

SECRET = re.compile(r"sk-(ant|proj|svcacct)-[\w-]{8,}")
KEY_NAMES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY")
SHORTEST_KEY = 8  # a shorter value of such a variable stands in too many words
CONTEXT_CHARS = 20  # before and after a difference


class TapeMiss(LookupError):
    """A strict tape does not hold what it is asked; `path` is where that first differs from the
    nearest it holds.
    """

    def __init__(self, file: Path, path: str, why: str):
        self.path = path
        mend = "ask what was recorded, or record this too with Tape(path, model)"
        super().__init__(f"{file}: no reply is recorded for this request: {why}; {mend}")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One line of a tape."""

    key: str
    """SHA-256 of `request`."""
    request: dict[str, Any]
    """All that an answer depends on. Metadata only where the model is simulated: a script goes by
    it.
    """
    reply: Reply
    price: Price | None = None
    """That the model had of its own: what is played back costs the same."""


class Tape(Model):
    """A Model that answers from the JSONL file at `path` what it knows, and otherwise asks `model`
    and writes it down.

    Without `model` it is strict: what it does not know raises `TapeMiss`. Its name is that of the
    recorded model; where there are several, `name` says which. Only results are kept. A reply that
    was live when recorded is played back as ``tape``; a simulated one stays ``simulated``. Of equal
    requests at once one is asked, and the others wait. A request that holds an API key is refused
    with a ValueError, and a reply that holds one is not kept.
    """

    def __init__(self, path: str | Path, model: Model | None = None, name: str | None = None):
        self.model = model
        self.hits = 0
        """Requests that the tape answered."""
        self.misses = 0
        """Requests that `model` was asked."""
        if model is None and not Path(path).exists():
            raise FileNotFoundError(
                f"there is no tape at {path}: record one with Tape(path, model)"
            )
        self._file = JsonlFile(path, Recorded)
        self._known: dict[str, Recorded] = {}
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        for line in self._file.records():
            self._known.setdefault(fingerprint(line.request), line)
        sources = {line.reply.source for line in self._known.values()}
        if model is not None:
            sources.add(model.source)
        self.source: Source = "simulated" if "simulated" in sources else "tape"
        self.name = model.name if model else name or self._recorded_name(path)
        self.price = price_of(model) if model else self._recorded_price()

    def _recorded_name(self, path: str | Path) -> str:
        names = sorted({line.reply.model for line in self._known.values()})
        if len(names) != 1:
            held = ", ".join(names) or "no model"
            raise ValueError(
                f"{path} holds replies of {held}: say name=, or record with Tape(path, model)"
            )
        return names[0]

    def _recorded_price(self) -> Price | None:
        """The last price that a model of this name had of its own."""
        price = None
        for line in self._known.values():
            if line.reply.model == self.name:
                price = line.price
        return price

    @property
    def spends(self) -> bool:
        """Whether a question that the tape does not know would be asked live."""
        return self.model is not None and asks_live(self.model)

    @property
    def known(self) -> int:
        """How many replies it knows."""
        return len(self._known)

    def key(self, request: Request) -> str:
        """What `request` is known by: equal requests have equal keys."""
        return self._find(request)[0]

    def holds(self, key: str) -> bool:
        """Whether it has the reply to the request of this key."""
        return key in self._known

    async def stream(self, request: Request) -> AsyncGenerator[str | Reply, None]:
        """The words, in one piece where they are played back, and at the end the whole Reply."""
        key, body = self._find(request)
        async with self._asking.setdefault(key, asyncio.Lock()):
            if self.model and key not in self._known:
                self.misses += 1
                async with aclosing(self.model.stream(request)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Reply):
                            await self._keep(Recorded(key, body, piece, self.price))
                        yield piece
                return
        self.hits += 1
        known = self._play(key)
        if known.text:
            yield known.text
        yield known

    def _find(self, request: Request) -> tuple[str, dict[str, Any]]:
        """The key of `request`, and what is recorded of it."""
        model = self.model or self
        if model.source != "simulated":
            request = replace(request, metadata={})
        body = wire.body_of(request, self.name)
        key = fingerprint(body)
        if _holds_secret(canonical(body)):
            raise ValueError(
                "the request holds an API key, and a tape keeps no secret: take it out"
            )
        if self.model is None and key not in self._known:
            path, why = _difference(self._known.values(), leaves(body))
            raise TapeMiss(self._file.path, path, why)
        return key, body

    async def _keep(self, line: Recorded) -> None:
        """Record a result. A disk that does not take it is reported: the reply is paid for, and
        goes on.
        """
        if not line.reply.ok or _holds_secret(encode(line.reply)):
            return
        try:
            await asyncio.to_thread(self._file.append, line)
        except OSError:
            logger.exception("%s: a reply could not be recorded", self._file.path)
            return
        self._known[line.key] = line

    def _play(self, key: str) -> Reply:
        known = self._known[key].reply
        return replace(known, source="tape") if known.source == "live" else known


def asks_live(model: Model) -> bool:
    """Whether asking `model` can cost money: a live model, or a `Tape` that asks one."""
    return model.source == "live" or (isinstance(model, Tape) and model.spends)


def leaves(value: Any, path: str = "") -> dict[str, str]:
    """The JSON of each value inside `value` that holds no other, by its path.

    >>> leaves({"messages": [{"content": "Hi"}], "max tokens": 7})
    {'messages[0].content': '"Hi"', '["max tokens"]': '7'}
    """
    if not value or not isinstance(value, dict | list):
        return {path: canonical(value)}
    inside: dict[str, str] = {}
    for part_path, part in _parts(value, path):
        inside |= leaves(part, part_path)
    return inside


def _parts(value: dict[str, Any] | list[Any], path: str) -> Iterator[tuple[str, Any]]:
    """The path of each part of `value`, and the part."""
    if isinstance(value, list):
        for number, part in enumerate(value):
            yield f"{path}[{number}]", part
        return
    for name, part in value.items():
        if name.isidentifier():
            yield f"{path}.{name}".removeprefix("."), part
        else:
            yield f"{path}[{canonical(name)}]", part


def _holds_secret(text: str) -> bool:
    if SECRET.search(text):
        return True
    for name in KEY_NAMES:
        key = os.environ.get(name, "")
        if len(key) >= SHORTEST_KEY and canonical(key)[1:-1] in text:
            return True
    return False


def _difference(lines: Iterable[Recorded], asked: dict[str, str]) -> tuple[str, str]:
    """The first path at which the leaves `asked` differ from the nearest of `lines`, and that in
    words.
    """
    shortest = (sys.maxsize, 0)
    path = ""
    why = "the tape is empty"
    for line in lines:
        recorded = leaves(line.request)
        paths = [name for name in asked | recorded if asked.get(name) != recorded.get(name)]
        before = recorded.get(paths[0], "nothing")
        now = asked.get(paths[0], "nothing")
        same = len(commonprefix((before, now)))  # noqa: RUF071  texts, and no paths
        distance = (len(paths), max(len(before), len(now)) - same)
        if distance < shortest:
            shortest = distance
            path = paths[0]
            start = max(0, same - CONTEXT_CHARS)
            end = same + CONTEXT_CHARS
            why = (
                f"the nearest one differs first at {path}: "
                f"recorded …{before[start:end]}…, asked …{now[start:end]}…"
            )
    return path, why
