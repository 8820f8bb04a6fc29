"""A deadline on a block, by a clock that the test moves."""

import asyncio

import pytest

from toolkit.models.deadline import clock_stopped, within


class Clock:
    """The clock of the running loop."""

    def __init__(self, monkeypatch):
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: self.now)

    async def pass_s(self, seconds):
        self.now += seconds
        for _ in range(5):
            await asyncio.sleep(0)


async def test_a_block_that_waits_longer_is_broken_off(monkeypatch):
    clock = Clock(monkeypatch)

    async def long():
        await clock.pass_s(9)
        await clock.pass_s(2)

    with pytest.raises(TimeoutError):
        async with within(10):
            await long()


async def test_a_block_that_ends_in_time_is_left_alone_and_its_deadline_is_forgotten(monkeypatch):
    clock = Clock(monkeypatch)
    async with within(10):
        await clock.pass_s(9)
    async with within(10):
        pass
    await clock.pass_s(100)


async def test_of_two_deadlines_the_one_that_comes_first_counts(monkeypatch):
    clock = Clock(monkeypatch)
    async with within(100):
        with pytest.raises(TimeoutError):
            async with within(10):
                await clock.pass_s(11)
        await clock.pass_s(80)


async def test_time_while_the_clock_is_stopped_does_not_count_even_in_each_other(monkeypatch):
    clock = Clock(monkeypatch)
    async with within(10):
        await clock.pass_s(5)
        async with clock_stopped():
            async with clock_stopped():
                await clock.pass_s(100)
            await clock.pass_s(100)
        await clock.pass_s(4)


async def test_a_clock_that_is_stopped_before_anything_was_waited_for_goes_on_later(monkeypatch):
    clock = Clock(monkeypatch)

    async def long():
        async with clock_stopped():
            await clock.pass_s(100)
        await clock.pass_s(11)

    with pytest.raises(TimeoutError):
        async with within(10):
            await long()
