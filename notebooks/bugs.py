"""Six bugs that streaming chats have again and again, each in the naive version that has it and in
ours.

>>> import asyncio
>>> asyncio.run(BUGS["a terminal event that is lost"].naive())
Evidence(expected='ended', got='open for ever')
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass

from toolkit.sessions.conversation import Conversation
from toolkit.sessions.memory import MemoryLog
from toolkit.sessions.run import Run
from toolkit.sessions.session import Session
from toolkit.sessions.surface import Surface
from toolkit.tasks import stop

WORDS = ("The ", "tandem ", "is ", "free.")
TEXT = "".join(WORDS)
PATIENCE_S = 0.2
"""How long a reader waits before what it waits for counts as never coming."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What should have been seen, and what was."""

    expected: str
    got: str

    @property
    def holds(self) -> bool:
        """Whether they are the same."""
        return self.expected == self.got


Version = Callable[[], Awaitable[Evidence]]


@dataclass(frozen=True, slots=True)
class Bug:
    """One class of bug, to be run."""

    story: str
    """What the user sees, and why."""
    naive: Version
    """The usual way, which fails."""
    ours: Version
    """The same on a session."""
    seen: str = ""
    """A public report of the same class."""


async def _run(ttl_s: float = 10.0, clock: Callable[[], float] = time.time) -> tuple[Session, Run]:
    session = Session(MemoryLog(), "bug", clock)
    return session, await session.start_run("agent", "simulated", "run", window_s=0, ttl_s=ttl_s)


async def _seam_naive() -> Evidence:
    """A word that comes after the replay was read and before the live feed is on is missed; with
    the two the other way round it comes twice.
    """
    stored = list(WORDS[:2])
    listeners: list[list[str]] = []
    shown = list(stored)  # first the replay ...
    stored.append(WORDS[2])  # ... a word arrives here ...
    listeners.append(shown)  # ... and only then the live feed.
    for listener in listeners:
        listener.append(WORDS[3])
    return Evidence(TEXT, "".join(shown))


async def _seam_ours() -> Evidence:
    session, run = await _run()
    await run.write(WORDS[0])
    await run.write(WORDS[1])
    shown = Conversation("bug")
    async for event in session.read():
        shown.apply(event)
        if event.data.get("text") == WORDS[1]:
            await run.write(WORDS[2])  # exactly where replay meets live
            await run.write(WORDS[3])
            await run.finish()
        if event.kind == "run.finished":
            break
    return Evidence(TEXT, shown.text)


async def _terminal_naive() -> Evidence:
    """The end is told once, to whoever listens just then; who comes back later sees a whole answer
    that streams for ever.
    """
    listeners: list[asyncio.Queue[str]] = []
    mine: asyncio.Queue[str] = asyncio.Queue()
    for listener in listeners:  # "ended" is published while the reader is away
        listener.put_nowait("ended")
    listeners.append(mine)
    with suppress(TimeoutError):
        return Evidence("ended", await asyncio.wait_for(mine.get(), PATIENCE_S))
    return Evidence("ended", "open for ever")


async def _terminal_ours() -> Evidence:
    session, run = await _run()
    await run.write(TEXT)
    await run.finish()
    late = Surface(session, "late")
    await late.connect()
    with suppress(TimeoutError):
        await late.wait_for(lambda seen: "run" in seen.runs and seen.runs["run"].ended, PATIENCE_S)
    await late.disconnect()
    state = late.conversation.runs["run"]
    return Evidence("ended", "ended" if state.ended else "open for ever")


async def _zombie_naive() -> Evidence:
    """The agent's process dies in mid-answer, and nobody is left to take back the word `streaming`."""
    row = {"status": "none"}

    async def agent() -> None:
        row["status"] = "streaming"
        await asyncio.Event().wait()
        row["status"] = "complete"

    task = asyncio.create_task(agent())
    await asyncio.sleep(0)
    await stop(task)  # the agent's process dies
    return Evidence("orphaned", row["status"])


