"""The plot of how far into a trace the first failing step comes, and who takes it."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from toolkit.evals.scorers.trajectory_transitions import who_acts
from toolkit.traces import Trace
from toolkit.views.plots.figure import (
    in_our_look,
    new_axes,
    nothing_to_show,
    write_heading,
    write_label,
)
from toolkit.views.plots.heat import CELL_HEIGHT, draw_cells, row_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = 10
MOST = 0.8
"""The title says where such a share of the traces fail."""
SHOWN = 7
"""Who fails most often; all others are one row."""
AXIS_HEIGHT = 60
"""Of the ticks and the label under the cells, in pixels."""
OTHERS = "all others"
Failure = tuple[str, Fraction]
"""Who takes the failing step, and how far it is: step 3 of 4 is at 3/4, exactly."""


@in_our_look
def plot_failing_steps(
    traces: Iterable[Trace], steps: Mapping[str, str | None], ax: "Axes | None" = None
) -> "Axes":
    """How early do traces fail, and at whose hands? A row for each agent, a column for each tenth
    of a trace.

    Parameters
    ----------
    traces
        Those that failed.
    steps
        The id of the first failing step by that of its trace, from people, rules or a judge. A
        trace without one is counted under the title, and in no cell.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    """
    listed = list(traces)
    failures = _failures(listed, steps)
    simulated = any(trace.source == "simulated" for trace in listed)
    title = failing_sentence([position for _, position in failures])
    about = [f"n = {len(failures):,}"]
    if len(listed) > len(failures):
        about = [f"{about[0]} · {len(listed) - len(failures):,} without a step that is known"]
    agents = Counter(agent for agent, _ in failures)
    rows = [agent for agent, _ in agents.most_common(SHOWN)]
    if len(agents) > SHOWN:
        rows.append(OTHERS)
    ax = ax or new_axes(CELL_HEIGHT * len(rows) + AXIS_HEIGHT)
    if not failures:
        return write_heading(nothing_to_show(ax), title, about, simulated)
    counts = np.zeros((len(rows), PARTS), dtype=int)
    for agent, position in failures:
        row = rows.index(agent) if agent in rows else len(rows) - 1
        counts[row, _part(position) - 1] += 1
    names = [row_name(agent) for agent in rows]
    draw_cells(ax, counts, names, [""] * PARTS)
    edges = range(PARTS + 1)
    ax.set_xticks([edge - 0.5 for edge in edges], [f"{100 * edge // PARTS}" for edge in edges])
    write_label(ax, "where it fails, in % of the trace")
    return write_heading(ax, title, about, simulated)


def failing_sentence(positions: Sequence[Fraction]) -> str:
    """Between which tenths most of the traces fail, and before which none does."""
    if not positions:
        return "Nothing to show: no trace has a step that is known to fail"
    if len(positions) == 1:
        percent = math.ceil(100 * positions[0])
        return f"The only failing trace goes wrong at {percent}% of its steps"
    parts = sorted(_part(position) for position in positions)
    first, last = _narrowest(parts, math.ceil(MOST * len(parts)))
    n_between = sum(first <= part <= last for part in parts)
    traces = f"{n_between:,} of {len(parts):,} failing traces"
    width = 100 // PARTS
    sentence = f"{traces} go wrong at {width * (first - 1)} to {width * last}% of their steps"
    earliest = parts[0]
    if 1 < earliest < first:
        sentence += f", none before {width * (earliest - 1)}%"
    return sentence


def _part(position: Fraction) -> int:
    """In which tenth of a trace a step is, from 1."""
    return math.ceil(position * PARTS)


def _narrowest(parts: Sequence[int], n: int) -> tuple[int, int]:
    """The first and the last of the fewest tenths that hold `n` of the sorted parts."""
    windows = zip(parts, parts[n - 1 :], strict=False)
    return min(windows, key=lambda window: window[1] - window[0])


def _failures(traces: list[Trace], steps: Mapping[str, str | None]) -> list[Failure]:
    failures = []
    for trace in traces:
        failing = steps.get(trace.id)
        for position, step in enumerate(trace.steps, 1):
            if step.id == failing:
                failures.append((who_acts(step), Fraction(position, len(trace.steps))))
                break
    return failures
