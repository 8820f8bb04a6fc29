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
from toolkit.sessions.log import CursorLost, Extent, Fenced, Lane, Log, TooLarge, is_on

Check = Callable[[Log], Awaitable[None]]

PATIENCE_S = 10.0
S = "s"
"""The session of the checks."""
LANES_OF_THE_LOG: tuple[Lane, ...] = ("log", "quiet", "control", "words")


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
    """Events are read in the order in which they were acknowledged; each states its durability."""
    stored = []
    for n in range(20):
        ack = await log.append(_message(f"{n}"))
        assert ack.durability == log.durability, ack
        stored.append(ack.event)
    assert stored == sorted(stored, key=_place)
    assert await _read(log) == stored


async def any_cursor_resumes(log: Log) -> None:
    """A reader goes on at any event that it has read, on each lane, without loss or double."""
    await _talk(log)
    everything = await _read(log)
    for lane in LANES_OF_THE_LOG:
        events = await _read(log, lane=lane)
        for event in everything:
            cursor = _place(event)
            later = [other for other in events if _place(other) > cursor]
            assert await _read(log, cursor, lane) == later, (lane, cursor)


async def replay_meets_live(log: Log) -> None:
    """A reader that follows gets what was stored and what comes, in one stream."""
    stored = [await _append(log, _message(f"{n}")) for n in range(20)]
    reading = asyncio.create_task(_follow(log, 40))
    for n in range(20, 40):
        event = await _append(log, _message(f"{n}"))
        stored.append(event)
    events = await asyncio.wait_for(reading, PATIENCE_S)
    assert events == stored


async def end_is_a_cursor(log: Log) -> None:
    """A reader at the end reads nothing, and then what comes."""
    last = await _append(log, _message("before"))
    cursor = _place(last)
    assert await _read(log, cursor) == []
    reading = asyncio.create_task(_follow(log, 1, cursor))
    later = await _append(log, _message("after"))
    events = await asyncio.wait_for(reading, PATIENCE_S)
    assert events == [later]


async def stored_once(log: Log) -> None:
    """An event is stored once, whatever the number of calls with its id."""
    for id_ in (fresh_id(), "chosen"):
        event = replace(_message("first"), id=id_)
        stored = await log.append(event)
        assert not stored.duplicate
        for again in (event, replace(event, data={"text": "second"})):
            ack = await log.append(again)
            assert ack.duplicate, ack
            assert ack.event == stored.event, ack
    assert len(await _read(log)) == 2


async def stored_as_it_was_appended(log: Log) -> None:
    """What is stored differs from what was appended by its place alone."""
    text = 'Grüße, 自転車, 🚲 "quoted"\n\\ \u2028'
    event = _event("weather.report", text=text, n=None, deep={"list": [1, 2.5, True]})
    stored = await _append(log, event)
    assert stored == replace(event, seq=stored.seq)
    assert await _read(log) == [stored]


async def stored_as_json(log: Log) -> None:
    """What JSON does not have is stored as `toolkit.events.storable` says."""
    stored = await _append(log, _event("note", score=float("nan"), word="\ud83d"))
    assert stored.data == {"score": None, "word": "\ufffd"}
    assert await _read(log) == [stored]


async def all_or_none(log: Log) -> None:
    """Events together are stored next to each other, or none of them is."""
    good = _message("good")
    with _raises(ValueError):
        await log.append_all([good, _event("note", n=object())])
    assert await _read(log) == []
    acks = await log.append_all([good, _message("better")])
    assert acks[1].seq == acks[0].seq + 1
    assert await _read(log) == [ack.event for ack in acks]


async def sessions_stand_apart(log: Log) -> None:
    """Sessions of one log do not see each other."""
    mine = await _append(log, _message("mine"))
    await log.append(_message("theirs", "other"))
    assert await _read(log) == [mine]


async def one_writer_for_a_run(log: Log) -> None:
    """A write that names a fence is stored while that is the run's fence, and refused after it."""
    start = _event("run.started")
    run = await log.append(start, 0)
    await log.append(_event("text.delta", text="Hello"), run.seq)
    with _raises(Fenced):
        await log.append(_event("run.started"), 0)
    heir = await log.append(_event("run.adopted"), run.seq)
    with _raises(Fenced):
        await log.append(_event("text.delta", text="!"), run.seq)
    await log.append(_event("run.finished", outcome="complete"), heir.seq)
    with _raises(Fenced):
        await log.append(_event("text.delta", text="?"), heir.seq)


async def kinds_of_each_lane(log: Log) -> None:
    """Each lane has its kinds of events; what stands beside the log is on no other lane."""
    talk = await _talk(log)
    for lane in get_args(Lane):
        expected = [event for event in talk if is_on(event, lane)]
        assert await _read(log, lane=lane) == expected, lane
    (cancel,) = [event for event in talk if event.kind == "cancel"]
    for_other = log.read(S, follow=False, lane="control", run="other")
    assert [event async for event in for_other] == [cancel], "it is for all, the steer is for one"


