"""Plot of the arrival: events sent and received over time, and when a part was away."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from toolkit.views.plots.figure import (
    GREEN,
    INK,
    LEFT_WIDTH,
    LINE,
    SOFT,
    in_our_look,
    legend_below,
    new_axes,
    nothing_to_show,
    whole_numbers,
    write_heading,
    write_label,
)
from toolkit.views.plots.moments import name_moments
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
ROOM_ABOVE = 1.05
"""The end of the y axis, as a share of the highest count."""
NO_FAULT = (float("inf"), "")
"""What comes after the last fault."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A part that was away, from the fault until nothing was missing or the next fault came."""

    fault: str
    """As ``client killed``."""
    from_s: float
    first_event_s: float | None = None
    """When the first event was received after the part had been started again."""
    caught_up_s: float | None = None
    """When all that had been sent by then was received; None where the next fault came before."""
    n_read: int = 0
    """Events received from the first of them on until it had caught up, or the next fault came."""
    n_missing: int = 0
    """Events sent until then, and not received before the first of them."""
    next_fault: str = ""
    """The fault that came next; blank for the last."""


def outages(frame: "pd.DataFrame", faults: Sequence[tuple[float, str]]) -> list[Outage]:
    """Pair each fault with its recovery, and with what was received then.

    `frame` and `faults` are those of `plot_delivery`.
    """
    in_order = sorted(faults)
    broken = [fault for fault in in_order if not fault[1].endswith(BACK)]
    away = []
    for fault, next_fault in pairwise([*broken, NO_FAULT]):
        away.append(_outage(frame, fault, _back_s(fault, in_order), next_fault))
    return away


def _back_s(fault: tuple[float, str], in_order: Sequence[tuple[float, str]]) -> float:
    """When the part that broke was started again; where nobody says, at once."""
    from_s, name = fault
    recovery = name.split()[0] + BACK
    for at_s, what in in_order:
        if what == recovery and at_s >= from_s:
            return at_s
    return from_s


def _outage(
    frame: "pd.DataFrame", fault: tuple[float, str], back_s: float, next_fault: tuple[float, str]
) -> Outage:
    from_s, name = fault
    next_s, next_name = next_fault
    away = Outage(name, from_s, next_fault=next_name)
    is_before = frame["time_s"] <= back_s
    n_before = _highest(frame, "received", is_before)
    read = frame[~is_before & (frame["received"] > n_before)]
    if read.empty:
        return away
    away = replace(away, first_event_s=float(read["time_s"].iloc[0]))
    until_next = read[read["time_s"] < next_s]
    if until_next.empty:
        return away
    end = until_next.iloc[-1]
    nothing_missing = until_next[until_next["received"] >= until_next["sent"]]
    if not nothing_missing.empty:
        end = nothing_missing.iloc[0]
        away = replace(away, caught_up_s=float(end["time_s"]))
    n_read = int(end["received"]) - n_before
    n_missing = int(end["sent"]) - n_before
    return replace(away, n_read=n_read, n_missing=n_missing)


def _highest(frame: "pd.DataFrame", column: str, rows: "pd.Series") -> int:
    """The highest count in those rows; 0 where there is none."""
    return int(frame.loc[rows, column].max()) if rows.any() else 0


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
    ax.set_ylabel("events so far")
    ax.set_ylim(0, ROOM_ABOVE * max(n_sent, n_received))
    whole_numbers(ax.xaxis)
    whole_numbers(ax.yaxis)
    _cut_quiet_start(ax, frame, away)
    _draw_outages(ax, frame, away)
    name_moments(ax, [(outage.from_s, outage.fault) for outage in away], LEFT_WIDTH)
    legend_below(ax)
    return write_heading(ax, title, _about(n_sent, n_received, away), simulated)


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


def _about(n_sent: int, n_received: int, away: Sequence[Outage]) -> list[str]:
    """The lines under the title: the counts, and what was read after each fault."""
    counts = f"{n_received:,} of {n_sent:,} events received, {quantity(len(away), 'fault')}"
    if not away:
        return [counts]
    lines = [f"{counts} · grey: from a fault to the first event after it"]
    for outage in away:
        sentence = catch_up_sentence(outage)
        if sentence:
            lines.append(sentence)
    return lines


def _draw_outages(ax: "Axes", frame: "pd.DataFrame", away: Sequence[Outage]) -> None:
    """A shade from each fault to the first event after it."""
    for outage in away:
        end_s = outage.first_event_s
        if end_s is None:
            end_s = float(frame["time_s"].max())
        ax.axvspan(outage.from_s, end_s, color=LINE, lw=0, zorder=0)
        ax.axvline(outage.from_s, color=SOFT, lw=1.2, ls=":", zorder=1)


def catch_up_sentence(outage: Outage) -> str:
    """What was read after the part was back; blank where nothing was.

    >>> catch_up_sentence(Outage("client killed", 4.2, 6.0, 7.5, 20, 20))
    '4.2 s, client killed: caught up with 20 events in 1.5 s'
    >>> catch_up_sentence(Outage("client killed", 4.2, 6.0, None, 347, 627, "server killed"))
    '4.2 s, client killed: read 347 of 627 missing events, then server killed'
    >>> catch_up_sentence(Outage("client killed", 4.2, 6.0, next_fault="server killed"))
    '4.2 s, client killed: nothing read before server killed'
    """
    when = f"{outage.from_s:.1f} s, {outage.fault}"
    if outage.first_event_s is None:
        return ""
    if outage.caught_up_s is not None:
        took_s = outage.caught_up_s - outage.first_event_s
        return f"{when}: caught up with {quantity(outage.n_read, 'event')} in {took_s:.1f} s"
    if not outage.n_read:
        return f"{when}: nothing read before {outage.next_fault}"
    part = f"{outage.n_read:,} of {quantity(outage.n_missing, 'missing event')}"
    then = f", then {outage.next_fault}" if outage.next_fault else ""
    return f"{when}: read {part}{then}"


def _cut_quiet_start(ax: "Axes", frame: "pd.DataFrame", away: Sequence[Outage]) -> None:
    """Begin where events begin to flow, and say what is not shown."""
    times_s = frame["time_s"]
    sent = frame["sent"]
    is_flowing = sent > QUIET_SHARE * sent.max()
    start_s = float(times_s[is_flowing].iloc[0])
    for outage in away:
        start_s = min(start_s, outage.from_s)
    left_s = max(0.0, start_s - MARGIN_S)
    right_s = float(times_s.max()) + MARGIN_S
    ax.set_xlim(left_s, right_s)
    label = "seconds since the start"
    if left_s:
        n_hidden = _highest(frame, "sent", times_s < left_s)
        label += f" (the first {left_s:.1f} s, with {n_hidden} events, are not shown)"
    write_label(ax, label)
