"""Places in the records of a form: what the path to a value says of how a trace holds it.

A file has the same few places over and over, so each is made once and found again name by name.
"""

import re
from functools import lru_cache
from typing import Any

CONVERTED = frozenset(
    "role type kind object index status state "
    "time timestamp timestamps ts date created created_at createdAt updated_at updatedAt "
    "start_time end_time startTime endTime started_at ended_at startedAt endedAt "
    "startTimeUnixNano endTimeUnixNano timeUnixNano observedTimeUnixNano "
    "usage usageDetails usage_details usageMetadata usage_metadata token_usage "
    "input_tokens output_tokens prompt_tokens completion_tokens total_tokens cached_tokens "
    "reasoning_tokens cache_read_input_tokens cache_creation_input_tokens "
    "schema_version schemaVersion".split()
)
"""Fields that each trace holds in another shape: as an actor, a kind, a time or a count."""
ELEMENT = "*"
"""The name of what stands in a list, whatever its index: ``messages.*`` is any message."""
COUNTS = re.compile("usage|cost", re.IGNORECASE)
"""What is in the name of a field whose object holds counts, which are converted one by one."""
MOST_PLACES = 1000
"""How many places of a form are remembered: the names in a hostile file never end."""


class Places:
    """The places in the records of a form.

    Parameters
    ----------
    converted
        The paths that the form holds in another shape; see `Format.converted`.
    """

    def __init__(self, converted: frozenset[str]) -> None:
        patterns: list[str] = []
        for path in converted:
            pattern = re.escape(path).replace(r"\*\*\.", r"(.+\.)?").replace(r"\*", r"[^.]+")
            patterns.append(pattern)
        self.converted = re.compile("|".join(patterns) or "(?!)")
        self.root = Place(self)
        self.n_known = 0


class Place(dict[Any, "Place"]):
    """A place, by its own name and the place that it is in; the places inside of it by name."""

    __slots__ = ("_is_converted", "_places", "field", "holds_counts", "name", "outer")

    def __init__(self, places: Places, outer: "Place | None" = None, name: str = "") -> None:
        self._places = places
        self._is_converted: bool | None = None
        self.outer = outer
        self.name = name
        self.field: str = outer.field if outer is not None and name == ELEMENT else name
        """The name of the field here, or of that with the list that this is an element of."""
        may_count = COUNTS.search(name) is not None
        self.holds_counts = may_count and (name in CONVERTED or self.is_converted())
        """Whether an object here holds counts."""

    def __missing__(self, name: object) -> "Place":
        place = Place(self._places, self, str(name))
        if self._places.n_known < MOST_PLACES:
            self._places.n_known += 1
            self[name] = place
        return place

    def is_converted(self) -> bool:
        """Whether the form holds in another shape what stands here."""
        if self._is_converted is None:
            path = ".".join(name for name in self._names() if name != ELEMENT)
            self._is_converted = self._places.converted.fullmatch(path) is not None
        return self._is_converted

    def path(self) -> str:
        """The path, as ``messages.*.mood``."""
        return ".".join(self._names())

    def _names(self) -> list[str]:
        names: list[str] = []
        place = self
        while place.outer is not None:
            names.append(place.name)
            place = place.outer
        return names[::-1]


@lru_cache(maxsize=100)
def places_of(converted: frozenset[str]) -> Places:
    """The places in the records of a form that holds these paths in another shape."""
    return Places(converted)
