"""The session page as people meet it: a laptop and a phone in a real Chromium, on one session."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from toolkit.sessions import MemoryLog, NatsLog, NatsServer, Session, attend
from toolkit.sessions.http.app import Tokens, serve, speaking

pytestmark = pytest.mark.browser

FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
STEP_S = 20
LAPTOP = {"viewport": {"width": 1100, "height": 800}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}
HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>&lt;b&gt;"\'\u2028\0 \U0001f6b2é'


async def slowly(text: str) -> Any:
    """Words until somebody stops it."""
    for n in range(10_000):
        await asyncio.sleep(0.01)
        yield f"{text} {n}. " + ("\n\n" if n % 40 == 39 else "")


class Held(MemoryLog):
    """A log that can be made to take its time."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()
        self.free.set()

    async def append_all(self, events: Any, fence: int | None = None) -> Any:
        await self.free.wait()
        return await super().append_all(events, fence)


@asynccontextmanager
async def site(log: Any = None, call: Any = slowly) -> AsyncIterator[Any]:
    """A served session; without a `call` nobody attends it, and the test is the agent."""
    log, tokens = log or MemoryLog(), Tokens()

    async def answer(session: Session) -> None:
        await attend(session, speaking(call), "agent", "simulated")

    async with (
        asyncio.timeout(120),
        serve(log, tokens, answer if call else None, beat_s=0.5) as url,
    ):

        def link(grant: Any = "control") -> str:
            return f"{url}/sessions/ride?token={tokens.issue('ride', grant)}"

        yield Session(log, "ride"), link


@pytest.fixture
async def devices(chromium: str) -> AsyncIterator[Any]:
    """Opens a page on a device that has never been anywhere; whatever goes wrong on one fails the
    test.
    """
    from playwright.async_api import async_playwright

    troubles: list[str] = []
    async with AsyncExitStack() as stack:
        play = await stack.enter_async_context(async_playwright())
        browser = await play.chromium.launch(executable_path=chromium, args=FLAGS.split())
        stack.push_async_callback(browser.close)

        async def open_(device: dict[str, Any], address: str) -> Any:
            context = await browser.new_context(**device)
            context.set_default_timeout(STEP_S * 1000)
            page = await context.new_page()
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on(
                "console",
                lambda said: troubles.append(said.text) if "Security" in said.text else None,
            )
            await page.goto(address)
            return page

        yield open_
    assert troubles == []


async def words(page: Any) -> str:
    """What the agent has said, as the page shows it."""
    return await page.evaluate(
        "[...document.querySelectorAll('.words:not(.own) .text')].map(p => p.textContent).join('')"
    )


async def said(page: Any, at_least: int) -> None:
    script = "n => [...document.querySelectorAll('.words:not(.own) .text')].map(p => p.textContent).join('').length >= n"
    await page.wait_for_function(script, arg=at_least)


async def test_two_devices_one_reloads_in_mid_response_the_other_stops_it_and_both_end_alike(
    devices, pictures
):
    from playwright.async_api import expect

    async with site() as (session, link):
        laptop, phone = await devices(LAPTOP, link()), await devices(PHONE, link())
        for page in (laptop, phone):
            await expect(page.locator("#line")).to_have_text("live")
        await laptop.screenshot(path=pictures / "session-0-empty.png")
        await laptop.get_by_label("Your words").fill("Where is my bicycle?")
        await laptop.get_by_role("button", name="Send").click()
        await said(phone, 800)
        before = len(await words(laptop))
        await laptop.reload()
        await said(laptop, before + 200)
        await laptop.screenshot(path=pictures / "session-1-laptop-after-reload.png")
        await phone.screenshot(path=pictures / "session-2-phone-streaming.png")
        await phone.get_by_role("button", name="Stop").tap()
        for page in (laptop, phone):
            await expect(page.get_by_text("stopped here by user")).to_be_visible()
            await expect(page.get_by_role("button", name="Stop")).to_be_disabled()
        stored = (await session.conversation()).text
        assert await words(laptop) == await words(phone) == stored
        assert stored.startswith("Where is my bicycle? 0. Where is my bicycle? 1. ")
        outline = "[...document.querySelectorAll('article')].map(a => a.textContent)"
        assert await laptop.evaluate(outline) == await phone.evaluate(outline)
        assert len((await session.conversation()).runs) == 1
        await laptop.screenshot(path=pictures / "session-3-laptop-stopped.png")
        await phone.screenshot(path=pictures / "session-4-phone-stopped.png")


