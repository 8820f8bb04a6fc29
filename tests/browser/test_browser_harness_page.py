"""A build on the page that `fieldbook serve --harness` shows: on a phone it is watched, steered,
approved and stopped in mid-run; what the page folds is what the library folds.
"""

import asyncio
import random
from contextlib import asynccontextmanager
from functools import partial

import pytest

from tests.browser.devices import LAPTOP, PHONE
from tests.browser.legible import unreadable
from tests.harness.watched import (
    GOAL,
    HOSTILE,
    TURNS,
    folded,
    gated_harness,
    plain,
    random_session,
)
from toolkit.harness.watching import find_evidence
from toolkit.sessions import MemoryLog, Session
from toolkit.sessions.http.app import Tokens, serve

pytestmark = pytest.mark.browser

FOLD = """sequences => {
    const snake = name => name.replace(/[A-Z]/g, sign => "_" + sign.toLowerCase());
    const plainOf = (value, name = "") => {
        if (name === "cost_usd" || name === "spent_usd") return value.toFixed(6);
        if (value instanceof Map) return plainOf(Object.fromEntries(value));
        if (Array.isArray(value)) return value.map(part => plainOf(part));
        if (!value || typeof value !== "object") return value;
        const parts = Object.entries(value).map(([key, part]) => [snake(key), part]);
        return Object.fromEntries(parts.map(([key, part]) => [key, plainOf(part, key)]));
    };
    return sequences.map(events => {
        const build = new WatchedBuild();
        for (const event of events) build.apply(event);
        return plainOf(build.status());
    });
}"""
FIELDS = ("session", "kind", "actor", "data", "id", "run", "time", "seq")


def fields(event):
    return {name: getattr(event, name) for name in FIELDS}


async def test_the_page_folds_the_same_events_to_the_same_status_as_the_library(visit, tmp_path):
    sequences = [random_session(random.Random(seed)) for seed in range(300)]
    session = Session(MemoryLog(), "build")
    await gated_harness(tmp_path, session, asyncio.Semaphore(TURNS)).run(GOAL)
    sequences.append([event async for event in session.read(follow=False)])
    async with serve(MemoryLog(), None) as url:
        page = await visit(f"{url}/sessions/fold", PHONE)
        told = [[fields(event) for event in events] for events in sequences]
        shown = await page.evaluate(FOLD, told)
    assert sum(len(status["sprints"]) for status in shown) > 200
    for seed, (events, status) in enumerate(zip(sequences, shown, strict=True)):
        assert status == plain(folded(events)), f"sequence {seed}"


@asynccontextmanager
async def build(folder, **options):
    """A build on a served session: its gate, its end, and the link to its page."""
    log = MemoryLog()
    tokens = Tokens()
    gate = asyncio.Semaphore(0)
    async with serve(log, tokens, evidence=partial(find_evidence, folder)) as url:
        harness = gated_harness(folder, Session(log, "build"), gate, **options)
        run = asyncio.create_task(harness.run(GOAL))
        yield gate, run, f"{url}/sessions/build?token={tokens.issue('build', 'control')}"
        run.cancel()
        await asyncio.wait([run])


def lane(page, role):
    return page.locator(".lane", has=page.locator("header strong", has_text=role))


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_build_is_watched_steered_and_stopped_on_a_phone_in_mid_run(
    scheme, visit, pictures, tmp_path
):
    from playwright.async_api import expect

    async with build(tmp_path) as (gate, run, link):
        phone = await visit(link, PHONE, scheme)
        await expect(lane(phone, "planner").locator(".state")).to_have_text("● at work")
        await expect(phone.locator("#name")).to_have_text(GOAL)
        for _ in range(5):
            gate.release()
        stands = phone.locator(".stands")
        await expect(stands).to_have_text(
            "● running · simulated · round 1 · 0 of 1 criterion holds"
        )
        criterion = phone.locator(".criterion")
        await expect(criterion.locator(".cell")).to_have_text(["0 ✗", "1 ✗"])
        await expect(lane(phone, "generator").locator(".state")).to_have_text("● at work")
        await expect(phone.get_by_text(HOSTILE).first).to_be_attached()
        await criterion.locator("summary").tap()
        await expect(criterion.locator("pre").first).to_contain_text("good day")
        assert await unreadable(phone) == []
        await phone.screenshot(path=pictures / f"harness-page-running-{scheme}.png")
        await phone.locator("#log").evaluate("log => log.scrollTo(0, log.scrollHeight)")
        await phone.screenshot(path=pictures / f"harness-page-evidence-{scheme}.png")

        await phone.get_by_label("Your words").fill("say hello in French")
        await phone.get_by_role("button", name="Steer").tap()
        asked = phone.get_by_text("user on the phone asked: say hello in French · not heard yet")
        await expect(asked).to_be_visible()
        await expect(phone.get_by_label("Your words")).to_have_value("")
        await phone.get_by_role("button", name="Stop").tap()
        await expect(stands).to_contain_text("■ stopped · simulated · round 1")
        await expect(phone.get_by_text("user on the phone asked: stop · heard")).to_be_visible()
        assert (await run).outcome == "cancelled"
        await expect(phone.get_by_role("button", name="Stop")).to_be_disabled()
        await expect(phone.get_by_role("button", name="Steer")).to_be_disabled()
        assert await unreadable(phone) == []
        await phone.locator("#log").evaluate("log => log.scrollTo(0, 0)")
        await phone.screenshot(path=pictures / f"harness-page-stopped-{scheme}.png")


async def test_a_word_from_the_phone_is_heard_by_the_next_turn_and_the_checks_turn_green(
    visit, pictures, tmp_path
):
    from playwright.async_api import expect

    async with build(tmp_path, approve="contract") as (gate, run, link):
        laptop = await visit(link, LAPTOP)
        phone = await visit(link, PHONE)
        for _ in range(3):
            gate.release()
        await expect(phone.locator(".waits")).to_contain_text("Build to this contract")
        await phone.get_by_label("Your words").fill("say hello in French")
        await phone.get_by_role("button", name="Steer").tap()
        await expect(phone.get_by_text("say hello in French · not heard yet")).to_be_visible()
        await phone.screenshot(path=pictures / "harness-page-asks.png")
        await phone.get_by_role("button", name="Yes").tap()
        await expect(phone.locator(".waits")).to_have_count(0)
        gate.release()
        await expect(laptop.get_by_text("say hello in French · heard")).to_be_visible()
        for _ in range(TURNS):
            gate.release()
        for page in (phone, laptop):
            await expect(page.locator(".stands")).to_have_text(
                "✓ complete · simulated · round 2 · 1 of 1 criterion holds"
            )
            await expect(page.locator(".criterion .cell")).to_have_text(["0 ✗", "1 ✗", "2 ✓"])
            assert await unreadable(page) == []
        assert (await run).outcome == "complete"
        await laptop.locator(".criterion summary").click()
        await expect(laptop.locator(".criterion pre")).to_have_count(3)
        await laptop.screenshot(path=pictures / "harness-page-laptop.png")
