"""An experiment on the page that `fieldbook serve` shows: on a phone it is watched, paused and
stopped; what the page folds is what the library folds.
"""

import asyncio
import os
import random
import sys
from contextlib import asynccontextmanager

import pytest

from tests.browser.devices import PHONE
from tests.browser.legible import unreadable
from toolkit.evals.experiments import Case, evaluate
from toolkit.evals.experiments.watching import WatchedExperiment
from toolkit.events import Event
from toolkit.sessions import MemoryLog, NatsLog, NatsServer, Session
from toolkit.sessions.http.app import Tokens, serve
from toolkit.traces import Step, Trace

pytestmark = pytest.mark.browser

KEYS = [f"{n:08x}" + "0" * 24 for n in range(6)]
HOSTILE = "<img src=x onerror=alert(1)>"
FOLD = """sequences => sequences.map(events => {
    const watched = new Watched();
    for (const event of events) watched.apply(event);
    if (!watched.begun) return null;
    const { counts, done, running, planned, phase, rate, spentUsd } = watched.status();
    return [Object.values(counts), done, running, planned, phase, rate?.toFixed(9), spentUsd.toFixed(9)];
})"""


def random_events(draw):
    """Events of up to three workers in an order that no worker would write."""
    runs = ["r1", "r2", "r3"]
    events = [
        Event("s", "run.started", "experiment", {}, run, run, seq=seq)
        for seq, run in enumerate(runs, 1)
    ]
    for seq in range(4, draw.randint(14, 84)):
        run = draw.choice(runs)
        n = draw.randrange(6)
        kind = draw.choice([*["trial.started", "trial.result"] * 8, *KINDS])
        events.append(
            Event("s", kind, "experiment", data_of(kind, n, draw), f"e{seq}", run, seq=seq)
        )
    return events


KINDS = ["trial.given_up", "trial.given_up", "trial.trace", "experiment.planned"]
KINDS += ["claim.asked"] * 8
KINDS += ["experiment.started", "experiment.tuned", "experiment.halted", "run.finished"]


def data_of(kind, n, draw):
    passed = draw.choice([True, False, None])
    scores = [{"name": "right", "value": 3.0 if passed is None else passed}]
    status = "scored" if passed is not None else draw.choice(["scored", "unscored", "errored"])
    result = {"case": f"c{n // 2}", "trial": n % 2, "status": status, "scores": scores}
    if passed is not None:
        result["passed"] = passed
    about = {"trial": f"t{n}", "attempt": draw.randint(1, 3), "usd": draw.choice([0, 0.25])}
    return {
        "trial.result": about | {"key": KEYS[n], "result": result},
        "trial.given_up": about | {"pause_s": draw.choice([None, 2.0])},
        "experiment.planned": {"keys": "".join(key[:8] for key in KEYS[: draw.randint(3, 6)])},
        "experiment.started": {"name": "refunds", "planned": draw.randint(3, 6)},
        "experiment.tuned": {"concurrency": 4, "paused": draw.choice([True, False])},
        "experiment.halted": {"why": "so"},
        "claim.asked": about | {"turn": draw.choice([0, 0, 1]), "limit": draw.randint(1, 3)},
        "run.finished": {"outcome": "complete"},
    }.get(kind, about)


def figures_of(events):
    """What the library says of the events; None where no experiment has begun."""
    watched = WatchedExperiment()
    for event in events:
        watched.apply(event)
    status = watched.status()
    if status.phase == "not begun":
        return None
    rate = None if status.rate.value is None else f"{status.rate.value:.9f}"
    counts = list(status.counts.values())
    figures = [counts, status.n_done, status.n_running, status.planned, status.phase, rate]
    return [*figures, f"{status.spent_usd:.9f}"]


async def test_the_page_folds_the_same_events_to_the_same_figures_as_the_library(visit):
    sequences = [random_events(random.Random(seed)) for seed in range(300)]
    async with serve(MemoryLog(), None) as url:
        page = await visit(f"{url}/sessions/fold", PHONE)
        told = [[fields(event) for event in events] for events in sequences]
        shown = await page.evaluate(FOLD, told)
    assert sum(figures is not None for figures in shown) > 100
    for seed, (events, figures) in enumerate(zip(sequences, shown, strict=True)):
        assert figures == figures_of(events), f"sequence {seed}"


