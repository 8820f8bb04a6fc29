"""The checker of what arrived: lost, doubled, out of order, or all there."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from toolkit.events import Event
from toolkit.shown import Shown


@dataclass(frozen=True, slots=True)
class Damage(Shown):
    """Ids of events to which something happened; all empty is what durable means."""

    lost: tuple[str, ...]
    duplicated: tuple[str, ...]
    reordered: tuple[str, ...]


NO_DAMAGE = Damage((), (), ())


def check(arrived: Sequence[Event], stored: Iterable[tuple[str, int]]) -> Damage:
    """Compare what `arrived` with what was stored: each event's (id, sequence number).

    Sessions may interleave in any way. Within one, an event that comes after one with a larger
    sequence number is out of order; so is an event with another number than it was stored with.
    An id counts as duplicated once, however often it came again.

    >>> first = Event("s", "message", "user", {}, "a", seq=1)
    >>> second = Event("s", "message", "user", {}, "b", seq=2)
    >>> check([second, first, first], [("a", 1), ("b", 2), ("c", 3)])
    Damage(lost=('c',), duplicated=('a',), reordered=('a',))
    """
    times = Counter(event.id for event in arrived)
    lost = []
    moved = []
    numbers = {event.id: event.seq for event in arrived}
    for id_, number in stored:
        if id_ not in numbers:
            lost.append(id_)
        elif numbers[id_] != number:
            moved.append(id_)
    duplicated = [id_ for id_, count in times.items() if count > 1]
    return Damage(tuple(lost), tuple(duplicated), (*_backwards(arrived), *moved))


def _backwards(arrived: Sequence[Event]) -> list[str]:
    """Ids of the events whose first arrival comes behind a later one of the same session."""
    latest: dict[str, int] = {}
    seen: set[str] = set()
    backwards = []
    for event in arrived:
        if event.id in seen:
            continue
        seen.add(event.id)
        number = event.seq or 0
        if number <= latest.get(event.session, 0):
            backwards.append(event.id)
        latest[event.session] = max(number, latest.get(event.session, 0))
    return backwards
