"""SessionPanel: two screens and a late third on one session; dropping one loses nothing and stops
nothing.
"""

import asyncio

from tests.opcodes import counted
from toolkit.events import Event
from toolkit.sessions import MemoryLog, Session
from toolkit.sessions.signals import run_for
from toolkit.views import SessionPanel
from toolkit.views.panels.logstrip import LogStrip
from toolkit.views.panels.screen import Screen
from toolkit.views.panels.talk import SHOWN_ITEMS, conversation_html

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
    await until(lambda: all("agent: stopped" in screen.view.value for screen in panel.screens))
    assert [signal.kind for signal in run.signals] == ["steer", "cancel"]
    laptop.reload.click()
    await until(lambda: laptop.surface.connected and "Hello world" in laptop.view.value)
    assert "events" in panel.strip.value
    await panel.aclose()


async def test_a_screen_that_is_away_or_where_nothing_runs_can_stop_nothing():
    session = Session(MemoryLog(), "panel")
    panel = SessionPanel(session, names=("phone",))
    (phone,) = panel.screens
    await until(lambda: not phone.steer.disabled)
    assert phone.stop.disabled
    run = await session.start_run("agent", source="simulated", window_s=0)
    await run.write("Hello ")
    await until(lambda: not phone.stop.disabled)
    phone.network.click()
    await until(lambda: phone.stop.disabled and phone.steer.disabled)
    phone.words.value = "shorter"
    phone.steer.click()
    phone.stop.click()
    phone.network.click()
    await until(lambda: not phone.stop.disabled)
    await run.finish()
    await until(lambda: phone.stop.disabled and "agent: complete" in phone.view.value)
    assert not run.signals
    await panel.aclose()


async def test_what_went_wrong_stays_on_the_screen_until_the_next_act():
    class Full(MemoryLog):
        async def append_all(self, events, fence=None):
            raise OSError("the disk is <full>")

    screen = Screen(Session(Full(), "s"), "phone", {}, "steer", str)
    screen.do(screen.session.cancel())
    await until(lambda: "the disk is &lt;full&gt;" in screen.state.value)
    screen.refresh()
    assert "the disk is &lt;full&gt;" in screen.state.value
    screen.do(asyncio.sleep(0))
    screen.refresh()
    assert "disk" not in screen.state.value


async def test_hostile_words_are_shown_and_do_nothing():
    session = Session(MemoryLog(), "hostile")
    await session.say('<img src=x onerror="alert(1)">', actor="<script>")
    panel = SessionPanel(session, names=("laptop",))
    await until(lambda: "onerror" in panel.screens[0].view.value)
    assert "<img" not in panel.screens[0].view.value
    assert "<script" not in panel.screens[0].view.value
    await panel.aclose()


async def test_close_ends_the_panel_s_tasks_and_disconnects_every_screen():
    session = Session(MemoryLog(), "closed")
    before = asyncio.all_tasks()
    panel = SessionPanel(session)
    await until(lambda: all(screen.surface.connected for screen in panel.screens))
    panel.late.click()
    panel.close()
    await until(lambda: asyncio.all_tasks() == before)
    assert not any(screen.surface.connected for screen in panel.screens)
    assert sorted((await session.conversation()).present) == []
    assert "left" in [event.kind async for event in session.read(follow=False)]
    panel.close()
    await panel.aclose()


async def cost_of_a_drawing(items):
    """Python's instructions for one drawing of a screen, in a session of so many messages."""
    session = Session(MemoryLog(), "long")
    events = [session.event("message", "user", {"text": f"message {n}"}) for n in range(items)]
    await session.log.append_all(events)
    panel = SessionPanel(session, names=("laptop",))
    screen = panel.screens[0]
    await until(lambda: screen.surface.cursor >= items, timeout_s=60)
    run = await session.start_run("agent", source="simulated", window_s=0)
    await run.write("a word")
    await until(lambda: "a word" in screen.surface.conversation.text)
    with counted() as opcodes:
        screen.refresh()
    assert "a word" in screen.view.value
    await run.finish()
    await panel.aclose()
    return opcodes.count


