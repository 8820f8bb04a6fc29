"""Signals and their receipts: heard though the run has not begun, used or answered, and no receipt
that is not so.
"""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from tests.opcodes import counted
from toolkit.models import Answer, Request, ScriptedModel
from toolkit.sessions import MemoryLog, Session, attend
from toolkit.sessions.control import run_for
from toolkit.sessions.log import LogUnavailable, TooLarge
from toolkit.sessions.speaking import speaking

TTL_S = 0.3


async def events_of(session):
    return [event async for event in session.read(follow=False, lane="log")]


async def kinds_of(session):
    return [event.kind for event in await events_of(session)]


async def unused(session):
    """Why each signal that was answered as unused is."""
    return {
        e.data["event"]: e.data["why"]
        for e in await events_of(session)
        if e.kind == "signal.unused"
    }


async def until(condition, deadline_s=20.0):
    async with asyncio.timeout(deadline_s):
        while not await condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def attended(session, agent, **options):
    attending = asyncio.create_task(attend(session, agent, "agent", "simulated", **options))
    try:
        yield attending
    finally:
        attending.cancel()
        await asyncio.wait([attending])


async def states(session):
    return {id_: run.state for id_, run in (await session.conversation()).runs.items()}


async def ended(session, *messages):
    """Wait until the runs of these messages have ended."""

    async def over():
        known = await states(session)
        return all(
            known.get(run_for(id_)) in {"complete", "cancelled", "error", "orphaned"}
            for id_ in messages
        )

    await until(over)


@pytest.mark.parametrize("named", [True, False], ids=["by the name of the run", "without a name"])
async def test_a_cancel_after_a_message_is_heard_though_its_run_has_not_begun(log, named):
    session, asked = Session(log, "early"), []

    async def agent(run, message):
        asked.append(message.id)
        await run.write("fine")

    await session.say("go", id="m1")
    assert (await session.signals()).refusal("cancel") == ""
    assert (await session.signals()).refusal("cancel", run_for("m1")) == ""
    cancel = await session.cancel(run_for("m1") if named else None)
    async with attended(session, agent):
        await ended(session, "m1")
        assert await session.consumed(cancel, 10)
        await session.say("go on", id="m2")
        await ended(session, "m2")
    assert await states(session) == {"run-m1": "cancelled", "run-m2": "complete"}
    assert asked == ["m2"]


async def test_a_message_beside_an_unattended_run_can_be_cancelled_by_the_run_that_will_answer(log):
    session, asked = Session(log, "beside"), []

    async def agent(run, message):
        asked.append(message.id)

    other = await session.start_run("other")
    await session.say("go", id="m1")
    assert (await session.signals()).refusal("cancel", run_for("m1")) == ""
    cancel = await session.cancel(run_for("m1"))
    async with attended(session, agent):
        await ended(session, "m1")
    await other.finish()
    assert (asked, await session.consumed(cancel, 10)) == ([], True)
    assert (await states(session))[run_for("m1")] == "cancelled"


@pytest.mark.parametrize("policy", ["interrupt", "rollback"])
async def test_messages_that_were_superseded_are_settled_and_not_answered_after_a_restart(
    log, policy
):
    session, asked = Session(log, "superseded"), []

    async def agent(run, message):
        asked.append(message.id)
        await run.write(f"answer to {message.id}")

    for id_ in ("m1", "m2", "m3"):
        await session.say(id_, id=id_)
    async with attended(session, agent, policy=policy):
        await ended(session, "m3")
    before = list(asked)
    events = await events_of(session)
    rejected = {
        event.data["event"]: event.seq for event in events if event.kind == "message.rejected"
    }
    finished = {event.run: event.seq for event in events if event.kind == "run.finished"}
    begun = next(
        event.seq for event in events if event.kind == "run.started" and event.run == "run-m3"
    )
    for id_ in ("m1", "m2"):
        assert rejected.get(id_, finished.get(run_for(id_))) < begun
    async with attended(session, agent, policy=policy):
        await session.say("more", id="m4")
        await ended(session, "m4")
    assert asked == [*before, "m4"]


