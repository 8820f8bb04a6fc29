"""Live control: what reaches a run, what ends it, and what an agent does with a message that comes
meanwhile.
"""

import asyncio
import random
from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from toolkit.models import Answer, Request, ScriptedModel
from toolkit.sessions import (
    Desk,
    MemoryLog,
    NatsLog,
    NatsServer,
    Session,
    Surface,
    attend,
    decide,
    finished,
    fold,
)
from toolkit.traces import traces_frame

POLICIES = ["reject", "enqueue", "interrupt", "rollback"]


async def plain(session):
    return [event async for event in session.read(follow=False, lane="log")]


async def until(condition, deadline_s=10.0):
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0)


MANY = [
    ("memory", 1000),
    pytest.param("nats", 200, marks=pytest.mark.nats),
    pytest.param("nats", 1000, marks=[pytest.mark.nats, pytest.mark.slow]),
]


@pytest.mark.parametrize(("kind", "many"), MANY)
async def test_as_many_cancels_give_one_end_each_and_as_many_disconnects_none(kind, many, tmp_path):
    if kind == "memory":
        await cancels_and_disconnects(MemoryLog(), many)
    else:
        async with NatsServer(store=tmp_path) as server, await NatsLog.connect(server.url) as log:
            await cancels_and_disconnects(log, many)


