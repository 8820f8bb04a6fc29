"""Faults drawn from a seed: connections are cut or stalled, servers are killed or frozen.

>>> print(Schedule.draw(7, count=2))
seed 7: stall at 0.21 s for 0.32 s; nats-crash at 0.62 s
"""

import asyncio
import random
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Self, get_args

from toolkit.shown import Shown

Kind = Literal["cut", "stall", "half-open", "slow", "kill", "freeze", "nats-crash"]
"""Connections are reset; nothing moves for a while; what the server sends is lost while the
connection seems to be up; each piece comes late; the web server gets SIGKILL and is started again;
it gets SIGSTOP, and SIGCONT later; the nats-server gets SIGKILL and is started again on the same
store.
"""

LASTING = frozenset({"stall", "slow", "freeze"})
READ_BYTES = 4096
SLOW_S = 0.05


@dataclass(frozen=True, slots=True)
class Fault(Shown):
    """One thing that goes wrong."""

    at_s: float
    """Seconds after the start of the run."""
    kind: Kind
    for_s: float = 0.0
    """How long it lasts; 0 for what happens at once."""

    def __str__(self) -> str:
        text = f"{self.kind} at {self.at_s:.2f} s"
        if self.for_s:
            text += f" for {self.for_s:.2f} s"
        return text


@dataclass(frozen=True, slots=True)
class Schedule(Shown):
    """What goes wrong in a run, and when. The same seed draws the same schedule."""

    seed: int
    faults: tuple[Fault, ...]

    @classmethod
    def draw(
        cls,
        seed: int,
        kinds: Sequence[Kind] = get_args(Kind),
        count: int = 3,
        within_s: float = 1.0,
    ) -> Self:
        """Draw `count` faults of `kinds`, spread over the first `within_s` seconds.

        Raises
        ------
        ValueError
            For a kind that there is not.
        """
        if isinstance(kinds, str):
            raise ValueError(f"faults are drawn from a list of kinds: say [{kinds!r}]")
        known = get_args(Kind)
        unknown = sorted(set(kinds) - set(known))
        if unknown:
            raise ValueError(f"no such fault: {', '.join(unknown)}; there are {', '.join(known)}")
        if not kinds:
            return cls(seed, ())
        dice = random.Random(seed)
        width_s = within_s / max(1, count)
        faults = []
        for n in range(count):
            at_s = width_s * (n + dice.uniform(0.2, 0.9))
            kind = dice.choice(kinds)
            for_s = dice.uniform(0.2, 0.5) if kind in LASTING else 0.0
            faults.append(Fault(round(at_s, 3), kind, round(for_s, 3)))
        return cls(seed, tuple(faults))

    def __str__(self) -> str:
        faults = "; ".join(map(str, self.faults))
        return f"seed {self.seed}: {faults or 'nothing goes wrong'}"


class FaultyProxy:
    """A TCP proxy on 127.0.0.1 before `port`; an async context manager.

    Faults meet the connections of that moment.
    """

    def __init__(self, port: int):
        self._to = port
        self._links: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        self._deaf: set[asyncio.StreamWriter] = set()
        self._held_until_s = 0.0
        self._slow_until_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection, on both sides."""
        for near, far in self._links.items():
            _reset(near)
            _reset(far)

    def half_open(self) -> None:
        """From now on these connections carry nothing more to the client, and do not tell it."""
        self._deaf |= set(self._links)

    def stall(self, for_s: float) -> None:
        """Hold everything back for so long, in both directions; of new connections too."""
        self._held_until_s = time.monotonic() + for_s

    def slow(self, for_s: float) -> None:
        """Hold each piece back for a little, for so long."""
        self._slow_until_s = time.monotonic() + for_s

    async def _link(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
            self._links[near] = to_server
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, to_server))
                group.create_task(self._pump(from_server, near))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._deaf.discard(near)
            _reset(near)
            far = self._links.pop(near, None)
            if far:
                _reset(far)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(READ_BYTES):
            if time.monotonic() < self._slow_until_s:
                await asyncio.sleep(SLOW_S)
            while time.monotonic() < self._held_until_s:  # it may be held for longer meanwhile
                await asyncio.sleep(self._held_until_s - time.monotonic())
            if writer not in self._deaf:
                writer.write(piece)
                await writer.drain()
        if writer not in self._deaf:
            with suppress(OSError):
                writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST: to the other side it is a cut, not a goodbye."""
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        no_linger = struct.pack("ii", 1, 0)
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
    writer.transport.abort()