async def test_a_message_whose_agent_died_and_which_another_supersedes_ends_cancelled(log):
    session = Session(log, "superseded-orphan")
    await session.say("one", id="m1")
    dead = await session.start_run("agent", "simulated", "run-m1", ttl_s=TTL_S)
    await dead.stop_listening()
    await session.say("two", id="m2")
    async with attended(session, lambda run, message: run.write(message.id), policy="interrupt"):
        await ended(session, "m1", "m2")
    assert await states(session) == {"run-m1": "cancelled", "run-m2": "complete"}
    assert "message.rejected" not in await kinds_of(session)


async def test_what_is_said_after_the_end_of_an_answer_is_not_turned_away(log):
    session = Session(log, "after-the-end")
    async with attended(session, lambda run, message: run.write("fine"), policy="reject"):
        for n in range(20):
            await session.say("next", id=f"m{n}")
            await ended(session, f"m{n}")
    assert "message.rejected" not in await kinds_of(session)


async def test_an_approval_that_was_given_while_the_agent_was_away_counts_when_its_run_is_adopted(
    log,
):
    session = Session(log, "away")
    first = await session.start_run("agent", "simulated", "r", ttl_s=TTL_S)
    asking = asyncio.create_task(first.ask("Pay 100?", 60))
    await until(lambda: _asked(session))
    await first.stop_listening()
    asking.cancel()
    request = next(event.id for event in await events_of(session) if event.kind == "approval.asked")
    yes = await session.approve(request, True)
    second = await session.adopt("r", "agent", ttl_s=TTL_S)
    assert await second.ask("Pay 100?", 0.01) is True
    await second.finish()
    kinds = await kinds_of(session)
    assert (kinds.count("approval.asked"), kinds.count("approval.settled")) == (1, 1)
    assert await session.consumed(yes, 10)


async def _asked(session):
    return "approval.asked" in await kinds_of(session)


async def broken_off(session, run):
    await run.finish("cancelled")


async def failed(session, run):
    await run.finish("error")


async def rolled_back(session, run):
    await run.roll_back()


async def orphaned(session, run):
    await run.stop_listening()
    assert await session.end_orphans() == [run.id]


@pytest.mark.parametrize("end", [broken_off, failed, rolled_back, orphaned])
async def test_a_run_that_ends_settles_its_open_question_and_a_late_yes_is_told_so(log, end):
    session = Session(log, "settles")
    run = await session.start_run("agent", "simulated", "r", ttl_s=TTL_S)
    asking = asyncio.create_task(run.ask("Pay 100?", 60))
    await until(lambda: _asked(session))
    asking.cancel()
    await asyncio.wait([asking])
    await end(session, run)
    (settled,) = [event for event in await events_of(session) if event.kind == "approval.settled"]
    assert settled.data["answer"] is None
    assert settled.data["why"]
    request = settled.data["request"]
    too_late = f"question {request} was settled already"
    assert (await session.signals()).refusal("approve", request=request) == too_late
    late = await session.approve(request, True)
    assert await unused(session) == {late.event.id: too_late}
    assert not await session.consumed(late, 60)
    await run.stop_listening()


async def test_an_answer_that_came_before_a_rollback_counts_where_the_same_is_asked_again(log):
    session = Session(log, "again")
    run = await session.start_run("agent", "simulated", "r", ttl_s=TTL_S)
    asking = asyncio.create_task(run.ask("Pay 100?", 60))
    await until(lambda: _asked(session))
    await run.stop_listening()
    asking.cancel()
    request = next(event.id for event in await events_of(session) if event.kind == "approval.asked")
    await session.approve(request, True)
    heir = await session.adopt("r", "agent", ttl_s=TTL_S)
    await heir.roll_back()
    assert await heir.ask("Pay 100?", 0.01) is True
    await heir.finish()


