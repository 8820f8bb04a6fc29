"""The program that the tests of resuming kill: an experiment on a file, or on a server.

The task notes each call in a file of its own before it answers: what is recorded was called, and a
second call of what was recorded is seen there.
"""

import asyncio
import os
import sys
from pathlib import Path

from toolkit.evals.experiments import Case, Experiment, evaluate
from toolkit.sessions import MemoryLog, NatsLog, Session
from toolkit.traces import Step, Trace

VERSION = "1"


def cases(n: int) -> list[Case]:
    return [Case(f"c{number}", f"question {number}", f"answer {number}") for number in range(n)]


def agent_of(calls: Path):
    async def agent(case: Case) -> Trace:
        with calls.open("ab", buffering=0) as file:
            file.write(f"{case.id}\n".encode())
        await asyncio.sleep(0)
        answer = case.expected if int(case.id[1:]) % 3 else "I do not know"
        step = Step("1", "message", "assistant", answer)
        return Trace(f"trace of {case.id}", (step,), source="simulated")

    return agent


def right(trace: Trace, case: Case) -> bool:
    return trace.text() == case.expected


async def length(trace: Trace) -> int:
    await asyncio.sleep(0)
    return len(trace.text())


async def run(session: Session, calls: Path, n: int, concurrency: int = 4) -> Experiment:
    return await evaluate(
        agent_of(calls),
        cases(n),
        [right, length],
        concurrency=concurrency,
        version=VERSION,
        store=session,
    )


async def forever(url: str, calls: Path) -> None:
    """An experiment on a server that ends only where somebody stops it."""

    async def agent(case: Case) -> str:
        with calls.open("ab", buffering=0) as file:
            file.write(f"{case.id}\n".encode())
        await asyncio.sleep(0.02)
        return "done"

    log = await NatsLog.connect(url)
    experiment = await evaluate(
        agent, cases(100_000), [], concurrency=2, version=VERSION, store=Session(log, "exp")
    )
    print(
        sum(row.status == "not run" for row in experiment.results), experiment.conditions["halted"]
    )
    await log.close()


def fork_on_demand() -> None:
    """Run an experiment in a fork for each line of arguments, and print the pid of the fork, then
    how it ended: what takes long, to import, is done once.
    """
    for line in sys.stdin:
        store, calls, n = line.split()
        pid = os.fork()
        if pid == 0:
            asyncio.run(run(Session(MemoryLog(store), "exp"), Path(calls), int(n)))
            os._exit(0)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "fork":
        fork_on_demand()
    else:
        asyncio.run(forever(sys.argv[2], Path(sys.argv[3])))
