"""Plot of the arrival: events sent and received over time, and when a part was away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.views.plots.figure import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    VERMILION,
    new_axes,
    stamp,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Outage", "outages", "plot_delivery"]

FAULT_STYLES: tuple[tuple[str, str, Any], ...] = (
    (VERMILION, "v", "--"),
    (PURPLE, "s", "-."),
    (ORANGE, "D", ":"),
    (BLUE, "P", (0, (5, 1))),
)
"""Colour, marker and line of the first kind of fault, of the second, and so on."""
BACK = " back"
"""How the name of a recovery ends: it is no fault."""
QUIET_SHARE = 0.02
"""What comes before so small a share of all events is sent is cut off at the left."""
MARGIN_S = 0.5
ROOM_SHARE = 0.25
"""Room at the right for the words about a late outage, as a share of the width."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A part that was killed, from the kill to the moment when nothing was missing any more."""

    fault: str
    """As ``client killed``."""
    from_s: float
    first_event_s: float | None
    """When the first event was received after the part had been started again."""
    caught_up_s: float | None
    """When all that had been sent by then was received."""
    n_before: int
    """Events received before that."""
    n_caught_up: int
    """Events received from the first of them on until it had caught up."""


def outages(frame: "pd.DataFrame", faults: Sequence[tuple[float, str]]) -> list[Outage]:
    """Pair each fault with its recovery, and with what was received then.

    `frame` and `faults` are those of `plot_delivery`.
    """
    in_order = sorted(faults)
    away = []
    for from_s, fault in in_order:
        if fault.endswith(BACK):
            continue
        recovery = fault.split()[0] + BACK
        backs_s = [at_s for at_s, name in in_order if name == recovery and at_s >= from_s]
        back_s = backs_s[0] if backs_s else from_s
        away.append(_outage(frame, fault, from_s, back_s))
    return away


def _outage(frame: "pd.DataFrame", fault: str, from_s: float, back_s: float) -> Outage:
    is_before = frame["time_s"] <= back_s
    received_before = frame.loc[is_before, "received"]
    n_before = int(received_before.max()) if len(received_before) else 0
    received_more = frame[~is_before & (frame["received"] > n_before)]
    if received_more.empty:
        return Outage(fault, from_s, None, None, n_before, 0)
    first_event_s = float(received_more["time_s"].iloc[0])
    nothing_missing = received_more[received_more["received"] >= received_more["sent"]]
    if nothing_missing.empty:
        return Outage(fault, from_s, first_event_s, None, n_before, 0)
    caught_up = nothing_missing.iloc[0]
    n_caught_up = int(caught_up["received"]) - n_before
    caught_up_s = float(caught_up["time_s"])
    return Outage(fault, from_s, first_event_s, caught_up_s, n_before, n_caught_up)


def plot_delivery(
    frame: "pd.DataFrame",
    faults: Sequence[tuple[float, str]],
    ax: "Axes | None" = None,
    simulated: bool = False,
) -> "Axes":
    """Does it all arrive, whatever breaks? Events sent and received over time, and what was away.

    Parameters
    ----------
    frame : DataFrame
        ``time_s`` since the start, ``sent`` and ``received``: cumulative counts of events.
    faults : sequence of (float, str)
        When, in seconds, and what was broken. Each name has a colour, a marker and a line of its
        own. A name that ends in ``back`` is a recovery: it is no fault, and ends what was away.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    simulated : bool
        Whether the words that were sent are a script's.
    """
    ax = ax or new_axes(8.0, 4.2)
    away = outages(frame, faults)
    times_s, sent, received = frame["time_s"], frame["sent"], frame["received"]
    ax.step(times_s, sent, where="post", color=BLACK, lw=1.2, ls="--", label="sent")
    ax.step(times_s, received, where="post", color=GREEN, lw=2.2, label="received")
    n_sent = max(sent, default=0)
    n_received = max(received, default=0)
    top = max(1, n_sent, n_received)
    kinds = list(dict.fromkeys(outage.fault for outage in away))
    for row, kind in enumerate(kinds):
        same_kind = [outage for outage in away if outage.fault == kind]
        style = FAULT_STYLES[row % len(FAULT_STYLES)]
        height = (1.05 + 0.06 * row) * top
        _draw_faults(ax, same_kind, style, height)
    _draw_outages(ax, frame, away)
    ax.set_ylim(0, (1.08 + 0.06 * len(kinds)) * top)
    _cut_quiet_start(ax, frame, away)
    ax.set_ylabel("events so far")
    n_faults = _counted(len(away), "fault")
    title = f"{n_received:,} of {n_sent:,} events received, {n_faults}"
    ax.set_title(title, loc="left", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8.5)
    return stamp(ax, simulated)


def _counted(n: int, noun: str) -> str:
    """A number with its noun, in the plural where that is due."""
    ending = "" if n == 1 else "s"
    return f"{n:,} {noun}{ending}"


def _draw_faults(
    ax: "Axes",
    away: Sequence[Outage],
    style: tuple[str, str, Any],
    height: float,
) -> None:
    """A line up to a marker for each fault of one kind."""
    colour, marker, line = style
    times_s = [outage.from_s for outage in away]
    ax.vlines(times_s, 0, height, colors=colour, linestyles=line, lw=1.2)
    heights = [height] * len(away)
    label = f"{away[0].fault} (×{len(away)})"
    ax.plot(times_s, heights, marker, color=colour, ms=8, label=label)


def _draw_outages(ax: "Axes", frame: "pd.DataFrame", away: Sequence[Outage]) -> None:
    """A shade from each fault to the first event after it, and how fast what was missed came."""
    label = "away: fault to first event"
    for outage in away:
        end_s = outage.first_event_s
        if end_s is None:
            end_s = float(frame["time_s"].max()) if len(frame) else outage.from_s
        ax.axvspan(outage.from_s, end_s, color="#bbbbbb", alpha=0.4, lw=0, label=label)
        label = "_nolegend_"
        if outage.caught_up_s is not None:
            _name_catch_up(ax, outage, end_s)


def _name_catch_up(ax: "Axes", outage: Outage, end_s: float) -> None:
    """Say how fast it was, below the step that it made: there the curves leave room."""
    caught_up_s = outage.caught_up_s or end_s
    n_events = _counted(outage.n_caught_up, "event")
    words = f"caught up: {n_events} in {caught_up_s - end_s:.1f} s"
    foot = (end_s, outage.n_before)
    ax.annotate(words, foot, (4, -11), textcoords="offset points", fontsize=8)


def _cut_quiet_start(ax: "Axes", frame: "pd.DataFrame", away: Sequence[Outage]) -> None:
    """Begin where events begin to flow, and say what is not shown."""
    ax.set_xlabel("seconds since the start")
    if frame.empty:
        return
    is_flowing = frame["sent"] > QUIET_SHARE * frame["sent"].max()
    starts_s = [outage.from_s for outage in away]
    starts_s.append(float(frame.loc[is_flowing, "time_s"].iloc[0]))
    left_s = min(starts_s) - MARGIN_S
    end_s = float(frame["time_s"].max())
    width_s = end_s - left_s
    if away and away[-1].from_s > left_s + width_s / 2:
        ax.set_xlim(right=end_s + ROOM_SHARE * width_s)
    if left_s <= MARGIN_S:
        ax.set_xlim(left=0)
        return
    n_hidden = int(frame.loc[frame["time_s"] < left_s, "sent"].max())
    ax.set_xlim(left=left_s)
    hidden = f"the first {left_s:.1f} s, with {n_hidden} events, are not shown"
    ax.set_xlabel(f"seconds since the start ({hidden})")