async def test_the_second_answer_to_a_question_is_answered_as_unused(log):
    session = Session(log, "second")
    run = await session.start_run("agent", "simulated", "r")
    asking = asyncio.create_task(run.ask("Pay 100?", 60))
    await until(lambda: _asked(session))
    request = next(event.id for event in await events_of(session) if event.kind == "approval.asked")
    first, second = await session.approve(request, True), await session.approve(request, False)
    assert await asyncio.wait_for(asking, 20) is True
    await run.finish()
    assert await session.consumed(first, 10)
    assert not await session.consumed(second, 60)
    assert list(await unused(session)) == [second.event.id]


async def test_an_answer_to_no_question_is_answered_as_unused(log):
    session = Session(log, "no-question")
    ack = await session.approve("nothing", True)
    assert await unused(session) == {ack.event.id: "no open question has the id 'nothing'"}


async def test_an_answer_in_the_name_of_another_run_is_answered_as_unused(log):
    session = Session(log, "strayed")
    run = await session.start_run("agent")
    asking = asyncio.create_task(run.ask("refund?", 10.0))

    async def asked():
        return (await session.signals()).questions

    await until(asked)
    ((request, asker),) = (await session.signals()).questions.items()
    assert asker in (await session.signals()).refusal("approve", "another", request)
    strayed = await session.approve(request, True, "another")
    await session.approve(request, False, asker)
    assert await asking is False
    assert list(await unused(session)) == [strayed.event.id]
    await run.finish()


async def test_a_steer_after_the_last_look_is_answered_in_the_same_write_as_the_end(log):
    session = Session(log, "last-look")
    run = await session.start_run("agent", "simulated", "r")
    await run.write("done")
    assert await run.take_steers() == []
    steer = await session.steer("in French, please")
    await run.finish()
    assert (await kinds_of(session))[-3:] == ["signal.unused", "text.done", "run.finished"]
    started = time.monotonic()
    assert not await session.consumed(steer, 60)
    assert time.monotonic() - started < 30
    assert "ended (complete)" in (await unused(session))[steer.event.id]


async def test_a_steer_to_nobody_and_to_a_run_that_has_ended_is_answered_at_once(log):
    session = Session(log, "nobody")
    to_nobody = await session.steer("hello?")
    run = await session.start_run("agent", "simulated", "r")
    await run.finish()
    too_late = await session.steer("hello?", "r")
    assert await unused(session) == {
        to_nobody.event.id: "no run is under way",
        too_late.event.id: "run r has ended (complete)",
    }
    assert not await session.consumed(to_nobody, 60)
    assert not await session.consumed(too_late, 60)
    known = await session.conversation()
    assert [known.signals.state(ack.event.id) for ack in (to_nobody, too_late)] == [
        "unused",
        "unused",
    ]


async def test_a_steer_that_was_taken_and_not_used_is_answered_as_unused(log):
    session = Session(log, "taken")
    run = await session.start_run("agent", "simulated", "r")
    steer = await session.steer("shorter", "r")
    await until(lambda: _heard(run, 1))
    assert len(await run.take_steers()) == 1
    await run.finish()
    assert "put nothing out with it" in (await unused(session))[steer.event.id]
    assert "steer.consumed" not in await kinds_of(session)


async def _heard(run, count):
    return len(run.signals) == count


async def test_after_a_cancel_no_steer_is_taken_and_each_is_answered(log):
    session = Session(log, "stopped")
    run = await session.start_run("agent", "simulated", "r")
    steer = await session.steer("shorter", "r")
    await session.cancel("r")
    await until(lambda: _heard(run, 2))
    assert await run.take_steers() == []
    await run.finish()
    assert run.outcome == "cancelled"
    assert list(await unused(session)) == [steer.event.id]


