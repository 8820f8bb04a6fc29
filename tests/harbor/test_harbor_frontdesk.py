"""The front desk of Harbor: a scripted agent that answers what people write, and acts on a world."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from toolkit.harbor import World, call, front_desk, openings, situations
from toolkit.harbor.inquiry import answer_inquiry, inquiry_in, moment_of
from toolkit.harbor.progress import position_of
from toolkit.models import Request
from toolkit.sessions import MemoryLog, Session, attend
from toolkit.sessions.signals import run_for

DEADLINE_S = 20
STORM, _, _, ASKING = openings()


@asynccontextmanager
async def desk(word_delay_s=0.0):
    """A session that the front desk attends."""
    session = Session(MemoryLog(), "desk")
    agent = front_desk(word_delay_s)
    attending = asyncio.create_task(attend(session, agent, "support", "simulated"))
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield session
    finally:
        attending.cancel()
        await asyncio.wait([attending])


async def until(session, is_there):
    """The session's conversation, once `is_there` of an event."""
    async for event in session.read():
        if is_there(event):
            return await session.conversation()
    raise AssertionError("the session ended")


async def answer_to(session, text):
    """The run that answers `text`, once it has ended, and its words."""
    run = run_for((await session.say(text)).event.id)
    conversation = await until(session, lambda e: e.kind == "run.finished" and e.run == run)
    words = [item.text for item in conversation.items if item.is_words_of(run)]
    return conversation.runs[run], "".join(words)


@pytest.mark.parametrize("phrasing", range(6))
def test_whoever_keeps_to_a_situation_stays_in_it_whatever_its_phrasing(phrasing):
    for situation in situations().values():
        texts = []
        for number, turn in enumerate(situation.script(phrasing)):
            texts.append(turn.say)
            position = position_of(texts)
            assert (position.situation.id, position.turn) == (situation.id, number), texts


def test_a_new_subject_begins_a_new_situation_and_a_script_that_is_over_begins_again():
    assert position_of([STORM, "Yes please.", ASKING]).situation.id == "just-asking"
    assert position_of([STORM, "Yes", "Thanks", STORM]).turn == 0
    assert position_of([STORM, "Yes", "Thanks", "Bye"]) is None
    assert position_of(["Where is my bicycle?"]) is None


def test_a_question_about_something_else_gets_no_line_of_the_script_which_then_goes_on():
    for question in ("Is the tandem free on Sunday?", "What does a helmet cost?"):
        assert position_of([STORM, question]) is None
        assert position_of([STORM, question, "Yes please."]).turn == 1
    assert position_of([STORM, "And the refund for HB-2104?"]).turn == 1


def test_words_that_name_no_booking_begin_no_situation_and_a_greeting_goes_on_with_none():
    for text in (
        "Do you have a cargo bike for Saturday?",
        "I want to cancel, can I get my money back?",
        "My bike was stolen",
        "ok do it",
    ):
        assert position_of([text]) is None, text
    for text in ("hello", "My bike was stolen", "Is the tandem free, please?"):
        assert position_of([STORM, text]) is None, text
        assert position_of([STORM, text, "ok, only that one"]).turn == 1, text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Thanks!", "You are welcome."),
        ("thank you very much", "You are welcome."),
        ("Thanks, and where is my bike?", "I am a **script**"),
        ("?!", "I am a **script**"),
    ],
)
async def test_whoever_says_no_more_than_thanks_when_all_is_done_gets_no_list_of_openings(
    text, answer
):
    async with desk() as session:
        for line in (STORM, "Yes please, only this one"):
            await answer_to(session, line)
        await answer_to(session, "Thanks")
        _, said = await answer_to(session, text)
    assert said.startswith(answer)


async def test_a_booking_is_looked_up_and_cancelled_as_the_customer_asked():
    async with desk() as session:
        _, offer = await answer_to(session, STORM)
        run, done = await answer_to(session, "Yes please, only this one")
        assert "€104" in offer
        assert "only HB-2104 was cancelled" in done
        assert (run.state, run.source) == ("complete", "simulated")
        items = (await session.conversation()).items
    assert [item.data["name"] for item in items if item.kind == "tool.call"] == [
        "find_booking",
        "refund",
    ]
    *_, refund = [json.loads(item.text) for item in items if item.kind == "tool.result"]
    assert (refund["refunded_eur"], refund["status"]) == (104, "cancelled")


