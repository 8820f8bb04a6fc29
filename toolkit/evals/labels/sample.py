"""Which traces to read first? A sample that says how it was drawn, before anybody labels it."""

import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, get_args

from toolkit import render
from toolkit.traces import Trace, traces_frame
from toolkit.traces.trace import title

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
        rows = [(trace.id, len(trace.steps), trace.source, title(trace)) for trace in self]
        table = render.table(rows, ("trace", "steps", "source", "begins with"))
        return render.block(render.tag("p", repr(self)), table)


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
    """Choose traces to read; 10 to 20 are enough for a first look.

    The same traces, in whatever order, and the same seed give the same sample. Its order is drawn
    too, so that a place in it tells nothing about a judge.

    Parameters
    ----------
    traces
        The collection. Of two with one id the last counts.
    n
        How many to choose, at least 1; all where there are fewer.
    how
        ``random``: each trace is as likely as any other, so a rate in the sample estimates the rate
        in the collection.

        ``stratified``: each group that `by` makes once, the rest in proportion.

        ``uncertain``: the `scores` closest to one half.

        ``disagreement``: raters differ most in `ratings`. This and the one before find the border:
        a rate among them is a rate of hard cases.
    seed
        Of the draw.
    by
        A function that gives a trace's group; without it the group is the outcome, and whether a
        tool failed.
    scores
        By trace id, in 0 to 1: a judge's probability of a pass, or its share of passes.
    ratings
        A row a trace id, a column a rater, as `merge_labels` makes it. A judge may be a column.

    Raises
    ------
    ValueError
        For another `how`, an `n` below 1, or a `how` without what it needs.
    """
    if how not in get_args(How):
        raise ValueError(f"how is one of {', '.join(get_args(How))}, not {how!r}")
    if n < 1:
        raise ValueError(f"n is at least 1, not {n!r}")
    by_id = {trace.id: trace for trace in traces}
    pool = [by_id[trace_id] for trace_id in sorted(by_id)]
    rng = random.Random(seed)
    rng.shuffle(pool)
    if how == "random":
        chosen = pool[:n]
        note = "each as likely as any other"
    elif how == "stratified":
        chosen, note = _stratified(pool, n, by or _outcomes(pool))
    elif how == "uncertain":
        ranked, note = _closest_to_half(pool, scores)
        chosen = ranked[:n]
    else:
        ranked, note = _most_disputed(pool, ratings)
        chosen = ranked[:n]
    rng.shuffle(chosen)
    return Sample(chosen, f"{how}, seed {seed}, of {len(pool)} traces: {note}")


def _outcomes(pool: list[Trace]) -> Callable[[Trace], Hashable]:
    """A function that gives a trace's group: its outcome, and whether a tool failed."""
    frame = traces_frame(pool).set_index("id")
    outcomes = frame["outcome"].fillna("no outcome").to_dict()
    n_errors = frame["tool_errors"].fillna(-1).to_dict()

    def group(trace: Trace) -> str:
        tools = "tools unknown"
        if n_errors[trace.id] == 0:
            tools = "no tool failed"
        elif n_errors[trace.id] > 0:
            tools = "a tool failed"
        return f"{outcomes[trace.id]}, {tools}"

    return group


def _stratified(
    pool: list[Trace], n: int, by: Callable[[Trace], Hashable]
) -> tuple[list[Trace], str]:
    """One of each group while there is room, then of the group that is furthest behind."""
    groups: dict[Hashable, list[Trace]] = {}
    for trace in pool:
        groups.setdefault(by(trace), []).append(trace)
    largest_first = sorted(groups, key=lambda group: (-len(groups[group]), str(group)))
    n_taken = dict.fromkeys(largest_first, 0)
    for group in largest_first[:n]:
        n_taken[group] = 1

    def share_taken(group: Hashable) -> float:
        return n_taken[group] / len(groups[group])

    n_left = min(n, len(pool)) - sum(n_taken.values())
    for _ in range(n_left):
        furthest_behind = min(largest_first, key=share_taken)
        n_taken[furthest_behind] += 1
    chosen = []
    sizes = []
    for group in largest_first:
        members = groups[group]
        chosen += members[: n_taken[group]]
        sizes.append(f"{group}: {n_taken[group]} of {len(members)}")
    note = "a small group counts more here than in the collection"
    return chosen, f"{len(groups)} groups ({'; '.join(sizes)}); {note}"


def _closest_to_half(
    pool: list[Trace], scores: Mapping[str, float | None] | None
) -> tuple[list[Trace], str]:
    if scores is None:
        raise ValueError('how="uncertain" needs scores: a number in 0 to 1 for each trace id')
    distances = {}
    for trace in pool:
        score = scores.get(trace.id)
        if score is not None and 0 <= score <= 1:
            distances[trace.id] = abs(float(score) - 0.5)
    scored = [trace for trace in pool if trace.id in distances]
    ranked = sorted(scored, key=lambda trace: distances[trace.id])
    n_unscored = len(pool) - len(scored)
    left_out = f"{n_unscored} have no score in 0 to 1 and were left out"
    return ranked, f"scores closest to one half; {left_out}"


def _most_disputed(pool: list[Trace], ratings: "pd.DataFrame | None") -> tuple[list[Trace], str]:
    """Ranked by the share of raters who are not with the most common verdict."""
    if ratings is None:
        wanted = "a row a trace id, a column a rater (see merge_labels)"
        raise ValueError(f'how="disagreement" needs ratings: {wanted}')
    minority_shares = {}
    votes_by_trace = ratings.astype(object).where(ratings.notna(), None)
    for trace_id, *votes in votes_by_trace.itertuples():
        times = Counter(vote for vote in votes if vote is not None)
        if len(times) > 1:
            majority = max(times.values())
            minority_shares[trace_id] = 1 - majority / times.total()
    disputed = [trace for trace in pool if trace.id in minority_shares]
    ranked = sorted(disputed, key=lambda trace: -minority_shares[trace.id])
    note = f"raters differ on {len(ranked)}; on the others they agree, or fewer than two spoke"
    return ranked, note
