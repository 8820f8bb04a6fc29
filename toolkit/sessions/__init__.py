"""Durable Sessions: does it arrive?

A durable session is a `Session`; its substrate is a `Log` (`MemoryLog`, `NatsLog`); continuity
across surfaces is a `Surface`; resilient delivery is ``session.read(after=seq)``; live control is
``cancel``, ``steer``, ``interrupt`` and
``approve``, which are events on the log: closing a connection never cancels.

>>> import asyncio
>>> async def demo():
...     run = await Session(log := MemoryLog(), "demo").start_run("agent", source="simulated")
...     await run.write("Hello, ")
...     await run.write("world")
...     await run.finish()
...     return (await Session(log, "demo").conversation()).text
>>> asyncio.run(demo())
'Hello, world'
"""

from toolkit.sessions.control import attend
from toolkit.sessions.conversation import Conversation, fold
from toolkit.sessions.desk import Desk, SecondMessage, decide, finished
from toolkit.sessions.items import Item
from toolkit.sessions.log import (
    Ack,
    CursorLost,
    Durability,
    Extent,
    Fenced,
    Lane,
    Log,
    LogUnavailable,
    TooLarge,
)
from toolkit.sessions.memory import MemoryLog
from toolkit.sessions.nats.log import NatsLog
from toolkit.sessions.nats.server import NatsServer, server_binary
from toolkit.sessions.nats.store import StoreInUse
from toolkit.sessions.run import Run
from toolkit.sessions.session import Session
from toolkit.sessions.surface import Surface
from toolkit.sessions.table import TableLog

__all__ = [
    "Ack",
    "Conversation",
    "CursorLost",
    "Desk",
    "Durability",
    "Extent",
    "Fenced",
    "Item",
    "Lane",
    "Log",
    "LogUnavailable",
    "MemoryLog",
    "NatsLog",
    "NatsServer",
    "Run",
    "SecondMessage",
    "Session",
    "StoreInUse",
    "Surface",
    "TableLog",
    "TooLarge",
    "attend",
    "decide",
    "finished",
    "fold",
    "server_binary",
]
