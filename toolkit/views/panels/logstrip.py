"""LogStrip: the log of a session as coloured ticks, and where each screen has come to."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from itertools import groupby

from toolkit import render
from toolkit.events import CONTROL_KINDS, Event
from toolkit.views.words import quantity

__all__ = ["LogStrip"]

SHOWN_EVENTS = 400
LEGEND = {
    "user": "messages",
    "assistant": "the agent's words",
    "tool": "tools",
    "signal": "stop, steer",
    "presence": "screens come and go",
    "life": "runs begin and end",
}
"""What the colour of each look means."""
LOOKS = {
    "message": "user",
    "text.delta": "assistant",
    "tool.call": "tool",
    "tool.result": "tool",
    "joined": "presence",
    "left": "presence",
}


class LogStrip:
    """The last events of a log."""

    def __init__(self) -> None:
        self._places: list[int] = []
        """The place in the log of each event, in order."""
        self._events: deque[tuple[int, str]] = deque(maxlen=SHOWN_EVENTS)
        """The place in the log, and the look, of each event that is shown."""

    def add(self, event: Event) -> None:
        """Show one more event."""
        look = LOOKS.get(event.kind, "life")
        if event.kind in CONTROL_KINDS:
            look = "signal"
        self._places.append(event.seq or 0)
        self._events.append((event.seq or 0, look))

    def seen(self, cursor: int) -> str:
        """How much of the log a screen has seen whose cursor is at `cursor`: other lanes count the
        cursor on, and are no events of the log.
        """
        n_seen = bisect_right(self._places, cursor)
        return f"has seen {n_seen:,} of {quantity(len(self._places), 'event')}"

    def html(self, cursors: Iterable[tuple[str, int]]) -> render.Html:
        """The strip, with the cursor of each screen, by its name, under the last event that it has
        seen.
        """
        events = list(self._events)
        title = f"The log, {quantity(len(self._places), 'event')}"
        if len(self._places) > len(events):
            title += f", the last {len(events)} shown"
        ticks = []
        for look, group in groupby(events, lambda event: event[1]):
            n = len(list(group))
            ticks.append(render.tag("span", class_=f"tick {look}", style=f"grid-column:span {n}"))
        places = [seq for seq, _ in events]
        marks = [_mark(name, bisect_right(places, seq), len(events)) for name, seq in cursors]
        columns = f"grid-template-columns:repeat({max(1, len(events))},minmax(0,1fr))"
        grid = render.tag("div", *ticks, *marks, class_="log", style=columns)
        return render.block(render.tag("strong", title), _legend(look for _, look in events), grid)


def _mark(name: str, place: int, n_events: int) -> render.Html:
    """The mark of a screen: its arrow stands under the event at `place`, counted from 1."""
    if place * 2 > n_events:
        words, columns, side = f"{name} ▲", f"1/{place + 1}", "end"
    else:
        words, columns, side = f"▲ {name}", f"{max(1, place)}/-1", "start"
    return render.tag(
        "span", words, class_="cursor", style=f"grid-column:{columns};justify-self:{side}"
    )


def _legend(looks: Iterable[str]) -> render.Html:
    shown = set(looks)
    names = []
    for look, meaning in LEGEND.items():
        if look in shown:
            names.append(render.tag("span", meaning, class_=f"key {look}"))
    return render.tag("div", *names, class_="legend soft")
