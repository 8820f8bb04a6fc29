"""Contract: what every `Log` promises, as checks that a log of your own can be held to.

Each check takes an empty log and raises AssertionError where a promise is broken. All at once::

    await check_log(lambda: MyLog("events.db"))

Or one by one, as tests::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_my_log_keeps_the_contract(check):
        await check(MyLog("events.db"))
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, get_args

from toolkit.events import Event, fresh_id, new_event
from toolkit.sessions.log import CursorLost, Durability, Extent, Fenced, Lane, Log, TooLarge

Check = Callable[[Log], Awaitable[None]]

PATIENCE_S = 10.0


async def check_log(make_log: Callable[[], Log], checks: Sequence[Check] | None = None) -> None:
    """Hold the logs that `make_log` makes, each of them empty, to `checks`: by default, to all.

    Raises
    ------
    ExceptionGroup
        Of an error for each promise that is broken; its note names the check.
    """
    errors = []
    checks = CHECKS if checks is None else checks
    for check in checks:
        log = make_log()
        try:
            await check(log)
        except Exception as error:
            error.add_note(f"broken promise: {check.__name__}")
            errors.append(error)
        finally:
            await log.close()
    if errors:
        raise ExceptionGroup(f"{len(errors)} of {len(checks)} promises are broken", errors)


async def order_of_acknowledgement(log: Log) -> None:
    """Events are read in the order in which they were acknowledged."""
    acks = [await log.append(_message("s", str(n))) for n in range(20)]
    places = [ack.seq for ack in acks]
    assert places == sorted(set(places)), places
    assert await _read(log, "s") == [ack.event for ack in acks]


async def durability_is_stated(log: Log) -> None:
    """Each acknowledgement states what it survives."""
    ack = await log.append(_message("s", "hello"))
    assert ack.durability == log.durability, ack
    assert ack.durability in get_args(Durability), ack


async def any_cursor_resumes(log: Log) -> None:
    """A reader goes on at any event that it has read, on each lane, without loss or double."""
    await _talk(log, "s")
    for lane in ("log", "quiet", "control", "words"):
        events = await _read(log, "s", lane=lane)
        for event in await _read(log, "s"):
            later = [other for other in events if _place(other) > _place(event)]
            assert await _read(log, "s", _place(event), lane) == later, (lane, event)


async def replay_meets_live(log: Log) -> None:
    """A reader that follows gets what was stored and what comes, in one stream."""
    for n in range(20):
        await log.append(_message("s", str(n)))
    reading = asyncio.create_task(_first(log, 40))
    for n in range(20, 40):
        await log.append(_message("s", str(n)))
    events = await asyncio.wait_for(reading, PATIENCE_S)
    assert [event.data["text"] for event in events] == [str(n) for n in range(40)]


async def end_is_a_cursor(log: Log) -> None:
    """A reader at the end reads nothing, and then what comes."""
    last = await log.append(_message("s", "before"))
    assert await _read(log, "s", last.seq) == []
    reading = asyncio.create_task(_first(log, 1, after=last.seq))
    later = await log.append(_message("s", "after"))
    assert await asyncio.wait_for(reading, PATIENCE_S) == [later.event]


async def stored_once(log: Log) -> None:
    """An event is stored once, whatever the number of calls with its id."""
    for id_ in (fresh_id(), "chosen"):
        event = replace(_message("s", "first"), id=id_)
        stored = await log.append(event)
        again = await log.append(event)
        other = await log.append(replace(event, data={"text": "second"}))
        assert not stored.duplicate
        for ack in (again, other):
            assert ack.duplicate, ack
            assert ack.event == stored.event, ack
    assert len(await _read(log, "s")) == 2


async def stored_as_it_was_appended(log: Log) -> None:
    """What is stored differs from what was appended by its place alone."""
    data = {"text": 'Grüße, 自転車, 🚲 "quoted"\n\\ \u2028', "n": None, "deep": {"list": [1, 2.5]}}
    event = new_event("s", "weather.report", "sky", data, run="r")
    ack = await log.append(event)
    assert ack.event == replace(event, seq=ack.seq), ack
    assert await _read(log, "s") == [ack.event]


async def stored_as_json(log: Log) -> None:
    """What JSON does not have is stored as `toolkit.events.storable` says."""
    ack = await log.append(new_event("s", "note", "ada", {"score": float("nan"), "word": "\ud83d"}))
    assert ack.event.data == {"score": None, "word": "\ufffd"}, ack
    assert await _read(log, "s") == [ack.event]


async def all_or_none(log: Log) -> None:
    """Events together are stored next to each other, or none of them is."""
    good = _message("s", "good")
    bad = new_event("s", "note", "ada", {"n": object()})
    with _raises(ValueError):
        await log.append_all([good, bad])
    assert await _read(log, "s") == []
    acks = await log.append_all([good, _message("s", "better")])
    assert [ack.seq for ack in acks] == [acks[0].seq, acks[0].seq + 1]
    assert await _read(log, "s") == [ack.event for ack in acks]


async def sessions_stand_apart(log: Log) -> None:
    """Sessions of one log do not see each other."""
    mine = await log.append(_message("mine", "a"))
    await log.append(_message("theirs", "b"))
    assert await _read(log, "mine") == [mine.event]


async def one_writer_for_a_run(log: Log) -> None:
    """A write that names a fence is stored while that is the run's fence, and refused after it."""
    run = await log.append(new_event("s", "run.started", "agent", {}, "r"), 0)
    await log.append(new_event("s", "text.delta", "agent", {"text": "Hello"}, "r"), run.seq)
    with _raises(Fenced):
        await log.append(new_event("s", "run.started", "other", {}, "r"), 0)
    heir = await log.append(new_event("s", "run.adopted", "heir", {}, "r"), run.seq)
    with _raises(Fenced):
        await log.append(new_event("s", "text.delta", "agent", {"text": "!"}, "r"), run.seq)
    end = new_event("s", "run.finished", "heir", {"outcome": "complete"}, "r")
    await log.append(end, heir.seq)
    with _raises(Fenced):
        await log.append(new_event("s", "text.delta", "heir", {"text": "?"}, "r"), heir.seq)