async def test_a_steer_to_whoever_runs_is_not_given_up_while_another_may_take_it(log):
    session = Session(log, "two-runs")
    first = await session.start_run("a", "simulated", "first")
    second = await session.start_run("b", "simulated", "second")
    steer = await session.steer("shorter")
    await first.finish()
    assert await unused(session) == {}
    await until(lambda: _heard(second, 1))
    await second.take_steers()
    await second.write("short")
    await second.finish()
    assert await session.consumed(steer, 10)
    assert await unused(session) == {}


async def test_a_cancel_that_did_not_stop_its_run_is_answered(log):
    session = Session(log, "failed")
    run = await session.start_run("agent", "simulated", "r")
    cancel = await session.cancel("r")
    await run.finish("error")
    assert list(await unused(session)) == [cancel.event.id]
    assert not await session.consumed(cancel, 60)


async def test_a_signal_that_arrives_while_its_run_ends_is_answered(log):
    """Stored after the agent's last look and before the end: the end itself could not know of it."""
    steers = []

    class Late:
        async def append_all(self, events, fence=None):
            if events[-1].kind == "run.finished":
                steers.append(
                    (
                        await log.append(person.event("steer", "user", {"text": "wait"}, "r"))
                    ).event.id
                )
            return await log.append_all(events, fence)

        def __getattr__(self, name):
            return getattr(log, name)

    person, session = Session(log, "late"), Session(Late(), "late")
    run = await session.start_run("agent", "simulated", "r")
    await run.finish()
    assert list(await unused(session)) == steers


class EndsLate(MemoryLog):
    """A log that is away when a run ends first."""

    away = True

    async def append_all(self, events, fence=None):
        if self.away and events[-1].kind == "run.finished":
            self.away = False
            raise LogUnavailable("away")
        return await super().append_all(events, fence)


async def test_a_signal_between_two_tries_to_end_a_run_is_answered():
    session = Session(EndsLate(), "twice")
    run = await session.start_run("agent")
    await run.write("fine")
    with pytest.raises(LogUnavailable):
        await run.finish()
    steer = await session.steer("shorter")
    await run.finish()
    assert list(await unused(session)) == [steer.event.id]


async def test_a_steer_whose_receipt_the_log_refused_with_its_event_is_answered():
    session = Session(MemoryLog(max_event_bytes=2_000), "large")
    run = await session.start_run("agent")
    steer = await session.steer("shorter")
    await run.catch_up()
    assert await run.take_steers()
    with pytest.raises(TooLarge):
        await run.call_tool("search", {"query": "x" * 3_000})
    await run.finish()
    assert list(await unused(session)) == [steer.event.id]


async def test_what_a_dead_agent_left_unanswered_is_answered_by_who_attends(log):
    session = Session(log, "left")
    run = await session.start_run("agent", "simulated", "r", ttl_s=TTL_S)
    steer = await session.append("steer", "user", {"text": "hello?"}, "r")
    to_nobody = await session.append("steer", "user", {"text": "hello?"}, "gone")
    await run.stop_listening()
    async with attended(session, None, orphans_each_s=0.05):
        assert not await session.consumed(steer, 60)
    assert list(await unused(session)) == [steer.event.id]
    assert (await session.conversation()).signals.state(to_nobody.event.id) == "pending", (
        "its run may yet begin"
    )


async def test_an_interrupt_without_words_is_used_by_the_call_that_it_breaks_off_and_by_no_other(
    log,
):
    session = Session(log, "interrupts")
    run = await session.start_run("agent", "simulated", "r")
    calling = asyncio.create_task(run.unless_interrupted(asyncio.Event().wait()))
    during = await session.interrupt("", "r")
    assert await asyncio.wait_for(calling, 20) is None
    between = await session.interrupt("", "r")
    await until(lambda: _heard(run, 2))
    await run.finish()
    assert await session.consumed(during, 10)
    assert not await session.consumed(between, 60)
    assert "no call was in progress" in (await unused(session))[between.event.id]


