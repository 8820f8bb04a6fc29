"""What ends, ends whole: no task is left behind, no signal slept through, no lease renewed for nobody."""

import asyncio

import pytest

from toolkit.sessions import Fenced, LogUnavailable, MemoryLog, Run, Session, attend


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
