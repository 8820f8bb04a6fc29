"""Generate this folder: ``python data/harbor/generate.py``. The same seed gives the same bytes.

Every trace is a real conversation over a durable session, with a scripted model and tools that act
on a real database. Which failure was planted where is written to a file of its own.
"""

import asyncio
import random
from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC
from hashlib import sha256
from itertools import count
from pathlib import Path

import typer

from toolkit.harbor.agent import Talk, harbor_policy
from toolkit.harbor.files import LABELS, TRACES, TRUTH
from toolkit.harbor.raters import rate_all
from toolkit.harbor.situations import FAILURE_MODES, Situation, Turn, situations
from toolkit.models import ScriptedModel
from toolkit.records import canonical, encode, write_whole
from toolkit.sessions import MemoryLog, Session
from toolkit.traces import Trace, write_traces

HERE = Path(__file__).parent
N_TRACES = 300
SEED = 7
SHARE_GOOD = 0.6
CANDIDATES = 40
"""Phrasings that are looked at for each trace; the one whose words were used least is taken."""


def plan(n: int = N_TRACES, seed: int = SEED) -> list[Talk]:
    """Decide which situation goes which way: all situations well behaved in turn, all failure modes
    alike.

    Raises ValueError where `n` is so large that two traces would have the same words.
    """
    rng = random.Random(seed)
    everyone = list(situations().values())
    n_good = round(n * SHARE_GOOD)
    pairs: list[tuple[Situation, str | None]] = []
    for situation in _in_turn(everyone, n_good, rng):
        pairs.append((situation, None))
    for number, mode in enumerate(FAILURE_MODES):
        share = len(range(number, n - n_good, len(FAILURE_MODES)))
        fitting = [situation for situation in everyone if mode in situation.modes]
        for situation in _in_turn(fitting, share, rng):
            pairs.append((situation, mode))
    rng.shuffle(pairs)
    used: Counter[str] = Counter()
    talks = []
    for number, (situation, failure) in enumerate(pairs):
        session = f"hb-{_digest(f'{seed}/{number}', 8)}"
        phrasing = _fresh(situation, failure, used, rng)
        talks.append(Talk(session, situation, phrasing, failure))
    return talks


def _in_turn(items: list[Situation], n: int, rng: random.Random) -> list[Situation]:
    """`n` of the items, none a second time before all had their turn."""
    taken: list[Situation] = []
    while len(taken) < n:
        taken += rng.sample(items, min(len(items), n - len(taken)))
    return taken


def _fresh(
    situation: Situation, failure: str | None, used: Counter[str], rng: random.Random
) -> int:
    """The phrasing whose words are the freshest, and never all those of an earlier trace."""
    options = []
    for phrasing in rng.sample(range(10_000), CANDIDATES):
        words = []
        for turn in situation.script(phrasing, failure):
            words += [turn.say, turn.reply]
        if not used["\n".join(words)]:
            times_used = sum(used[text] for text in words)
            options.append((times_used, phrasing, words))
    if not options:
        raise ValueError(
            f"{situation.id} ({failure or 'ok'}) has no fresh phrasing left: ask for fewer traces"
        )
    _, phrasing, words = min(options)
    used.update([*words, "\n".join(words)])
    return phrasing


async def make_trace(talk: Talk, rng: random.Random) -> Trace:
    """Hold the conversation by a clock that runs on a little at each look, longer while the
    customer types.
    """
    now = talk.situation.now.replace(tzinfo=UTC).timestamp()

    def tick() -> float:
        nonlocal now
        now += rng.uniform(0.02, 0.12)
        return round(now, 2)

    def wait(turn: Turn) -> None:
        nonlocal now
        now += rng.uniform(4, 25) + len(turn.say) / rng.uniform(3, 7)

    ids = (_digest(f"{talk.session}:{n}", 10) for n in count())
    session = Session(MemoryLog(), talk.session, clock=tick, new_id=lambda: next(ids))
    await talk.hold(session, ScriptedModel(harbor_policy), on_turn=wait, window_s=0)
    trace = await session.trace()
    return replace(trace, meta={**trace.meta, "agent": "harbor-support", "policy": "v1"})


def _digest(text: str, chars: int) -> str:
    return sha256(text.encode()).hexdigest()[:chars]


async def generate(folder: str | Path, n: int = N_TRACES, seed: int = SEED) -> list[Trace]:
    """Write `n` traces, their truth and their labels into `folder`; files of these names are
    replaced.
    """
    folder = Path(folder)
    talks = plan(n, seed)
    truths = [talk.truth for talk in talks]
    traces = []
    for number, talk in enumerate(talks):
        traces.append(await make_trace(talk, random.Random(f"{seed}/{number}")))
    labels = rate_all(traces, truths, seed)
    write_traces(folder / TRACES, traces)
    write_whole(folder / TRUTH, "".join(canonical(asdict(truth)) + "\n" for truth in truths))
    write_whole(folder / LABELS, "".join(encode(label) + "\n" for label in labels))
    return traces


def main(to: Path = HERE, n: int = N_TRACES, seed: int = SEED) -> None:
    """Write simulated traces, with truth and labels. The same seed gives the same bytes."""
    traces = asyncio.run(generate(to, n, seed))
    print(f"{len(traces)} simulated traces, with truth and labels, in {to}")


if __name__ == "__main__":
    typer.run(main)