async def lanes(log: Log) -> None:
    """Each lane has its kinds of events; what stands beside the log is on no other lane."""
    await _talk(log, "s")
    kinds: dict[Lane, list[str]] = {
        "log": ["message", "run.started", "text.delta", "steer", "text.delta", "cancel"],
        "quiet": ["message", "run.started", "steer", "cancel"],
        "control": ["steer", "cancel"],
        "words": ["text.delta", "text.delta"],
        "snapshot": ["text.snapshot"],
        "lease": ["lease.renewed"],
    }
    for lane, expected in kinds.items():
        events = await _read(log, "s", lane=lane)
        assert [event.kind for event in events] == expected, lane
    for_other = log.read("s", follow=False, lane="control", run="other")
    assert [event.kind async for event in for_other] == ["cancel"], "one names a run, one does not"


async def last_of_each_run(log: Log) -> None:
    """`latest` gives the last event of each run on a lane; where there is none, of each actor."""
    await _talk(log, "s")
    words = await _read(log, "s", lane="words")
    assert await log.latest("s", "words") == words[-1:]
    signals = await _read(log, "s", lane="control")
    assert await log.latest("s", "control") == signals
    assert await log.latest("other", "words") == []


async def extent_of_a_session(log: Log) -> None:
    """`extent` tells where a history begins and ends."""
    assert await log.extent("s") == Extent(None, 0)
    await _talk(log, "s")
    events = await _read(log, "s")
    assert await log.extent("s") == Extent(events[0].id, _place(events[-1]))
    assert await log.extent("other") == Extent(None, 0)


async def lost_cursors(log: Log) -> None:
    """A cursor that nobody can have is lost, on each lane, for each reader."""
    await _talk(log, "s")
    for lane in get_args(Lane):
        for follow in (True, False):
            with _raises(CursorLost):
                async with asyncio.timeout(PATIENCE_S):
                    await anext(log.read("s", 2**53, follow, lane))
    with _raises(CursorLost):
        await _read(log, "empty", 1)
    late = await log.append(_message("late", "first"))
    with _raises(CursorLost):
        await _read(log, "late", late.seq - 2)
    assert await _read(log, "late", late.seq - 1) == [late.event]