def fields(event):
    return {name: getattr(event, name) for name in ("kind", "actor", "data", "id", "run", "seq")}


@asynccontextmanager
async def experiment():
    """An experiment on a served session: its gate, its end, and the link to its page."""
    log = MemoryLog()
    tokens = Tokens()
    gate = asyncio.Semaphore(0)

    async def agent(case):
        await gate.acquire()
        steps = (Step("1", "message", "assistant", case.id),)
        return Trace(case.id, steps, {"cost_usd": 0.01}, source="simulated")

    def right(trace, case):
        return True if int(case.id[1:]) % 3 else None if case.id == "c6" else False

    cases = [Case(f"c{n}", f"question {n}") for n in range(40)]
    async with serve(log, tokens) as url:
        store = Session(log, "exp")
        run = asyncio.create_task(
            evaluate(
                agent, cases, [right], concurrency=4, store=store, name=HOSTILE, budget_usd=2.0
            )
        )
        yield gate, run, f"{url}/sessions/exp?token={tokens.issue('exp', 'control')}"
        run.cancel()


@asynccontextmanager
async def served_by_command(nats_url, session):
    """The address that ``fieldbook serve --session`` prints; SIGKILL ends it."""
    program = [sys.executable, "-c", "from toolkit.cli import app; app()", "serve"]
    process = await asyncio.create_subprocess_exec(
        *program,
        "--session",
        session,
        env={**os.environ, "NATS_URL": nats_url},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        assert line.startswith("Watch and control: ")
        yield line.removeprefix("Watch and control: ").strip()
    finally:
        process.kill()
        await process.wait()


@pytest.mark.nats
async def test_the_command_shows_an_experiment_that_another_process_makes(visit, tmp_path):
    from playwright.async_api import expect

    async def agent(case):
        return case.id

    def right(trace):
        return trace.text() != "c0"

    cases = [Case(f"c{n}", "question") for n in range(4)]
    async with NatsServer(store=tmp_path) as server, await NatsLog.connect(server.url) as log:
        await evaluate(agent, cases, [right], store=Session(log, "exp"), name="refunds")
        async with served_by_command(server.url, "exp") as link:
            phone = await visit(link, PHONE)
            await expect(phone.locator("#name")).to_have_text("refunds")
            stands = phone.locator(".stands")
            await expect(stands).to_have_text("ended · imported · 4 of 4 trials done")
            await expect(phone.locator(".tile", has_text="pass rate")).to_contain_text("0.75")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_an_experiment_is_watched_paused_resumed_and_stopped_on_a_phone(
    scheme, visit, pictures
):
    from playwright.async_api import expect

    async with experiment() as (gate, run, link):
        phone = await visit(link, PHONE, scheme)
        for _ in range(12):
            gate.release()
        stands = phone.locator(".stands")
        await expect(stands).to_have_text(
            "running · simulated · 12 of 40 trials done · 4 running · 24 waiting"
        )
        await expect(phone.get_by_label("Your words")).to_be_hidden()
        await expect(phone.locator("#name")).to_have_text(HOSTILE)
        await expect(phone.locator(".tile", has_text="pass rate")).to_contain_text("0.67")
        assert await unreadable(phone) == []
        await phone.screenshot(path=pictures / f"experiment-page-running-{scheme}.png")
        await phone.get_by_role("button", name="Pause").tap()
        await expect(phone.get_by_text("user on the phone asked: pause · heard")).to_be_visible()
        for _ in range(4):
            gate.release()
        await expect(stands).to_have_text(
            "paused · simulated · 16 of 40 trials done · 0 running · 24 waiting"
        )
        await phone.get_by_role("button", name="Resume").tap()
        await expect(stands).to_have_text(
            "running · simulated · 16 of 40 trials done · 4 running · 20 waiting"
        )
        await phone.get_by_role("button", name="Stop").tap()
        await expect(phone.get_by_text("To go on, call evaluate again")).to_be_visible()
        await expect(stands).to_have_text("ended · simulated · 16 of 40 trials done")
        finished = await run
        assert sum(result.status == "not run" for result in finished.results) == 24
        await expect(phone.get_by_role("button", name="Pause")).to_be_disabled()
        assert await unreadable(phone) == []
        await phone.screenshot(path=pictures / f"experiment-page-stopped-{scheme}.png")
