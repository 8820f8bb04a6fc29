"""Threads: messages that name the message before them form a tree, and one way down it counts.

Who edits a question or asks for another answer leaves the way that was taken: it is a branch.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Place(NamedTuple):
    """A message, and the branch that it stands in; None on the main line."""

    id: str
    branch: str | None


def in_order(parents: Mapping[str, str | None], last: str | None) -> Iterator[Place]:
    """Each message once, behind the message before it; the ways that were left stand first.

    >>> [place.branch for place in in_order({"a": None, "b": "a", "c": "a"}, "c")]
    [None, 'b', None]

    Parameters
    ----------
    parents
        The id of the message before each message, by its own id, in the order of the file.
    last
        The last message of the main line; where it is no message, the last of the file is.
    """
    if last not in parents:
        last = list(parents)[-1] if parents else None
    main = _way_to(last, parents)
    children: dict[str | None, list[str]] = {}
    for id_, parent in parents.items():
        known_parent = parent if parent in parents else None
        children.setdefault(known_parent, []).append(id_)
    met: set[str] = set()
    roots = _main_last(children.get(None, []), main)
    for start in (*roots, *parents):  # a ring of messages has no root
        waiting = [Place(start, None if start in main else start)]
        while waiting:
            place = waiting.pop()
            if place.id in met:
                continue
            met.add(place.id)
            yield place
            for child in reversed(_main_last(children.get(place.id, []), main)):
                left_here = place.branch is None and child not in main
                branch = child if left_here else place.branch
                waiting.append(Place(child, branch))


def _way_to(last: str | None, parents: Mapping[str, str | None]) -> set[str]:
    """The messages from the first one to the last."""
    way: set[str] = set()
    while last is not None and last in parents and last not in way:
        way.add(last)
        last = parents[last]
    return way


def _main_last(ids: list[str], main: set[str]) -> list[str]:
    """Siblings in their order, with the one of the main line at the end."""
    return sorted(ids, key=lambda id_: id_ in main)
