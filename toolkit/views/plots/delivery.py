"""The plot of one run of the transport comparison, token by token."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median_high
from typing import TYPE_CHECKING, Any

from toolkit.views.plots.figure import (
    BLUE,
    BROWN,
    DOT,
    GROUND,
    INK,
    LINE,
    RED,
    SOFT,
    in_our_look,
    is_narrow,
    new_axes,
    nothing_to_show,
    write_heading,
    write_label,
)
from toolkit.views.plots.loss import is_simulated, loss_sentence
from toolkit.views.plots.moments import name_moments
from toolkit.views.words import listed, quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LANE_HEIGHT = 40
NARROW_LANE_HEIGHT = 64
"""Of a lane with its name above it."""
AXIS_HEIGHT = 84
"""Of the faults' names above the lanes and the axis below them, in pixels."""
TICK = 0.3
"""Half the height of a tick; lanes are 1 apart."""
MISSED_FROM = 0.34
MISSED_TO = 0.46
"""A tick of what was never seen stands under the others, so that none hides it."""
LATE = 1.3
"""What comes so many times later than the median lane ends is counted at the edge, not drawn."""
AT_ONCE = 0.02
"""Ticks within such a share of the axis look like one."""
SILENCE = 0.2
"""What comes together after a gap of such a share of the axis is a catch-up."""
LEAST_CATCH_UP = 5
FAULT_NAMES = {
    "cut": "connections cut",
    "stall": "network stalls",
    "half-open": "half-open",
    "slow": "network slow",
    "kill": "server killed",
    "freeze": "server frozen",
    "nats-crash": "NATS killed",
}
FAULT_NOUNS = {"slow": "slowdown", "half-open": "half-open line", "nats-crash": "NATS kill"}
"""What a fault is called where it is counted, if not by its kind."""
NAMES_WIDTH = 190
"""About what the names of transports take left of their lanes, in pixels."""
LOST_WIDTH = 130
"""About what the counts at the end of the lanes take."""


@in_our_look
def plot_tokens(frame: "pd.DataFrame", seed: Any = None, ax: "Axes | None" = None) -> "Axes":
    """When did the reader see each token? A lane a transport, a tick a token, faults shaded.

    Parameters
    ----------
    frame : DataFrame
        What `compare_transports` returns.
    seed : int, optional
        Whose run is drawn; None takes the one in which most tokens were lost.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    """
    if seed is None and len(frame):
        seed = frame.groupby("seed", sort=False)["lost"].sum().idxmax()
    runs = frame[frame["seed"] == seed].drop_duplicates("arm")
    lane_height = NARROW_LANE_HEIGHT if is_narrow() else LANE_HEIGHT
    ax = ax or new_axes(AXIS_HEIGHT + lane_height * len(runs))
    title = tokens_sentence(runs)
    if runs.empty:
        return write_heading(nothing_to_show(ax), title)
    due_s = _due_times(runs)
    end_s = _end_of_axis(runs, due_s)
    for lane, run in enumerate(runs.itertuples()):
        _draw_lane(ax, lane, run, due_s[lane], end_s)
    faults = runs["broken"].iloc[0]
    ax.set_xlim(0, end_s)
    _draw_faults(ax, faults, end_s)
    _name_lanes(ax, list(runs["arm"]))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    write_label(ax, "seconds since the question")
    about = "a tick a token, when seen · red, below: due, never seen"
    subtitle = [f"seed {seed}, {_occasion(faults)} · {about}"]
    late = _about_what_is_late(runs, end_s)
    if late:
        subtitle.append(DOT.join(late))
    if any(fault.for_s for fault in faults):
        subtitle.append("grey: while a fault lasts; that of a killed server, until it is up again")
    return write_heading(ax, title, subtitle, is_simulated(frame))


def _about_what_is_late(runs: "pd.DataFrame", end_s: float) -> list[str]:
    """What came of a second call of the model, by its tick where one is drawn; and what came after
    the end of the axis.
    """
    lines = []
    anew_s = []
    for run in runs.itertuples():
        anew_s += _said_anew(run)
    seen_s = []
    for times_s in runs["token_times_s"]:
        seen_s += _seen(times_s)
    if anew_s:
        tick = " (brown, half a tick)" if min(anew_s) <= end_s else ""
        lines.append(f"anew{tick}: from a model called and paid again")
    if max(seen_s, default=0.0) > end_s:
        lines.append("by ... s: the last came then, after the axis ends")
    return lines


def tokens_sentence(runs: "pd.DataFrame") -> str:
    """Which transports brought all tokens through the faults of one run."""
    n_arms = len(runs)
    lossy = list(runs.loc[runs["lost"] > 0, "arm"])
    if n_arms and not lossy:
        return f"Every transport brings every token, {_occasion(runs['broken'].iloc[0])}"
    return loss_sentence(lossy, n_arms)


