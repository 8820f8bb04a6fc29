"""Kill -9 of the client, the agent, the server and all three, by schedules drawn from a seed."""

import asyncio
import json
import os
import random
import signal
import sys
from contextlib import suppress
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import psutil
import pytest

from toolkit.events import Event, new_event
from toolkit.records import validate
from toolkit.sessions import NatsLog, NatsServer, Session, fold
from toolkit.sessions.nats.server import SERVER_URL
from toolkit.tour import NO_DAMAGE, check

pytestmark = pytest.mark.nats

HERE = Path(__file__).parent
WORDS, MESSAGES, KILLS, TTL_S = 150, 12, 3, 0.6
DEADLINE_S = 60.0


def _load(name):
    spec = spec_from_file_location(f"faults_{name}", HERE / f"{name}.py")
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


programs = _load("programs")


class Child:
    """One of the programs, started again whenever it was killed."""

    def __init__(self, what, url, place, **options):
        self.what, self.place = what, place
        self.argv = [
            sys.executable,
            str(HERE / "programs.py"),
            what,
            json.dumps({"place": str(place)} | options),
        ]
        self.environment = {**os.environ, SERVER_URL: url}

    async def start(self):
        with (self.place / f"{self.what}.err").open("ab") as err:
            self.process = await asyncio.create_subprocess_exec(
                *self.argv, stdout=err, stderr=err, env=self.environment
            )

    async def kill(self):
        with suppress(ProcessLookupError):
            self.process.kill()
        await asyncio.wait_for(self.process.wait(), DEADLINE_S)

    def send(self, number):
        os.kill(self.process.pid, number)

    async def done(self):
        code = await asyncio.wait_for(self.process.wait(), DEADLINE_S)
        assert code == 0, (self.place / f"{self.what}.err").read_text()

    @property
    def notes(self):
        return programs.lines(self.place / f"{self.what}.jsonl")

    @property
    def acknowledged(self):
        return [(note["id"], note["seq"]) for note in self.notes if "id" in note]


async def until(condition, deadline_s=DEADLINE_S):
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


def schedule(seed):
    """What is killed, and after how many more notes of the agent or the client."""
    dice = random.Random(seed)
    victims = ["client", "agent", "server", "all"]
    return dice.choice([0.0, 0.02]), [
        (dice.randint(3, 25), dice.choice(victims)) for _ in range(KILLS)
    ]


async def run_schedule(seed, place):
    window_s, kills = schedule(seed)
    async with NatsServer(store=place / "store") as server:
        agent = Child(
            "agent", server.url, place, session="s", words=WORDS, ttl_s=TTL_S, window_s=window_s
        )
        client = Child("client", server.url, place, session="s", messages=MESSAGES)
        children = {"agent": agent, "client": client}
        try:
            for child in children.values():
                await child.start()
            for more, victim in kills:
                mark = len(agent.notes) + more
                await until(lambda m=mark: len(agent.notes) >= m)
                assert agent.process.returncode is None
                down = [child for name, child in children.items() if victim in {name, "all"}]
                for child in down:
                    await child.kill()
                if victim in {"server", "all"}:
                    await server.restart()
                for child in down:
                    await child.start()
            await agent.done()
            await client.done()
        finally:
            for child in children.values():
                await child.kill()
        async with await NatsLog.connect(server.url) as log:
            session = Session(log, "s")
            stored = [event async for event in session.read(follow=False, lane="log")]
            late = await session.conversation()
    return stored, late, agent, client


def seeds(count):
    return [pytest.param(n, marks=[] if n < 5 else pytest.mark.slow) for n in range(count)]


