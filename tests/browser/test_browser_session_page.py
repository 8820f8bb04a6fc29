"""The session page as `fieldbook serve` shows it: what it says to do, Harbor's answers, Markdown."""

from contextlib import asynccontextmanager
from functools import partial

import pytest

from tests.browser.devices import LAPTOP, PHONE
from tests.browser.legible import unreadable
from toolkit.cli import ABOUT_HARBOR
from toolkit.harbor import front_desk, openings
from toolkit.sessions import MemoryLog, Session, attend
from toolkit.sessions.http.app import Tokens, Welcome, serve
from toolkit.sessions.signals import run_for

pytestmark = pytest.mark.browser

WELCOME = Welcome("Ask about a bike.", ABOUT_HARBOR, openings(), "A <shop>")
MARKDOWN = """\
# Your booking
It is **cancelled**, and *not* `moved`. <b>raw</b> &amp; [more](https://example.com/a) [bad](javascript:alert(1))

- one **thing**
- two
  - three
1. first
```python
x = **kwargs
```
2 * 3 * 4, snake_case_name, and an open **end"""


@asynccontextmanager
async def served(agent=None):
    """A served session on a network that has a name, and a link to it."""
    log = MemoryLog()
    tokens = Tokens()
    answer = partial(attend, agent=agent, actor="support", source="simulated") if agent else None
    hosts = ("127.0.0.1", "192.168.1.7")
    async with serve(log, tokens, answer, welcome=WELCOME, hosts=hosts) as url:
        yield (
            Session(log, "harbor"),
            f"{url}/sessions/harbor?token={tokens.issue('harbor', 'control')}",
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_question_asked_on_the_laptop_is_stopped_on_the_phone_and_all_can_be_read(
    scheme, visit, pictures, gallery
):
    from playwright.async_api import expect

    async with served(front_desk(word_delay_s=0.25)) as (session, link):
        laptop = await visit(link, LAPTOP, scheme)
        phone = await visit(link, PHONE, scheme)
        await expect(laptop.get_by_role("heading", level=2)).to_have_text(
            "Ask about a bike. Then open this page on a phone, and press Stop there."
        )
        await expect(laptop).to_have_title("A <shop>")
        await expect(laptop.get_by_role("heading", level=1)).to_have_text("A <shop>")
        code = laptop.locator("#welcome svg")
        await expect(code).to_be_hidden()
        await expect(phone.locator("#welcome figure")).to_be_hidden()
        for name, page in (("laptop", laptop), ("phone", phone)):
            assert await unreadable(page) == []
            await page.screenshot(path=pictures / f"session-page-{name}-begin-{scheme}.png")
        await laptop.get_by_text("Show the QR code").click()
        await expect(code).to_be_visible()
        await laptop.screenshot(path=pictures / f"session-page-laptop-code-{scheme}.png")
        await laptop.get_by_label("Your words").fill("hello")
        await laptop.get_by_role("button", name="Send").click()
        await expect(phone.get_by_text("I am a")).to_be_visible()
        await phone.get_by_role("button", name="Stop").tap()
        for page in (laptop, phone):
            await expect(page.get_by_text("stopped here by user on the phone")).to_be_visible()
            await expect(page.get_by_text("user, on the laptop")).to_be_visible()
            await expect(page.get_by_role("button", name="Stop")).to_be_disabled()
        opening = laptop.get_by_role("button", name=openings()[0])
        await expect(opening).to_be_hidden()  # somebody has spoken: the card is folded
        await laptop.get_by_text("What to do here").click()
        await opening.click()
        for name, page in (("laptop", laptop), ("phone", phone)):
            card = page.locator(".call summary")
            await expect(card).to_contain_text("find_booking")
            await expect(card).to_contain_text("booking_id: HB-2104")
            await expect(card.locator(".badge")).to_have_text("ok")
            await expect(page.get_by_text("€104")).to_be_visible()
            await expect(page.get_by_text("complete", exact=True)).to_be_visible()
            assert await unreadable(page) == []
            await page.screenshot(path=pictures / f"session-page-{name}-{scheme}.png")
        if scheme == "light":
            await phone.screenshot(path=gallery / "session-page-phone.png")
        states = [run.state for run in (await session.conversation()).runs.values()]
    assert states == ["cancelled", "complete"]


async def test_words_that_come_behind_a_stop_say_that_they_were_on_their_way(visit):
    from playwright.async_api import expect

    async with served() as (session, link):
        early = await visit(link, LAPTOP)
        run = await session.start_run("support", source="simulated", window_s=0)
        await session.cancel(run.id)
        await run.write("I am")
        await run.finish()
        late = await visit(link, PHONE)
        for page in (early, late):
            await expect(page.locator(".words small")).to_have_text(
                ["support · simulated · on its way when it was stopped", "stopped here by user"]
            )


async def test_a_screen_is_named_where_it_is_known_and_nothing_that_is_no_name_is_shown(visit):
    from playwright.async_api import expect

    async with served() as (session, link):
        page = await visit(link, LAPTOP)
        await session.say("one")
        for screen in ("kitchen", "y" * 100, "<b>", 7, {"a": 1}, ""):
            await session.append("message", "user", {"text": "two", "screen": screen})
        await session.say("from Ada", actor="ada", screen="phone")
        on_screens = [f"user, on the {name}" for name in ("kitchen", "y" * 64, "<b>")]
        await expect(page.locator(".words > small")).to_have_text(
            ["user", *on_screens, "user", "user", "user", "ada, on the phone"]
        )
    shown = [item.who for item in (await session.conversation()).items]
    assert shown == ["user", *on_screens, "user", "user", "user", "ada, on the phone"]


async def test_markdown_is_drawn_and_nothing_that_an_agent_writes_is_read_as_html(visit):
    from playwright.async_api import expect

    async with served() as (session, link):
        early = await visit(link, LAPTOP)
        run = await session.start_run("support", source="simulated", window_s=0)
        for letter in MARKDOWN:
            await run.write(letter)
        await run.finish()
        late = await visit(link, PHONE)
        shown = []
        for page in (early, late):
            await expect(page.get_by_text("complete", exact=True)).to_be_visible()
            text = page.locator("article .text")
            await expect(text.locator("h3")).to_have_text("Your booking")
            await expect(text.locator("strong")).to_have_text(["cancelled", "thing"])
            await expect(text.locator("em")).to_have_text(["not"])
            await expect(text.locator(":not(pre) > code")).to_have_text("moved")
            await expect(text.locator("pre")).to_have_text("x = **kwargs")
            await expect(text.locator(".bullet")).to_have_text(["one thing", "two", "three"])
            await expect(text.locator(".deep")).to_have_text("three")
            await expect(text.locator(".number")).to_have_text("1. first")
            await expect(text.locator("a")).to_have_attribute("href", "https://example.com/a")
            await expect(text.locator("a")).to_have_attribute("rel", "noopener noreferrer")
            await expect(text).to_contain_text("<b>raw</b> &amp; more [bad](javascript:alert(1))")
            await expect(text).to_contain_text("2 * 3 * 4, snake_case_name, and an open **end")
            shown.append(await text.inner_html())
    assert shown[0] == shown[1]


async def test_words_that_grow_draw_each_line_once_however_many_there_are(visit):
    drawn = """lines => {
        const root = document.createElement("div");
        const words = new Words(root);
        let nodes = 0;
        const make = document.createTextNode;
        document.createTextNode = function (text) { nodes += 1; return make.call(document, text); };
        let text = "";
        for (let n = 0; n < lines; n++) { text += `line ${n} is **bold**\\n`; words.grow(text); }
        document.createTextNode = make;
        return nodes;
    }"""
    async with served() as (_, link):
        page = await visit(link, LAPTOP)
        few, many = await page.evaluate(drawn, 100), await page.evaluate(drawn, 1000)
    assert many < 12 * few


@pytest.mark.parametrize(
    "text",
    [
        "word " * 30_000,
        "no end in sight" * 10_000,
        "\n" * 50_000,
        "**" * 20_000,
        "`" * 50_000,
        "🚲" * 30_000,
        "[" * 50_000,
        "- \n" * 20_000,
    ],
    ids=["words", "a word", "lines", "stars", "ticks", "bicycles", "brackets", "bullets"],
)
async def test_a_text_of_any_shape_is_shown_to_its_last_letter(text, visit):
    show = """text => {
        const root = document.createElement("div");
        const words = new Words(root);
        for (let end = 0; end < text.length + 997; end += 997) words.grow(text.slice(0, end));
        const once = document.createElement("div");
        new Words(once).grow(text);
        return [root.textContent, root.innerHTML === once.innerHTML];
    }"""
    async with served() as (_, link):
        page = await visit(link, LAPTOP)
        shown, same = await page.evaluate(show, f"{text}END")
    assert same
    assert shown.endswith("END")
    assert len(shown) > len(text) / 3 - 40_000


LONG = "x" * 1200
FENCED = [  # what an agent writes, what of it is shown, and what of that as code
    ("```ls -la``` lists all, never\nEND", "ls -la lists all, never\nEND", []),
    ("```sh\nls\n~~~\n```\nEND", "\nls\n~~~\n\nEND", ["ls\n~~~"]),
    ("````\n```\n````\nEND", "\n```\n\nEND", ["```"]),
    ("```\n``` and more\n  ``` \nEND", "\n``` and more\n\nEND", ["``` and more"]),
    ("~~~ `a`\nb\n~~~~\nEND", "\nb\n\nEND", ["b"]),
    ("```\r\na\r\n```\r\nEND", "\na\r\n\nEND", ["a\r"]),
    (f"```{LONG}\nEND", f"```{LONG}\nEND", []),
    (f"```\n```{LONG}\n```\nEND", f"\n```{LONG}\n\nEND", [f"```{LONG}"]),
]


async def test_only_a_fence_hides_its_line_and_only_its_own_mark_closes_it(visit):
    draw = """text => {
        const root = document.createElement("div");
        const words = new Words(root);
        for (let end = 0; end <= text.length; end++) words.grow(text.slice(0, end));
        const once = document.createElement("div");
        new Words(once).grow(text);
        const code = Array.from(once.querySelectorAll("pre"), block => block.textContent);
        return [once.textContent, code, root.innerHTML === once.innerHTML];
    }"""
    async with served() as (_, link):
        page = await visit(link, LAPTOP)
        for text, shown, code in FENCED:
            assert await page.evaluate(draw, text) == [shown, code, True], text


async def test_a_line_is_never_cut_within_a_character(visit):
    draw = """text => {
        const root = document.createElement("div");
        new Words(root).grow(text);
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        const pieces = [];
        while (walker.nextNode()) pieces.push(walker.currentNode.data.isWellFormed());
        return [root.textContent === text, pieces.length > 1, pieces.every(Boolean)];
    }"""
    async with served() as (_, link):
        page = await visit(link, LAPTOP)
        assert await page.evaluate(draw, "x" + "🚲" * 30_000) == [True, True, True]


async def test_no_sign_of_an_agent_hides_or_turns_round_what_is_read(visit):
    from playwright.async_api import expect

    hostile = "\x1b[31mred\x1b[0m \x1b]\n\u202eabc"
    seen = "red [U+001B]]\n[U+202E]abc"
    async with served() as (session, link):
        page = await visit(link, LAPTOP)
        actor = "\u202etroppus"
        await session.append("tool.result", actor, {"content": hostile})
        await session.append("approval.asked", actor, {"question": hostile})
        await session.append("message", actor, {"text": hostile})
        await session.append("error", actor, {"why": hostile})
        run = await session.start_run(actor, source="simulated", window_s=0)
        await run.write(hostile)
        await run.write(f"{'x' * 50_000}\u202e")
        await run.finish()
        await expect(page.get_by_text("complete", exact=True)).to_be_visible()
        drawn = await page.evaluate("document.getElementById('items').textContent")
        assert await page.locator("article").count() >= 5
    assert not set("\x1b\u202e") & set(drawn)
    assert drawn.count(seen) == 5
    assert "[U+202E]troppus asks:" in drawn


async def test_what_a_result_or_a_note_has_beyond_what_is_shown_is_counted(visit):
    from playwright.async_api import expect

    async with served() as (session, link):
        page = await visit(link, LAPTOP)
        await session.append("tool.result", "support", {"content": "x" + "🚲" * 7000})
        await session.append("cancel", "support", {"text": "y" * 1000})
        result = page.locator("article pre")
        await expect(result).to_have_text("x" + "🚲" * 4999 + " … 2001 more characters")
        await expect(page.get_by_text("… 621 more characters")).to_be_visible()


async def test_a_message_waits_for_its_turn_and_a_stop_is_told_at_the_words_that_it_cut(
    visit, pictures
):
    from playwright.async_api import expect

    async with served(front_desk(word_delay_s=0.25)) as (session, link):
        pages = [await visit(link, LAPTOP), await visit(link, PHONE)]
        await session.say("hello")
        await expect(pages[0].get_by_text("I am a")).to_be_visible()
        await session.say(openings()[0])
        hint = "Stop ends this answer alone: 1 message waits for the next."
        for page in pages:
            waiting = page.locator("article", has_text="waits for its turn")
            await expect(waiting).to_contain_text("closed tomorrow")
            await expect(page.locator("#hint")).to_have_text(hint)
        await pages[1].get_by_role("button", name="Stop").tap()
        for name, page in zip(("laptop", "phone"), pages, strict=True):
            cut = page.locator("article", has_text="stopped here by user")
            await expect(cut).to_contain_text("I am a")
            await expect(page.locator("#hint")).to_have_text(
                "The answer before was stopped. The next has begun: Stop ends this one."
            )
            await expect(waiting).to_have_count(0)
            await page.screenshot(path=pictures / f"session-page-{name}-next.png")
        late = await visit(link, PHONE)
        await expect(late.get_by_text("stopped here by user")).to_be_visible()
        for page in (*pages, late):
            await expect(page.get_by_text("complete", exact=True)).to_be_visible()
            await expect(page.get_by_text("asks to stop")).to_be_hidden()


async def test_a_message_that_waits_stands_below_the_running_answer_until_its_own_begins(visit):
    from playwright.async_api import expect

    async with served() as (session, link):
        early = await visit(link, LAPTOP)
        first = await session.say("first")
        run = await session.start_run("support", "simulated", run_for(first.event.id), window_s=0)
        second = await session.say("second")
        await expect(early.locator("#hint")).to_contain_text("1 message waits")
        await session.say("third")
        await run.write("the answer to the first")
        call = await run.call_tool("find", {"n": 1})
        await run.flush()
        await run.tool_result(call, "no such", error=True)
        words = early.locator(".text")
        in_turn = ["first", "the answer to the first", "second", "third"]
        await expect(words).to_have_text(in_turn)
        await expect(early.locator(".call")).to_contain_text(["n: 1"])
        await expect(early.locator(".call .badge")).to_have_text("failed")
        assert await unreadable(early) == []
        await expect(early.locator("article").last).to_contain_text("third")
        await run.finish()
        await expect(words).to_have_text(in_turn)
        run = await session.start_run("support", "simulated", run_for(second.event.id), window_s=0)
        await run.write("the answer to the second")
        await run.finish()
        late = await visit(link, PHONE)
        in_turn.insert(3, "the answer to the second")
        for page in (early, late):
            await expect(page.locator(".text")).to_have_text(in_turn)


async def test_a_bullet_without_words_stays_in_its_bubble(visit):
    from playwright.async_api import expect

    async with served() as (session, link):
        page = await visit(link, LAPTOP)
        run = await session.start_run("support", source="simulated", window_s=0)
        await run.write("Some:\n\n- ")
        await run.flush()
        bullet = page.locator(".text .bullet")
        await expect(bullet).to_have_count(1)
        box = await bullet.bounding_box()
        assert box["height"] >= 16
        await run.finish()


async def test_offers_are_buttons_that_send_and_a_bookings_number_is_never_broken(visit):
    from playwright.async_api import expect

    async with served(front_desk(word_delay_s=0.0)) as (session, link):
        page = await visit(link, PHONE)
        await session.say("hello")
        offers = page.locator(".offered button")
        await expect(offers).to_have_text(list(openings()))
        await expect(page.locator(".text .unbroken")).to_have_text(["HB-2101", "HB-2107"])
        assert await unreadable(page) == []
        await offers.last.tap()
        await expect(page.get_by_text("€72")).to_be_visible()
        await expect(page.locator(".offered")).to_be_hidden()


async def test_what_a_visitor_may_begin_with_is_all_in_sight_on_a_phone(visit):
    from playwright.async_api import expect

    async with served() as (_, link):
        page = await visit(link, PHONE)
        await expect(page.locator("#line")).to_have_text("live")
        for opening in await page.locator("#welcome button").all():
            await expect(opening).to_be_in_viewport(ratio=1)


async def test_only_the_last_answer_says_that_it_is_complete(visit):
    from playwright.async_api import expect

    async with served(front_desk(word_delay_s=0.0)) as (session, link):
        page = await visit(link, LAPTOP)
        ends = page.get_by_text("complete", exact=True)
        await session.say("Move HB-2107 a day later")
        await expect(ends).to_be_visible()
        await session.say("Cancel HB-2101")
        await expect(ends).to_have_count(2)
        await expect(ends.first).to_be_hidden()
        await expect(ends.last).to_be_visible()


async def test_a_steer_marks_the_words_that_it_cut_and_is_answered_in_sight(visit, pictures):
    from playwright.async_api import expect

    async with served(front_desk(word_delay_s=0.25)) as (_, link):
        for device, name in ((LAPTOP, "laptop"), (PHONE, "phone")):
            page = await visit(link, device)
            await page.get_by_label("Your words").fill("hello")
            await page.get_by_role("button", name="Send").click()
            await expect(page.get_by_text("I am a").last).to_be_visible()
            await page.get_by_label("Your words").fill("In one sentence please")
            await page.get_by_role("button", name="Steer").click()
            words = f"user on the {name} steers: “In one sentence please”"
            steer = page.locator("article", has_text=words).last
            await expect(steer).to_contain_text("support has read it")
            await expect(page.get_by_text("cut here by a steer").last).to_be_visible()
            await expect(page.get_by_text("In one sentence: ").last).to_be_visible()
            await expect(page.get_by_text("complete", exact=True).last).to_be_visible()
            await page.screenshot(path=pictures / f"session-page-{name}-steered.png")


async def test_a_stop_says_which_calls_were_done_before_it_and_are_not_taken_back(visit, pictures):
    from playwright.async_api import expect

    async with served(front_desk(word_delay_s=0.25)) as (session, link):
        pages = [await visit(link, LAPTOP), await visit(link, PHONE)]
        await session.say("Move HB-2107 a day later")
        for page in pages:
            card = page.locator(".call", has_text="change_dates")
            await expect(card.locator(".badge")).to_have_text("ok")
        await expect(pages[1].get_by_text("HB-2107 is")).to_be_visible()
        await pages[1].get_by_role("button", name="Stop").tap()
        done = "done before, and not taken back: find_booking, change_dates"
        for name, page in zip(("laptop", "phone"), pages, strict=True):
            await expect(page.get_by_text(done)).to_be_visible()
            await page.screenshot(path=pictures / f"session-page-{name}-done.png")


async def test_a_steer_without_words_says_what_is_missing_until_some_are_written(visit):
    from playwright.async_api import expect

    async with served(front_desk(word_delay_s=0.25)) as (session, link):
        page = await visit(link, LAPTOP)
        await session.say("hello")
        await page.get_by_role("button", name="Steer").click()
        missing = page.get_by_text("Write how the answer should go on, then press Steer.")
        await expect(missing).to_be_visible()
        await page.get_by_label("Your words").press_sequentially("b")
        await expect(missing).to_be_hidden()
