"""Schedules: people's signals and crashes at every event of a run, and one promise.

Whatever is acknowledged is used, or answered as not used; each answered message has one run with
one end; and once who attends is idle, no message is unanswered and no question is open.
"""

import asyncio
import itertools
import os
import random
from contextlib import aclosing
from dataclasses import dataclass, field

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.sessions import MemoryLog, NatsLog, NatsServer, Session, attend
from toolkit.sessions.control import run_for
from toolkit.sessions.http.app import Tokens, serve
from toolkit.sessions.log import LogClosed, is_on

TTL_S = 0.6
ASK_S = 0.05
DEADLINE_S = 60.0
AT_ONCE = 12
SIGNALS = [
    "cancel",
    "cancel run",
    "steer",
    "steer run",
    "interrupt",
    "interrupt words",
    "yes",
    "no",
    "say",
    "crash",
]
POLICIES = ["enqueue", "reject", "interrupt", "rollback"]
POSITIONS = range(14)
"""The run of one message, with no signal, is 13 events."""


class Lifeline:
    """A process's way to the log. It does what the schedule says after each event, and a crash is
    its end.
    """

    def __init__(self, log, after_event):
        self.log, self.after_event = log, after_event
        self.stored, self.dead = 0, False

    async def append(self, event, fence=None):
        return (await self._write(self.log.append_all, [event], fence))[0]

    async def append_all(self, events, fence=None):
        return await self._write(self.log.append_all, events, fence)

    async def _write(self, write, events, fence):
        self._alive()
        acks = await write(events, fence)
        for event in events:
            if is_on(event, "log"):
                self.stored += 1
                await self.after_event(self)
        self._alive()
        return acks

    async def read(self, *args, **options):
        self._alive()
        async with aclosing(self.log.read(*args, **options)) as feed:
            async for event in feed:
                self._alive()
                yield event

    async def latest(self, *args):
        self._alive()
        return await self.log.latest(*args)

    def _alive(self):
        if self.dead:
            raise LogClosed("the process is dead")

    def __getattr__(self, name):
        return getattr(self.log, name)


