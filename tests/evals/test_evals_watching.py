"""What the state of an experiment is now: resumed, on several workers, out of order, and hostile."""

import asyncio
import random

from toolkit.evals.experiments import Case, evaluate
from toolkit.evals.experiments.growth import growth
from toolkit.evals.experiments.result import TrialResult
from toolkit.evals.experiments.watching import WatchedExperiment
from toolkit.events import Event
from toolkit.sessions import MemoryLog, Session
from toolkit.traces import Step, Trace

KEYS = [f"{n:08x}" + "0" * 24 for n in range(6)]


class Script:
    """The events of a store, written by hand."""

    def __init__(self):
        self.events = []

    def add(self, kind, run="r1", actor="experiment", id=None, **data):
        seq = len(self.events) + 1
        event = Event("s", kind, actor, data, id or f"e{seq}", run, float(seq), seq)
        self.events.append(event)
        return event

    def begin(self, run="r1", planned=6, **about):
        self.add("run.started", run)
        self.add("experiment.planned", run, keys="".join(key[:8] for key in KEYS[:planned]))
        about = {"name": "refunds", "planned": planned, "concurrency": 8} | about
        self.add("experiment.started", run, **about)

    def trial(self, n, run="r1", attempt=1, kind="trial.started", **data):
        self.add(kind, run, trial=f"t{n}", attempt=attempt, **data)

    def result(self, n, run="r1", attempt=1, passed=True, status="scored", **fields):
        result = {"case": f"c{n // 2}", "trial": n % 2, "status": status, **fields}
        if status == "scored":
            result |= {"passed": passed, "scores": [{"name": "right", "value": passed}]}
        self.trial(n, run, attempt, "trial.result", key=KEYS[n], result=result)

    def status(self, events=None):
        watched = WatchedExperiment()
        for event in self.events if events is None else events:
            watched.apply(event)
        return watched.status()


def cases(n):
    return [Case(f"c{number}", f"question {number}") for number in range(n)]


async def watched(store):
    fold = WatchedExperiment()
    async for event in store.read(follow=False, lane="quiet"):
        fold.apply(event)
    return fold.status()


async def agent(case):
    if case.id == "c0":
        raise KeyError("no such order")
    step = Step("1", "message", "assistant", case.id)
    return Trace(f"of {case.id}", (step,), source="simulated")


def right(trace):
    return {"of c1": None, "of c2": False}.get(trace.id, True)


async def test_the_end_of_the_fold_is_what_evaluate_returns():
    store = Session(MemoryLog(), "exp")
    experiment = await evaluate(agent, cases(6), [right], trials=2, store=store, name="refunds")
    status = await watched(store)
    summary = experiment.summary()
    assert status.counts == {
        "passed": summary.n_passed,
        "failed": summary.n_failed,
        "unscored": summary.n_unscored,
        "errored": summary.n_errored,
        "not run": 0,
    }
    assert status.rate.words == experiment.rate().words
    assert (status.phase, status.n_done, status.n_running, status.n_waiting) == ("ended", 12, 0, 0)
    assert (status.started.name, status.source, status.end) == ("refunds", "simulated", "")
    assert {failure.word for failure in status.failures} <= {"failed", "unscored", "errored"}
    assert status.trials_at_once == experiment.conditions["trials_at_once"]


async def test_a_failure_keeps_its_reason_and_its_trace():
    store = Session(MemoryLog(), "exp")

    async def slow(trace):  # the answer is stored before it is scored
        return trace.id != "of c2"

    await evaluate(agent, cases(4)[2:], [slow], store=store)
    (failure,) = (await watched(store)).failures
    assert failure.reasons == [("slow", "")]
    assert failure.trace.id == "of c2"
    assert failure.result.case == "c2"


async def test_a_resumed_experiment_counts_what_was_recorded_and_no_case_that_is_gone():
    store = Session(MemoryLog(), "exp")
    await evaluate(agent, cases(6), [right], store=store)
    await evaluate(agent, cases(4), [right], store=store)
    status = await watched(store)
    assert (status.planned, status.n_done) == (4, 4)
    assert sum(status.counts.values()) == 4

    def other(trace):
        return True

    again = await evaluate(agent, cases(4), [other], store=store)
    assert (await watched(store)).rate.words == again.rate().words


def test_a_kind_of_a_later_version_ends_no_trial_and_a_result_without_a_key_is_no_error():
    script = Script()
    script.begin()
    script.trial(0)
    result = {"case": "c0", "trial": 0, "status": "scored", "passed": True}
    script.trial(0, kind="trial.reviewed", key=KEYS[0], result=result, usd=1.0)
    status = script.status()
    assert (status.n_done, status.n_running, status.spent_usd) == (0, 1, 0)
    script.add("experiment.planned", keys="")
    script.trial(0, kind="trial.result", key="", result=result)
    assert script.status().counts["passed"] == 0
    unplanned = Script()
    unplanned.add("experiment.started", planned=1)
    unplanned.trial(0, kind="trial.result", key="", result=result)
    assert unplanned.status().n_done == 1


