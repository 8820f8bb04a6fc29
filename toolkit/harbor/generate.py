"""Generate data/harbor: ``python -m toolkit.harbor.generate``. The same seed gives the same bytes.

Every trace is a real conversation over a durable session, with a scripted model and tools that act on a real
database. Which failure was planted where is written to a file of its own.
"""

import argparse
import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

from toolkit.harbor.agent import harbor_policy, serve
from toolkit.harbor.files import DATA, LABELS, TRACES, TRUTH
from toolkit.harbor.raters import Truth, rate_all
from toolkit.harbor.situations import FAILURE_MODES, Situation, Turn, situations
from toolkit.harbor.world import World
from toolkit.models import ScriptedModel
from toolkit.records import canonical, encode
from toolkit.sessions import MemoryLog, Session
from toolkit.traces import Trace, write_traces

N_TRACES = 300
SEED = 7
SHARE_GOOD = 0.6
CANDIDATES = 40
"""Phrasings that are looked at for each trace; the one whose words were used least is taken."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A trace to be made."""

    situation: Situation
    phrasing: int
    failure: str | None


def plan(n: int = N_TRACES, seed: int = SEED) -> list[Plan]:
    """Decide which situation goes which way: all situations well behaved in turn, all failure modes alike.

    Raises
    ------
    ValueError
        Where `n` is so large that two traces would have the same words.
    """
    rng = random.Random(seed)
    good = round(n * SHARE_GOOD)
    pairs: list[tuple[Situation, str | None]] = [(s, None) for s in _in_turn(list(situations().values()), good, rng)]
    for number, mode in enumerate(FAILURE_MODES):
        share = len(range(number, n - good, len(FAILURE_MODES)))
        fitting = [s for s in situations().values() if mode in s.modes]
        pairs += [(s, mode) for s in _in_turn(fitting, share, rng)]
    rng.shuffle(pairs)
    used: Counter[str] = Counter()
    return [_choose(situation, failure, used, rng) for situation, failure in pairs]


def _in_turn(items: list[Situation], n: int, rng: random.Random) -> list[Situation]:
    """`n` of the items, none a second time before all had their turn."""
    taken: list[Situation] = []
    while len(taken) < n:
        taken += rng.sample(items, min(len(items), n - len(taken)))
    return taken


def _choose(situation: Situation, failure: str | None, used: Counter[str], rng: random.Random) -> Plan:
    """Take the phrasing whose words are the freshest, and never the whole of an earlier trace."""
    options = []
    for phrasing in rng.sample(range(10_000), CANDIDATES):
        words = [text for turn in situation.script(phrasing, failure) for text in (turn.say, turn.reply)]
        if not used["\n".join(words)]:
            options.append((sum(used[text] for text in words), phrasing, words))
    if not options:
        raise ValueError(f"{situation.id} ({failure or 'ok'}) has no fresh phrasing left: ask for fewer traces")
    _, phrasing, words = min(options)
    used.update([*words, "\n".join(words)])
    return Plan(situation, phrasing, failure)


async def make_trace(planned: Plan, trace_id: str, rng: random.Random) -> Trace:
    """Hold the conversation on a session of its own, and fold it to a trace."""
    tick, pause = _clock(planned.situation.now.replace(tzinfo=UTC).timestamp(), rng)
    ids = (_digest(f"{trace_id}:{n}", 10) for n in range(1_000_000))
    session = Session(MemoryLog(), trace_id, clock=tick, new_id=lambda: next(ids))
    with World.open(now=planned.situation.now) as world:
        model = ScriptedModel(harbor_policy)
        phrasing, failure = planned.phrasing, planned.failure
        await serve(
            session, planned.situation, model, world, phrasing=phrasing, failure=failure, on_turn=pause, window_s=0
        )
    trace = await session.trace()
    return replace(trace, meta={**trace.meta, "agent": "harbor-support", "policy": "v1"})


def _clock(start: float, rng: random.Random) -> tuple[Callable[[], float], Callable[[Turn], None]]:
    """A clock that runs on a little at each look, and longer while the customer types."""
    now = start

    def tick() -> float:
        nonlocal now
        now += rng.uniform(0.02, 0.12)
        return round(now, 2)

    def pause(turn: Turn) -> None:
        nonlocal now
        now += rng.uniform(4, 25) + len(turn.say) / rng.uniform(3, 7)

    return tick, pause


def _digest(text: str, chars: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:chars]


async def generate(folder: str | Path, n: int = N_TRACES, seed: int = SEED) -> list[Trace]:
    """Write traces.jsonl, truth.jsonl and labels.jsonl into `folder`, and return the traces.

    Parameters
    ----------
    folder : str or Path
        Made if need be; files of these names are replaced.
    n : int
        How many traces.
    seed : int
        Decides everything that is left to chance.
    """
    folder, traces, truths = Path(folder), [], []
    for number, planned in enumerate(plan(n, seed)):
        trace_id = f"hb-{_digest(f'{seed}/{number}', 8)}"
        traces.append(await make_trace(planned, trace_id, random.Random(f"{seed}/{number}")))
        truths.append(Truth(trace_id, planned.failure, planned.situation.id))
    write_traces(folder / TRACES, traces)
    rows = [{"trace_id": t.trace_id, "failure": t.failure, "situation": t.situation} for t in truths]
    _write(folder / TRUTH, [canonical(row) for row in rows])
    _write(folder / LABELS, [encode(label) for label in rate_all(traces, truths, seed)])
    return traces


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toolkit.harbor.generate", description=__doc__)
    parser.add_argument("--to", default=DATA, type=Path, help=f"folder to write to (default {DATA})")
    parser.add_argument("--n", default=N_TRACES, type=int, help="number of traces")
    parser.add_argument("--seed", default=SEED, type=int)
    asked = parser.parse_args()
    traces = asyncio.run(generate(asked.to, asked.n, asked.seed))
    print(f"{len(traces)} simulated traces, with truth and labels, in {asked.to}")


if __name__ == "__main__":
    main()
