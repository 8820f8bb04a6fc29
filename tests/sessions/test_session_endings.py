"""What ends, ends whole: no task is left behind, no signal slept through, no lease renewed for
nobody.
"""

import asyncio
import gc

import pytest

from toolkit.sessions import Fenced, LogUnavailable, MemoryLog, Run, Session, Surface, attend
from toolkit.sessions.log import LogClosed


@pytest.fixture
async def nothing_left():
    """Fails where a task outlives the test's own."""
    before = asyncio.all_tasks()
    yield
    for _ in range(20):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() - before - {asyncio.current_task()} == set()


async def never():
    await asyncio.Event().wait()


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancel_that_comes_just_as_the_model_call_begins_breaks_it_off(turns):
    session = Session(MemoryLog(), "just")
    run = await session.start_run("agent", "simulated", "r")
    cancelling = asyncio.create_task(session.cancel("r"))
    for _ in range(turns):
        await asyncio.sleep(0)
    assert await asyncio.wait_for(run.unless_interrupted(never()), 10) is None
    await cancelling
    await run.finish()


async def test_a_model_call_that_is_cancelled_leaves_nobody_waiting_for_signals(nothing_left):
    run = await Session(MemoryLog(), "s").start_run("agent", "simulated")
    calling = asyncio.create_task(run.unless_interrupted(never()))
    for _ in range(5):
        await asyncio.sleep(0)
    calling.cancel()
    await asyncio.wait([calling])
    await run.finish()
    assert calling.cancelled()


class Away:
    """A log that does not answer the next append of a kind, or never takes one."""

    def __init__(self, log, kind, error=LogUnavailable):
        self.log, self.kind, self.error, self.failures = log, kind, error, 1

    async def append(self, event, fence=None):
        self._fail_if_due([event])
        return await self.log.append(event, fence)

    async def append_all(self, events, fence=None):
        self._fail_if_due(events)
        return await self.log.append_all(events, fence)

    def _fail_if_due(self, events):
        if self.failures and self.kind in [event.kind for event in events]:
            self.failures -= 1
            raise self.error("no answer")

    def __getattr__(self, name):
        return getattr(self.log, name)


async def attended(session, agent, condition, **options):
    """Attend until the conversation meets `condition`; an error of the attendant's own is raised."""
    attending = asyncio.create_task(attend(session, agent, "agent", "simulated", **options))
    try:
        async with asyncio.timeout(20):
            while not attending.done() and not condition(await session.conversation()):
                await asyncio.sleep(0.01)
    finally:
        attending.cancel()
        await asyncio.wait([attending])
    if not attending.cancelled():
        attending.result()
    return await session.conversation()


def all_ended(count):
    return lambda known: len(known.runs) == count and all(run.ended for run in known.runs.values())


async def test_an_attendant_that_gave_up_renews_no_lease(nothing_left):
    """Else the next one, in the same process, would take its run for alive for ever."""
    session = Session(Away(MemoryLog(), "tool.call"), "gave-up")

    async def agent(run, message):
        await run.write("half ")
        await run.call_tool("look", {})

    await session.say("hi", id="m1")
    with pytest.raises(LogUnavailable):
        await attend(session, agent, "agent", "simulated")
    assert (await session.conversation()).runs["run-m1"].state == "active"


async def test_an_agent_whose_run_another_has_taken_leaves_nobody_listening(nothing_left):
    session, zombies = Session(MemoryLog(), "taken"), []

    async def agent(run, message):
        if not zombies:
            zombies.append(run)
            heir = Run(session, "heir", run.id)
            await heir.take("run.adopted", {"from": run.actor}, run.fence)
            await heir.finish()
        await run.write("zombie")

    await session.say("one", id="m1")
    await session.say("two", id="m2")
    known = await attended(session, agent, all_ended(2))
    assert (known.text, known.runs["run-m1"].actor) == ("zombie", "heir")


