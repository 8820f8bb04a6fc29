"""What happened to the events that were acknowledged: lost, doubled, out of order, or all there."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from toolkit.events import Event


@dataclass(frozen=True, slots=True)
class Verdict:
    """Ids of events to which something happened; all empty is what durable means."""

    lost: tuple[str, ...]
    duplicated: tuple[str, ...]
    reordered: tuple[str, ...]


def check(stored: Sequence[Event], acknowledged: Iterable[tuple[str, int]]) -> Verdict:
    """Compare what is stored with the (id, seq) that was acknowledged.

    An event that is stored at another place than the one acknowledged, or stored before one with a
    smaller sequence number, is out of order.
    """
    times = Counter(event.id for event in stored)
    places = {event.id: event.seq for event in stored}
    told = list(acknowledged)
    backwards = [b.id for a, b in itertools.pairwise(stored) if (b.seq or 0) <= (a.seq or 0)]
    elsewhere = [id_ for id_, seq in told if id_ in places and places[id_] != seq]
    return Verdict(
        lost=tuple(id_ for id_, _ in told if id_ not in times),
        duplicated=tuple(id_ for id_, count in times.items() if count > 1),
        reordered=(*backwards, *elsewhere),
    )


WHOLE = Verdict((), (), ())