async def test_a_steer_from_the_phone_is_taken_and_everybody_sees_it(devices, pictures):
    from playwright.async_api import expect

    async def short(text: str) -> Any:
        for n in range(60):
            await asyncio.sleep(0.02)
            yield f"{text} {n}. "

    async with site(call=short) as (session, link):
        laptop, phone = await devices(LAPTOP, link()), await devices(PHONE, link())
        await phone.get_by_label("Your words").fill("long")
        await phone.get_by_role("button", name="Send").tap()
        await said(phone, 20)
        await phone.get_by_label("Your words").fill("shorter please")
        await phone.get_by_role("button", name="Steer").tap()
        for page in (laptop, phone):
            await expect(page.get_by_text("agent has read it")).to_be_visible()
            await expect(page.get_by_text("complete", exact=True)).to_be_visible()
        await phone.screenshot(path=pictures / "session-5-phone-steered.png")
        stored = (await session.conversation()).text
        assert "shorter please 59." in stored
        assert await words(laptop) == await words(phone) == stored


async def test_the_light_goes_out_with_the_network_and_the_page_comes_back_by_itself(
    devices, pictures
):
    from playwright.async_api import expect

    async with site(call=None) as (session, link):
        laptop, phone = await devices(LAPTOP, link()), await devices(PHONE, link())
        await session.say("Where is my bicycle?")
        run = await session.start_run("other", source="simulated", window_s=0)
        await run.write("before the cut, ")
        await said(phone, 10)
        await phone.context.set_offline(True)
        await expect(phone.locator("#line")).to_have_text("away")
        await expect(phone.locator("#hint")).to_have_text(
            "The server does not answer; what was said is kept. Stop is sent as soon as it does."
        )
        await expect(phone.get_by_role("button", name="Steer")).to_be_disabled()
        await phone.screenshot(path=pictures / "session-6-phone-offline.png")
        for n in range(30):
            await run.write(f"meanwhile {n}, ")
        await phone.get_by_label("Your words").fill("hello?")
        await phone.get_by_role("button", name="Send").tap()
        await expect(phone.get_by_role("alert")).to_have_text(
            "That did not get through. Try again."
        )
        await phone.context.set_offline(False)
        await expect(phone.locator("#line")).to_have_text("live")
        await expect(phone.get_by_role("button", name="Steer")).to_be_enabled()
        await run.finish()
        for page in (laptop, phone):
            await expect(page.get_by_text("complete", exact=True)).to_be_visible()
        assert await words(laptop) == await words(phone) == (await session.conversation()).text


async def test_all_that_a_session_says_is_text_and_nothing_else(devices, pictures):
    from playwright.async_api import expect

    async with site(call=None) as (session, link):
        run = await session.start_run(HOSTILE, source="simulated", window_s=0)
        for _ in range(40):
            await run.write(HOSTILE)
        call = await run.call_tool(HOSTILE, {"x": HOSTILE})
        await run.tool_result(call, HOSTILE)
        await run.append(HOSTILE, {"text": HOSTILE})
        page = await devices(PHONE, link())
        await session.say(HOSTILE, actor=HOSTILE)
        await session.append("cancel", HOSTILE, {"text": {"toString": 1}}, run="never")
        await run.write(HOSTILE)
        asking = asyncio.create_task(run.ask(HOSTILE, STEP_S))
        await expect(page.get_by_text(" asks: ")).to_be_visible()
        await page.screenshot(path=pictures / "session-7-hostile.png")
        await page.get_by_role("button", name="No").tap()
        assert await asyncio.wait_for(asking, STEP_S) is False
        await expect(page.get_by_role("button", name="No")).to_have_count(0)
        await run.finish()
        await expect(page.get_by_text(": complete")).to_be_visible()
        assert await page.evaluate("window.pwned") is None
        assert await page.locator("main :is(img, script, b, a)").count() == 0
        assert (await words(page)).replace("\0", "").count("🚲") >= 42
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await page.evaluate(wide), "the page can be pushed sideways"


async def test_who_may_only_watch_has_no_keys(devices, pictures):
    from playwright.async_api import expect

    async with site() as (session, link):
        await session.say("Where is my bicycle?")
        page = await devices(PHONE, link("read"))
        await expect(page.locator("#line")).to_have_text("live, watching only")
        await expect(page.get_by_text("Where is my bicycle?")).to_be_visible()
        await expect(page.get_by_role("button")).to_have_count(0)