async def _zombie_ours() -> Evidence:
    session, run = await _run(ttl_s=PATIENCE_S)
    await run.write(WORDS[0])
    await run.stop_listening()  # the agent's process dies: nobody renews the lease
    await session.end_orphans()
    return Evidence("orphaned", (await session.conversation()).runs["run"].state)


async def _cursor_naive() -> Evidence:
    """Ids made from the clock are equal within a millisecond; a reader that resumes between two of
    them misses one.
    """
    stored = [(1000, WORDS[0]), (1001, WORDS[1]), (1001, WORDS[2]), (1002, WORDS[3])]
    shown = stored[:2]  # the line breaks here, between two events of one millisecond
    shown += [(at, word) for at, word in stored if at > shown[-1][0]]
    return Evidence(TEXT, "".join(word for _, word in shown))


async def _cursor_ours() -> Evidence:
    session, run = await _run(clock=lambda: 1.001)  # every event in the same millisecond
    acks = [await run.write(word) for word in WORDS]
    await run.finish()
    assert acks[1]
    shown = list(WORDS[:2])
    async for event in session.read(acks[1].seq, follow=False, lane="words"):
        shown.append(event.data["text"])
    return Evidence(TEXT, "".join(shown))


async def _prefix_naive() -> Evidence:
    """The server resumes with the text so far, and the client appends it to what it has."""
    shown = "".join(WORDS[:2])  # the reader has this, and comes back
    so_far = "".join(WORDS[:3])  # the server resumes with this, and the client appends it
    return Evidence(TEXT, shown + so_far + WORDS[3])


async def _prefix_ours() -> Evidence:
    session, run = await _run()
    shown = Conversation("bug")
    for n in range(200):
        await run.write(f"{n} ")
        if n == 50:
            shown = await session.conversation(shown)
    await run.finish()
    await session.conversation(shown)  # it comes back to a snapshot of the text so far
    return Evidence("".join(f"{n} " for n in range(200)), shown.text)


async def _stop_naive() -> Evidence:
    """The answer's life hangs on the connection: a tunnel, a reload or a locked phone cancels it."""
    outcome = "complete"

    async def answer() -> AsyncGenerator[str, None]:
        nonlocal outcome
        try:
            for word in WORDS:
                yield word
        except GeneratorExit:  # what a web framework does to a handler whose client is gone
            outcome = "cancelled"
            raise

    async with aclosing(answer()) as stream:
        await anext(stream)  # one word, then the train enters a tunnel
    return Evidence("complete", outcome)


async def _stop_ours() -> Evidence:
    session, run = await _run()
    phone = Surface(session, "phone")
    await phone.connect()
    await run.write(WORDS[0])
    await phone.wait_for(lambda seen: bool(seen.text), PATIENCE_S)
    await phone.disconnect()
    await run.finish()
    return Evidence("complete", (await session.conversation()).runs["run"].state)


def _bug(naive: Version, ours: Version, seen: str) -> Bug:
    return Bug(" ".join((naive.__doc__ or "").split()), naive, ours, seen)


BUGS: dict[str, Bug] = {
    "a seam between replay and live": _bug(_seam_naive, _seam_ours, ""),
    "a terminal event that is lost": _bug(
        _terminal_naive, _terminal_ours, "vercel/resumable-stream#47"
    ),
    "a zombie that streams": _bug(_zombie_naive, _zombie_ours, "cloudflare/agents#989"),
    "a cursor that is not monotonic": _bug(
        _cursor_naive, _cursor_ours, "langchain-ai/langgraph#8112"
    ),
    "a prefix that comes twice": _bug(_prefix_naive, _prefix_ours, "mastra-ai/mastra#18148"),
    "a disconnect taken for stop": _bug(_stop_naive, _stop_ours, ""),
}
"""The six classes by name; each story is the docstring of its naive version."""
