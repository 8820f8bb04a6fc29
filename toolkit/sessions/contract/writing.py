"""Promises to whoever writes to a log."""

from dataclasses import replace

from toolkit.events import fresh_id
from toolkit.sessions.contract.acts import (
    append_event,
    append_message,
    append_word,
    must_raise,
    place_of,
    read_all,
    run_event,
    user_message,
)
from toolkit.sessions.log import Fenced, Log, TooLarge


async def stored_once(log: Log) -> None:
    """An event is stored once, whatever the number of calls with its id."""
    for id_ in (fresh_id(), "chosen"):
        event = replace(user_message("first"), id=id_)
        stored = await log.append(event)
        assert not stored.duplicate
        for again in (event, replace(event, data={"text": "second"})):
            ack = await log.append(again)
            assert ack.duplicate, ack
            assert ack.event == stored.event, ack
    assert len(await read_all(log)) == 2


async def stored_as_it_was_appended(log: Log) -> None:
    """What is stored differs from what was appended by its place alone."""
    text = 'Grüße, 自転車, 🚲 "quoted"\n\\ \u2028'
    deep = {"list": [1, 2.5, True]}
    event = run_event("weather.report", text=text, n=None, deep=deep)
    stored = await append_event(log, event)
    assert stored == replace(event, seq=stored.seq)
    assert await read_all(log) == [stored]


async def stored_as_json(log: Log) -> None:
    """What JSON does not have is stored as `toolkit.events.storable` says."""
    not_json = run_event("note", score=float("nan"), word="\ud83d")
    stored = await append_event(log, not_json)
    assert stored.data == {"score": None, "word": "\ufffd"}
    assert await read_all(log) == [stored]


async def all_or_none(log: Log) -> None:
    """Events together are stored next to each other, or none of them is."""
    good = user_message("good")
    with must_raise(ValueError):
        await log.append_all([good, run_event("note", n=object())])
    assert await read_all(log) == []
    acks = await log.append_all([good, user_message("better")])
    first, second = [ack.event for ack in acks]
    assert place_of(second) == place_of(first) + 1
    assert await read_all(log) == [first, second]


async def one_writer_for_a_run(log: Log) -> None:
    """A write that names a fence is stored while that is the run's fence, and refused after it."""
    start = run_event("run.started")
    run = await log.append(start, 0)
    await append_word(log, "Hello", run.seq)
    with must_raise(Fenced):
        await log.append(run_event("run.started"), 0)
    heir = await log.append(run_event("run.adopted"), run.seq)
    with must_raise(Fenced):
        await append_word(log, "!", run.seq)
    await log.append(run_event("run.finished", outcome="complete"), heir.seq)
    with must_raise(Fenced):
        await append_word(log, "?", heir.seq)


async def refusals(log: Log) -> None:
    """What no log could store is refused at once, and the log works on."""
    for session in ("", "a b", "a.b", "*", ">", "x" * 129):
        with must_raise(ValueError):
            await append_message(log, "x", session)
    if log.max_event_bytes <= 8 << 20:  # else the check itself would take too much memory
        with must_raise(TooLarge):
            await append_message(log, "x" * log.max_event_bytes)
    stored = await append_message(log, "and on")
    assert await read_all(log) == [stored]