@pytest.mark.parametrize("seed", seeds(100))
async def test_whatever_is_killed_each_acknowledged_event_is_there_once_and_in_order(
    seed, tmp_path
):
    stored, late, agent, client = await run_schedule(seed, tmp_path)
    assert check(stored, agent.acknowledged + client.acknowledged) == NO_DAMAGE, schedule(seed)
    whole = fold("s", stored)
    text = "".join(f"{n} " for n in range(WORDS))
    assert sha256(whole.text.encode()).hexdigest() == sha256(text.encode()).hexdigest()
    assert late.sha256 == whole.sha256
    assert all(state.intact for state in late.runs.values() if state.state == "complete")
    messages = [event.data["text"] for event in stored if event.kind == "message"]
    assert messages == [f"message {n}" for n in range(MESSAGES)]
    assert [event.kind for event in stored].count("run.finished") == 1
    finish = next(event.seq for event in stored if event.kind == "run.finished")
    seen = [validate(Event, note) for note in programs.lines(tmp_path / "log.jsonl")]
    assert seen == [event for event in stored if event.seq <= finish]
    shown = fold("s", [validate(Event, note) for note in programs.lines(tmp_path / "all.jsonl")])
    assert shown.sha256 == fold("s", seen).sha256


def kill_at(server, acknowledged, count):
    """A place for acknowledgements that kills the server at the `count`-th, with no pause in
    between.
    """

    def note(ack):
        acknowledged.append((ack.event.id, ack.seq))
        if len(acknowledged) == count:
            os.kill(server.pid, signal.SIGKILL)

    return note


async def flood(log, server, acknowledged, count):
    """Append without end until the server dies, `count` acknowledgements later."""
    note = kill_at(server, acknowledged, len(acknowledged) + count)

    async def work():
        while True:
            note(await log.append(new_event("s", "message", "flood", {"text": "x" * 200})))

    working = [asyncio.create_task(work()) for _ in range(64)]
    goal = len(acknowledged) + count
    await until(lambda: len(acknowledged) >= goal)
    await server.kill()
    for task in working:
        task.cancel()
    await asyncio.wait(working, timeout=DEADLINE_S)


async def stream_of_our_own(url, **settings):
    """Make the log's stream anew with other settings than its own."""
    import nats
    from nats.js.api import StreamConfig

    client = await nats.connect(url)
    jetstream = client.jetstream()
    await jetstream.delete_stream("FIELDBOOK")
    config = StreamConfig(
        "FIELDBOOK", subjects=["sess.>"], allow_direct=True, allow_rollup_hdrs=True
    )
    for name, value in settings.items():
        setattr(config, name, value)
    await jetstream.add_stream(config)
    await client.close()


async def rounds(store, count, **settings):
    """Kill a server under a flood, `count` times or until the checker sees a loss. Gives the
    verdict.
    """
    acknowledged, verdict = [], NO_DAMAGE
    async with NatsServer(store=store) as server:
        log = await NatsLog.connect(server.url)
        if settings:
            await log.close()
            await stream_of_our_own(server.url, **settings)
            log = await NatsLog.connect(server.url)
        stated = log.durability
        for _ in range(count):
            await flood(log, server, acknowledged, 2000)
            await log.close()
            await server.restart()
            log = await NatsLog.connect(server.url)
            stored = [event async for event in Session(log, "s").read(follow=False, lane="log")]
            verdict = check(stored, acknowledged)
            if verdict.lost:
                break
        await log.close()
    return stated, verdict, acknowledged


async def test_the_same_checker_sees_what_a_stream_in_memory_loses_with_its_server(tmp_path):
    stated, verdict, acknowledged = await rounds(tmp_path / "memory", 1, storage="memory")
    assert stated == "memory"
    assert set(verdict.lost) == {id_ for id_, _ in acknowledged}
    stated, verdict, _ = await rounds(tmp_path / "default", 2)
    assert (stated, verdict) == ("os", NO_DAMAGE)


@pytest.mark.slow  # whether a kill meets such an acknowledgement is chance: CI must not depend on it
async def test_the_same_checker_sees_the_loss_where_the_server_acknowledges_before_it_writes(
    tmp_path,
):
    stated, verdict, acknowledged = await rounds(tmp_path / "async", 20, persist_mode="async")
    assert stated == "memory"
    assert 0 < len(verdict.lost) < len(acknowledged)


