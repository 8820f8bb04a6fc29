"""What a benchmark reports: a row for each figure, ours beside raw nats-py, with an interval for
their ratio.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from statistics import median

import numpy as np

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    bench: str
    what: str
    ours: float
    unit: str
    raw: float | None = None
    """The same, by raw nats-py, in the same run."""
    ratio: float | None = None
    """`ours` over `raw`."""
    interval: tuple[float, float] | None = None
    """95% of the bootstrapped ratios, rounds drawn with replacement."""
    target: str = ""
    met: bool | None = None
    rounds: int = 1
    note: str = ""


def compare(
    bench: str,
    what: str,
    ours: Sequence[Sequence[float]],
    raw: Sequence[Sequence[float]],
    unit: str,
    at_most: float | None = None,
    at_least: float | None = None,
    note: str = "",
) -> Row:
    """A row from rounds that were measured in turn: ``ours[k]`` beside ``raw[k]``, medians and
    their ratio.

    The interval is a percentile bootstrap over rounds, so that what the machine did in a round
    touches both sides.
    """
    middle, base = median(chain.from_iterable(ours)), median(chain.from_iterable(raw))
    pairs = np.array([[median(a), median(b)] for a, b in zip(ours, raw, strict=True)])
    picks = np.random.default_rng(0).integers(0, len(pairs), (RESAMPLES, len(pairs)))
    ratios = np.median(pairs[picks, 0], axis=1) / np.median(pairs[picks, 1], axis=1)
    low, high = (float(one) for one in np.percentile(ratios, [2.5, 97.5]))
    ratio = middle / base
    met = (
        None
        if at_most is at_least
        else ratio <= at_most
        if at_most is not None
        else ratio >= (at_least or 0)
    )
    target = (
        f"<= {at_most} x raw"
        if at_most is not None
        else f">= {at_least} x raw"
        if at_least is not None
        else ""
    )
    return Row(bench, what, middle, unit, base, ratio, (low, high), target, met, len(pairs), note)


def percentile(values: Sequence[float], of_100: float) -> float:
    """The `of_100`-th percentile, by linear interpolation."""
    return float(np.percentile(np.array(values), of_100))


def table(rows: Sequence[Row]) -> str:
    """The rows as text, in columns."""
    head = ("bench", "what", "ours", "raw", "unit", "ratio", "95%", "target", "", "n", "note")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(head))]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True))
        for line in cells
    )


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    interval = "" if row.interval is None else f"{row.interval[0]:.2f} to {row.interval[1]:.2f}"
    met = {None: "", True: "met", False: "MISSED"}[row.met]
    raw = "" if row.raw is None else _short(row.raw)
    return (
        *(row.bench, row.what, _short(row.ours), raw, row.unit, ratio, interval),
        *(row.target, met, str(row.rounds), row.note),
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def to_json(rows: Sequence[Row]) -> str:
    """The rows as a JSON list."""
    return json.dumps([asdict(row) for row in rows], indent=2)
