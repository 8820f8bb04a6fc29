"""Tape: replies written down once and played back, keyed by the whole request, so that a call is
made only once.
"""

import asyncio
import logging
import os
import re
import sys
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from os.path import commonprefix
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from toolkit.models import wire
from toolkit.models.model import DAY_S, Model, Progress, Reply, Request, reporting
from toolkit.records import JsonlFile, canonical, encode
from toolkit.traces import Source

logger = logging.getLogger(__name__)

SECRET = re.compile(r"sk-ant-[\w-]{8,}")
SHORTEST_KEY = 8  # a shorter value of ANTHROPIC_API_KEY stands in too many words
SHOWN = 20  # characters before and after a difference


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
        self.model, self.hits, self.misses = model, 0, 0
        if model is None and not Path(path).exists():
            raise FileNotFoundError(
                f"there is no tape at {path}: record one with Tape(path, model)"
            )
        self._file = JsonlFile(path, Recorded)
        self._known: dict[str, Recorded] = {}
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        for line in self._file.records():
            self._known.setdefault(wire.fingerprint(line.request), line)
        sources = {line.reply.source for line in self._known.values()} | {
            model.source if model else "tape"
        }
        self.source: Source = "simulated" if "simulated" in sources else "tape"
        names = sorted({line.reply.model for line in self._known.values()})
        if model is None and name is None and len(names) != 1:
            held = ", ".join(names) or "no model"
            raise ValueError(
                f"{path} holds replies of {held}: say name=, or record with Tape(path, model)"
            )
        self.name = model.name if model else name or names[0]

    @property
    def spends(self) -> bool:
        """Whether a question that the tape does not know would be asked live."""
        return self.model is not None and asks_live(self.model)

    @property
    def known(self) -> int:
        """How many replies it knows."""
        return len(self._known)

    async def stream(self, request: Request) -> AsyncGenerator[str | Reply, None]:
        """The words, in one piece where they are played back, and at the end the whole Reply."""
        key, body = self._find(request)
        async with self._asking.setdefault(key, asyncio.Lock()):
            if self.model and key not in self._known:
                self.misses += 1
                async with aclosing(self.model.stream(request)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Reply):
                            await self._keep(Recorded(key, body, piece))
                        yield piece
                return
        self.hits += 1
        known = self._play(key)
        if known.text:
            yield known.text
        yield known

    async def batch(
        self,
        requests: Sequence[Request],
        progress: Progress | None = None,
        timeout_s: float = DAY_S,
    ) -> list[Reply]:
        """As `Model.batch`; only what is not known is asked, and of equal requests one."""
        asked = [self._find(request) for request in requests]
        async with AsyncExitStack() as stack:
            for key in sorted(
                {key for key, _ in asked}
            ):  # in one order, so that no two batches wait for each other
                await stack.enter_async_context(self._asking.setdefault(key, asyncio.Lock()))
            new = {key: n for n, (key, _) in enumerate(asked) if key not in self._known}
            fresh: dict[str, Reply] = {}
            report = reporting(progress)

            def tell(done: int, _: int) -> None:
                report(len(asked) - len(new) + done, len(asked))

            if self.model and new:
                self.misses += len(new)
                replies = await self.model.batch(
                    [requests[n] for n in new.values()], tell, timeout_s
                )
                fresh = dict(zip(new, replies, strict=True))
                await self._keep(
                    *(Recorded(key, asked[new[key]][1], reply) for key, reply in fresh.items())
                )
        self.hits += len(asked) - len(new)
        tell(len(new), 0)
        return [fresh[key] if key in fresh else self._play(key) for key, _ in asked]

    def _find(self, request: Request) -> tuple[str, dict[str, Any]]:
        """The key of `request`, and what is recorded of it."""
        simulated = (self.model or self).source == "simulated"
        body = wire.body_of(request if simulated else replace(request, metadata={}), self.name)
        key = wire.fingerprint(body)
        if _holds_secret(canonical(body)):
            raise ValueError(
                "the request holds an API key, and a tape keeps no secret: take it out"
            )
        if self.model is None and key not in self._known:
            raise TapeMiss(self._file.path, *_difference(self._known.values(), leaves(body)))
        return key, body

    async def _keep(self, *lines: Recorded) -> None:
        """Record results. A disk that takes none of them is reported: the replies are paid for, and
        go on.
        """
        kept = tuple(
            line for line in lines if line.reply.ok and not _holds_secret(encode(line.reply))
        )
        if not kept:
            return
        try:
            await asyncio.to_thread(self._file.append, *kept)
        except OSError:
            logger.exception("%s: %d replies could not be recorded", self._file.path, len(kept))
            return
        self._known |= {line.key: line for line in kept}

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
    if isinstance(value, list):
        parts = {f"{path}[{n}]": part for n, part in enumerate(value)}
    else:
        names = {
            name: f".{name}" if name.isidentifier() else f"[{canonical(name)}]" for name in value
        }
        parts = {(path + names[name]).removeprefix("."): part for name, part in value.items()}
    return {at: text for inner, part in parts.items() for at, text in leaves(part, inner).items()}


def _holds_secret(text: str) -> bool:
    keys = [os.environ.get(name, "") for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")]
    return bool(SECRET.search(text)) or any(
        canonical(key)[1:-1] in text for key in keys if len(key) >= SHORTEST_KEY
    )


def _difference(lines: Iterable[Recorded], asked: dict[str, str]) -> tuple[str, str]:
    """The first path at which the leaves `asked` differ from the nearest of `lines`, and that in
    words.
    """
    nearest, path, why = (sys.maxsize, 0), "", "the tape is empty"
    for line in lines:
        told = leaves(line.request)
        differing = [name for name in {**asked, **told} if asked.get(name) != told.get(name)]
        pair = told.get(differing[0], "nothing"), asked.get(differing[0], "nothing")
        same = len(commonprefix(pair))  # noqa: RUF071  texts, and no paths
        far = len(differing), max(map(len, pair)) - same
        if far < nearest:
            nearest, path = far, differing[0]
            shown = (text[max(0, same - SHOWN) : same + SHOWN] for text in pair)
            why = "the nearest one differs first at {}: recorded …{}…, asked …{}…".format(
                path, *shown
            )
    return path, why