def test_a_trial_that_two_workers_began_counts_once_and_is_under_way_once():
    script = Script()
    script.begin("r1")
    script.begin("r2")
    script.trial(0, "r1")
    script.trial(1, "r1")
    script.trial(0, "r2", attempt=2)  # taken over
    assert (script.status().n_running, script.status().n_workers) == (2, 2)
    script.result(0, "r2", attempt=2)
    script.result(0, "r1", attempt=1, passed=False)  # the frozen worker comes back
    status = script.status()
    assert (status.n_done, status.n_running, status.n_waiting) == (1, 1, 4)
    assert status.counts["passed"] == 1
    assert status.counts["failed"] == 0
    script.trial(0, "r1", attempt=1)  # and tells late that it had begun
    assert script.status().n_running == 1
    script.add("run.finished", "r1", outcome="orphaned")
    script.trial(2, "r1")
    assert (script.status().n_running, script.status().n_workers) == (0, 1)


def test_a_worker_that_somebody_else_found_dead_is_over():
    script = Script()
    script.begin()
    script.trial(0)
    script.add("run.finished", "r1", "warden", outcome="orphaned")
    status = script.status()
    assert (status.phase, status.n_running) == ("ended", 0)
    assert status.end.startswith("The process that ran it died. To go on, call evaluate again")


def test_an_event_that_comes_twice_changes_nothing():
    script = Script()
    script.begin(budget_usd=2.0)
    script.trial(0)
    script.trial(0, kind="trial.reserved", usd=0.5, provider="anthropic", at_once=3)
    script.result(0, usd=0.25)
    script.result(1, passed=False)
    once = script.status()
    twice = script.status([event for event in script.events for _ in range(2)])
    again = script.status(script.events + script.events)
    assert str(once) == str(twice) == str(again)
    assert once.counts == twice.counts == again.counts


def test_however_the_events_of_two_workers_lie_between_each_other_the_end_is_the_same():
    ends = set()
    for seed in range(30):
        draw = random.Random(seed)
        left = [("a", n, step) for n in (0, 1, 2) for step in ("begin", "end")]
        right_ = [("b", n, step) for n in (2, 3, 4) for step in ("begin", "end")]
        script = Script()
        script.begin("a")
        script.begin("b")
        while left or right_:
            worker, n, step = draw.choice([side for side in (left, right_) if side]).pop(0)
            attempt = 2 if worker == "b" and n == 2 else 1
            if step == "begin":
                script.trial(n, worker, attempt)
            else:
                script.result(n, worker, attempt, passed=n != 1)
        status = script.status()
        ends.add((status.n_done, status.n_running, tuple(status.counts.items())))
    (end,) = ends
    assert end[:2] == (5, 0)


def test_an_event_that_cannot_be_read_is_counted_and_left_out():
    script = Script()
    script.begin()
    script.trial(0, kind="trial.result", key=KEYS[0], result={"case": 3, "status": "won"})
    script.add("trial.started", trial=["t"], attempt="many")
    script.add("experiment.tuned", concurrency="all", paused="perhaps")
    script.add("experiment.planned", keys={"a": 1})
    script.add("steer.consumed", event=7)
    script.add("run.finished", outcome={"odd": True})
    script.result(1)
    status = script.status()
    assert status.n_unreadable == 5
    assert (status.n_done, status.planned, status.concurrency) == (1, 6, 8)
    assert status.outcome == "error"


def test_a_pause_is_heard_and_by_how_many_workers():
    script = Script()
    script.begin("r1")
    script.begin("r2")
    script.add("steer", None, "phone", "ask", text="pause")
    assert str(script.status().signals[0]) == "phone asked: pause · not heard yet"
    for run in ("r1", "r2"):
        script.add("steer.consumed", run, event="ask")
        script.add("experiment.tuned", run, concurrency=8, paused=True)
    status = script.status()
    assert status.phase == "paused"
    assert str(status.signals[0]) == "phone asked: pause · heard by 2 workers"
    script.add("steer", None, "phone", "odd", text="faster")
    script.add("signal.unused", event="odd", why="an experiment knows pause")
    assert "not used: an experiment knows pause" in str(script.status().signals[-1])


def test_a_trial_that_waits_because_a_server_asked_for_it_is_said_to():
    script = Script()
    script.begin()
    script.trial(0)
    script.trial(0, kind="trial.given_up", why="HTTP 429", pause_s=30.0)
    assert (script.status().n_pausing, script.status().n_running) == (1, 1)
    script.trial(0, attempt=2)
    assert script.status().n_pausing == 0
    script.result(0, attempt=2)
    assert (script.status().n_running, script.status().n_done) == (0, 1)