@dataclass
class Person:
    """Somebody with a session of their own, who signals as the schedule says and keeps what was
    acknowledged.
    """

    session: Session
    schedule: list
    signals: list = field(default_factory=list)
    messages: list = field(default_factory=lambda: ["m1"])
    signalling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held until each signal of an event is acknowledged."""

    async def say(self, id_):
        self.messages.append(id_)
        await self.session.say(id_, id=id_)

    async def after_event(self, process):
        async with self.signalling:
            for what in [what for what, position in self.schedule if position == process.stored]:
                if what == "crash":
                    process.dead = True
                else:
                    await self.do(what)

    async def fall_silent(self):
        """Signal no more, once what is under way is acknowledged."""
        async with self.signalling:
            self.schedule = []

    async def do(self, what):
        word, _, more = what.partition(" ")
        run = run_for("m1") if more == "run" else None
        if word == "say":
            await self.say(f"m{len(self.messages) + 1}")
        elif word in ("yes", "no"):
            await self.approve(word == "yes")
        elif word == "cancel":
            self.signals.append((await self.session.cancel(run)).event.id)
        elif word == "steer":
            self.signals.append((await self.session.steer("in French", run)).event.id)
        else:
            self.signals.append((await self.session.interrupt(more and "wait")).event.id)

    async def approve(self, answer):
        asked = [
            e.id
            async for e in self.session.read(follow=False, lane="quiet")
            if e.kind == "approval.asked"
        ]
        request = asked[-1] if asked else "no-such-question"
        self.signals.append((await self.session.approve(request, answer)).event.id)


async def agent(run, message):
    """Each thing that a run can do, once."""
    await run.write("one ")
    await run.flush()
    await run.unless_interrupted(asyncio.sleep(0.002))
    answer = await run.ask("Pay 100?", ASK_S)
    call = await run.call_tool("pay", {"answer": answer})
    await run.tool_result(call, "done")
    for steer in await run.take_steers():
        await run.write(f"<{steer.id}> ")
    await run.write("two ")
    await run.flush()


def attendance(log, session_id, policy):
    session = Session(log, session_id)
    return attend(session, agent, "agent", "simulated", policy, orphans_each_s=0.1, ttl_s=TTL_S)


async def keep_attending(log, person, policy):
    """Whoever attends is started again after each crash; only the first meets the schedule."""
    await person.after_event(Lifeline(log, None))
    process = Lifeline(log, person.after_event)
    while True:
        try:
            await attendance(process, person.session.id, policy)
        except LogClosed:
            process = Lifeline(log, _nothing)


async def _nothing(process):
    pass


async def settled(session, messages):
    """Wait until nothing is owed to anybody any more. Returns the fold."""
    known = None
    async with asyncio.timeout(DEADLINE_S):
        while True:
            known = await session.conversation(known)
            signals = known.signals
            rejected = {
                item.data["event"] for item in known.items if item.kind == "message.rejected"
            }
            ended = {id_ for id_, run in known.runs.items() if run.ended}
            answered = all(run_for(id_) in ended or id_ in rejected for id_ in messages)
            if answered and not any(s.state == "pending" for s in signals.signals.values()):
                return known
            await asyncio.sleep(0.02)


async def check(log, schedule, session_id, policy="enqueue"):
    person = Person(Session(log, session_id), schedule)
    await person.session.say("m1", id="m1")
    attending = asyncio.create_task(keep_attending(log, person, policy))
    try:
        await settled(person.session, person.messages)
        await person.fall_silent()
        await settled(person.session, person.messages)  # the signals that came meanwhile too
        await person.say("last")  # is to be answered as ever
        known = await settled(person.session, person.messages)
    except TimeoutError:
        known = await person.session.conversation()
        pending = [
            (s.event.kind, s.open_to)
            for s in known.signals.signals.values()
            if s.state == "pending"
        ]
        raise AssertionError(
            f"{schedule} {policy}: {[(k, r.state) for k, r in known.runs.items()]} {pending}"
        ) from None
    finally:
        attending.cancel()
        await asyncio.wait([attending])
    try:
        await holds(person.session, person.signals, person.messages, known)
    except AssertionError as error:
        raise AssertionError(f"{schedule} {policy}: {error}") from error


async def holds(session, signals, messages, known):
    """The promises, read off the log."""
    events = [event async for event in session.read(follow=False, lane="log")]
    started = [event.run for event in events if event.kind == "run.started"]
    finished = [event.run for event in events if event.kind == "run.finished"]
    assert sorted(started) == sorted(set(finished)) == sorted(finished)
    rejected = {
        run_for(event.data["event"]) for event in events if event.kind == "message.rejected"
    }
    assert {run_for(id_) for id_ in messages} == set(started) | rejected
    assert not set(started) & rejected
    assert known.runs[run_for("last")].state == "complete"
    assert known.signals.questions == {}
    asked = [event.id for event in events if event.kind == "approval.asked"]
    settlements = [event.data["request"] for event in events if event.kind == "approval.settled"]
    assert sorted(asked) == sorted(settlements)
    answered_unused = [event.data["event"] for event in events if event.kind == "signal.unused"]
    assert len(answered_unused) == len(set(answered_unused))
    for signal_id in signals:
        assert known.signals.state(signal_id) != "pending"
        assert (known.signals.state(signal_id) == "unused") == (signal_id in answered_unused)
    _receipts_are_true(events)


def _receipts_are_true(events):
    by_id = {event.id: event for event in events}
    for event in events:
        if event.kind == "steer.consumed":
            words = "".join(
                e.data["text"] for e in events if e.kind == "text.delta" and e.run == event.run
            )
            assert f"<{event.data['event']}>" in words
        if event.kind == "approval.settled" and event.data["answer"] is not None:
            assert by_id[event.data["event"]].data["answer"] == event.data["answer"]
    for cancel in (event for event in events if event.kind == "cancel"):
        after = [
            event for event in events if event.seq > cancel.seq and event.kind == "run.started"
        ]
        for start in after:
            waited = by_id[start.run.removeprefix("run-")].seq < cancel.seq
            if waited and cancel.run in (None, start.run):
                own = [
                    event.kind
                    for event in events
                    if event.run == start.run and event.kind == "text.delta"
                ]
                assert own == [], "an agent was asked to answer what had been cancelled"


async def check_all(log, cases):
    """Some at once, each in a session of its own."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(number, schedule, policy):
        async with limit:
            await check(log, schedule, f"case-{number}", policy)

    async with asyncio.TaskGroup() as group:
        for number, (schedule, policy) in enumerate(cases):
            group.create_task(one(number, schedule, policy))


def one_signal_each(policies=("enqueue",)):
    return [
        ([pair], policy) for policy in policies for pair in itertools.product(SIGNALS, POSITIONS)
    ]


