"""Counting what was sent, what arrived, and what was done to the parts in between."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from toolkit.events import Event
from toolkit.harbor import Truth
from toolkit.records import canonical
from toolkit.sessions import Ack, Durability, Lane, Log
from toolkit.sessions.log import LANES, place
from toolkit.tour.reader import Arrival
from toolkit.traces import Trace

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Witness:
    """A log that also keeps what it acknowledged: the generator's side of the count."""

    log: Log
    sent: list[Arrival] = field(default_factory=list)

    @property
    def durability(self) -> Durability:
        """That of the log."""
        return self.log.durability

    async def append(self, event: Event, fence: int | None = None) -> Ack:
        """Append, and remember."""
        return self._remember([await self.log.append(event, fence)])[0]

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Append together, and remember."""
        return self._remember(await self.log.append_all(events, fence))

    def _remember(self, acks: list[Ack]) -> list[Ack]:
        """What stands beside the log repeats it, and is not counted."""
        told = (ack.event for ack in acks if place(ack.event) in LANES["log"])
        self.sent.extend(Arrival(time.time(), event) for event in told)
        return acks

    async def latest(self, session: str, lane: Lane) -> list[Event]:
        """The last of each run."""
        return await self.log.latest(session, lane)

    def read(
        self, session: str, after: int = 0, follow: bool = True, lane: Lane = "log", run: str | None = None
    ) -> AsyncIterator[Event]:
        """Read from the log."""
        return self.log.read(session, after, follow, lane, run)

    async def close(self) -> None:
        """Close the log."""
        await self.log.close()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was sent, what arrived, and what was done to the parts in between. All of it is counted."""

    sent: tuple[Arrival, ...]
    """Acknowledged events, at the time of the acknowledgement."""
    received: tuple[Arrival, ...]
    """Events in the reading client's file, in the order in which they came."""
    faults: tuple[tuple[float, str], ...]
    """(seconds since the start, what was done)."""
    traces: tuple[Trace, ...]
    """The sessions, folded from the log."""
    durability: Durability
    """What each acknowledgement stated."""
    seconds: float
    """From the first word to the last arrival."""
    complete: int
    """Conversations in which every run was complete."""
    truth: tuple[Truth, ...]
    """What is planted in each conversation; it says nothing about a live agent."""

    def counts(self) -> dict[str, int | bool | str | float]:
        """The figures of the tour; see `compare` for what each counts."""
        kills = Counter(what.split()[0] for _, what in self.faults if what.endswith("killed"))
        return {
            **compare([one.event for one in self.sent], [one.event for one in self.received]),
            "server_kills": kills["server"],
            "client_kills": kills["client"],
            "client_cuts": sum(what == "client cut" for _, what in self.faults),
            "conversations": len(self.traces),
            "complete": self.complete,
            "durability": self.durability,
            "seconds": round(self.seconds, 2),
        }

    def frame(self) -> "pd.DataFrame":
        """Cumulative counts over time: ``time_s, sent, received``."""
        import pandas as pd

        start = min(one.time for one in self.sent)
        moments = [(one.time - start, 1, 0) for one in self.sent] + [(one.time - start, 0, 1) for one in self.received]
        frame = pd.DataFrame(sorted(moments), columns=["time_s", "sent", "received"])
        frame[["sent", "received"]] = frame[["sent", "received"]].cumsum()
        return frame


def compare(sent: list[Event], received: list[Event]) -> dict[str, int | bool]:
    """Hold what arrived against what was acknowledged.

    Returns
    -------
    dict
        ``lost``: sent ids that never arrived. ``duplicated``: arrivals of an id beyond its first. ``reordered``:
        first arrivals whose predecessor in the same session was sent after them. ``sha256_match``: the hashes of
        every session's events, in order, are equal on both sides.

    >>> one, two = (Event("s", "message", "user", {"text": t}, t) for t in "ab")
    >>> compare([one, two], [two, one, one])
    {'sent': 2, 'received': 3, 'lost': 0, 'duplicated': 1, 'reordered': 1, 'sha256_match': False}
    """
    place = {event.id: position for position, event in enumerate(sent)}
    first = list({event.id: event for event in received}.values())
    latest: dict[str, int] = {}
    reordered = 0
    for event in first:
        position = place.get(event.id, -1)
        reordered += position < latest.get(event.session, -1)
        latest[event.session] = max(position, latest.get(event.session, -1))
    return {
        "sent": len(sent),
        "received": len(received),
        "lost": len(place.keys() - {event.id for event in received}),
        "duplicated": len(received) - len(first),
        "reordered": reordered,
        "sha256_match": _digest(sent) == _digest(received),
    }


def _digest(events: list[Event]) -> str:
    """A hash over each session's events in their order; sessions may interleave in any way."""
    sessions: dict[str, list[object]] = {}
    for event in events:
        sessions.setdefault(event.session, []).append([event.id, event.kind, event.actor, event.run, event.data])
    return sha256(canonical(sessions).encode()).hexdigest()
