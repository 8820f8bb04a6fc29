"""Running an experiment of 10,000 cases and three plain scorers, beside pydantic-evals; ours writes
each trial to disk before it is made, and each result.

Each side runs in a process of its own, so that the peak of its memory is its own.
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.measure import Row, compare

N_CASES = 10_000
ROUNDS = 3
CONCURRENCY = 500
TIMES_FASTER = 5
TIMEOUT_S = 600
ROOT = Path(__file__).parents[2]


async def answer(question: str) -> str:
    return f"The answer to {question} is here."


async def ours(n: int) -> int:
    """The number of trials that are scored, by `evaluate` on a file."""
    from toolkit.evals import Case, evaluate
    from toolkit.sessions import MemoryLog, Session

    async def agent(case: Case) -> str:
        return await answer(case.input)

    def equal(trace: Any, case: Case) -> bool:
        return trace.text("assistant") == case.expected

    def polite(trace: Any) -> bool:
        return "please" in trace.text("assistant")

    def length(trace: Any) -> int:
        return len(trace.text("assistant"))

    cases = [Case(f"c{at}", f"q{at}", f"The answer to q{at} is here.") for at in range(n)]
    with TemporaryDirectory() as folder:
        session = Session(MemoryLog(Path(folder) / "log.jsonl"), "bench")
        scorers = [equal, polite, length]
        experiment = await evaluate(agent, cases, scorers, concurrency=CONCURRENCY, store=session)
    return sum(result.status == "scored" for result in experiment.results)


async def theirs(n: int) -> int:
    """The same by pydantic-evals, in memory, as many at once as it likes."""
    from pydantic_evals import Case, Dataset
    from pydantic_evals.evaluators import Evaluator

    class Equal(Evaluator):
        def evaluate(self, ctx: Any) -> bool:
            return bool(ctx.output == ctx.expected_output)

    class Polite(Evaluator):
        def evaluate(self, ctx: Any) -> bool:
            return "please" in ctx.output

    class Length(Evaluator):
        def evaluate(self, ctx: Any) -> int:
            return len(ctx.output)

    cases = []
    for at in range(n):
        expected = f"The answer to q{at} is here."
        cases.append(Case(name=f"c{at}", inputs=f"q{at}", expected_output=expected))
    dataset = Dataset(name="bench", cases=cases, evaluators=[Equal(), Polite(), Length()])
    report = await dataset.evaluate(answer, progress=False)
    return len(report.cases)


async def experiments(scale: float) -> list[Row]:
    """Cases a second, and the peak of memory, in rounds of ours and theirs in turn."""
    if find_spec("pydantic_evals") is None:
        missing = "no pydantic-evals: uv sync --group bench"
        return [Row("experiments", "not measured", 0.0, "", note=missing)]
    n = max(100, round(N_CASES * scale))
    measured: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
    for _ in range(ROUNDS):
        for side in measured:
            measured[side].append(await asyncio.to_thread(_in_a_process, side, n))
    note = f"raw: pydantic-evals, in memory; ours fsynced, {CONCURRENCY} at once"
    rows = []
    for what, unit, bounds in (
        ("cases_a_second", "1/s", {"at_least": TIMES_FASTER}),
        ("peak_mb", "MB", {"at_most": 1}),
    ):
        figures = {}
        for side, rounds in measured.items():
            figures[side] = [[figure[what]] for figure in rounds]
        words = f"{n:,} cases, three scorers: {what.replace('_', ' ')}"
        rows.append(
            compare(
                "experiments", words, figures["ours"], figures["theirs"], unit, note=note, **bounds
            )
        )
    return rows


def _in_a_process(side: str, n: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.experiments", side, str(n)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _measure(side: str, n: int) -> None:
    run = {"ours": ours, "theirs": theirs}[side]
    asyncio.run(run(10))  # imports are not counted
    began = time.perf_counter()
    n_scored = asyncio.run(run(n))
    seconds = time.perf_counter() - began
    assert n_scored == n
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cases_a_second": n / seconds, "peak_mb": peak_mb}))


if __name__ == "__main__":
    _measure(sys.argv[1], int(sys.argv[2]))
