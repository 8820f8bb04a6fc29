"""The session page in hard times: many tabs, long sessions, a log that began anew, links that end,
two people.
"""

import asyncio
import sys
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from toolkit.sessions import MemoryLog, Session, attend
from toolkit.sessions.http.app import Tokens, serve, speaking
from toolkit.sessions.lab.faults import FaultyProxy

pytestmark = pytest.mark.browser

FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
STEP_S = 20
LIVE = "() => document.getElementById('line').className === 'live'"
NO_SOCKETS = """window.WebSocket = class {
    constructor() { setTimeout(() => this.onclose?.({ code: 1006 }), 10); }
    close() {}
}"""
COUNT_MEASURES = """window.measures = 0;
addEventListener("DOMContentLoaded", () => {
    const height = Object.getOwnPropertyDescriptor(Element.prototype, "scrollHeight").get;
    Object.defineProperty(Element.prototype, "scrollHeight", {
        get() { window.measures += 1; return height.call(this); },
    });
})"""


async def slowly(text):
    for n in range(10_000):
        await asyncio.sleep(0.02)
        yield f"{text} {n}. "


async def agent(session):
    await attend(session, speaking(slowly), "agent", "simulated")


@pytest.fixture
async def tabs(chromium):
    """Opens tabs of one browser; what goes wrong on a page fails the test."""
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=STEP_S * 1000)
    troubles = []
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=chromium, args=FLAGS.split())
        context = await browser.new_context()
        context.set_default_timeout(STEP_S * 1000)

        async def open_(address, script=""):
            page = await context.new_page()
            page.on("pageerror", lambda error: troubles.append(str(error)))
            if script:
                await page.add_init_script(script)
            await page.goto(address)
            return page

        try:
            yield open_
        finally:
            await browser.close()
    assert troubles == []


@asynccontextmanager
async def site(attendant=None, tokens=None, log=None, **options):
    log = log or MemoryLog()
    async with asyncio.timeout(120), serve(log, tokens, attendant, beat_s=0.5, **options) as url:
        yield Session(log, "ride"), f"{url}/sessions/ride"


async def test_eight_tabs_of_one_browser_are_live_and_each_can_send_and_stop(tabs):
    from playwright.async_api import expect

    async with site(agent) as (session, address):
        pages = [await tabs(address) for _ in range(8)]
        for page in pages:
            await page.wait_for_function(LIVE)
        await pages[0].get_by_label("Your words").fill("can you hear me")
        await pages[0].get_by_role("button", name="Send").click()
        for page in pages:
            await expect(page.get_by_text("can you hear me 1.")).to_be_visible()
        await pages[-1].get_by_role("button", name="Stop").click()
        for page in pages:
            await expect(page.get_by_text("stopped here by")).to_be_visible()
        assert [run.state for run in (await session.conversation()).runs.values()] == ["cancelled"]


async def test_where_websockets_are_blocked_the_page_reads_by_server_sent_events(tabs):
    from playwright.async_api import expect

    async with site() as (session, address):
        page = await tabs(address, NO_SOCKETS)
        await page.wait_for_function(LIVE)
        await session.say("by another way", "somebody")
        await expect(page.get_by_text("by another way")).to_be_visible()
        assert await page.evaluate("source.constructor.name") == "EventSource"


async def test_a_page_whose_line_carries_nothing_any_more_says_so_within_three_beats_and_comes_back(
    tabs,
):
    from playwright.async_api import expect

    async with site() as (session, address), FaultyProxy(urlsplit(address).port) as proxy:
        page = await tabs(address.replace(str(urlsplit(address).port), str(proxy.port)))
        await page.wait_for_function(LIVE)
        proxy.stall(5)
        await expect(page.locator("#line")).to_have_text("away", timeout=3_500)
        await session.say("said meanwhile", "somebody")
        await expect(page.get_by_text("said meanwhile")).to_be_visible()
        await expect(page.locator("#line")).to_have_text("live")


