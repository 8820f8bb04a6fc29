"""People stop, steer and approve a build from any surface, and each signal gets its receipt."""

import asyncio

import pytest

from tests.harness.builds import GOAL, Notes, question
from toolkit.sessions import MemoryLog, Session

DEADLINE_S = 60.0
STEER = "Drop the dark mode."


@pytest.fixture
def log():
    return MemoryLog()


@pytest.fixture
def session(log):
    return Session(log, "build")


def steered(notes):
    """What each request of the Generator said of steers."""
    asked = [question(request) for request in notes.of_role("generator")]
    return [(one["task"], one["number"], one["steers"]) for one in asked]


async def once_planning(session, act):
    """Do `act` as soon as the Planner is at work."""
    async with asyncio.timeout(DEADLINE_S):
        async for event in session.read():
            if event.actor == "planner":
                break
    return await act()


async def test_a_steer_is_taken_at_the_next_turn_of_the_generator_and_its_receipt_says_used(
    tmp_path, log, session
):
    notes = Notes(right_from=2)
    running = asyncio.create_task(notes.harness(tmp_path, session).run(GOAL))
    phone = Session(log, "build")
    receipt = await once_planning(phone, lambda: phone.steer(STEER, actor="phone"))
    outcome = await running
    assert outcome.outcome == "complete"
    taken = [steers for _, _, steers in steered(notes)]
    assert [STEER] in taken
    first = taken.index([STEER])
    assert taken == [[]] * first + [[STEER]] * (len(taken) - first)
    assert await phone.consumed(receipt, DEADLINE_S)
    assert not any(STEER in str(request) for request in notes.of_role("evaluator"))


async def test_a_steer_that_comes_after_the_last_turn_is_not_used_and_its_receipt_says_so(
    tmp_path, log, session
):
    sent = []

    class Late(Notes):
        def evaluate(self, request):
            if question(request)["task"] == "judge":
                sent.append(asyncio.ensure_future(session.steer(STEER)))
            return super().evaluate(request)

    notes = Late()
    outcome = await notes.harness(tmp_path, session).run(GOAL)
    assert outcome.outcome == "complete"
    receipt = await sent[0]
    assert not await Session(log, "build").consumed(receipt, DEADLINE_S)
    assert all(steers == [] for _, _, steers in steered(notes))


async def test_a_run_that_is_played_back_asks_with_the_same_steers_at_the_same_turns(
    tmp_path, log, session
):
    notes = Notes(right_from=2)
    running = asyncio.create_task(notes.harness(tmp_path, session).run(GOAL))
    await once_planning(session, lambda: session.steer(STEER))
    first = await running
    again = Notes(right_from=2)
    second = await again.harness(tmp_path, Session(log, "again")).run(GOAL)
    assert again.asked == []
    assert (second.outcome, second.ledger) == (first.outcome, first.ledger)


async def test_the_loops_own_run_can_be_cancelled_from_another_surface(tmp_path, log, session):
    class Slow(Notes):
        def plan(self, request):
            asked.set()
            return super().plan(request)

    asked = asyncio.Event()
    running = asyncio.create_task(Slow().harness(tmp_path, session).run(GOAL))
    await asyncio.wait_for(asked.wait(), DEADLINE_S)
    phone = Session(log, "build")
    runs = (await phone.conversation()).runs
    (loop,) = [id for id, state in runs.items() if state.actor == "harness"]
    await phone.cancel(loop)
    outcome = await asyncio.wait_for(running, DEADLINE_S)
    assert (outcome.outcome, outcome.managed) == ("cancelled", "interrupted")
    states = {state.state for state in (await phone.conversation()).runs.values()}
    assert "streaming" not in states


async def answer(session, yes):
    """Answer every question that is put on the session."""
    async for event in session.read():
        if event.kind == "approval.asked":
            await session.approve(event.id, yes, actor="phone")


@pytest.mark.parametrize("gate", ["contract", "sprint"])
async def test_a_build_waits_for_a_yes_and_does_not_ask_again_when_it_is_played_back(
    tmp_path, log, session, gate
):
    notes = Notes(["alpha", "beta"])
    answering = asyncio.create_task(answer(Session(log, "build"), True))
    made = notes.harness(tmp_path, session, approve=gate, approve_s=DEADLINE_S)
    outcome = await asyncio.wait_for(made.run(GOAL), DEADLINE_S * 2)
    answering.cancel()
    assert outcome.outcome == "complete"
    asked = [event async for event in session.read(follow=False) if event.kind == "approval.asked"]
    assert len(asked) == 2
    assert "alpha" in asked[0].data["question"]
    again = Session(log, "again")
    made = Notes(["alpha", "beta"]).harness(tmp_path, again, approve=gate, approve_s=0.01)
    assert (await made.run(GOAL)).outcome == "complete"


@pytest.mark.parametrize("gate", ["contract", "sprint"])
async def test_a_no_halts_the_build_and_nothing_is_taken_over(tmp_path, log, session, gate):
    answering = asyncio.create_task(answer(Session(log, "build"), False))
    made = Notes(["alpha"]).harness(tmp_path, session, approve=gate, approve_s=DEADLINE_S)
    outcome = await asyncio.wait_for(made.run(GOAL), DEADLINE_S * 2)
    answering.cancel()
    assert outcome.outcome == "halted"
    assert "a person said no" in outcome.why
    assert not any((tmp_path / "build").iterdir())
    assert (tmp_path / "sprints/1/contract.json").exists() == (gate == "sprint")


async def test_a_question_that_nobody_answers_halts_the_build_at_its_deadline(tmp_path, session):
    made = Notes().harness(tmp_path, session, approve="contract", approve_s=0.05)
    outcome = await made.run(GOAL)
    assert outcome.outcome == "halted"
    assert "nobody answered within 0.05 s" in outcome.why