async def test_what_halted_it_is_a_sentence_with_what_to_do():
    async def broken(case):
        raise ValueError("no key")

    store = Session(MemoryLog(), "exp")
    await evaluate(broken, cases(9), [right], concurrency=1, stop_after_errors=2, store=store)
    status = await watched(store)
    assert status.end.startswith("The first 2 trials all ended in the same error, ValueError: no")
    assert status.end.endswith('with retry=["errored"].')
    assert status.counts == {
        "passed": 0,
        "failed": 0,
        "unscored": 0,
        "errored": 2,
        "not run": 7,
    }
    await evaluate(agent, cases(1), [right], store=store)
    assert (await watched(store)).end == ""


async def test_a_refused_call_says_that_the_budget_is_spent_and_a_pause_that_nothing_begins():
    store = Session(MemoryLog(), "exp")
    gate = asyncio.Event()

    async def waiting(case):
        await gate.wait()
        return Trace(case.id, (), {"cost_usd": 0.25}, source="live")

    run = asyncio.create_task(
        evaluate(waiting, cases(4), [right], concurrency=2, budget_usd=1.0, store=store)
    )
    fold = WatchedExperiment()
    async with asyncio.timeout(30):
        async for event in store.read(lane="quiet"):
            fold.apply(event)
            if fold.status().n_running == 2:
                break
        await store.steer("pause", actor="ada")
        async for event in store.read(fold.cursor, lane="quiet"):
            fold.apply(event)
            if fold.status().phase == "paused":
                break
        gate.set()
        await store.steer("stop", actor="ada")
        await run
    status = await watched(store)
    assert status.end.startswith("Ada stopped the experiment. To go on, call evaluate again")
    assert (status.n_done, status.counts["not run"]) == (2, 2)
    assert status.money == "at most $0.50 spent of $1.00"


async def test_a_result_is_stored_while_the_last_trials_go_on():
    store = Session(MemoryLog(), "exp")
    gate = asyncio.Event()

    async def answer(case):
        if case.id == "c1":
            await gate.wait()
        return case.id

    run = asyncio.create_task(evaluate(answer, cases(2), [right], concurrency=2, store=store))
    fold = WatchedExperiment()
    async with asyncio.timeout(30):
        async for event in store.read(lane="quiet"):
            fold.apply(event)
            if fold.status().n_done == 1:
                break
        gate.set()
        await run


def test_the_rate_grows_to_the_rate_and_is_undefined_before_any_verdict():
    results = [TrialResult("c0", n, "unscored") for n in range(3)]
    assert [point.rate.value for point in growth(results)] == [None] * 3
    for n in range(100):
        results.append(TrialResult(f"c{n % 10}", n, "scored", passed=n % 3 > 0))
    points = growth(results, n_points=20)
    assert len(points) == 20
    assert points[-1].n_done == 103
    assert points[-1].rate.n_trials == 103
    assert points[-1].rate.value == sum(bool(result.passed) for result in results) / 103


def test_of_a_session_without_an_experiment_nothing_is_known():
    status = WatchedExperiment().status()
    assert (status.phase, status.planned, status.rate.value) == ("not begun", 0, None)
    assert status.money == status.end == ""


class SharedLog(MemoryLog):
    """A log in memory that several workers of one process write, as a server's is."""

    shared = True


async def test_of_workers_that_claim_trials_what_was_refused_to_one_is_not_under_way():
    log = SharedLog()

    async def work():
        return await evaluate(
            agent, cases(30), [right], concurrency=4, version="1", store=Session(log, "exp")
        )

    experiments = await asyncio.gather(*(work() for _ in range(3)))
    fold = WatchedExperiment()
    n_refused = 0
    async for event in Session(log, "exp").read(follow=False, lane="quiet"):
        before = fold.status().n_running
        fold.apply(event)
        status = fold.status()
        n_refused += event.kind == "trial.started" and status.n_running == before
        assert status.n_running <= 4
    assert (status.phase, status.n_done, status.n_running) == ("ended", 30, 0)
    assert status.rate.words == experiments[0].rate().words
    assert status.trials_at_once == max(
        experiment.conditions["trials_at_once"] for experiment in experiments
    )
    assert n_refused > 0


def test_when_no_trial_is_under_way_nothing_is_reserved_to_the_last_digit():
    script = Script()
    script.begin()
    for n, usd in enumerate((0.1, 0.2, 0.3)):
        script.trial(n)
        script.trial(n, kind="trial.reserved", usd=usd)
    assert script.status().in_flight_usd > 0.59
    for n in range(3):
        script.result(n)
    assert script.status().in_flight_usd == 0