async def cancels_and_disconnects(log, many):
    sessions = [Session(log, f"thousand{n}") for n in range(20)]
    devices = ["phone", "laptop", "watch"]
    dice = random.Random(3)

    async def one(n):
        session, id_ = sessions[n % 20], f"r{n}"
        device, early = dice.choice(devices), dice.random() < 0.5
        if early:
            await session.cancel(id_, device)
        run = await session.start_run("agent", "simulated", id_)
        await run.write("words ")
        if not early or n % 3 == 0:
            await session.cancel(id_, devices[(n + 1) % 3])
        if n % 2:
            await asyncio.gather(*(session.cancel(id_, device) for _ in range(2)))
        async with asyncio.timeout(20):
            while not run.cancelled:
                await asyncio.sleep(0.001)
        await asyncio.gather(run.finish(), run.finish())

    async def flicker(n):
        surface = Surface(sessions[n % 20], f"surface{n}")
        for _ in range(20):
            await surface.connect()
            await surface.disconnect()

    async def every():
        return [event for session in sessions for event in await plain(session)]

    spared = await sessions[0].start_run("agent", "simulated", "spared")
    for start in range(0, many, 50):
        await asyncio.gather(*(one(n) for n in range(start, start + 50)))
    before = [event.kind for event in await every()].count("cancel")
    await asyncio.gather(*(flicker(n) for n in range(many // 20)))
    events = await every()
    assert [event.kind for event in events].count("left") == many
    assert [event.kind for event in events].count("cancel") == before
    assert not spared.cancelled
    await spared.finish()
    ends = {event.run: [] for event in events if event.kind == "run.started"}
    for event in await every():
        if event.kind == "run.finished":
            ends[event.run].append(event.data["outcome"])
    assert ends == {**{f"r{n}": ["cancelled"] for n in range(many)}, "spared": ["complete"]}


class Scripted:
    """An agent whose answers end when the test says so."""

    def __init__(self):
        self.running, self.gates = [], {}

    async def __call__(self, run, message):
        gate = self.gates[message.id] = asyncio.Event()
        self.running.append(message.id)
        await run.write(f"[{message.data['text']}")
        await run.flush()
        await gate.wait()
        await run.write("]")


async def attended(log, policy, check):
    session, agent = Session(log, f"attend-{policy}"), Scripted()
    attending = asyncio.create_task(attend(session, agent, "agent", "simulated", policy))
    try:
        await asyncio.wait_for(check(session, agent), 20)
    finally:
        attending.cancel()
        await asyncio.wait([attending])
    assert attending.cancelled()
    return await session.conversation()


EXPECTED = {
    "reject": ({"m1": "complete"}, "[one]", ["m1"]),
    "enqueue": ({"m1": "complete", "m2": "complete"}, "[one][two]", ["m1", "m2"]),
    "interrupt": ({"m1": "cancelled", "m2": "complete"}, "[one[two]", ["m1", "m2"]),
    "rollback": ({"m1": "cancelled", "m2": "complete"}, "[two]", ["m1", "m2"]),
}


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_second_message_is_met_as_the_policy_says(log, policy):
    async def check(session, agent):
        phone = Surface(session, "phone")
        await phone.connect()
        await session.say("one", id="m1")
        await until(lambda: "m1" in agent.running)
        await phone.wait_for(lambda c: "[one" in c.text)
        await session.say("two", id="m2")
        if policy in {"interrupt", "rollback"}:
            await until(lambda: "m2" in agent.running)
        elif policy == "reject":
            await phone.wait_for(lambda c: any(item.kind == "message.rejected" for item in c.items))
        agent.gates["m1"].set()
        if policy != "reject":
            await until(lambda: "m2" in agent.gates)
            agent.gates["m2"].set()
        states, text, running = EXPECTED[policy]
        ends = {f"run-{id_}": state for id_, state in states.items()}
        done = await phone.wait_for(lambda c: {id_: r.state for id_, r in c.runs.items()} == ends)
        assert (done.text, agent.running) == (text, running)
        await phone.disconnect()

    await attended(log, policy, check)


async def test_a_second_attendant_answers_nothing_twice_and_takes_up_what_a_crash_left(log):
    session = Session(log, "again")
    for id_ in ("m1", "m2", "m3"):
        await session.say(id_, id=id_)
    await (await session.start_run("agent", "simulated", "run-m1")).finish()
    await session.append("message.rejected", "agent", {"event": "m2"}, id="m2-rejected")
    dead = await session.start_run("agent", "simulated", "run-m3", window_s=0, ttl_s=0.2)
    await dead.write("half ")
    await dead.stop_listening()
    asked = []

    async def agent(run, message):
        asked.append((message.id, run.text))
        await run.write("and whole")

    attending = asyncio.create_task(attend(session, agent, "agent", "simulated"))
    phone = Surface(session, "phone")
    await phone.connect()
    await phone.wait_for(lambda c: "run-m3" in c.runs and c.runs["run-m3"].ended)
    assert asked == [("m3", "half ")]
    assert (await session.conversation()).text == "half and whole"
    attending.cancel()
    await asyncio.wait([attending])
    await phone.disconnect()


async def test_an_agent_that_raises_ends_its_run_with_an_error_and_the_next_message_is_answered():
    session = Session(MemoryLog(), "error")

    async def agent(run, message):
        if message.data["text"] == "bad":
            raise RuntimeError("the model said no")
        await run.write("fine")

    attending = asyncio.create_task(attend(session, agent, "agent", "simulated"))
    phone = Surface(session, "phone")
    await phone.connect()
    await session.say("bad", id="m1")
    await session.say("good", id="m2")
    await phone.wait_for(lambda c: len(c.runs) == 2 and all(run.ended for run in c.runs.values()))
    assert [run.state for run in phone.conversation.runs.values()] == ["error", "complete"]
    why = [event.data["why"] for event in await plain(session) if event.kind == "error"]
    assert why == ["RuntimeError('the model said no')"]
    attending.cancel()
    await asyncio.wait([attending])
    await phone.disconnect()


async def test_an_unknown_policy_is_refused_before_anything_is_read():
    with pytest.raises(ValueError, match="reject, enqueue, interrupt, rollback"):
        await attend(Session(MemoryLog(), "s"), Scripted(), "agent", policy="shrug")


async def test_the_first_answer_to_an_approval_wins_and_silence_is_none(log):
    session = Session(log, "approve")
    run = await session.start_run("agent", "simulated", "r")
    asking = asyncio.create_task(run.ask("Refund 40 euros?", 20))
    async with asyncio.timeout(10):
        async for event in session.read():
            if event.kind == "approval.asked":
                break
    assert (await session.conversation()).runs["r"].state == "suspended"
    await session.approve("another request", False, "r")
    await session.approve(event.id, True, "r", actor="phone")
    await session.approve(event.id, False, "r", actor="laptop")
    assert await asyncio.wait_for(asking, 10) is True
    assert (await session.conversation()).runs["r"].state == "active"
    assert await run.ask("And another 40?", 0.05) is None
    settled = [
        event.data["answer"] for event in await plain(session) if event.kind == "approval.settled"
    ]
    assert settled == [True, None]
    await run.finish()


async def test_a_cancel_while_the_agent_waits_for_approval_ends_the_wait(log):
    session = Session(log, "cancel-ask")
    run = await session.start_run("agent", "simulated", "r")
    asking = asyncio.create_task(run.ask("Shall I?", 60))
    await session.cancel("r")
    assert await asyncio.wait_for(asking, 10) is None
    await run.finish()
    assert run.outcome == "cancelled"


async def test_whoever_steers_learns_whether_the_agent_took_it(log):
    session = Session(log, "steer")
    run = await session.start_run("agent", "simulated", "r")
    steer = await session.steer("shorter", "r")
    assert not await session.consumed(steer, 0.1)
    async with asyncio.timeout(10):
        while not (taken := await run.take_steers()):
            await asyncio.sleep(0)
    assert [one.data["text"] for one in taken] == ["shorter"]
    assert not await session.consumed(steer, 0.1), "no model was asked with it yet"
    await run.write("Short.")
    assert await session.consumed(steer, 10)
    assert await run.take_steers() == []
    await run.finish()


async def test_an_interrupt_breaks_the_model_call_off_and_the_run_goes_on(log):
    session = Session(log, "interrupt")
    run = await session.start_run("agent", "simulated", "r")
    broken_off = asyncio.Event()

    async def model():
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()

    calling = asyncio.create_task(run.unless_interrupted(model()))
    await session.interrupt("stop that", "r")
    assert await asyncio.wait_for(calling, 10) is None
    assert broken_off.is_set()
    assert await run.unless_interrupted(asyncio.sleep(0, "a second call")) == "a second call"
    await session.cancel("r")
    async with asyncio.timeout(10):
        while not run.cancelled:
            await asyncio.sleep(0)
    assert await run.unless_interrupted(model()) is None
    await run.finish()
    assert run.outcome == "cancelled"


async def test_a_model_call_does_not_outlive_the_one_who_awaits_it():
    run = await Session(MemoryLog(), "s").start_run("agent", "simulated")
    begun, ended = asyncio.Event(), asyncio.Event()

    async def model():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    calling = asyncio.create_task(run.unless_interrupted(model()))
    await begun.wait()
    calling.cancel()
    await asyncio.wait([calling])
    assert ended.is_set()
    await run.finish()


async def test_a_signal_amid_the_words_does_not_part_them_differently_for_a_late_reader(log):
    session = Session(log, "amid")
    run = await session.start_run("agent", "simulated", "r", window_s=0)
    for n in range(150):
        await run.write(f"word{n} ")
        if n % 40 == 20:
            await session.steer("hm", "r")
    late = await session.conversation()
    assert late.to_json() == fold("amid", await plain(session)).to_json()
    await run.finish()


STEPS = st.lists(
    st.tuples(st.sampled_from(["message", "end", "again"]), st.integers(0, 5)), max_size=30
)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(POLICIES), STEPS)
def test_whatever_comes_the_desk_answers_each_message_once_and_one_at_a_time(policy, steps):
    desk, running, seen = Desk(), [], 0
    started, ended, rejected = [], [], []
    for what, choice in steps:
        if what == "message" or not seen:
            name, seen = f"m{seen}", seen + 1
            desk, todo = decide(desk, policy, name)
        elif what == "again" and (desk.active or desk.waiting):
            before = desk
            known = [one for one in (desk.active, *desk.waiting) if one]
            desk, todo = decide(desk, policy, known[choice % len(known)])
            assert (desk, todo) == (before, ())
        else:
            name = running[0] if running else f"m{choice}"
            if running:
                ended.append(running.pop())
            desk, todo = finished(desk, name)
        for do, message in todo:
            if do == "start":
                running.append(message)
                started.append(message)
            elif do == "reject":
                rejected.append(message)
            else:
                running.remove(message)
                ended.append(message)
        assert running == ([desk.active] if desk.active else [])
    every = [f"m{n}" for n in range(seen)]
    assert sorted([*started, *rejected, *desk.waiting]) == sorted(every)
    assert sorted([*ended, *running]) == sorted(started)


class Attended(RuleBasedStateMachine):
    """A session that an agent attends, and whatever people and the agent may do to it, in any
    order.
    """

    @initialize(policy=st.sampled_from(POLICIES))
    def begin(self, policy):
        self.loop = asyncio.Runner()
        self.session, self.said, self.early, self.attending = (
            Session(MemoryLog(), "model"),
            0,
            None,
            None,
        )
        self.loop.run(self._attend(policy))

    async def _attend(self, policy):
        self.commands = asyncio.Queue()
        self.attending = asyncio.create_task(
            attend(self.session, self._agent, "agent", "simulated", policy)
        )
        await asyncio.sleep(0)

    async def _agent(self, run, message):
        while not run.cancelled:
            what = await run.unless_interrupted(self.commands.get())
            if what == "raise":
                raise ValueError("a bad day")
            if what in (None, "end"):
                return
            await run.take_steers()
            await run.write("x" * 300 if what == "words" else "y")

    @rule(pause=st.integers(0, 15))
    def say(self, pause):
        self.said += 1
        self.loop.run(self._do(self.session.say("hello", id=f"m{self.said}"), pause))

    @precondition(lambda self: self.said)
    @rule()
    def say_the_same_again(self):
        self.loop.run(self._do(self.session.say("hello", id=f"m{self.said}"), 0))

    @rule(
        what=st.sampled_from(["cancel", "steer", "interrupt"]),
        back=st.integers(-1, 3),
        pause=st.integers(0, 15),
    )
    def signal(self, what, back, pause):
        """To a run that is over, runs, waits, or (back is -1) has not been asked for."""
        run = f"run-m{max(1, self.said - back)}"
        call = {
            "cancel": self.session.cancel,
            "interrupt": lambda run: self.session.interrupt("wait", run),
        }
        call["steer"] = lambda run: self.session.steer("hm", run)
        self.loop.run(self._do(call[what](run), pause))

    @rule(what=st.sampled_from(["words", "a word", "end", "raise"]), pause=st.integers(0, 15))
    def command(self, what, pause):
        self.loop.run(self._do(self.commands.put(what), pause))

    @rule()
    def look(self):
        self.early = self.loop.run(self.session.conversation())

    @invariant()
    def at_most_one_answer_is_under_way(self):
        if self.attending:
            runs = self.loop.run(self.session.conversation()).runs.values()
            assert (
                sum(not run.ended for run in runs) <= 2
            )  # the one broken off may still be saying so

    async def _do(self, act, pause):
        await act
        for _ in range(pause):
            await asyncio.sleep(0)

    def teardown(self):
        try:
            self.loop.run(self._end())
        finally:
            self.loop.close()

    async def _end(self):
        self.attending.cancel()
        await asyncio.wait([self.attending])
        events = await plain(self.session)
        started = [event.run for event in events if event.kind == "run.started"]
        ends = [event.run for event in events if event.kind == "run.finished"]
        assert sorted(started) == sorted(ends)
        assert len(set(ends)) == len(ends)
        for run in ends:
            assert [event for event in events if event.run == run and event.actor == "agent"][
                -1
            ].kind == "run.finished"
        whole = fold("model", events)
        assert (await self.session.conversation()).to_json() == whole.to_json()
        if self.early:
            assert (await self.session.conversation(self.early)).to_json() == whole.to_json()


class TestAttended(Attended.TestCase):
    settings = settings(
        max_examples=300,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.slow
class TestAttendedAtLength(Attended.TestCase):
    settings = settings(TestAttended.settings, max_examples=2000)


async def test_a_cancel_that_was_acknowledged_before_the_run_ends_is_never_overtaken_by_its_end(
    log,
):
    session = Session(log, "photo-finish")
    runs = await asyncio.gather(*(session.start_run("agent", "simulated") for _ in range(20)))
    for run in runs:
        await session.cancel(run.id)
        await run.finish()
    assert {run.outcome for run in runs} == {"cancelled"}


async def test_a_run_reads_the_signals_to_it_and_to_whoever_runs_and_no_others(log):
    session = Session(log, "addressed")
    sent = ["r1", None, "r2", "a run.with *odd> name", "r1"]
    for number, run in enumerate(sent):
        await session.steer(str(number), run)
    for run, wanted in {
        "r1": ["0", "1", "4"],
        "r2": ["1", "2"],
        "a run.with *odd> name": ["1", "3"],
    }.items():
        heard = [
            event.data["text"]
            async for event in session.read(follow=False, lane="control", run=run)
        ]
        assert heard == wanted
    assert len([event async for event in session.read(follow=False, lane="control")]) == len(sent)


async def test_a_models_words_and_what_they_cost_are_in_the_trace_with_their_events(log):
    session, model = Session(log, "cost"), ScriptedModel(lambda request: Answer("Nine to five."))
    run = await session.start_run("agent", model.source)
    reply = await run.stream(model, Request(({"role": "user", "content": "When?"},)))
    await run.finish()
    trace = await session.trace()
    events = {event.id: event async for event in session.read(follow=False, lane="log")}
    assert all(step.id in events and step.time == events[step.id].time for step in trace.steps)
    words, usage = trace.steps
    assert (words.content, trace.source) == ("Nine to five.", "simulated")
    assert usage.data["usage"] == asdict(reply.usage)
    assert usage.data["cost_usd"] > 0
    assert traces_frame([trace])["output_tokens"].item() == reply.usage.output_tokens


async def test_a_cancel_breaks_a_models_words_off(log):
    session, begun = Session(log, "enough"), asyncio.Event()

    class Endless(ScriptedModel):
        async def stream(self, request):
            yield "on "
            begun.set()
            await asyncio.Event().wait()

    run = await session.start_run("agent", "simulated")
    speaking = asyncio.create_task(run.stream(Endless(lambda request: Answer("")), Request(())))
    await begun.wait()
    await session.cancel(run.id)
    assert await asyncio.wait_for(speaking, 10) is None
    await run.finish()
    assert (run.outcome, (await session.conversation()).text) == ("cancelled", "on ")