async def test_an_interrupts_words_are_used_only_where_a_model_is_asked_with_them(log):
    session = Session(log, "interrupt-words")
    run = await session.start_run("agent", "simulated", "r")
    calls = []
    for n in range(2):
        calling = asyncio.create_task(run.unless_interrupted(asyncio.Event().wait()))
        calls.append(await session.interrupt(f"do {n} instead", "r"))
        assert await asyncio.wait_for(calling, 20) is None
        if n == 0:
            assert [event.data["text"] for event in await run.take_steers()] == ["do 0 instead"]
            await run.write("doing 0")
    await run.finish()
    assert await session.consumed(calls[0], 10)
    assert list(await unused(session)) == [calls[1].event.id]


class Pedal:
    """A model call that gives a word, then one at each push."""

    def __init__(self):
        self.asked, self.pushes = [], asyncio.Queue()

    async def __call__(self, question):
        self.asked.append(question)
        yield f"[{question}] "
        while True:
            yield await self.pushes.get()


async def test_a_steer_breaks_the_current_call_off_and_its_receipt_comes_with_the_next_words(log):
    session, call = Session(log, "speaking"), Pedal()
    async with attended(session, speaking(call)):
        await session.say("tell me", id="m1")
        await until(lambda: _says(session, "[tell me]"))
        steer = await session.steer("in French", "run-m1")
        assert await session.consumed(steer, 20)
        await until(lambda: _says(session, "[in French]"))
        await session.cancel("run-m1")
        await ended(session, "m1")
    assert call.asked == ["tell me", "in French"]
    kinds = await kinds_of(session)
    assert kinds[kinds.index("steer.consumed") + 1] == "text.delta"


async def _says(session, words):
    return words in (await session.conversation()).text


async def test_a_steer_and_then_a_stop_leave_no_word_that_the_steer_was_taken_into_account(log):
    session, call = Session(log, "steer-stop"), Pedal()
    async with attended(session, speaking(call)):
        await session.say("tell me", id="m1")
        await until(lambda: _says(session, "[tell me]"))
        steer = await session.append("steer", "user", {"text": "in French"}, "run-m1")
        await session.append("cancel", "user", {}, "run-m1")
        await ended(session, "m1")
    said = [event.data["text"] for event in await events_of(session) if event.kind == "text.delta"]
    asked_with_it = any("[in French]" in words for words in said)
    assert ("steer.consumed" in await kinds_of(session)) == asked_with_it
    assert (steer.event.id in await unused(session)) == (not asked_with_it)


async def test_a_steer_that_is_taken_while_a_model_speaks_is_not_said_to_be_used_by_that_call():
    session = Session(MemoryLog(), "stream")
    run = await session.start_run("agent", "simulated", "r", window_s=0)
    early, late = await session.steer("early", "r"), None

    class Steered(ScriptedModel):
        async def stream(self, request):
            nonlocal late
            async for piece in super().stream(request):
                if late is None:
                    late = await session.steer("late", "r")
                    await until(lambda: _heard(run, 2))
                    await run.take_steers()
                yield piece

    await until(lambda: _heard(run, 1))
    await run.take_steers()
    await run.stream(Steered(lambda request: Answer("one two three")), Request(()))
    await run.finish()
    assert await session.consumed(early, 10)
    assert list(await unused(session)) == [late.event.id]


