"""The programs that the fault tests kill: an agent that goes on from the log, a client that goes on
from its file.

Each notes what was acknowledged, or seen, in a file, before it does the next thing: a line that is
there is true.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from toolkit.sessions import Fenced, LogUnavailable, NatsLog, Run, Session
from toolkit.sessions.nats.server import SERVER_URL

RUN = "answer"
FENCED = 3
"""Exit code of an agent that found another in its place."""
PATIENCE_S = 60.0
PACE_S = 0.004
"""From one word to the next, as a model has it."""


def lines(path: Path) -> list[Any]:
    """The whole lines of a file of JSON; one that a kill tore is left out."""
    text = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]


class Notes:
    """A file of JSON lines, each written in one piece."""

    def __init__(self, path: Path):
        whole = path.read_bytes() if path.exists() else b""
        path.write_bytes(whole[: whole.rfind(b"\n") + 1])
        self._file = path.open("ab", buffering=0)

    def add(self, note: object) -> None:
        self._file.write(json.dumps(note).encode() + b"\n")


async def agent(
    log: NatsLog, session: str, place: Path, words: int, ttl_s: float, window_s: float
) -> int:
    notes, run = (
        Notes(place / "agent.jsonl"),
        await take_over(Session(log, session), ttl_s, window_s),
    )
    if run is None:
        return 0
    for n in range(len(run.text.split()), words):
        ack = await run.write(f"{n} ") or (await run.flush() if n % 5 == 4 else None)
        notes.add({"word": n} | ({"id": ack.event.id, "seq": ack.seq} if ack else {}))
        await asyncio.sleep(PACE_S)
    await run.finish()
    return 0


async def take_over(session: Session, ttl_s: float, window_s: float) -> Run | None:
    """The run: from its beginning, or from where a dead agent left it; None where it has ended."""
    while True:
        state = (await session.conversation()).runs.get(RUN)
        if state and state.ended:
            return None
        try:
            if state is None:
                return await session.start_run("agent", "simulated", RUN, window_s, ttl_s)
            return await session.adopt(RUN, "agent", window_s, ttl_s)
        except (Fenced, LookupError):
            continue


async def client(log: NatsLog, session: str, place: Path, messages: int) -> int:
    one = Session(log, session)
    readers = [
        asyncio.create_task(follow(one, Notes(place / f"{lane}.jsonl"), place, lane))
        for lane in ("log", "all")
    ]
    said = Notes(place / "client.jsonl")
    for n in range(len(lines(place / "client.jsonl")), messages):
        # A message whose acknowledgement died with this process is said again, by the same id.
        ack = await one.say(f"message {n}", "client", id=f"message-{n}")
        said.add({"id": ack.event.id, "seq": ack.seq})
    await asyncio.gather(*readers)
    return 0


async def follow(session: Session, notes: Notes, place: Path, lane: str) -> None:
    seen = lines(place / f"{lane}.jsonl")
    done = {event["kind"] for event in seen}
    feed = session.read(
        max((event["seq"] for event in seen), default=0), lane="log" if lane == "log" else None
    )
    if "run.finished" in done:
        return
    async for event in feed:
        notes.add({key: getattr(event, key) for key in event.__slots__})
        if event.kind == "run.finished":
            return


PROGRAMS: dict[str, Callable[..., Awaitable[int]]] = {"agent": agent, "client": client}


async def main(what: str, url: str, options: dict[str, Any]) -> int:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                log = await NatsLog.connect(url)
                break
            except LogUnavailable:
                continue
        async with log:
            try:
                return await PROGRAMS[what](log, **{**options, "place": Path(options["place"])})
            except Fenced:
                return FENCED


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], os.environ[SERVER_URL], json.loads(sys.argv[2]))))