def several_signals(count, seed):
    dice = random.Random(seed)
    for _ in range(count):
        schedule = [
            (dice.choice(SIGNALS), dice.choice(POSITIONS)) for _ in range(dice.choice([2, 3]))
        ]
        yield schedule, dice.choice(POLICIES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server_url(tmp_path_factory):
    """One server for the module; each test connects to it from its own loop."""
    async with NatsServer(store=tmp_path_factory.mktemp("nats")) as server:
        yield server.url


@pytest.fixture
def url(request, kind):
    return request.getfixturevalue("server_url") if kind == "nats" else None


@pytest.fixture
async def log(kind, url, tmp_path):
    if kind == "nats":
        async with await NatsLog.connect(url) as nats_log:
            yield nats_log
    else:
        yield MemoryLog(tmp_path / "log.jsonl" if kind == "file" else None)


LOGS = pytest.mark.parametrize(
    "kind", ["memory", "file", pytest.param("nats", marks=pytest.mark.nats)]
)


@LOGS
async def test_one_signal_at_any_event_of_a_run_is_used_or_answered(kind, log):
    cases = one_signal_each()
    await check_all(log, cases if kind == "memory" else cases[:: 5 if kind == "file" else 3])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.sampled_from(SIGNALS), st.sampled_from(POSITIONS)), min_size=2, max_size=3
    ),
    st.data(),
)
async def test_two_or_three_signals_at_any_events_are_used_or_answered(schedule, data):
    await check(MemoryLog(), schedule, "s", data.draw(st.sampled_from(POLICIES)))


@LOGS
async def test_several_signals_under_each_policy_are_used_or_answered(kind, log):
    await check_all(log, several_signals({"memory": 50, "file": 12, "nats": 24}[kind], 7))


# Over HTTP: the person has a token and no log.


@dataclass
class Phone(Person):
    """A person who signals by POST. What was refused, with a reason, is no signal."""

    client: httpx.AsyncClient | None = None
    refused: int = 0

    async def post(self, what, **body):
        answer = await self.client.post(what, json=body)
        if answer.status_code == 409:
            assert answer.json()["error"]
            self.refused += 1
            return
        assert answer.status_code == 200, answer.text
        if what != "say":
            self.signals.append(answer.json()["id"])

    async def say(self, id_):
        self.messages.append(id_)
        await self.session.say(id_, id=id_)

    async def do(self, what):
        word, _, more = what.partition(" ")
        run = {"run": run_for("m1")} if more == "run" else {}
        if word == "say":
            await self.say(f"m{len(self.messages) + 1}")
        elif word in ("yes", "no"):
            await self.approve(word == "yes")
        else:
            text = {"steer": {"text": "in French"}, "interrupt": {"text": more and "wait"}}.get(
                word, {}
            )
            await self.post(word, **text, **run)

    async def approve(self, answer):
        asked = [
            e.id
            async for e in self.session.read(follow=False, lane="quiet")
            if e.kind == "approval.asked"
        ]
        await self.post(
            "approve", request=asked[-1] if asked else "no-such-question", answer=answer
        )


async def check_over_http(log, cases):
    """One server; each case is a session of its own, attended by the server until a crash."""
    phones, schedules = (
        {},
        {f"case-{number}": schedule for number, (schedule, _) in enumerate(cases)},
    )
    tokens = Tokens()

    async def attendant(session):
        # Started again by the next request after a crash, as the server does for each session.
        phone = phones[session.id]
        process = Lifeline(log, phone.after_event if phone.schedule else _nothing)
        try:
            await attendance(process, session.id, "enqueue")
        except LogClosed:
            phone.schedule = []
            await attendance(log, session.id, "enqueue")

    async def one(url, session_id):
        token = tokens.issue(session_id, "control")
        secret = {"authorization": f"Bearer {token}"}
        base = f"{url}/sessions/{session_id}/"
        async with httpx.AsyncClient(
            base_url=base, headers=secret, trust_env=False, timeout=DEADLINE_S
        ) as client:
            phone = phones[session_id] = Phone(
                Session(log, session_id), schedules[session_id], client=client
            )
            await phone.session.say("m1", id="m1")
            await phone.after_event(Lifeline(log, _nothing))
            await phone.post("say", text="begin")
            said = [
                e.id
                async for e in phone.session.read(follow=False, lane="quiet")
                if e.kind == "message"
            ]
            phone.messages = list(dict.fromkeys([*phone.messages, *said]))
            await settled(phone.session, phone.messages)
            phone.schedule = []
            await phone.say("last")
            known = await settled(phone.session, phone.messages)
        await holds(phone.session, phone.signals, phone.messages, known)

    async with serve(log, tokens, attendant) as url:
        for chunk in _chunks(schedules):
            await asyncio.gather(*(one(url, session_id) for session_id in chunk))


def _chunks(names):
    names = list(names)
    return [names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE)]


@LOGS
async def test_signals_over_http_at_any_event_of_a_run_are_used_answered_or_refused(kind, log):
    cases = one_signal_each()
    await check_over_http(log, cases[:: {"memory": 5, "file": 19, "nats": 11}[kind]])


@pytest.mark.slow
@LOGS
@pytest.mark.timeout(3600)
async def test_one_signal_and_many_at_any_event_under_each_policy(kind, log):
    cases = [*one_signal_each(POLICIES), *several_signals(600, os.getpid())]
    await check_all(log, cases)
