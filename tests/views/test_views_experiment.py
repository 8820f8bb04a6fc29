"""ExperimentPanel: what it shows of an experiment, what it asks of it, and that it hears the answer."""

import asyncio
from contextlib import asynccontextmanager

from toolkit.evals.experiments import Case, TrialResult, evaluate
from toolkit.evals.scorers import tools_succeeded
from toolkit.sessions import LogUnavailable, MemoryLog, Session
from toolkit.traces import Step, Trace
from toolkit.views import ExperimentPanel, plot_growth
from toolkit.views.panels.page import widgets_in

HOSTILE = "<img src=x onerror=alert(1)>"


async def until(ready, timeout_s=30.0):
    async with asyncio.timeout(timeout_s):
        while not ready():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def panel_on(store, **options):
    panel = ExperimentPanel(store, by="ada", **options)
    try:
        yield panel
    finally:
        await panel.aclose()


@asynccontextmanager
async def under_way(store, n=6, **options):
    """An experiment whose trials wait at a gate."""
    gate = asyncio.Semaphore(0)

    async def agent(case):
        await gate.acquire()
        words = HOSTILE if case.id == "c0" else case.id
        step = Step("1", "message", "assistant", words)
        return Trace(case.id, (step,), source="simulated")

    def right(trace, case):
        return case.id in trace.text()

    cases = [Case(f"c{number}", "question") for number in range(n)]
    run = asyncio.create_task(
        evaluate(agent, cases, [right], concurrency=2, store=store, name=HOSTILE, **options)
    )
    try:
        yield gate, run
    finally:
        run.cancel()
        await asyncio.wait([run])


def shown(panel):
    """All HTML of the panel."""
    return "".join(getattr(widget, "value", "") or "" for widget in widgets_in(panel))


async def test_an_experiment_is_watched_paused_resumed_tuned_and_stopped():
    store = Session(MemoryLog(), "exp")
    async with panel_on(store) as panel, under_way(store) as (gate, run):
        assert panel.pause.disabled
        assert panel.stop.disabled
        await until(lambda: panel.status.n_running == 2)
        panel.pause.click()
        await until(lambda: panel.status.phase == "paused")
        assert "ada asked: pause · heard" in panel.asked.value
        assert panel.pause.description == "Resume (P)"
        gate.release()
        await until(lambda: panel.status.n_done == 1)
        assert panel.status.n_running == 1
        panel.more.click()
        panel.more.click()
        assert "4 asked for" in panel.concurrency.value
        await until(lambda: panel.status.concurrency == 4)
        assert "asked for" not in panel.concurrency.value
        panel.pause.click()
        await until(lambda: panel.status.n_running == 4)
        panel.stop.click()
        assert "Stop the experiment? 4 under way." in panel.question.sentence.value
        assert panel.question.layout.display is None
        panel.question.go_on.click()
        assert panel.question.layout.display == "none"
        assert panel.status.phase == "running"
        panel.stop.click()
        panel.question.let_end.click()
        await until(lambda: panel.status.phase == "stopping")
        for _ in range(4):
            gate.release()
        finished = await run
        await until(lambda: panel.status.phase == "ended")
        assert "Ada stopped the experiment. To go on, call evaluate again" in panel.head.value
    assert [result.status for result in finished.results].count("not run") == 1


async def test_keys_do_what_the_buttons_do_and_a_cancel_breaks_off_what_is_under_way():
    store = Session(MemoryLog(), "exp")
    async with panel_on(store) as panel, under_way(store) as (_, run):
        await until(lambda: panel.status.n_running == 2)
        for act in ("pause", "fewer", "stop"):
            panel.key_layer.press({"act": act})
        await until(lambda: panel.status.phase == "paused" and panel.status.concurrency == 1)
        panel.key_layer.press({"act": "fewer"})  # none at once is no concurrency
        panel.question.break_off.click()
        finished = await run
        await until(lambda: panel.status.phase == "ended")
        assert "Ada cancelled the experiment" in panel.head.value
    assert {result.status for result in finished.results} == {"not run"}
    asked = [event.data.get("text") async for event in store.read(follow=False, lane="control")]
    assert asked == ["pause", "concurrency 1", None]


async def test_whatever_an_experiment_is_called_and_whatever_an_agent_says_is_only_shown():
    store = Session(MemoryLog(), "exp")
    async with panel_on(store) as panel, under_way(store, n=1) as (gate, run):
        gate.release()
        await run
        await until(lambda: panel.status.phase == "ended")
        panel.key_layer.press({"act": "read"})
        assert panel.failures.reader.layout.display is None
        html = shown(panel)
        assert "&lt;img src=x onerror=alert(1)&gt;" in panel.head.value
        assert "&lt;img src=x onerror=alert(1)&gt;" in panel.failures.text.value
        assert "<img" not in html
        panel.key_layer.press({"act": "shut"})
        assert panel.failures.reader.layout.display == "none"


async def test_before_anything_begins_the_panel_says_so_and_draws_nothing_empty():
    store = Session(MemoryLog(), "exp")
    async with panel_on(store) as panel:
        assert "Nothing has begun on this session: call evaluate with it" in panel.head.value
        assert panel.plot.value == panel.tiles.value == panel.asked.value == ""
        assert panel.pause.disabled
        async with under_way(store):
            await until(lambda: panel.status.n_running == 2)
            assert panel.plot.value == ""


