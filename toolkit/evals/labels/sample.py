"""Which traces to read first? A sample that says how it was drawn, before anybody labels it."""

import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, get_args

from toolkit import render
from toolkit.traces import Trace, traces_frame

if TYPE_CHECKING:
    import pandas as pd

How = Literal["random", "stratified", "uncertain", "disagreement"]


class Sample(list[Trace]):
    """A list of traces that remembers how it was drawn."""

    def __init__(self, traces: Iterable[Trace], note: str):
        super().__init__(traces)
        self.note = note

    def __repr__(self) -> str:
        return f"Sample of {len(self)}: {self.note}"

    def _repr_html_(self) -> str:
        return render.block(
            render.tag("p", repr(self)), render.tag("pre", "\n".join(map(repr, self)))
        )


def sample_traces(
    traces: Iterable[Trace],
    n: int = 20,
    how: How = "random",
    seed: int = 0,
    *,
    by: Callable[[Trace], Hashable] | None = None,
    scores: Mapping[str, float | None] | None = None,
    ratings: "pd.DataFrame | None" = None,
) -> Sample:
    """Choose `n` of `traces` to read; 10 to 20 are enough for a first look.

    The same traces, in whatever order, and the same `seed` give the same sample. Its order is drawn
    too, so that a place in it tells nothing about a judge. `how` is one of:

    - ``random``: each trace is as likely as any other, so a rate in the sample estimates the rate in the whole.
    - ``stratified``: each group that `by` makes (else: outcome, and if a tool failed) once, the rest in proportion.
    - ``uncertain``: `scores`, by trace id, closest to one half: a judge's probability of a pass, or share of passes.
    - ``disagreement``: raters differ most in `ratings`, verdicts by trace id (see `merge_labels`). A judge may be a
      column. This and the one before find the border: a rate among them is a rate of hard cases.

    Raises ValueError for another `how`, an `n` below 1, or one without what it needs.
    """
    if how not in get_args(How) or n < 1:
        raise ValueError(
            f"how is one of {', '.join(get_args(How))} and n at least 1, not {how!r} and {n!r}"
        )
    pool = sorted({trace.id: trace for trace in traces}.values(), key=lambda trace: trace.id)
    dice = random.Random(seed)
    dice.shuffle(pool)
    if how == "random":
        chosen, note = pool[:n], "each as likely as any other"
    elif how == "stratified":
        chosen, note = _stratified(pool, n, by or _outcomes(pool))
    else:
        ranked, note = (
            _closest_to_half(pool, scores) if how == "uncertain" else _most_disputed(pool, ratings)
        )
        chosen = ranked[:n]
    dice.shuffle(chosen)
    return Sample(chosen, f"{how}, seed {seed}, of {len(pool)} traces: {note}")


def _outcomes(pool: list[Trace]) -> Callable[[Trace], Hashable]:
    frame = traces_frame(pool)
    outcomes = frame["outcome"].astype(object).where(frame["outcome"].notna(), "no outcome")
    tools = (
        (frame["tool_errors"] > 0)
        .astype(object)
        .map({True: "a tool failed", False: "no tool failed"})
    )
    groups = dict(zip(frame["id"], outcomes + ", " + tools.fillna("tools unknown"), strict=True))
    return lambda trace: groups[trace.id]


def _stratified(
    pool: list[Trace], n: int, by: Callable[[Trace], Hashable]
) -> tuple[list[Trace], str]:
    """One of each group while there is room, then of whichever group is furthest behind its share."""
    groups: dict[Hashable, list[Trace]] = {}
    for trace in pool:
        groups.setdefault(by(trace), []).append(trace)
    ranked = sorted(groups, key=lambda group: (-len(groups[group]), str(group)))
    taken = dict.fromkeys(ranked, 0) | dict.fromkeys(ranked[:n], 1)
    for _ in range(min(n, len(pool)) - sum(taken.values())):
        taken[min(ranked, key=lambda group: taken[group] / len(groups[group]))] += 1
    told = "; ".join(f"{group}: {taken[group]} of {len(groups[group])}" for group in ranked)
    note = f"{len(groups)} groups ({told}); a small group counts more here than in the whole"
    return [trace for group in ranked for trace in groups[group][: taken[group]]], note


def _closest_to_half(
    pool: list[Trace], scores: Mapping[str, float | None] | None
) -> tuple[list[Trace], str]:
    if scores is None:
        raise ValueError('how="uncertain" needs scores: a number in 0 to 1 for each trace id')
    known = {
        t.id: float(score)
        for t in pool
        if (score := scores.get(t.id)) is not None and 0 <= score <= 1
    }
    ranked = sorted(
        (trace for trace in pool if trace.id in known), key=lambda trace: abs(known[trace.id] - 0.5)
    )
    return (
        ranked,
        f"scores closest to one half; {len(pool) - len(known)} have no score in 0 to 1 and were left out",
    )


def _most_disputed(pool: list[Trace], ratings: "pd.DataFrame | None") -> tuple[list[Trace], str]:
    """Ranked by the share of raters who are not with the most common verdict."""
    if ratings is None:
        raise ValueError(
            'how="disagreement" needs ratings: a row a trace id, a column a rater (see merge_labels)'
        )
    minority = {}
    for name, *votes in ratings.astype(object).where(ratings.notna(), None).itertuples():
        counts = Counter(vote for vote in votes if vote is not None)
        minority[name] = 1 - max(counts.values()) / counts.total() if counts else 0
    ranked = sorted(
        (t for t in pool if minority.get(t.id, 0) > 0), key=lambda trace: -minority[trace.id]
    )
    return (
        ranked,
        f"raters differ on {len(ranked)}; on the others they agree, or fewer than two spoke",
    )