async def last_of_each_run(log: Log) -> None:
    """`latest` gives the last event of each run on a lane; where there is none, of each actor."""
    await _talk(log)
    words = await _read(log, lane="words")
    signals = await _read(log, lane="control")
    assert await log.latest(S, "words") == words[-1:]
    assert await log.latest(S, "control") == signals
    assert await log.latest("other", "words") == []


async def extent_of_a_session(log: Log) -> None:
    """`extent` tells where a history begins and ends."""
    assert await log.extent(S) == Extent(None, 0)
    await _talk(log)
    events = await _read(log)
    first = events[0]
    last = events[-1]
    assert await log.extent(S) == Extent(first.id, _place(last))
    assert await log.extent("other") == Extent(None, 0)


async def lost_cursors(log: Log) -> None:
    """A cursor that nobody can have is lost, on each lane, for each reader."""
    with _raises(CursorLost):
        await _read(log, 1)
    for n in range(3):
        await log.append(_message(f"{n}", "other"))
    first = await _append(log, _message("first"))
    assert await _read(log, _place(first) - 1) == [first]
    with _raises(CursorLost):
        await _read(log, _place(first) - 2)
    for lane in get_args(Lane):
        with _raises(CursorLost):
            await _read(log, 2**53, lane)
        with _raises(CursorLost):
            await asyncio.wait_for(_follow(log, 1, 2**53, lane), PATIENCE_S)


async def refusals(log: Log) -> None:
    """What no log could store is refused at once, and the log works on."""
    for session in ("", "a b", "a.b", "*", ">", "x" * 129):
        with _raises(ValueError):
            await log.append(_message("x", session))
    if log.max_event_bytes <= 8 << 20:  # else the check itself would take too much memory
        with _raises(TooLarge):
            await log.append(_message("x" * log.max_event_bytes))
    stored = await _append(log, _message("and on"))
    assert await _read(log) == [stored]


async def names_of_sessions(log: Log) -> None:
    """`sessions` names those that have a history."""
    assert await log.sessions() == []
    for session in ("b", "a-1", "a-2"):
        await log.append(_message("hello", session))
    assert await log.sessions() == ["a-1", "a-2", "b"]
    assert await log.sessions("a-") == ["a-1", "a-2"]


async def deleted_sessions(log: Log) -> None:
    """What is deleted is gone, its readers learn of it, and the session may begin anew."""
    await log.append(_message("stays", "other"))
    first = replace(_message("first"), id="chosen")
    old = await log.append(first)
    run = await log.append(_event("run.started"), 0)
    reading = asyncio.create_task(_follow(log, 3))
    await asyncio.sleep(0.1)
    await log.delete(S)
    with _raises(CursorLost):
        await asyncio.wait_for(reading, PATIENCE_S)
    with _raises(CursorLost):
        await _read(log, old.seq)
    with _raises(Fenced):
        await log.append(_event("text.delta", text="?"), run.seq)
    assert await log.sessions() == ["other"]
    new = await log.append(first)
    assert not new.duplicate, new
    assert new.seq > run.seq, new
    assert await _read(log) == [new.event]
    await log.delete("never there")


CHECKS: tuple[Check, ...] = (
    order_of_acknowledgement,
    any_cursor_resumes,
    replay_meets_live,
    end_is_a_cursor,
    stored_once,
    stored_as_it_was_appended,
    stored_as_json,
    all_or_none,
    sessions_stand_apart,
    one_writer_for_a_run,
    kinds_of_each_lane,
    last_of_each_run,
    extent_of_a_session,
    lost_cursors,
    refusals,
    names_of_sessions,
    deleted_sessions,
)


def _event(kind: str, **data: Any) -> Event:
    return new_event(S, kind, "agent", data, "r")


def _message(text: str, session: str = S) -> Event:
    return new_event(session, "message", "user", {"text": text})


async def _append(log: Log, event: Event) -> Event:
    ack = await log.append(event)
    return ack.event


def _place(event: Event) -> int:
    assert event.seq is not None, event
    return event.seq


async def _talk(log: Log) -> list[Event]:
    """Store events of each lane, a steer to one run and a cancel to all among them."""
    events = [
        _message("Hello"),
        _event("run.started"),
        _event("text.delta", text="Good "),
        _event("steer", text="in German"),
        _event("text.delta", text="day"),
        new_event(S, "cancel", "user", {}),
        _event("text.snapshot", text="Good day"),
        _event("lease.renewed", ttl_s=10.0),
    ]
    return [await _append(log, event) for event in events]


async def _read(log: Log, after: int = 0, lane: Lane = "log") -> list[Event]:
    return [event async for event in log.read(S, after, follow=False, lane=lane)]


async def _follow(log: Log, count: int, after: int = 0, lane: Lane = "log") -> list[Event]:
    """The first events, waited for."""
    events: list[Event] = []
    async for event in log.read(S, after, lane=lane):
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
