"""Counting what was sent, what arrived, and what was done to the parts in between."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from toolkit.events import Event
from toolkit.harbor import Truth
from toolkit.records import canonical
from toolkit.sessions import Ack, Durability, Log
from toolkit.sessions.log import is_on
from toolkit.tour.reader import Arrival
from toolkit.traces import Trace

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Witness:
    """A log that also keeps what it acknowledged: the generator's side of the count."""

    log: Log
    sent: list[Arrival] = field(default_factory=list)

    async def append(self, event: Event, fence: int | None = None) -> Ack:
        """Append, and remember."""
        return self._remember([await self.log.append(event, fence)])[0]

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Append together, and remember."""
        return self._remember(await self.log.append_all(events, fence))

    def _remember(self, acks: list[Ack]) -> list[Ack]:
        """What stands beside the log repeats it, and is not counted."""
        told = (ack.event for ack in acks if is_on(ack.event, "log"))
        self.sent.extend(Arrival(time.time(), event) for event in told)
        return acks

    def __getattr__(self, name: str) -> Any:
        """Everything else is the log's own."""
        return getattr(self.log, name)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was sent, what arrived, and what was done to the parts in between. All of it is counted."""

    sent: tuple[Arrival, ...]
    """Acknowledged events, at the time of the acknowledgement."""
    received: tuple[Arrival, ...]
    """Events in the reading client's file, in the order in which they came."""
    faults: tuple[tuple[float, str], ...]
    """(seconds since the first acknowledgement, what was done)."""
    traces: tuple[Trace, ...]
    """The sessions, folded from the log."""
    durability: Durability
    """What each acknowledgement stated."""
    complete: int
    """Conversations in which every run was complete."""
    truth: tuple[Truth, ...]
    """What is planted in each conversation; it says nothing about a live agent."""

    def counts(self) -> dict[str, int | bool | str | float]:
        """The figures of the tour; see `compare` for what each counts."""
        done = Counter(what for _, what in self.faults)
        return {
            **compare([one.event for one in self.sent], [one.event for one in self.received]),
            "server_kills": done["server killed"],
            "client_kills": done["client killed"],
            "client_cuts": done["client cut"],
            "conversations": len(self.traces),
            "complete": self.complete,
            "durability": self.durability,
            "seconds": round(float(self.frame()["time_s"].max()), 2),
        }

    def frame(self) -> "pd.DataFrame":
        """Cumulative counts over time, from the first acknowledgement: ``time_s, sent, received``."""
        import pandas as pd

        moments = [(one.time, 1, 0) for one in self.sent] + [
            (one.time, 0, 1) for one in self.received
        ]
        frame = pd.DataFrame(sorted(moments), columns=["time_s", "sent", "received"])
        frame["time_s"] -= min(one.time for one in self.sent)
        return frame.assign(sent=frame["sent"].cumsum(), received=frame["received"].cumsum())


def compare(sent: list[Event], received: list[Event]) -> dict[str, int | bool]:
    """Hold what arrived against what was acknowledged.

    ``lost`` are sent ids that never arrived; ``duplicated`` arrivals of an id beyond its first; ``reordered`` first
    arrivals whose predecessor in the same session was sent after them. ``sha256_match`` says
    whether the hashes of every session's events, in order, are equal on both sides.

    >>> one, two = (Event("s", "message", "user", {"text": t}, t) for t in "ab")
    >>> compare([one, two], [two, one, one])
    {'sent': 2, 'received': 3, 'lost': 0, 'duplicated': 1, 'reordered': 1, 'sha256_match': False}
    """
    position = {event.id: n for n, event in enumerate(sent)}
    first = {event.id: event.session for event in received}
    latest: dict[str, int] = defaultdict(lambda: -1)
    reordered = 0
    for id_, session in first.items():
        at = position.get(id_, -1)
        reordered += at < latest[session]
        latest[session] = max(at, latest[session])
    return {
        "sent": len(sent),
        "received": len(received),
        "lost": len(position.keys() - first),
        "duplicated": len(received) - len(first),
        "reordered": reordered,
        "sha256_match": _digest(sent) == _digest(received),
    }


def _digest(events: list[Event]) -> str:
    """A hash over each session's events in their order; sessions may interleave in any way."""
    sessions: dict[str, list[object]] = defaultdict(list)
    for event in events:
        sessions[event.session].append([event.id, event.kind, event.actor, event.run, event.data])
    return sha256(canonical(sessions).encode()).hexdigest()