async def test_another_booking_is_answered_as_itself_and_never_as_the_one_before():
    async with desk() as session:
        for opening in openings():
            await answer_to(session, opening)
            _, offer = await answer_to(session, "Please cancel HB-2101")
            assert "HB-2101 gives €88 back, all of what was paid" in offer
        await answer_to(session, STORM)
        _, offer = await answer_to(session, "Yes please, cancel HB-2105 too")
        assert "HB-2105 gives €104 back" in offer
    assert position_of([STORM, "Yes please, cancel HB-2105 too"]) is None


CANCEL = "HB-2101 gives €88 back, all of what was paid. Shall I cancel it?"
WHERE = "HB-2101, the Albatross, waits for you on the Old Quay in Port Ellery"
ABOUT = "HB-2101 is the Albatross, 20 June and 21 June, €88 paid."
FREE = "A change of days is free of charge"
MOVED = "HB-2101 is moved to 27 June and 28 June, at no charge."


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "I want to cancel my booking HB-2101, I cannot ride. What do I get back?",
            CANCEL,
        ),
        ("Please cancel HB-2101", CANCEL),
        ("cancel hb2101", CANCEL),
        ("Can I have my money back for booking 2101?", CANCEL),
        ("HB-2101: what is the refund?", CANCEL),
        ("How much do I get if I don't take HB-2101?", CANCEL),
        ("We can’t come, HB-2101.", CANCEL),
        ("Where do I pick up HB-2101?", WHERE),
        ("When must hb 2101 be brought back?", WHERE),
        ("HB-2101, what time do you open?", WHERE),
        ("HB-2104: money back?", "We close on 27 June (storm): cancelled now, HB-2104 gives"),
        ("Can I move HB-2101?", FREE),
        ("I'd like to reschedule #2101", FREE),
        ("Could you change the dates of HB-2101?", FREE),
        ("Move HB-2101 to 2026-06-27", MOVED),
        ("Please shift HB-2101 to June 27", MOVED),
        ("HB-2101 to the 27th of June, please", MOVED),
        ("Move HB-2101 to 31 June", FREE),
        ("Can you move HB-2107 by one day?", "HB-2107 is moved to 2 July and 3 July, at no"),
        ("Please shift HB-2107 two days earlier.", "HB-2107 is moved to 29 June and 30 June"),
        ("MOVE HB-2107 BY TWO DAYS EARLIER", "HB-2107 is moved to 29 June and 30 June"),
        ("Move HB-2107, I am away for 3 days.", "Which day should HB-2107 begin on?"),
        ("Move HB-2107 to 2 July", "HB-2107 is moved to 2 July and 3 July, at no charge."),
        ("How much is a helmet for HB-2101?", ABOUT),
        ("Cancel HB-2104", "We close on 27 June (storm): cancelled now, HB-2104 gives"),
        ("Cancel HB-2107", "Pick-up is 6 days away: cancelled now, HB-2107 gives"),
        ("Cancel HB-2101", "Pick-up is 69 hours away: cancelled now, HB-2101 gives"),
        ("Move HB-2101 to 1 May", "That cannot be done: first_day 2026-05-01 is in the past."),
        ("HB-2101", ABOUT),
        ("Tell me about HB-2101", ABOUT),
        ("Cancel HB-2102", "HB-2102 gives €20 back, half of what was paid."),
        ("Cancel HB-2103", "HB-2103 now gives nothing of the €56 back"),
        ("Cancel HB-2127", "HB-2127 gives €34 back, all of what was paid."),
        ("Move HB-2103", "This close to pick-up a change of days costs €10."),
        ("Cancel HB-9999", "There is no current booking HB-9999: ours run from HB-2101 to"),
        ("Where is HB-21?", "I am a **script**"),
        ("Cancel HB-2104 and HB-2105", "One booking at a time, please: HB-2104 or HB-2105?"),
    ],
)
async def test_a_booking_that_is_named_is_answered_by_the_policy_in_whatever_words(text, answer):
    async with desk() as session:
        run, words = await answer_to(session, text)
    assert answer in words
    assert run.state == "complete"


def test_every_booking_of_the_shop_is_answered_whatever_is_wished():
    for number in range(2101, 2156):
        booking = f"HB-{number}"
        with World.open(now=moment_of(booking)) as world:
            content, is_error = call(world, "find_booking", {"booking_id": booking})
            result = {"type": "tool_result", "content": content, "is_error": is_error}
            request = Request(({"role": "user", "content": [result]},))
            for wish in ("cancel", "move", "where is", ""):
                inquiry = inquiry_in(f"{wish} {booking}", None)
                answer = answer_inquiry(world, inquiry, request)
                assert booking in answer.text, (wish, booking)


