"""Promises about the sessions of a log."""

import asyncio
from dataclasses import replace

from toolkit.sessions.contract.acts import (
    S,
    append_message,
    append_word,
    follow_first,
    in_time,
    must_raise,
    read_all,
    run_event,
    user_message,
)
from toolkit.sessions.log import CursorLost, Fenced, Log


async def sessions_stand_apart(log: Log) -> None:
    """Sessions of one log do not see each other."""
    mine = await append_message(log, "mine")
    await append_message(log, "theirs", "other")
    assert await read_all(log) == [mine]


async def names_of_sessions(log: Log) -> None:
    """`sessions` names those that have a history."""
    assert await log.sessions() == []
    for session in ("b", "a-1", "a-2"):
        await append_message(log, "hello", session)
    assert await log.sessions() == ["a-1", "a-2", "b"]
    assert await log.sessions("a-") == ["a-1", "a-2"]


async def deleted_sessions(log: Log) -> None:
    """What is deleted is gone, its readers learn of it, and the session may begin anew."""
    await append_message(log, "stays", "other")
    first = replace(user_message("first"), id="chosen")
    old = await log.append(first)
    run = await log.append(run_event("run.started"), 0)
    reading = asyncio.create_task(follow_first(log, 3))
    await asyncio.sleep(0.1)
    await log.delete(S)
    with must_raise(CursorLost):
        await in_time(reading)
    with must_raise(CursorLost):
        await read_all(log, old.seq)
    with must_raise(Fenced):
        await append_word(log, "?", run.seq)
    assert await log.sessions() == ["other"]
    new = await log.append(first)
    assert not new.duplicate, new
    assert new.seq > run.seq, new
    assert await read_all(log) == [new.event]
    await log.delete("never there")