@pytest.mark.parametrize("how", ["cancel", "interrupt"])
async def test_a_call_that_is_broken_off_is_on_the_log_with_what_it_can_have_cost(log, how):
    session, begun = Session(log, "billed"), asyncio.Event()

    class Endless(ScriptedModel):
        async def stream(self, request):
            yield "on "
            begun.set()
            await asyncio.Event().wait()

    run = await session.start_run("agent", "simulated")
    calling = asyncio.create_task(run.stream(Endless(lambda request: Answer("")), Request(())))
    await begun.wait()
    await (session.cancel if how == "cancel" else lambda run: session.interrupt("", run))(run.id)
    assert await asyncio.wait_for(calling, 20) is None
    await run.finish()
    (usage,) = [event.data for event in await events_of(session) if event.kind == "model.usage"]
    assert usage["possibly_billed"] is True
    assert usage["worst_usd"] > 0
    assert "usage" not in usage, "nobody said how many tokens it was"
    await session.trace()


async def test_ten_thousand_steers_make_no_look_slower():
    session = Session(MemoryLog(), "many")
    run = await session.start_run("agent", "simulated", "r")

    def cost_of_a_look():
        with counted() as opcodes:
            assert not run.cancelled
        return opcodes.count

    few = cost_of_a_look()
    for n in range(10_000):
        await session.append("steer", "user", {"text": str(n)}, "r")
    await until(lambda: _heard(run, 10_000))
    assert cost_of_a_look() < 2 * few
    assert len(await run.take_steers()) == 10_000
    await run.finish()
    assert len(await unused(session)) == 10_000


async def test_refusals_are_plain_sentences():
    session = Session(MemoryLog(), "refusals")
    known = await session.signals()
    assert known.refusal("steer") == "no run is under way"
    assert known.refusal("cancel", "r1") == "there is no run r1"
    run = await session.start_run("agent", "simulated", "r1")
    assert (await session.signals()).refusal("steer") == ""
    assert known.refusal("steer", "r1") == ""
    await run.finish()
    assert (await session.signals()).refusal("steer", "r1") == "run r1 has ended (complete)"
    assert known.refusal("interrupt") == "no run is under way"
    assert known.refusal("approve", request="q") == "no open question has the id 'q'"


async def test_without_a_stated_source_nothing_is_live():
    session = Session(MemoryLog(), "source")
    await session.say("hello")
    assert (await session.trace()).source == "imported"
    silent = await session.start_run("agent", "live")
    await silent.finish()
    assert (await session.trace()).source == "imported", "no model spoke"
    run = await session.start_run("agent")
    await run.write("words of nobody knows whom")
    await run.finish()
    known = await session.conversation()
    assert (known.runs[run.id].source, known.source) == ("imported", "imported")
    live = await session.start_run("agent", "live")
    await live.write("words of a model")
    await live.finish()
    assert (await session.conversation()).runs[live.id].source == "live"


async def test_whoever_attends_states_where_the_words_come_from():
    session = Session(MemoryLog(), "attend-source")
    with pytest.raises(ValueError, match="source"):
        await attend(session, None, "agent", "made up")
    attending = asyncio.create_task(attend(session, lambda run, message: run.write("hi"), "agent"))
    await session.say("hello", id="m1")
    await ended(session, "m1")
    attending.cancel()
    await asyncio.wait([attending])
    assert (await session.trace()).source == "imported"


class Slow:
    """A log whose readers wait: each for its own time first, and then after each event."""

    def __init__(self, log, waits_s):
        self.log, self.waits_s = log, waits_s

    async def read(self, *args, **options):
        await asyncio.sleep(self.waits_s.pop(0))
        async for event in self.log.read(*args, **options):
            yield event
            await asyncio.sleep(0.2)


async def test_two_who_learn_at_once_that_the_log_began_anew_lose_no_signal():
    session, new = Session(MemoryLog(), "anew"), MemoryLog()
    for _ in range(9):
        await session.say("before")
    await session.signals()
    run = await Session(new, "anew").start_run("agent")
    await run.stop_listening()
    await Session(new, "anew").say("after")
    session.log = Slow(new, [0.0, 0.1, 0.0, 0.2, 0.0])
    await asyncio.gather(session.signals(), session.signals())
    assert (await session.signals()).under_way() == [run.id]
