"""Workers: the program that the tests of sharing kill and freeze. One process imports, and forks a
worker for each that is wanted.

A worker notes each call to the model in a file that all of them share, when it begins and when it
has ended, so that what was really made can be counted without the log.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from toolkit.evals.experiments import Case, Experiment, evaluate
from toolkit.evals.experiments.sharing import LeaseLost
from toolkit.models import Answer, Request, ScriptedModel, Usage
from toolkit.models.prices import cost_usd, worst_case
from toolkit.sessions import NatsLog, Session

NAME = "claude-haiku-5-5"
USAGE = Usage(100, 10)
MAX_TOKENS = 2000
FENCED = 7
"""The exit code of a worker that lost its lease."""
DELAY_S = 0.03
"""Of each piece of an answer."""


def ask(text: str) -> Request:
    return Request(({"role": "user", "content": text},), max_tokens=MAX_TOKENS)


WORST_USD = cost_usd(NAME, worst_case(ask("question 000")))
CALL_USD = cost_usd(NAME, USAGE)


def cases(n: int) -> list[Case]:
    return [Case(f"c{number}", f"question {number}", str(number % 3 > 0)) for number in range(n)]


def right(trace, case: Case) -> bool:
    return case.expected == "True" and trace.text("assistant").startswith("This")


def agent_of(calls: Path):
    def note(word: str, text: str) -> None:
        with calls.open("ab", buffering=0) as file:
            file.write(f"{word} {os.getpid()} {text.removeprefix('question ')}\n".encode())

    def policy(request: Request) -> Answer:
        note("begin", request.messages[-1]["content"])
        return Answer("This is what I know of it.", usage=USAGE, delay_s=DELAY_S)

    model = ScriptedModel(policy)

    async def agent(case: Case) -> str:
        reply = await model.reply(ask(case.input))
        assert reply.stopped == "end", reply.why
        note("end", case.input)
        return reply.text

    return agent


async def work(
    session: Session, calls: Path, n: int, budget_usd: float, concurrency: int, lease_s: float = 10
) -> Experiment:
    return await evaluate(
        agent_of(calls),
        cases(n),
        [right],
        concurrency=concurrency,
        budget_usd=budget_usd,
        version="1",
        store=session,
        lease_s=lease_s,
    )


async def worker(folder: Path, url: str, replicas: int, **settings) -> None:
    log = await NatsLog.connect(url, replicas=replicas)
    experiment = await work(Session(log, "exp"), folder / "calls", **settings)
    experiment.save(folder / f"{os.getpid()}.jsonl")
    await log.close()


def run(settings: dict) -> int:
    folder = Path(settings.pop("folder"))
    try:
        asyncio.run(worker(folder, **settings))
    except LeaseLost as error:
        (folder / f"{os.getpid()}.txt").write_text(str(error))
        return FENCED
    return 0


def main(n_workers: int, settings: dict) -> None:
    """Print the pids of the workers; then, as each ends, its pid and its exit code."""
    pids = []
    for _ in range(n_workers):
        pid = os.fork()
        if pid == 0:
            os._exit(run(settings))
        pids.append(pid)
    print(*pids, flush=True)
    for _ in pids:
        pid, status = os.wait()
        print(pid, os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
