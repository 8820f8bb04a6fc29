"""The page's fold of a session in a real Chromium: the same words as those of `Conversation`,
whatever happened.
"""

import random

import pytest

from toolkit.events import Event
from toolkit.sessions import Conversation, MemoryLog, Session, fold
from toolkit.sessions.http.app import serve

pytestmark = pytest.mark.browser

FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
KINDS = [
    *("text.delta",) * 8,
    *(
        "message",
        "run.started",
        "run.adopted",
        "run.suspended",
        "run.resumed",
        "run.finished",
        "run.rolled_back",
    ),
    *(
        "step.started",
        "text.done",
        "tool.call",
        "tool.result",
        "cancel",
        "steer",
        "interrupt",
        "approve",
    ),
    *(
        "approval.asked",
        "approval.settled",
        "signal.unused",
        "steer.consumed",
        "message.rejected",
        "error",
    ),
    *("joined", "left", "model.usage", "another", "text.snapshot"),
]
WORDS = ["one ", "two ", "🚲", "é", "", "<b>"]
FOLD = """sequences => sequences.map(events => {
    const fold = new Fold();
    for (const event of events) fold.apply(event);
    const words = fold.items.filter(item => !item.gone && isWords(item));
    return words.map(item => [item.kind, item.actor, item.run, item.seq, item.text]);
})"""


def words_of(conversation):
    """What the page shows as somebody's words."""
    items = [item for item in conversation.items if item.kind in ("message", "text.delta")]
    return [[item.kind, item.actor, item.run, item.seq, item.text] for item in items]


def snapshot_data(draw, seq):
    """A snapshot, or what some other program took for one."""
    pieces = [[f"e{seq}", seq, 0.0, 2, None, "agent"]]
    return {
        "covers": draw.choice([seq, seq, "x", None]),
        "items": draw.choice([pieces, pieces, [], None, [["e1"]], [["e1", "x", 0, 1, None, "a"]]]),
        "open": draw.choice([True, False]),
    }


def random_events(draw):
    """Events of a few runs in any order, as no agent of ours would write them."""
    events = []
    for seq in range(1, draw.randint(2, 60)):
        kind = draw.choice(KINDS)
        run = draw.choice(["r1", "r1", "r2", None])
        actor = draw.choice(["agent", "agent", "helper", "user"])
        data = {"text": draw.choice(WORDS), "step": draw.choice(["a", "b"]), "source": "simulated"}
        data |= {
            "outcome": draw.choice(["complete", "cancelled", "odd"]),
            "question": "?",
            "name": "look",
        }
        earlier = draw.choice(events).id if events else "none"
        data |= {
            "request": earlier,
            "event": earlier,
            "answer": draw.choice([True, False, None]),
            "why": "so",
        }
        if kind == "text.snapshot":
            data |= snapshot_data(draw, seq)
        events.append(Event("s", kind, actor, data, f"e{seq}", run, None, seq))
    return events


async def written_by_agents(draw):
    """A session as agents write it, and what a reader gets of it who was away from some point on."""
    session = Session(MemoryLog(), "s")
    runs = {}
    for n in range(draw.randint(5, 120)):
        if (len(runs) < 2 and draw.random() < 0.2) or not runs:
            run = await session.start_run(
                "agent" if not runs else "helper", "simulated", f"r{n}", window_s=0
            )
            runs[run.id] = run
        run = draw.choice(list(runs.values()))
        what = draw.random()
        if what < 0.7:
            await run.write(draw.choice(WORDS) * draw.choice([1, 1, 1, 90]))
        elif what < 0.78:
            await run.step(draw.choice("ab"), attempt=draw.choice([1, 2]))
        elif what < 0.82:
            await run.roll_back()
        elif what < 0.88:
            await run.call_tool("look", {})
        elif what < 0.94:
            await session.steer("hm", run.id)
        else:
            await session.say("aside")
    for run in runs.values():
        await run.finish()
    last = (await session.conversation()).cursor
    after = draw.randint(0, last)
    before = [event async for event in session.read(follow=False, lane="log") if event.seq <= after]
    return [*before, *[event async for event in session.read(after, follow=False)]]


async def test_the_page_folds_the_same_events_to_the_same_words_as_conversation(chromium):
    from playwright.async_api import async_playwright

    sequences = [random_events(random.Random(seed)) for seed in range(400)]
    sequences += [await written_by_agents(random.Random(seed)) for seed in range(60)]
    async with serve(MemoryLog(), None) as url, async_playwright() as play:
        browser = await play.chromium.launch(executable_path=chromium, args=FLAGS.split())
        try:
            page = await browser.new_page()
            await page.goto(f"{url}/sessions/fold")
            told = [[fields(event) for event in events] for events in sequences]
            shown = await page.evaluate(FOLD, told)
        finally:
            await browser.close()
    assert sum(len(words) for words in shown) > 2_000
    assert any(event.kind == "text.snapshot" for events in sequences for event in events)
    for seed, (events, words) in enumerate(zip(sequences, shown, strict=True)):
        conversation = fold("s", events)
        assert isinstance(conversation, Conversation)
        assert words == words_of(conversation), f"sequence {seed}"


def fields(event):
    return {
        name: getattr(event, name)
        for name in ("session", "kind", "actor", "data", "id", "run", "time", "seq")
    }