async def test_a_screen_of_3000_items_is_drawn_as_soon_as_one_of_30():
    assert await cost_of_a_drawing(3_000) < 1.2 * await cost_of_a_drawing(30)


async def test_keys_drop_a_network_steer_with_words_stop_and_let_a_third_join():
    session = Session(MemoryLog(), "keys")
    panel = SessionPanel(session)
    laptop, phone = panel.screens
    await until(lambda: laptop.surface.connected and phone.surface.connected)
    run = await session.start_run("agent", source="simulated", window_s=0)
    panel.key_layer.press({"act": "network-1"})
    await until(lambda: not phone.surface.connected)
    panel.key_layer.press({"act": "late"})
    panel.key_layer.press({"act": "late"})
    await until(lambda: len(panel.screens) == 3 and panel.screens[2].surface.connected)
    panel.key_layer.press({"act": "steer-2", "why": "shorter"})
    panel.key_layer.press({"act": "stop"})
    await until(lambda: run.cancelled)
    signals = [(signal.kind, signal.actor, signal.data["screen"]) for signal in run.signals]
    assert signals == [("steer", "user", "tablet"), ("cancel", "user", "laptop")]
    await until(lambda: "user, on the tablet · steer shorter" in laptop.view.value)
    await run.finish()
    await panel.aclose()


def strip_of(kinds):
    strip = LogStrip()
    for seq, kind in enumerate(kinds, 1):
        strip.add(Event("s", kind, "<b>", {}, f"e{seq}", seq=seq))
    return strip


def test_the_log_has_a_colour_for_each_kind_a_legend_and_a_mark_for_each_screen():
    strip = strip_of(["message", "text.delta", "text.delta", "cancel"])
    html = strip.html([("laptop", 4), ("<phone>", 1)])
    assert "The log, 4 events" in html
    assert 'class="tick assistant" style="grid-column:span 2"' in html
    assert html.count('class="tick ') == 3
    assert ["stop, steer" in html, "screens come and go" in html] == [True, False]
    assert "laptop ▲" in html
    assert 'style="grid-column:1/5;justify-self:end"' in html
    assert "▲ &lt;phone&gt;" in html
    assert 'style="grid-column:1/-1;justify-self:start"' in html


def test_a_screen_has_seen_so_many_of_the_events_that_the_log_counts():
    strip = LogStrip()
    for seq in (1, 5, 9):  # between them are heartbeats, which are no events of the log
        strip.add(Event("s", "text.delta", "agent", {}, f"e{seq}", seq=seq))
    assert strip.seen(8) == "has seen 2 of 3 events"
    assert strip.seen(12) == "has seen 3 of 3 events"
    assert "The log, 3 events" in strip.html([])


async def test_a_screen_says_how_far_it_is_behind():
    session = Session(MemoryLog(), "behind")
    panel = SessionPanel(session)
    laptop, phone = panel.screens
    await until(lambda: laptop.surface.connected and phone.surface.connected)
    phone.network.click()
    await until(lambda: not phone.surface.connected)
    await session.say("Are you there?")
    events = [event async for event in session.read(follow=False, lane="log")]
    await until(lambda: f"{len(events)} of {len(events)} events" in laptop.state.value)
    seen = [event for event in events if event.seq <= phone.surface.cursor]
    assert len(seen) < len(events)
    assert f"{len(seen)} of {len(events)} events" in phone.state.value
    await panel.aclose()


def test_of_a_long_log_the_end_is_shown():
    html = strip_of(["text.delta"] * 1_000).html([("laptop", 5)])
    assert "1,000 events, the last 400 shown" in html
    assert "repeat(400," in html