async def test_an_offer_is_taken_once_and_what_was_done_to_a_booking_stays_done():
    async with desk() as session:
        _, offer = await answer_to(session, "cancel HB-2101")
        _, other = await answer_to(session, "And if I move it instead?")
        _, again = await answer_to(session, "Then what do I get back?")
        _, done = await answer_to(session, "Yes, go ahead")
        _, late = await answer_to(session, "Where is HB-2101?")
        conversation = await session.conversation()
    assert (CANCEL in offer, FREE in other, CANCEL in again) == (True, True, True)
    assert done == "HB-2101 is cancelled; €88 is on its way to your card."
    assert late == "HB-2101 is cancelled already: there is nothing more to do."
    names = [item.data["name"] for item in conversation.items if item.kind == "tool.call"]
    assert names.count("refund") == 1


async def test_an_offer_that_is_turned_down_changes_nothing():
    async with desk() as session:
        await answer_to(session, "cancel HB-2101")
        _, kept = await answer_to(session, "No, leave it")
    assert kept == "Nothing is changed: HB-2101 stays booked for 20 June and 21 June."


async def test_a_question_of_where_does_not_cancel_what_a_script_offered_to_cancel():
    async with desk() as session:
        await answer_to(session, STORM)
        _, words = await answer_to(session, "Where is HB-2104 picked up?")
    assert "waits for you on the Old Quay" in words


def offers_of(conversation):
    """The messages that a visitor is offered, by the last offer."""
    offers = [item.data for item in conversation.items if item.kind == "message.offered"]
    return offers[-1]["messages"]


async def test_who_is_not_understood_is_offered_the_next_line_of_the_script():
    async with desk() as session:
        await answer_to(session, STORM)
        await answer_to(session, "What does a helmet cost?")
        offers = offers_of(await session.conversation())
    assert offers == [situations()["storm-at-the-weekend"].script()[1].say, *openings()]


async def test_what_no_script_knows_is_answered_in_a_line_with_what_can_be_asked_beside_it():
    async with desk() as session:
        _, words = await answer_to(session, "Where is my bicycle?")
        offers = offers_of(await session.conversation())
    assert words.startswith("I am a **script** and have no answer to that.")
    assert "\n" not in words
    assert offers == list(openings())


async def test_a_question_about_the_shop_is_not_answered_with_the_booking_talked_of_before():
    async with desk() as session:
        await answer_to(session, "Move HB-2107 a day later")
        _, words = await answer_to(session, "What are your opening hours?")
    assert words.startswith("I am a **script** and have no answer to that.")


async def test_a_stop_in_the_middle_ends_the_answer_and_the_next_message_goes_on():
    async with desk(word_delay_s=0.05) as session:
        run = run_for((await session.say("Where is my bicycle?")).event.id)
        await until(session, lambda event: event.kind == "text.delta")
        await session.cancel(run)
        conversation = await until(session, lambda event: event.kind == "run.finished")
        assert conversation.runs[run].state == "cancelled"
    async with desk() as session:
        _, words = await answer_to(session, STORM)
        assert "€104" in words


async def test_a_steer_breaks_the_answer_off_and_is_answered_and_counts_as_said():
    async with desk(word_delay_s=0.05) as session:
        run = run_for((await session.say("Where is my bicycle?")).event.id)
        await until(session, lambda event: event.kind == "text.delta")
        await session.steer(STORM, run)
        conversation = await until(session, lambda event: event.kind == "run.finished")
        assert conversation.runs[run].state == "complete"
        assert "€104" in conversation.text
        _, words = await answer_to(session, "Yes please")
    assert "only HB-2104 was cancelled" in words


@pytest.mark.parametrize(
    ("steer", "begin"),
    [
        ("In one sentence please", "In one sentence: Since we're the ones closing, you get"),
        ("In verse", "I am a **script** and cannot follow “In verse”: I can only be *brief*."),
    ],
)
async def test_a_steer_shortens_the_answer_or_is_told_that_a_script_cannot_follow(steer, begin):
    async with desk(word_delay_s=0.05) as session:
        run = run_for((await session.say(STORM)).event.id)
        await until(session, lambda event: event.kind == "text.delta")
        await session.steer(steer, run)
        conversation = await until(session, lambda event: event.kind == "run.finished")
        _, done = await answer_to(session, "Yes please")
    last = [item.text for item in conversation.items if item.is_words_of(run)][-1]
    assert last.startswith(begin)
    assert "only HB-2104 was cancelled" in done
