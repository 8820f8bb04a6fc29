"""The order of sources: what a mixture of live and simulated things is called."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias, cast

from toolkit.traces.trace import Source

SOURCES: tuple[Source, ...] = ("simulated", "tape", "imported", "live")
"""From the least live to the most."""
Mixture: TypeAlias = str | Iterable[str | None] | None
"""A name, or the names of all parts of a mixture; None where none is known."""


def least_live(*sources: Mixture) -> Source | None:
    """The source of a mixture: that of its least live part; None where no source is known.

    Raises ValueError for a source that is none of `SOURCES`.

    >>> least_live("live", ["imported", None])
    'imported'
    """
    return cast("Source | None", first_in(SOURCES, *sources))


def first_in(order: Sequence[str], *names: Mixture) -> str | None:
    """The name that comes first in `order`; None without names. Raises ValueError for others."""
    known: list[str] = []
    for name in names:
        if isinstance(name, str):
            known.append(name)
        elif name is not None:
            known.extend(part for part in name if part is not None)
    unknown = set(known) - set(order)
    if unknown:
        listed = ", ".join(repr(name) for name in sorted(unknown))
        raise ValueError(f"{listed}: known are {', '.join(order)}")
    return min(known, key=order.index, default=None)