@pytest.mark.parametrize("id_", ["hello world", "x" * 126, "a.b", "ü", "run-run-m"])
async def test_a_message_of_any_id_is_answered_once(log, id_):
    session = Session(log, "any")

    async def agent(run, message):
        await run.write(message.data["text"])

    for text, name in (("one ", id_), ("two", "next")):
        await session.say(text, id=name)
    for _ in range(2):
        known = await attended(session, agent, all_ended(2))
        assert (known.text, len(known.runs)) == ("one two", 2)


async def test_a_run_that_is_called_like_a_message_is_no_answer_to_it():
    session = Session(MemoryLog(), "called")
    await (await session.start_run("other", "simulated", "m1")).finish()
    await session.say("hi", id="m1")
    assert (
        await attended(session, lambda run, _: run.write("hello"), all_ended(2))
    ).text == "hello"


async def test_an_agent_that_awaits_what_was_cancelled_ends_its_run_and_no_other(nothing_left):
    session = Session(MemoryLog(), "inner")

    async def agent(run, message):
        if message.id == "m1":
            inner = asyncio.create_task(never())
            inner.cancel()
            await inner
        await run.write("fine")

    for id_ in ("m1", "m2"):
        await session.say("hi", id=id_)
    known = await attended(session, agent, all_ended(2))
    assert [run.state for run in known.runs.values()] == ["cancelled", "complete"]


async def test_an_attendant_that_fails_ends_the_answers_under_way(nothing_left):
    session = Session(Away(MemoryLog(), "message.rejected", RuntimeError), "fails")
    for id_ in ("m1", "m2"):
        await session.say("hi", id=id_)
    with pytest.raises(RuntimeError):
        await attend(session, lambda run, message: never(), "agent", "simulated", "reject")
    assert (await session.conversation()).runs["run-m1"].state == "cancelled"


async def test_a_steers_receipt_that_was_not_acknowledged_goes_before_the_words_that_it_was_asked_with():
    session = Session(Away(MemoryLog(), "steer.consumed"), "steer")
    await session.steer("shorter", "r")
    run = await session.start_run("agent", "simulated", "r", window_s=0)
    assert [steer.data["text"] for steer in await run.take_steers()] == ["shorter"]
    with pytest.raises(LogUnavailable):
        await run.write("short")
    await run.write("er")
    await run.finish()
    kinds = [event.kind async for event in session.read(follow=False, lane="log")]
    assert kinds == [
        "steer",
        "run.started",
        "steer.consumed",
        "text.delta",
        "text.delta",
        "text.done",
        "run.finished",
    ]
    assert run.text == "shorter"


class Slow(MemoryLog):
    """A log whose live readers hear no signal in time."""

    async def read(self, session, after=0, follow=True, lane="log", run=None):
        if follow and lane == "control":
            await never()
        async for event in super().read(session, after, follow, lane, run):
            yield event


async def test_an_approval_that_was_acknowledged_before_the_deadline_counts():
    session = Session(Slow(), "approve")
    run = await session.start_run("agent", "simulated", "r")
    asking = asyncio.create_task(run.ask("Refund 40 euros?", 0.3))
    async for event in session.read():
        if event.kind == "approval.asked":
            break
    await session.approve(event.id, True, "r")
    assert await asking is True
    await run.finish()


class Once(MemoryLog):
    """A log whose first live reader of everything meets an error."""

    refused = False

    def __init__(self, error):
        super().__init__()
        self.error = error

    async def read(self, session, after=0, follow=True, lane="log", run=None):
        if follow and lane == "log" and not self.refused:
            self.refused = True
            raise self.error
        async for event in super().read(session, after, follow, lane, run):
            yield event


async def test_a_surface_that_connects_again_after_its_reading_failed_leaves_nothing_behind(
    nothing_left,
):
    surface = Surface(Session(Once(LogClosed("closed")), "again"), "phone")
    await surface.connect()
    async with asyncio.timeout(10):
        while surface.connected:
            await asyncio.sleep(0)
    await surface.connect()
    await surface.wait_for(lambda known: "phone" in known.present)
    await surface.disconnect()
    assert not surface.connected


