"""The front desk of Harbor: a scripted agent that answers what people write, and acts on a world."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from toolkit.harbor import front_desk, openings, situations
from toolkit.harbor.frontdesk import position_of
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


def test_another_booking_is_answered_as_itself_and_never_as_the_one_before():
    for opening in openings():
        position = position_of([opening, "Please cancel HB-2101"])
        assert (position.situation.id, position.turn) == ("tandem-with-cold-feet", 0)
    assert position_of([STORM, "Yes please, cancel HB-2105 too"]) is None


async def test_who_is_not_understood_is_shown_the_next_line_of_the_script():
    async with desk() as session:
        await answer_to(session, STORM)
        _, words = await answer_to(session, "What does a helmet cost?")
    assert situations()["storm-at-the-weekend"].script()[1].say in words


async def test_what_no_script_knows_is_answered_by_what_can_be_asked():
    async with desk() as session:
        _, words = await answer_to(session, "Where is my bicycle?")
    assert "I am a **script** and answer by the booking number" in words
    assert all(opening in words for opening in openings())


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