async def test_a_stopped_agent_that_wakes_after_its_lease_stores_nothing(tmp_path):
    async with (
        NatsServer(store=tmp_path / "store") as server,
        await NatsLog.connect(server.url) as log,
    ):
        zombie = Child(
            "agent", server.url, tmp_path, session="s", words=1_000_000, ttl_s=TTL_S, window_s=0.0
        )
        await zombie.start()
        try:
            await until(lambda: len(zombie.notes) > 20)
            zombie.send(signal.SIGSTOP)
            session = Session(log, "s")
            heir = await session.adopt(programs.RUN, "heir", window_s=0.0, ttl_s=TTL_S)
            await heir.write("and so on. ")
            zombie.send(signal.SIGCONT)
            assert await asyncio.wait_for(zombie.process.wait(), DEADLINE_S) == programs.FENCED
            await heir.write("The end.")
            await heir.finish()
        finally:
            await zombie.kill()
        lanes = [
            [e async for e in session.read(heir.fence, follow=False, lane=n)]
            for n in ("log", "snapshot", "lease")
        ]
        assert {event.actor for lane in lanes for event in lane} == {"heir"}
        stored = [event async for event in session.read(follow=False, lane="log")]
        assert check(stored, zombie.acknowledged) == NO_DAMAGE
        assert (await session.conversation()).text == heir.text
        assert heir.text.endswith("and so on. The end.")


async def test_thousands_of_events_in_flight_outlive_the_server_and_none_waits_for_ever(
    tmp_path, record_property
):
    acknowledged, back = [], []
    loop = asyncio.get_running_loop()
    async with (
        NatsServer(store=tmp_path / "store") as server,
        await NatsLog.connect(server.url) as log,
    ):

        async def one(n):
            ack = await log.append(new_event("s", "message", "flood", {"text": str(n)}))
            acknowledged.append((ack.event.id, ack.seq))
            back.append(loop.time())

        pending = [asyncio.create_task(one(n)) for n in range(200)]
        await until(lambda: len(acknowledged) >= 50)
        os.kill(server.pid, signal.SIGSTOP)
        # Long enough in its place to have taken nothing of what follows: a stopped process
        # acknowledges no more.
        await until(lambda: psutil.Process(server.pid).status() == psutil.STATUS_STOPPED)
        pending += [asyncio.create_task(one(n)) for n in range(200, 4200)]
        await until(lambda: loop.time() > back[-1] + 0.1)
        before = len(acknowledged)
        await server.kill()
        await server.restart()
        returned = loop.time()
        done, waiting = await asyncio.wait(pending, timeout=DEADLINE_S)
        assert not waiting
        assert [task.exception() for task in done if task.exception()] == []
        first, last = back[before] - returned, back[-1] - returned
        record_property("resume_s", {"in flight": 4200 - before, "first": first, "last": last})
        print(
            f"{4200 - before} in flight: first acknowledged {first:.2f} s after the return, last {last:.2f} s"
        )
        stored = [event async for event in Session(log, "s").read(follow=False, lane="log")]
        assert check(stored, acknowledged) == NO_DAMAGE
        assert len(stored) == 4200
        assert 4200 - before >= 4000
        assert first < 10


async def test_many_runs_at_once_go_on_after_the_server_was_killed(tmp_path):
    async with (
        NatsServer(store=tmp_path / "store") as server,
        await NatsLog.connect(server.url) as log,
    ):
        runs = [
            await Session(log, f"s{n % 10}").start_run(f"a{n}", "simulated", window_s=0)
            for n in range(100)
        ]

        async def speak(run):
            for n in range(10):
                await run.write(f"{n} ")
            await run.finish()

        speaking = [asyncio.create_task(speak(run)) for run in runs]
        await asyncio.wait(speaking, return_when=asyncio.FIRST_COMPLETED, timeout=0.05)
        await server.kill()
        await server.restart()
        await asyncio.wait_for(asyncio.gather(*speaking), DEADLINE_S)
        texts = [run.text for run in runs]
        assert texts == ["".join(f"{n} " for n in range(10))] * 100
        for session in {run.session.id: run.session for run in runs}.values():
            folded = await session.conversation()
            assert all(state.state == "complete" for state in folded.runs.values())
