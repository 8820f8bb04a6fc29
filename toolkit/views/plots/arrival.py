"""Plot of the arrival: events sent and received over time, and when a part was away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.views.plots.figure import (
    GREEN,
    GROUND,
    INK,
    LEFT_WIDTH,
    LINE,
    SMALL_CHAR,
    in_our_look,
    is_narrow,
    new_axes,
    new_width,
    nothing_to_show,
    whole_numbers,
    write_heading,
    write_label,
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
NAMES_FROM = 1.05
"""Where the names of faults begin, as a share of the highest count: what is shaded ends below."""
NAME_HEIGHT = 0.08
"""Of a line of names, as a share of the highest count."""


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
    ax.set_ylabel("events so far")
    whole_numbers(ax.yaxis)
    _cut_quiet_start(ax, frame, away)
    _name_faults(ax, away, top)
    _draw_outages(ax, frame, away, top)
    ax.legend(loc="lower right")
    counts = f"{n_received:,} of {n_sent:,} events received, {quantity(len(away), 'fault')}"
    if away:
        counts += " · grey: from a fault to the first event after it"
    subtitle = [counts]
    if is_narrow():
        subtitle += [f"caught up: {words}" for words in _catch_ups(away).values()]
    else:
        _write_catch_ups(ax, away)
    return write_heading(ax, title, subtitle, simulated)


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


def _draw_outages(ax: "Axes", frame: "pd.DataFrame", away: Sequence[Outage], top: float) -> None:
    """A shade from each fault to the first event after it, as high as the curves."""
    _, height = ax.get_ylim()
    for outage in away:
        end_s = outage.first_event_s
        if end_s is None:
            end_s = float(frame["time_s"].max())
        ax.axvspan(outage.from_s, end_s, 0, top / height, color=LINE, lw=0, zorder=0)


def _catch_ups(away: Sequence[Outage]) -> dict[tuple[float, int], str]:
    """How much was caught up and how fast, by the foot of the step that it made in the curve; two
    that were over with one event are one.
    """
    words: dict[tuple[float, int], str] = {}
    for outage in away:
        if outage.first_event_s is None or outage.caught_up_s is None:
            continue
        n_events = quantity(outage.n_caught_up, "event")
        took_s = outage.caught_up_s - outage.first_event_s
        words.setdefault((outage.first_event_s, outage.n_before), f"{n_events} in {took_s:.1f} s")
    return words


def _write_catch_ups(ax: "Axes", away: Sequence[Outage]) -> None:
    """Say it below each step: there the curves leave room."""
    for foot, words in _catch_ups(away).items():
        lines = f"caught up:\n{words}"
        text = ax.annotate(lines, foot, (6, -6), textcoords="offset points", bbox=GROUND)
        text.set(color=INK, va="top")


def _name_faults(ax: "Axes", away: Sequence[Outage], top: float) -> None:
    """The name of each fault above what is shaded, in as many lines as keep them apart."""
    left_s, right_s = ax.get_xlim()
    seconds_per_pixel = (right_s - left_s) / (new_width() - LEFT_WIDTH)
    ends_s: list[float] = []
    for outage in away:
        line = next((n for n, end_s in enumerate(ends_s) if end_s <= outage.from_s), len(ends_s))
        if line == len(ends_s):
            ends_s.append(left_s)
        height = (NAMES_FROM + NAME_HEIGHT * line) * top
        ax.text(outage.from_s, height, outage.fault, color=INK, clip_on=False)
        ends_s[line] = outage.from_s + SMALL_CHAR * (len(outage.fault) + 1) * seconds_per_pixel
    ax.set_ylim(0, (NAMES_FROM + NAME_HEIGHT * len(ends_s)) * top)


def _cut_quiet_start(ax: "Axes", frame: "pd.DataFrame", away: Sequence[Outage]) -> None:
    """Begin where events begin to flow, and say what is not shown."""
    write_label(ax, "seconds since the start")
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
    write_label(ax, f"seconds since the start ({hidden})")
