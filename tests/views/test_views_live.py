"""SessionPanel: two screens and a late third on one session; dropping one loses nothing and stops nothing."""

import asyncio

from toolkit.sessions import MemoryLog, Session
from toolkit.views import SessionPanel

WORDS = [f"word{n} " for n in range(40)]


async def until(ready, timeout_s=10.0):
    async with asyncio.timeout(timeout_s):
        while not ready():
            await asyncio.sleep(0.01)


async def test_a_dropped_screen_catches_up_and_a_stop_from_the_phone_ends_the_run():
    session = Session(MemoryLog(), "panel")
    panel = SessionPanel(session)
    laptop, phone = panel.screens
    await until(lambda: laptop.surface.connected and phone.surface.connected)
    run = await session.start_run("agent", source="simulated", window_s=0)
    await run.write("Hello ")
    phone.network.click()
    await until(lambda: not phone.surface.connected)
    await run.write("world ")
    await until(lambda: "Hello world" in laptop.view.value)
    assert "world" not in phone.view.value
    assert not run.cancelled
    phone.network.click()
    await until(lambda: "Hello world" in phone.view.value)
    panel.late.click()
    await until(lambda: len(panel.screens) == 3 and "Hello world" in panel.screens[2].view.value)
    phone.words.value = "shorter, please"
    phone.steer.click()
    phone.stop.click()
    await until(lambda: run.cancelled)
    await run.finish()
    await until(lambda: all("agent: cancelled" in screen.view.value for screen in panel.screens))
    assert [signal.kind for signal in run.signals] == ["steer", "cancel"]
    laptop.reload.click()
    await until(lambda: laptop.surface.connected and "Hello world" in laptop.view.value)
    assert "events" in panel.strip.value
    await panel.aclose()


async def test_hostile_words_are_shown_and_do_nothing():
    session = Session(MemoryLog(), "hostile")
    await session.say('<img src=x onerror="alert(1)">', actor="<script>")
    panel = SessionPanel(session, names=("laptop",))
    await until(lambda: "onerror" in panel.screens[0].view.value)
    assert "<img" not in panel.screens[0].view.value
    assert "<script" not in panel.screens[0].view.value
    await panel.aclose()
