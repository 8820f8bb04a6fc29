"""Marks the exercises: each check tries an answer on something new, and says in one sentence what it saw."""

from collections.abc import Awaitable, Callable

from toolkit.sessions import MemoryLog, Session


async def catches_up(answer: Callable[[Session, int], Awaitable[str]]) -> str:
    """Notebook 00: `answer(session, cursor)` returns the words that were written after `cursor`."""
    session = Session(MemoryLog(), "exercise")
    await session.say("Is the tandem free on Sunday?")
    run = await session.start_run("support", source="simulated")
    acks = [await run.write(word) for word in ("Yes, ", "it ", "is ", "free.")]
    await run.finish()
    for missed in (4, 2, 1):
        expected = "".join(("Yes, ", "it ", "is ", "free.")[-missed:])
        found = await answer(session, acks[-missed].seq - 1)
        if found != expected:
            return f"Not yet: a phone that missed the last {missed} pieces should get {expected!r}, and got {found!r}."
    return "Right: whatever the cursor, nothing is missing and nothing comes twice."