def _occasion(faults: Sequence[Any]) -> str:
    """As ``through 1 cut and 2 kills``."""
    if not faults:
        return "without a fault"
    nouns = Counter(FAULT_NOUNS.get(fault.kind, fault.kind) for fault in faults)
    return f"through {listed([quantity(n, noun) for noun, n in nouns.items()])}"


def _name_lanes(ax: "Axes", arms: list[str]) -> None:
    """The name of each transport left of its lane, or on a phone above it."""
    ax.set_yticks(range(len(arms)), arms)
    top = -0.5
    if is_narrow():
        ax.set_yticks([])
        top = -0.8
        for lane, arm in enumerate(arms):
            foot = (0, lane - TICK)
            ax.annotate(arm, foot, (0, 3), textcoords="offset points", bbox=GROUND)
    ax.set_ylim(len(arms) - 0.5, top)


def _due_times(runs: "pd.DataFrame") -> list[list[float]]:
    """For each transport, when each token would have been seen without a fault: at the pace of the
    answer, from the moment when its reader saw the first token.
    """
    pace_s = runs["pace_s"].iloc[0]
    times_s = list(runs["token_times_s"])
    earliest_s = min(_seen([times[0] for times in times_s]), default=0.0)
    due_s = []
    for times in times_s:
        start_s = earliest_s if times[0] is None else times[0]
        due_s.append([start_s + pace_s * number for number in range(len(times))])
    return due_s


def _seen(times_s: Sequence[float | None]) -> list[float]:
    """The times without those of tokens that were never seen."""
    return [at_s for at_s in times_s if at_s is not None]


def _end_of_axis(runs: "pd.DataFrame", due_s: Sequence[Sequence[float]]) -> float:
    """The last moment that is drawn, in seconds."""
    ends_s = []
    for times, due in zip(runs["token_times_s"], due_s, strict=True):
        ends_s.append(max([due[-1], *_seen(times)]))
    limit_s = LATE * median_high(ends_s)
    last_s = max(at_s for at_s in ends_s if at_s <= limit_s)
    return float(1.02 * last_s)


def _said_anew(run: Any) -> list[float]:
    """When the tokens came that are from a second call of the model: where it was called anew and
    nothing is lost, all after the longest silence.
    """
    if run.lost or not run.regenerated:
        return []
    seen = sorted(_seen(run.token_times_s))
    silences_s = [later_s - sooner_s for sooner_s, later_s in pairwise(seen)]
    n_before = 1 + silences_s.index(max(silences_s))
    return seen[n_before:]


def _draw_lane(ax: "Axes", lane: int, run: Any, due_s: Sequence[float], end_s: float) -> None:
    """The ticks of one transport, and at the end of its lane how many it lost."""
    seen = sorted(_seen(run.token_times_s))
    anew = _said_anew(run)
    first = seen[: len(seen) - len(anew)]
    ax.vlines(first, lane - TICK, lane + TICK, colors=BLUE, lw=1.6)
    ax.vlines(anew, lane - TICK, lane, colors=BROWN, lw=1.6)
    pairs = zip(run.token_times_s, due_s, strict=True)
    lost = [due for at_s, due in pairs if at_s is None]
    ax.vlines(lost, lane + MISSED_FROM, lane + MISSED_TO, colors=RED, lw=1.2)
    words = ",\n".join([f"{len(lost)} lost", *_catch_ups(first, end_s)])
    ink = RED if lost else INK
    n_late = sum(at_s > end_s for at_s in seen)
    if anew:
        words += f",\n{len(anew)} anew"
        ink = BROWN
    elif n_late:
        words += f",\n{n_late}"
    if n_late:
        words += f" by {seen[-1]:.1f} s"
    text = ax.text(1.015, lane, words, transform=ax.get_yaxis_transform(), va="center")
    text.set(color=ink, fontweight="bold")


def _catch_ups(times_s: Sequence[float], end_s: float) -> list[str]:
    """Of ticks that come together after a silence, how many they are: as ``14 at once``."""
    catch_ups = []
    for before_s, at_s in pairwise(times_s):
        if at_s - before_s < SILENCE * end_s:
            continue
        n_at_once = sum(at_s <= later_s <= at_s + AT_ONCE * end_s for later_s in times_s)
        if n_at_once >= LEAST_CATCH_UP:
            catch_ups.append(f"{n_at_once} at once")
    return catch_ups


def _draw_faults(ax: "Axes", faults: Sequence[Any], end_s: float) -> None:
    """A shade for what lasts, a line for what happens at once, and its name above the lanes."""
    moments = []
    for fault in faults:
        at_s = fault.at_s
        if fault.for_s:
            until_s = min(end_s, at_s + fault.for_s)
            ax.axvspan(at_s, until_s, color=LINE, lw=0, zorder=0)
        else:
            ax.axvline(at_s, color=SOFT, lw=1.2, ls="--", zorder=0)
        moments.append((at_s, FAULT_NAMES[fault.kind]))
    beside = LOST_WIDTH if is_narrow() else NAMES_WIDTH + LOST_WIDTH
    name_moments(ax, moments, beside)