async def test_a_surface_that_is_let_go_of_after_its_log_was_closed_makes_no_noise(caplog):
    surface = Surface(Session(Once(LogClosed("closed")), "over"), "phone")
    await surface.connect()
    with pytest.raises(LogClosed):
        await surface.wait_for(lambda known: known.text == "never said")
    del surface
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0)
    assert caplog.records == []


async def test_a_surface_goes_on_from_its_cursor_however_long_the_log_was_away(nothing_left):
    surface = Surface(Session(Once(LogUnavailable("no answer")), "away"), "phone")
    await surface.connect()
    await surface.wait_for(lambda known: "phone" in known.present)
    await surface.disconnect()
    assert surface.cursor == 2


class Held(MemoryLog):
    """A log that stores a run's end at once, and says so only after a renewal of its lease was
    refused.
    """

    def __init__(self):
        super().__init__()
        self.refused = asyncio.Event()

    async def append(self, event, fence=None):
        try:
            return await super().append(event, fence)
        except Fenced:
            self.refused.set()
            raise

    async def append_all(self, events, fence=None):
        acks = await super().append_all(events, fence)
        if events[-1].kind == "run.finished":
            await self.refused.wait()
        return acks


async def test_a_run_that_ended_by_itself_is_not_lost(nothing_left):
    run = await Session(Held(), "ended").start_run("agent", "simulated", ttl_s=0.03)
    await asyncio.wait_for(run.finish(), 10)
    assert (run.outcome, run.lost) == ("complete", False)


async def kinds_of(session):
    return [event.kind async for event in session.read(follow=False, lane="quiet")]


async def test_a_run_in_a_block_ends_with_it():
    session = Session(MemoryLog(), "s")
    async with session.run("agent", source="simulated") as run:
        await run.write("Hello")
    assert run.outcome == "complete"
    assert (await session.conversation()).source == "simulated"


async def test_a_block_that_was_cancelled_on_the_log_ends_its_run_as_cancelled():
    session = Session(MemoryLog(), "s")
    async with session.run("agent", id="r1") as run:
        await session.cancel("r1")
    assert run.outcome == "cancelled"


async def test_an_error_in_a_block_is_on_the_log_and_is_raised():
    session = Session(MemoryLog(), "s")
    with pytest.raises(ZeroDivisionError):
        async with session.run("agent", ttl_s=0.3) as run:
            1 / 0  # noqa: B018
    assert run.outcome == "error"
    assert await kinds_of(session) == ["run.started", "error", "run.finished"]
    last = (await session.log.latest("s", "lease"))[-1]
    await asyncio.sleep(0.3)
    assert (await session.log.latest("s", "lease"))[-1] == last  # no lease is renewed any more


async def test_a_block_that_is_cancelled_ends_its_run_as_cancelled():
    session = Session(MemoryLog(), "s")
    begun = asyncio.Event()

    async def work():
        async with session.run("agent"):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    (run,) = (await session.conversation()).runs.values()
    assert run.state == "cancelled"


async def test_the_ending_that_a_block_wrote_itself_stands():
    session = Session(MemoryLog(), "s")
    async with session.run("agent") as run:
        await run.finish("error")
    assert run.outcome == "error"
    assert (await kinds_of(session)).count("run.finished") == 1


async def test_a_block_whose_run_was_taken_over_raises_and_adds_nothing():
    session = Session(MemoryLog(), "s")

    async def work():
        async with session.run("agent", id="r1", ttl_s=60) as run:
            heir = session.event("run.adopted", "heir", {}, "r1")
            await session.log.append(heir, run.fence)
            await run.write("mine?")

    with pytest.raises(Fenced):
        await work()
    assert await kinds_of(session) == ["run.started", "run.adopted"]