async def test_a_page_of_4000_messages_opens_at_its_end_and_measures_no_layout_for_an_event(tabs):
    from playwright.async_api import expect

    async with site() as (session, address):
        await session.log.append_all(
            [session.event("message", "user", {"text": f"message {n}"}) for n in range(4000)]
        )
        page = await tabs(address, COUNT_MEASURES)
        await page.wait_for_function(LIVE)
        assert await page.locator("article").count() == 4000
        assert await page.evaluate("window.measures") < 40
        await expect(page.get_by_text("message 3999", exact=True)).to_be_in_viewport()
        await session.say("one more", "somebody")
        await expect(page.get_by_text("one more", exact=True)).to_be_in_viewport()
        texts = "[...document.querySelectorAll('article .text')].map(text => text.textContent)"
        assert await page.evaluate(texts) == [*(f"message {n}" for n in range(4000)), "one more"]


async def test_a_page_whose_log_began_anew_says_so_and_shows_what_is_there_now(tabs, free_port):
    from playwright.async_api import expect

    async with site(port=free_port) as (session, address):
        for n in range(5):
            await session.say(f"before {n}")
        page = await tabs(address)
        await expect(page.get_by_text("before 4")).to_be_visible()
    await expect(page.locator("#line")).to_have_text("away")
    async with site(port=free_port) as (session, _):
        for n in range(9):  # also where the new log has grown beyond the old cursor
            await session.say(f"after {n}")
        await expect(page.get_by_text("This session began anew.")).to_be_visible()
        await expect(page.get_by_text("after 8")).to_be_visible()
        await expect(page.get_by_text("before")).to_have_count(0)
        await expect(page.locator("#line")).to_have_text("live")
        await page.get_by_label("Your words").fill("are you there?")
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator("article").get_by_text("are you there?")).to_be_visible()


class Held(MemoryLog):
    """A log that can be made to take its time, and to fail in a way that nobody foresaw."""

    def __init__(self):
        super().__init__()
        self.free = asyncio.Event()
        self.free.set()
        self.fails = False
        self.n_read = 0

    async def append_all(self, events, fence=None):
        await self.free.wait()
        return await super().append_all(events, fence)

    async def extent(self, session):
        self.n_read += 1
        if self.fails:
            raise ValueError("a bug")
        return await super().extent(session)


async def test_words_that_are_written_while_a_message_is_on_its_way_stay_and_no_press_counts_twice(
    tabs,
):
    from playwright.async_api import expect

    log = Held()
    async with site(log=log) as (session, address):
        run = await session.start_run("agent", "simulated", "r")
        page = await tabs(address)
        await page.wait_for_function(LIVE)
        box, steer = page.get_by_label("Your words"), page.get_by_role("button", name="Steer")
        await expect(steer).to_be_enabled()
        log.free.clear()
        await box.fill("shorter")
        await steer.click()
        await steer.click()
        await box.fill("and in Dutch")
        log.free.set()
        await expect(page.get_by_text("user on the laptop steers: “shorter”")).to_have_count(1)
        await expect(page.get_by_role("alert")).to_have_text("")
        await expect(box).to_have_value("and in Dutch")
        await steer.click()
        await expect(page.get_by_text("user on the laptop steers: “and in Dutch”")).to_have_count(1)
        await expect(box).to_have_value("")
        kinds = [event.kind async for event in session.read(follow=False)]
        assert kinds.count("steer") == 2
        await run.finish()


async def test_a_page_whose_stream_fails_again_and_again_comes_back_in_its_own_time(tabs):
    from playwright.async_api import expect

    log = Held()
    async with site(log=log) as (_, address):
        log.fails = True
        page = await tabs(address)
        await expect(page.get_by_role("alert")).to_contain_text("The server could not go on")
        before = log.n_read
        await page.wait_for_timeout(2_000)
        assert log.n_read - before <= 1
        log.fails = False
        await page.wait_for_function(LIVE)