async def test_an_answer_is_shown_as_markdown_and_what_the_agent_was_told_is_folded():
    session = Session(MemoryLog(), "words")
    await session.say("Keep to the policy.", actor="system")
    run = await session.start_run("agent", source="simulated", window_s=0)
    await run.write("It is **free** <b>now</b>.")
    await run.finish()
    html = conversation_html(await session.conversation())
    assert "<strong>free</strong> &lt;b&gt;" in html
    assert "<details><summary>what the agent was told</summary>" in html


async def test_what_a_reader_need_not_know_takes_no_room_from_what_is_said():
    session = Session(MemoryLog(), "words")
    await session.say("The first words.")
    run = await session.start_run("agent", source="simulated", window_s=0)
    for number in range(SHOWN_ITEMS):
        await run.tool_result(f"call-{number}", "an answer")
    await run.finish()
    assert "The first words." in conversation_html(await session.conversation())


async def test_a_message_waits_below_the_running_answer_and_then_stands_above_its_own():
    session = Session(MemoryLog(), "turns")
    first = await session.say("first")
    run = await session.start_run("support", "simulated", run_for(first.event.id), window_s=0)
    second = await session.say("second")
    await run.write("answer one")
    await run.flush()
    html = conversation_html(await session.conversation())
    assert html.index("answer one") < html.index("user · waits for its turn")
    await run.finish()
    run = await session.start_run("support", "simulated", run_for(second.event.id), window_s=0)
    await run.write("answer two")
    await run.finish()
    html = conversation_html(await session.conversation())
    assert html.index("answer one") < html.index(">second<") < html.index("answer two")
    assert "waits for its turn" not in html


async def test_a_call_is_a_card_with_its_arguments_how_it_went_and_what_came_back():
    session = Session(MemoryLog(), "calls")
    run = await session.start_run("support", source="simulated", window_s=0)
    call = await run.call_tool("find_booking", {"booking_id": "HB-2101"})
    html = conversation_html(await session.conversation())
    assert "no result yet" in html
    await run.tool_result(call, "no such <booking>", error=True)
    html = conversation_html(await session.conversation())
    assert "HB-2101" in html
    assert '<span class="badge failed">failed</span>' in html
    assert "no such &lt;booking&gt;" in html
    assert "no result yet" not in html


async def test_what_is_left_out_above_is_said():
    session = Session(MemoryLog(), "long")
    for number in range(SHOWN_ITEMS):
        await session.say(f"message {number}")
    assert "… earlier" not in conversation_html(await session.conversation())
    await session.say("one more")
    assert "… earlier" in conversation_html(await session.conversation())


async def test_a_screen_that_is_away_says_why_nothing_can_be_sent():
    session = Session(MemoryLog(), "away")
    panel = SessionPanel(session, names=("phone",))
    (phone,) = panel.screens
    await until(lambda: phone.surface.connected and phone.words.placeholder != "Reconnect first")
    phone.network.click()
    await until(lambda: phone.words.placeholder == "Reconnect first")
    assert (phone.stop.tooltip, phone.steer.tooltip) == ("Reconnect first", "Reconnect first")
    await panel.aclose()


async def test_words_steer_the_agent_while_it_answers_and_else_are_a_message():
    session = Session(MemoryLog(), "words")
    panel = SessionPanel(session, names=("laptop",))
    (laptop,) = panel.screens
    await until(lambda: laptop.surface.connected)
    run = await session.start_run("agent", source="simulated", window_s=0)
    for words, label in (("shorter", "Steer"), ("And tomorrow?", "Send")):
        await until(lambda label=label: laptop.steer.description == label)
        panel.key_layer.press({"act": "steer-0", "why": words})
        await until(lambda words=words: words in laptop.view.value)
        if run.outcome is None:
            await run.finish()
    events = [event async for event in session.read(follow=False, lane="log")]
    kinds = [
        (event.kind, event.data["text"])
        for event in events
        if event.data.get("screen") == "laptop" and event.data.get("text")
    ]
    assert kinds == [("steer", "shorter"), ("message", "And tomorrow?")]
    await panel.aclose()
