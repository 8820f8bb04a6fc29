"""Plot of the arrival: events sent and received over time, and when a part was away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.views.plots.figure import (
    GREEN,
    INK,
    LINE,
    SMALL_CHAR,
    WIDTH,
    in_our_look,
    new_axes,
    nothing_to_show,
    whole_numbers,
    write_heading,
)
from toolkit.views.words import quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Outage", "outages", "plot_delivery"]

BACK = " back"
"""How the name of a recovery ends: it is no fault."""
QUIET_SHARE = 0.02
"""What comes before so small a share of all events is sent is cut off at the left."""
MARGIN_S = 0.5
ROOM_SHARE = 0.2
"""Room at the right for the words about a late outage, as a share of the width."""
NAME_HEIGHTS = (1.1, 1.03)
"""Where the names of faults stand, as a share of the highest count; near ones in turn."""


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


@in_our_look
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
        When, in seconds, and what was broken. A name that ends in ``back`` is a recovery: it is no
        fault, and ends what was away.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    simulated : bool
        Whether the words that were sent are a script's.
    """
    ax = ax or new_axes(320)
    away = outages(frame, faults)
    n_sent = int(max(frame["sent"], default=0))
    n_received = int(max(frame["received"], default=0))
    title = delivery_sentence(n_sent, n_received, away)
    if not n_sent:
        return write_heading(nothing_to_show(ax), title, (), simulated)
    times_s = frame["time_s"]
    ax.step(times_s, frame["received"], where="post", color=GREEN, lw=2.4, label="received")
    ax.step(times_s, frame["sent"], where="post", color=INK, lw=1.2, ls="--", label="sent")
    top = max(n_sent, n_received)
    ax.set_ylim(0, 1.18 * top)
    ax.set_ylabel("events so far")
    whole_numbers(ax.yaxis)
    _cut_quiet_start(ax, frame, away)
    _draw_outages(ax, frame, away)
    _name_faults(ax, away, top)
    ax.legend(loc="lower right")
    counts = f"{n_received:,} of {n_sent:,} events received, {quantity(len(away), 'fault')}"
    shade = " · grey: from a fault to the first event after it" if away else ""
    return write_heading(ax, title, [counts + shade], simulated)


def delivery_sentence(n_sent: int, n_received: int, away: Sequence[Outage]) -> str:
    """What became of the events.

    >>> delivery_sentence(1023, 1023, [])
    'All 1,023 events arrived'
    >>> delivery_sentence(20, 17, [])
    '3 of 20 events never arrived'
    """
    if not n_sent:
        return "Nothing to show: nothing was sent"
    is_kill = all(outage.fault.endswith("killed") for outage in away)
    noun = "kill" if is_kill else "fault"
    through = f", through {quantity(len(away), noun)}" if away else ""
    if n_received < n_sent:
        return f"{n_sent - n_received:,} of {quantity(n_sent, 'event')} never arrived{through}"
    if n_received > n_sent:
        return f"{n_sent:,} events were sent, {n_received:,} received: some came twice{through}"
    arrived = "The only event" if n_sent == 1 else f"All {n_sent:,} events"
    return f"{arrived} arrived{through}"


def _draw_outages(ax: "Axes", frame: "pd.DataFrame", away: Sequence[Outage]) -> None:
    """A shade from each fault to the first event after it, and how fast what was missed came."""
    named_s: set[float] = set()
    for outage in away:
        end_s = outage.first_event_s
        if end_s is None:
            end_s = float(frame["time_s"].max())
        ax.axvspan(outage.from_s, end_s, color=LINE, lw=0, zorder=0)
        if outage.caught_up_s is not None and end_s not in named_s:
            _name_catch_up(ax, outage, end_s)
            named_s.add(end_s)


def _name_catch_up(ax: "Axes", outage: Outage, end_s: float) -> None:
    """Say how fast it was, below the step that it made: there the curves leave room."""
    caught_up_s = outage.caught_up_s or end_s
    n_events = quantity(outage.n_caught_up, "event")
    words = f"caught up: {n_events}\nin {caught_up_s - end_s:.1f} s"
    foot = (end_s, outage.n_before)
    ax.annotate(words, foot, (5, -5), textcoords="offset points", color=INK, va="top")


def _name_faults(ax: "Axes", away: Sequence[Outage], top: float) -> None:
    """The name of each fault above the curves; two that are near each other at two heights."""
    left_s, right_s = ax.get_xlim()
    seconds_per_pixel = (right_s - left_s) / WIDTH
    ends_s = [left_s, left_s]
    for outage in away:
        row = 0 if ends_s[0] <= outage.from_s or ends_s[0] <= ends_s[1] else 1
        height = NAME_HEIGHTS[row] * top
        ax.text(outage.from_s, height, outage.fault, color=INK, clip_on=False)
        ends_s[row] = outage.from_s + SMALL_CHAR * len(outage.fault) * seconds_per_pixel


def _cut_quiet_start(ax: "Axes", frame: "pd.DataFrame", away: Sequence[Outage]) -> None:
    """Begin where events begin to flow, and say what is not shown."""
    ax.set_xlabel("seconds since the start", loc="left")
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
    ax.set_xlabel(f"seconds since the start ({hidden})", loc="left")