@asynccontextmanager
async def command(*options):
    """The command ``fieldbook serve`` at work, as a process; SIGKILL ends it."""
    program = [sys.executable, "-c", "from toolkit.cli import app; app()", "serve", "--no-token"]
    process = await asyncio.create_subprocess_exec(
        *program, *options, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            while b"Only this machine" not in await process.stdout.readline():
                assert process.returncode is None
        yield
    finally:
        process.kill()
        await process.wait()


@pytest.mark.nats
async def test_a_page_comes_back_with_its_words_after_a_kill_of_a_command_that_has_a_store(
    tabs, free_port, tmp_path
):
    from playwright.async_api import expect

    options = ("--port", str(free_port), "--store", str(tmp_path))
    shown = "[...document.querySelectorAll('article')].map(article => article.textContent)"
    async with command(*options):
        page = await tabs(f"http://127.0.0.1:{free_port}/sessions/harbor")
        await page.wait_for_function(LIVE)
        await page.get_by_label("Your words").fill("are you open on Sunday")
        await page.get_by_role("button", name="Send").click()
        answers = page.locator(".words:not(.own) .text")
        await expect(answers).to_contain_text("I am a script")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_text("stopped here by user")).to_be_visible()
        before = await page.evaluate(shown)
    await expect(page.locator("#line")).to_have_text("away")
    async with command(*options):
        await page.wait_for_function(LIVE)
        assert await page.evaluate(shown) == before
        await page.reload()
        await page.wait_for_function(LIVE)
        assert await page.evaluate(shown) == before
        await page.get_by_label("Your words").fill("hello again")
        await page.get_by_role("button", name="Send").click()
        await expect(answers.nth(1)).to_contain_text("I am a script")


@pytest.fixture
def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


async def test_a_page_whose_link_was_revoked_says_so_and_can_do_nothing_more(tabs):
    from playwright.async_api import expect

    tokens = Tokens()
    async with site(tokens=tokens) as (_, address):
        secret = tokens.issue("ride", "control")
        page = await tabs(f"{address}?token={secret}")
        await page.wait_for_function(LIVE)
        tokens.revoke(secret)
        await expect(page.locator("#line")).to_have_text("this link is no longer good")
        await expect(page.get_by_role("button", name="Send")).to_be_hidden()


async def test_two_people_are_told_apart_by_the_names_of_their_links(tabs):
    from playwright.async_api import expect

    tokens = Tokens()
    async with site(tokens=tokens) as (_, address):
        pages = {
            name: await tabs(f"{address}?token={tokens.issue('ride', 'control', name)}")
            for name in ("ada", "bo")
        }
        for name, page in pages.items():
            await page.wait_for_function(LIVE)
            await expect(page.locator("#who")).to_have_text(name)
            await page.get_by_label("Your words").fill(f"this is {name}")
            await page.get_by_role("button", name="Send").click()
        for name, page in pages.items():
            await expect(page.locator("article")).to_have_count(2)
            await expect(page.locator("article.own .text")).to_have_text(f"this is {name}")
            assert await page.locator("article small").all_text_contents() == [
                "ada, on the laptop",
                "bo, on the laptop",
            ]


async def test_what_cannot_be_used_is_said_at_the_signal_and_settled_questions_lose_their_buttons(
    tabs, pictures
):
    from playwright.async_api import expect

    async with site() as (session, address):
        page = await tabs(address)
        await page.wait_for_function(LIVE)
        run = await session.start_run("agent", "simulated", "r")
        asking = asyncio.create_task(run.ask("Pay 100?", STEP_S))
        await expect(page.get_by_role("button", name="Yes")).to_be_visible()
        await page.get_by_label("Your words").fill("shorter please")
        await page.get_by_role("button", name="Steer").click()
        await expect(
            page.get_by_text("user on the laptop steers: “shorter please”")
        ).to_be_visible()
        asking.cancel()
        await run.finish("error")
        await session.append("error", "server", {"why": "the agent's attendant failed: a bug"})
        await expect(page.get_by_text("agent: failed")).to_be_visible()
        await expect(page.get_by_role("button", name="Yes")).to_have_count(0)
        await session.settle()
        await expect(page.locator("article", has_text="user on the laptop steers")).to_contain_text(
            "not used: the run ended (failed) without it"
        )
        await expect(
            page.get_by_text("server: error: the agent's attendant failed: a bug")
        ).to_be_visible()
        await page.evaluate("post('cancel', { run: 'r' })")
        await expect(page.get_by_role("alert")).to_have_text("Not used: run r has ended (failed)")
        await page.screenshot(path=pictures / "session-10-unused.png")