async def test_trials_that_run_are_not_among_those_that_wait():
    store = Session(MemoryLog(), "exp")
    async with panel_on(store) as panel, under_way(store) as (gate, run):
        gate.release()
        await until(lambda: panel.status.n_done == 1 and panel.status.n_running == 2)
        panel.refresh()
        assert panel.status.counts["not run"] == 3
        assert "<strong>3</strong><span>waiting</span>" in panel.tiles.value
        run.cancel()
        await until(lambda: panel.status.phase == "ended")
        panel.refresh()
        assert "<strong>5</strong><span>not run</span>" in panel.tiles.value


async def test_a_reason_names_a_step_by_its_number_as_the_trace_shows_it():
    store = Session(MemoryLog(), "exp")

    async def agent(case):
        call = Step("3f0a", "tool.call", "assistant", "refund", data={"call_id": "1"})
        result = Step("be1c", "tool.result", "tool", "Gone.", data={"call_id": "1", "error": True})
        return Trace(case.id, (call, result), source="simulated")

    await evaluate(agent, [Case("c0", "question")], [tools_succeeded], store=store)
    async with panel_on(store) as panel:
        await until(lambda: "tools_succeeded" in shown(panel))
        assert "<code>tools_succeeded</code>: step 2: Gone." in shown(panel)
        panel.failures.read(0)
        assert "<code>tools_succeeded</code>: step 2: Gone." in panel.failures.text.value


async def test_the_plot_is_drawn_once_a_second_at_most():
    store = Session(MemoryLog(), "exp")
    now = [1_000.0]
    async with panel_on(store, clock=lambda: now[0]) as panel, under_way(store) as (gate, _):
        gate.release()
        await until(lambda: "after 1 of 6 trials" in panel.plot.value)
        gate.release()
        await until(lambda: panel.status.n_done == 2)
        assert "after 1 of 6 trials" in panel.plot.value
        now[0] += 10.0
        await until(lambda: "after 2 of 6 trials" in panel.plot.value)
        assert "simulated" in panel.plot.value


async def test_a_long_silence_is_said():
    store = Session(MemoryLog(), "exp", clock=lambda: 1_000.0)
    async with panel_on(store, clock=lambda: 1_134.0) as panel, under_way(store):
        await until(lambda: panel.status.n_running == 2)
        panel.refresh()
        assert "Nothing was written for 2 min 14 s" in panel.head.value


async def test_a_log_that_is_away_is_said_and_read_on_once_it_is_back():
    class Away(MemoryLog):
        n_reads = 0

        async def read(self, *args, **options):
            self.n_reads += 1
            if self.n_reads == 1:
                raise LogUnavailable("the server is <away>")
            async for event in super().read(*args, **options):
                yield event

    store = Session(Away(), "exp")
    async with panel_on(store) as panel:
        await until(lambda: "the server is &lt;away&gt;" in panel.note.value)
        await until(lambda: panel.note.value == "")
        async with under_way(store):
            await until(lambda: panel.status.n_running == 2)


async def test_a_refresh_that_fails_is_said_and_is_not_the_last():
    store = Session(MemoryLog(), "exp")
    calls = []

    def clock():
        calls.append(None)
        if len(calls) == 2:
            raise ValueError("no <time>")
        return 1_000.0

    async with panel_on(store, clock=clock) as panel:
        await until(lambda: "no &lt;time&gt;" in panel.note.value)
        n_calls = len(calls)
        await until(lambda: len(calls) > n_calls)


async def test_fewer_at_once_than_are_running_says_that_the_others_are_finishing():
    store = Session(MemoryLog(), "exp")
    async with panel_on(store) as panel, under_way(store):
        await until(lambda: panel.status.n_running == 2)
        assert "finishing" not in panel.concurrency.value
        panel.fewer.click()
        await until(lambda: panel.status.concurrency == 1)
        assert "1 at once (2 are finishing)" in panel.concurrency.value
        assert "The most at once so far: 2 trials" in panel.tiles.value


async def test_a_closed_panel_leaves_no_task():
    before = asyncio.all_tasks()
    panel = ExperimentPanel(Session(MemoryLog(), "exp"), by="ada")
    await until(lambda: len(asyncio.all_tasks()) > len(before))
    panel.close()
    await until(lambda: asyncio.all_tasks() == before)


async def test_what_a_server_refuses_for_now_is_said_to_wait():
    class Busy(Exception):
        status_code = 429
        headers = {"retry-after": "60"}  # noqa: RUF012

    async def agent(case):
        raise Busy("too many requests")

    store = Session(MemoryLog(), "exp")
    run = asyncio.create_task(evaluate(agent, [Case("c1", "question")], [], store=store))
    async with panel_on(store) as panel:
        await until(lambda: panel.status.n_pausing == 1)
        panel.refresh()
        assert "1 trial waits, as a server has refused" in panel.head.value
        assert "(rate limit)" in panel.head.value
        panel.stop.click()
        panel.question.break_off.click()
        await run


def results(n, source="simulated"):
    return [
        TrialResult(f"c{k % 5}", k, "scored", passed=k % 3 > 0, source=source) for k in range(n)
    ]


def test_the_plot_of_growth_says_where_the_rate_stands_and_that_it_is_simulated(written):
    words = written(plot_growth(results(30), planned=80))
    assert "The pass rate is 0.67 after 30 of 80 trials" in words
    assert "95% interval" in words
    assert "clustered by case · n = 30 trials of 5 cases" in words
    assert "simulated" in words
    assert "simulated" not in written(plot_growth(results(30, "live")))


def test_the_plot_of_growth_draws_no_band_for_one_case_and_nothing_without_a_verdict(written):
    ax = plot_growth(results(1))
    assert "n = 1 trial of 1 case: an interval takes two cases or more" in written(ax)
    empty = plot_growth([TrialResult("c1", 0, "unscored")])
    assert "Nothing to show: no trial has a verdict yet" in written(empty)
    assert not empty.axison