async def test_a_late_page_shows_the_same_as_one_that_was_there_all_along(devices):
    async with site() as (session, link):
        early = await devices(LAPTOP, link())
        run = await session.start_run("agent", source="simulated", window_s=0)
        await run.step("answer", attempt=1)
        await run.write("🚲" * 700)
        await run.step("answer", attempt=2)
        for n in range(200):
            await run.write(f"é🚲 {n} ")
            if n % 50 == 20:
                await run.call_tool("look", {})
                await session.steer("quicker", run.id)
        other = await session.start_run("helper", source="simulated", window_s=0)
        for n in range(90):
            await other.write(f"help {n} ")
            await run.write(f"and {n} ")
        late = await devices(LAPTOP, link())
        for one in (run, other):
            await one.finish()
        for page in (early, late):
            await page.get_by_text("complete", exact=True).nth(1).wait_for()
        outline = "[...document.querySelectorAll('article')].map(a => a.textContent)"
        assert await early.evaluate(outline) == await late.evaluate(outline)
        assert sorted(await words(late)) == sorted((await session.conversation()).text)


async def present(session: Session, *kinds: str) -> None:
    """Wait until just these kinds of device are there: each page adds something of its own to its
    name.
    """
    async with asyncio.timeout(STEP_S):
        while sorted(name.split()[0] for name in await session.present()) != sorted(kinds):
            await asyncio.sleep(0.05)


async def test_an_open_page_is_present_and_one_that_is_closed_has_left_and_stopped_nothing(devices):
    async with site() as (session, link):
        run = await session.start_run("agent", source="simulated", window_s=0)
        laptop, phone = await devices(LAPTOP, link()), await devices(PHONE, link())
        await present(session, "web:laptop", "web:phone")
        await laptop.reload()
        await present(session, "web:laptop", "web:phone")
        await run.write("Here I am.")
        await said(phone, 5)
        await phone.close()
        await present(session, "web:laptop")
        await laptop.goto("about:blank")
        await present(session)
        assert not run.cancelled
        await run.finish()
        assert [one.state for one in (await session.conversation()).runs.values()] == ["complete"]


@pytest.mark.nats
async def test_while_the_log_is_away_the_page_says_so_and_a_stop_is_sent_until_the_log_has_it(
    devices, pictures
):
    from playwright.async_api import expect

    async with (
        NatsServer() as server,
        await NatsLog.connect(server.url) as log,
        site(log) as (session, link),
    ):
        laptop, phone = await devices(LAPTOP, link()), await devices(PHONE, link())
        await session.say("Where is my bicycle?")
        await said(laptop, 200)
        await server.kill()
        for page in (laptop, phone):
            await expect(page.locator("#line")).to_have_text("waiting for the log")
        await phone.get_by_role("button", name="Stop").tap()
        await expect(phone.get_by_role("alert")).to_have_text(
            "Stop: sending again until the server has it…"
        )
        await phone.screenshot(path=pictures / "session-8-phone-log-away.png")
        await laptop.reload()
        await expect(laptop.locator("#line")).to_have_text("waiting for the log")
        await server.restart()
        for page in (laptop, phone):
            await expect(page.get_by_text("stopped here by user")).to_be_visible(
                timeout=STEP_S * 1000
            )
            await expect(page.locator("#line")).to_have_text("live", timeout=STEP_S * 1000)
        await expect(phone.get_by_role("alert")).to_have_text("")
        await expect(phone.get_by_text("stopped here by user")).to_have_count(1)
        await phone.screenshot(path=pictures / "session-9-phone-log-back.png")


async def test_a_message_that_the_log_does_not_acknowledge_says_so(devices):
    from playwright.async_api import expect

    log = Held()
    async with site(log) as (_, link):
        laptop = await devices(LAPTOP, link())
        await expect(laptop.locator("#line")).to_have_text("live")
        log.free.clear()
        await laptop.get_by_label("Your words").fill("hello?")
        await laptop.get_by_role("button", name="Send").click()
        await expect(laptop.get_by_role("alert")).to_have_text(
            "Not stored yet: waiting for the log…"
        )
        log.free.set()
        await expect(laptop.get_by_role("alert")).to_have_text("")
        await expect(laptop.get_by_text("hello?", exact=True)).to_be_visible()
