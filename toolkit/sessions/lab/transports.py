"""Seven ways to get an answer to a screen, under the same faults, counted token by token.

The agent is simulated: scripted tokens at a pace. Sockets, faults, processes, signals and NATS are
real. Three arms differ from their neighbours in more than the transport, so each row says where the
agent runs and where the words are kept.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from uuid import uuid4

from toolkit.sessions.lab.arms import ARMS, Trial
from toolkit.sessions.lab.faults import Fault, FaultyProxy, Kind, Schedule
from toolkit.sessions.lab.processes import WEB, WORKER, ServerProcess
from toolkit.sessions.lab.speech import N_TOKENS, PACE_S
from toolkit.sessions.lab.wire import broken
from toolkit.sessions.nats.server import NatsServer

if TYPE_CHECKING:
    import pandas as pd


async def compare_transports(
    seeds: int | Sequence[int] = 5,
    faults: Sequence[Kind] | None = None,
    count: int = 3,
    pace_s: float = PACE_S,
) -> "pd.DataFrame":
    """Run the seven arms at the same time under one schedule of faults for each seed.

    A coroutine: a notebook says ``await compare_transports(5)``, a script
    ``asyncio.run(compare_transports(5))``. A seed that draws ``kill`` takes some fifteen seconds:
    the arm whose agent is inside the web server waits for a lease of ten.

    Parameters
    ----------
    seeds : int or sequence of int
        A number n stands for the seeds 0 to n - 1. A seed that is there twice is run twice.
    faults : sequence of str, optional
        The kinds to draw from, by default all; an empty sequence runs without faults.
        ``kill`` and ``freeze`` meet the web server, ``nats-crash`` the nats-server, all others the
        laptop's connections. No fault meets the worker, nor the SQLite file. By default
        ``nats-crash`` is left out where NATS_URL names a server that is not ours to kill.
    count : int
        Faults in a run.
    pace_s : float
        Between two tokens. The faults are spread over the time that the 50 tokens take.

    Returns
    -------
    DataFrame
        One row a run: seed, arm, agent (where the model is called), store (where the words are
        kept), delivered, lost, duplicated and reordered (tokens of the answer that was asked for),
        regenerated (tokens paid for again), stall_s, ttft_s, whole_s (when the laptop had all of
        it; missing where it never had), wrong_cancels, second_surface_saw_all, token_times_s (a
        tuple: when the laptop first had each token, None of one that it lost), source, faults (as
        they were drawn), broken (a tuple of `Fault`: as they happened, with the time until what
        was killed was up again), pace_s.

    Raises
    ------
    ValueError
        For a fault that there is not, and for ``nats-crash`` where NATS_URL names a server.
    """
    import pandas as pd

    broken()  # imported before the clock runs
    rows: list[dict[str, Any]] = []
    tag = uuid4().hex[:6]  # the server may be somebody's cluster, and hold an earlier comparison
    async with AsyncExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="fieldbook-lab-")
        folder = Path(stack.enter_context(temporary))
        server = await stack.enter_async_context(NatsServer())
        kinds = _kinds(faults, server.pid is not None)
        web = ServerProcess(WEB, server.url, folder, str(pace_s))
        worker = ServerProcess(WORKER, server.url, folder, str(pace_s))
        for process in (worker, web):
            stack.push_async_callback(process.kill)
            await process.start()
        all_seeds = range(seeds) if isinstance(seeds, int) else seeds
        for number, seed in enumerate(all_seeds):
            schedule = Schedule.draw(seed, kinds, count, N_TOKENS * pace_s)
            trials = []
            async with FaultyProxy(web.port) as proxy, asyncio.TaskGroup() as group:
                started_s = time.monotonic()
                for n, arm in enumerate(ARMS):
                    name = f"{tag}-{number}-{n}"
                    ports = (proxy.port, web.port, worker.port)
                    trial = Trial(arm, name, seed, folder, *ports, started_s)
                    trials.append(group.create_task(trial.run()))
                happened = await _break(schedule, started_s, proxy, web, server)
            for trial_task in trials:
                row = {**trial_task.result(), "source": "simulated", "pace_s": pace_s}
                rows.append({**row, "faults": str(schedule), "broken": happened})
    return pd.DataFrame(rows)


def _kinds(faults: Sequence[Kind] | None, is_our_server: bool) -> Sequence[Kind]:
    """The kinds of faults to draw from."""
    if is_our_server:
        return get_args(Kind) if faults is None else faults
    if faults is None:
        return [kind for kind in get_args(Kind) if kind != "nats-crash"]
    if "nats-crash" in faults:
        raise ValueError("NATS_URL names a server that is not ours: leave out 'nats-crash'")
    return faults


async def _break(
    schedule: Schedule, started_s: float, proxy: FaultyProxy, web: ServerProcess, server: NatsServer
) -> tuple[Fault, ...]:
    """Let each fault happen at its time. What is killed is up again before the next.

    Returns the faults as they happened: what is killed lasts until it is up again.
    """
    happened = []
    async with asyncio.TaskGroup() as group:
        for fault in schedule.faults:
            await asyncio.sleep(started_s + fault.at_s - time.monotonic())
            at_s = time.monotonic() - started_s
            for_s = fault.for_s
            match fault.kind:
                case "cut":
                    proxy.cut()
                case "half-open":
                    proxy.half_open()
                case "stall":
                    proxy.stall(fault.for_s)
                case "slow":
                    proxy.slow(fault.for_s)
                case "freeze":
                    group.create_task(web.freeze(fault.for_s))
                case "kill":
                    await web.kill()
                    await web.start()
                    for_s = time.monotonic() - started_s - at_s
                case "nats-crash":
                    await server.kill()
                    await server.restart()
                    for_s = time.monotonic() - started_s - at_s
            happened.append(replace(fault, at_s=round(at_s, 3), for_s=round(for_s, 3)))
    return tuple(happened)
