"""What a late reader of a long response pays, and what the snapshots that spare it cost the log."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.measure import Row
from tests.bench.rig import DEADLINE_S, Rig, rig
from toolkit.records import encode
from toolkit.sessions import NatsLog, Session, writer
from toolkit.sessions import run as runs
from toolkit.sessions.nats.client import Client

TOKENS = 2000
WORD = "token "
AT_MOST = 1.1
EVENT_SIZES = (1, 4)
"""Window 0; and what a window of 40 ms holds at 100 tokens a second."""
SPACINGS = (128, 512, 2048)
NEVER = 10**9


class Relay:
    """A TCP relay to the server that counts the bytes which it sends to its client."""

    def __init__(self, port: int):
        self.port, self.bytes = port, 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(
            self._pass(reader, up_writer, False), self._pass(up_reader, writer, True)
        )

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, count: bool
    ) -> None:
        while data := await source.read(65536):
            self.bytes += len(data) if count else 0
            sink.write(data)
            await sink.drain()
        sink.close()


@contextmanager
def _snapshots_every(chars: int) -> Iterator[None]:
    usual, writer.SNAPSHOT_CHARS = writer.SNAPSHOT_CHARS, chars
    try:
        yield
    finally:
        writer.SNAPSHOT_CHARS = usual


async def _respond(session: Session, tokens_an_event: int) -> runs.Run:
    run = await session.start_run("agent", source="simulated", window_s=0)
    for _ in range(TOKENS // tokens_an_event):
        await run.write(WORD * tokens_an_event)
    return run


async def _go_on(run: runs.Run, tokens_an_event: int) -> int:
    """Write on until just before the next snapshot, where a join costs most. Returns the length of
    the text.
    """
    step, more = tokens_an_event * len(WORD), 0
    while run.writer._chars + step < run.writer._next_snapshot:
        await run.write(WORD * tokens_an_event)
        more += step
    return TOKENS * len(WORD) + more


async def _joined(on: Rig, session: Session) -> tuple[int, int, int]:
    """Bytes that a fresh reader needs: on the wire, as payloads, and as the JSON of what events
    say.
    """
    relay = Relay(int(on.server.url.rsplit(":", 1)[1]))
    async with await asyncio.start_server(relay, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        client = await Client.dial(on.server.url.rsplit(":", 1)[0] + f":{port}", DEADLINE_S)
        late = Session(NatsLog(client, "os"), session.id)
        wire, payload, said = relay.bytes, client.stats["in_bytes"], 0
        async for event in late.read(follow=False):
            said += len(encode(event).encode()) if event.kind.startswith("text.") else 0
        taken = relay.bytes - wire, client.stats["in_bytes"] - payload, said
        await client.close()
    return taken


async def _case(on: Rig, tokens_an_event: int, chars: int) -> list[Row]:
    """A join just before a snapshot, the worst place in a response, and one after its end."""
    session, _ = on.sessions()
    with _snapshots_every(chars):
        run = await _respond(session, tokens_an_event)
        text = await _go_on(run, tokens_an_event)
        worst = await _joined(on, session)
        await run.finish()
    what = f"{tokens_an_event} tokens an event, snapshots at {chars}"
    places = {"in mid-response, at worst": worst, "after its end": await _joined(on, session)}
    return [
        row for place, taken in places.items() for row in _rows(f"{place}, {what}", taken, text)
    ]


def _rows(how: str, taken: tuple[int, int, int], text: int) -> list[Row]:
    wire, payload, said = taken
    goal, met = f"<= {AT_MOST} x text", payload / text <= AT_MOST
    return [
        Row(
            "join", f"{how}: payloads", payload, "bytes", text, payload / text, target=goal, met=met
        ),
        Row(
            "join",
            f"{how}: JSON of its words",
            said,
            "bytes",
            text,
            said / text,
            note="without the API's answers",
        ),
        Row(
            "join",
            f"{how}: on the wire",
            wire,
            "bytes",
            text,
            wire / text,
            note="with NATS headers",
        ),
    ]


async def _log_bytes(on: Rig, tokens_an_event: int, chars: int) -> tuple[int, int]:
    """Bytes that a response adds to the log: kept at the end, and written in all."""
    session, _ = on.sessions()
    written = 0

    async def count(message: object) -> None:
        nonlocal written
        written += len(message.data)  # type: ignore[attr-defined]

    subscription = await on.raw_reader.subscribe(f"sess.{session.id}.>", cb=count)
    await on.raw_reader.flush()
    before = (await on.stream.stream_info("FIELDBOOK")).state.bytes
    with _snapshots_every(chars):
        await (await _respond(session, tokens_an_event)).finish()
    kept = (await on.stream.stream_info("FIELDBOOK")).state.bytes - before
    await on.raw_reader.flush()
    await subscription.unsubscribe()
    return kept, written


async def join(scale: float) -> list[Row]:
    """A late join of a 2,000-token response; `raw` is the bytes of its text. Bytes do not vary: one
    round.
    """
    rows, text = [], TOKENS * len(WORD)
    async with rig("os") as on:
        for tokens_an_event in EVENT_SIZES:
            for chars in SPACINGS:
                rows += await _case(on, tokens_an_event, chars)
            for chars in (*SPACINGS, NEVER):
                kept, written = await _log_bytes(on, tokens_an_event, chars)
                how = "one snapshot at the end" if chars == NEVER else f"snapshots at {chars}"
                what = f"{tokens_an_event} tokens an event, {how}"
                rows.append(Row("join", f"log keeps: {what}", kept, "bytes", text, kept / text))
                rows.append(
                    Row("join", f"payloads written: {what}", written, "bytes", text, written / text)
                )
    return rows