async def refusals(log: Log) -> None:
    """What no log could store is refused at once, and the log works on."""
    for bad in ("", "a b", "a.b", "*", ">", "x" * 129):
        with _raises(ValueError):
            await log.append(_message(bad, "x"))
    if log.max_event_bytes <= 8 << 20:  # else the check itself would take too much memory
        with _raises(TooLarge):
            await log.append(_message("s", "x" * log.max_event_bytes))
    ack = await log.append(_message("s", "and on"))
    assert await _read(log, "s") == [ack.event]


async def names_of_sessions(log: Log) -> None:
    """`sessions` names those that have a history."""
    assert await log.sessions() == []
    for name in ("b", "a-1", "a-2"):
        await log.append(_message(name, "hello"))
    assert await log.sessions() == ["a-1", "a-2", "b"]
    assert await log.sessions("a-") == ["a-1", "a-2"]


async def deleted_sessions(log: Log) -> None:
    """What is deleted is gone, its readers learn of it, and the session may begin anew."""
    await log.append(_message("other", "stays"))
    first = replace(_message("s", "first"), id="chosen")
    old = await log.append(first)
    run = await log.append(new_event("s", "run.started", "agent", {}, "r"), 0)
    reading = asyncio.create_task(_first(log, 3))
    await asyncio.sleep(0.1)
    await log.delete("s")
    with _raises(CursorLost):
        await asyncio.wait_for(reading, PATIENCE_S)
    with _raises(CursorLost):
        await _read(log, "s", old.seq)
    with _raises(Fenced):
        await log.append(new_event("s", "text.delta", "agent", {"text": "?"}, "r"), run.seq)
    assert await log.sessions() == ["other"]
    new = await log.append(first)
    assert not new.duplicate, new
    assert new.seq > run.seq, new
    assert await _read(log, "s") == [new.event]
    await log.delete("never there")


CHECKS: tuple[Check, ...] = (
    order_of_acknowledgement,
    durability_is_stated,
    any_cursor_resumes,
    replay_meets_live,
    end_is_a_cursor,
    stored_once,
    stored_as_it_was_appended,
    stored_as_json,
    all_or_none,
    sessions_stand_apart,
    one_writer_for_a_run,
    lanes,
    last_of_each_run,
    extent_of_a_session,
    lost_cursors,
    refusals,
    names_of_sessions,
    deleted_sessions,
)


def _message(session: str, text: str) -> Event:
    return new_event(session, "message", "user", {"text": text})


def _place(event: Event) -> int:
    assert event.seq is not None, event
    return event.seq


async def _talk(log: Log, session: str) -> None:
    """Store events of each lane."""
    await log.append(_message(session, "Hello"))
    for kind, run, data in (
        ("run.started", "r", {}),
        ("text.delta", "r", {"text": "Good "}),
        ("steer", "r", {"text": "in German"}),
        ("text.delta", "r", {"text": "day"}),
        ("cancel", None, {}),
        ("text.snapshot", "r", {"text": "Good day"}),
        ("lease.renewed", "r", {"ttl_s": 10.0}),
    ):
        await log.append(new_event(session, kind, "agent", dict[str, Any](data), run))


async def _read(log: Log, session: str, after: int = 0, lane: Lane = "log") -> list[Event]:
    return [event async for event in log.read(session, after, follow=False, lane=lane)]


async def _first(log: Log, count: int, after: int = 0) -> list[Event]:
    """The first events of session ``s``, waited for."""
    events: list[Event] = []
    async for event in log.read("s", after):
        events.append(event)
        if len(events) == count:
            break
    return events


@contextmanager
def _raises(expected: type[Exception]) -> Iterator[None]:
    try:
        yield
    except expected:
        return
    raise AssertionError(f"{expected.__name__} was not raised")
