"""What stood in a record and is not in its traces? Every value is looked for, whatever the form."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import compress, repeat
from math import isfinite
from typing import Any

from toolkit.traces.brief import as_text
from toolkit.traces.decode import TOO_DEEP, TooDeep, decoded
from toolkit.traces.ids import Record
from toolkit.traces.messages import NOT_FINITE, UNREAD
from toolkit.traces.places import CONVERTED, ELEMENT, Place, places_of
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace

MOST_LEVELS = 200
"""How deep a trace may be nested: beyond it could be neither written nor shown."""
LEAST_INSIDE = 12
"""The length of the shortest text that is looked for inside of others: a shorter one is in many."""
MOST_SEARCHED = 100_000_000
NOTHING = (None, "")
# tuples, as Python makes a union anew each time that one is written out
CONTAINERS = (dict, list)
LISTS = (list, tuple)
LEAF_TYPES = frozenset({str, int, float})
FLAT_TYPES = LEAF_TYPES | {bool, type(None)}


@dataclass(slots=True)
class Values:
    """Every value in the traces of a record."""

    leaves: set[Any]
    """The texts and the numbers."""
    containers: set[int]
    """The identities of the objects and lists that are in a trace just as they came."""
    parts: list[Any] = field(default_factory=list)
    """Records with further values, which are looked at where one is not found otherwise."""
    _lines: set[str] = field(default_factory=set)
    _joined: str = ""
    _searched: int = 0
    """How many characters were searched through for texts inside of others."""

    def has(self, leaf: Any) -> bool:
        """Whether a text or a number is in a trace, by itself or line by line."""
        if isinstance(leaf, float) and not isfinite(leaf):
            return True  # it has a warning of its own
        if self.parts:
            self._add_parts()
            if leaf in self.leaves:
                return True
        if not self._lines:
            self._lines = set(_lines_of(self.leaves))
        return all(line in self._lines for line in _lines(str(leaf))) or self._has_inside(leaf)

    def _has_inside(self, leaf: Any) -> bool:
        """Whether a text stands inside of another one, as a piece of a stream does."""
        if not isinstance(leaf, str) or len(leaf) < LEAST_INSIDE:
            return False
        if not self._joined:
            self._joined = "\n".join(text for text in self.leaves if isinstance(text, str))
        self._searched += len(self._joined)
        return self._searched < MOST_SEARCHED and leaf in self._joined

    def _add_parts(self) -> None:
        """Add all values of the parts; one that is nested too deeply has a problem of its own."""
        for part in self.parts:
            with suppress(TooDeep):
                inner = values_in([part])
                self.leaves |= inner.leaves
                self.containers |= inner.containers
        self.parts = []


def _lines(text: str) -> Iterator[str]:
    """The lines of a text that are not blank."""
    return filter(None, map(str.strip, text.splitlines()))


def _lines_of(leaves: Iterable[Any]) -> Iterator[str]:
    """The lines of texts and numbers, and of the values in texts that are JSON."""
    for leaf in leaves:
        text = str(leaf)
        yield from _lines(text)
        value = decoded(text)
        if value is text:
            continue
        with suppress(TooDeep):  # such a text is looked for as it is
            for inner in values_in([value]).leaves:
                yield from _lines(str(inner))


def values_of(traces: Iterable[Trace]) -> Values:
    """The values in traces.

    Raises TooDeep where one is nested too deeply.
    """
    outside: list[Any] = []
    nested: list[Any] = []
    for trace in traces:
        outside.append(trace.id)
        nested.append(trace.meta)
        for step in trace.steps:
            outside += (step.id, step.actor, step.content, step.time)
            if step.data:
                nested.append(step.data)
    kept = values_in(nested)
    kept.leaves.update(outside)
    return kept


def values_in(values: list[Any]) -> Values:
    """The leaves of nested `values`, level by level."""
    leaves: set[Any] = set()
    containers: set[int] = set()
    level = values
    for _ in range(MOST_LEVELS):
        leaves.update(compress(level, map(LEAF_TYPES.__contains__, map(type, level))))
        deeper: list[Any] = []
        for value in [value for value in level if type(value) not in FLAT_TYPES]:
            if isinstance(value, dict):
                containers.add(id(value))
                deeper.extend(value.values())
            elif isinstance(value, LISTS):
                containers.add(id(value))
                deeper.extend(value)
            elif isinstance(value, str | int | float):  # of a type of another library
                leaves.add(value)
        if not deeper:
            return Values(leaves, containers)
        level = deeper
    raise TooDeep(f"{TOO_DEEP} to be written as JSON again")


def values_of_parts(parts: list[Any]) -> Values:
    """The values in the records that were taken out of a record.

    Most of them are objects of the record as they came, so that a look at the outside is enough.
    """
    outside = [value for part in parts if isinstance(part, dict) for value in part.values()]
    containers = {id(value) for value in (*parts, *outside) if isinstance(value, dict | list)}
    leaves = {value for value in outside if isinstance(value, str | int | float)}
    return Values(leaves, containers, parts)


def passed_over(
    records: Iterable[Record], kept: Values, converted: frozenset[str]
) -> Iterator[str]:
    """The path of each value of `records` that no trace has, as ``messages.*.mood``.

    Parameters
    ----------
    records
        Those that the traces were made of.
    kept
        The values of the traces.
    converted
        The paths of fields that the form holds in another shape, beside the names in `CONVERTED`.
    """
    leaves = kept.leaves
    containers = kept.containers
    root = places_of(converted).root
    stack: list[tuple[Any, Place]] = [(record, root) for record in records]
    while stack:
        value, place = stack.pop()
        children = value.items() if isinstance(value, dict) else zip(repeat(ELEMENT), value)
        for name, inner in children:
            if isinstance(inner, str):
                if inner in leaves or (name in CONVERTED and " " not in inner):
                    continue  # as most values are
            elif isinstance(inner, CONTAINERS):
                if inner and id(inner) not in containers:
                    inside = place[name]
                    if not inside.holds_counts:
                        stack.append((inner, inside))
                continue
            if inner in leaves or inner in NOTHING or isinstance(inner, bool):
                continue
            inside = place[name]
            if inside.field in CONVERTED and not _is_sentence(inner):
                continue
            value_inside = decoded(inner)
            if isinstance(value_inside, CONTAINERS):
                stack.append((value_inside, inside))
            elif inside.is_converted() or value_inside in leaves:
                continue
            elif not kept.has(inner):  # last, as it looks through all texts
                yield inside.path()


def _is_sentence(value: Any) -> bool:
    """Whether a value is words, which no actor, kind, time or count is."""
    return isinstance(value, str) and " " in value and epoch_s(value) is None


def warnings_of(traces: Iterable[Trace]) -> Iterator[str]:
    """Signs that a form was misread, as a trace without steps or a result without a call."""
    for trace in traces:
        if not trace.steps:
            yield "traces without steps"
            continue
        actors: set[str] = set()
        call_ids: set[str] = set()
        answered: list[str] = []
        for step in trace.steps:
            actors.add(step.actor)
            if step.kind == "message":
                if not step.content or step.content.isspace():
                    yield "messages without words"
            elif step.kind == "tool.call":
                call_ids.add(as_text(step.data.get("call_id")))
            elif step.kind == "tool.result":
                answered.append(as_text(step.data.get("call_id")))
        if "user" not in actors:
            yield "traces in which nobody is the user"
        for call_id in answered:
            if call_id not in call_ids:
                yield "results without a call"


def unread_fields(traces: Iterable[Trace]) -> Iterator[str]:
    """The fields of messages that could not be read, as a transcript notes them."""
    for trace in traces:
        for step in trace.steps:
            if UNREAD in step.data and isinstance(step.data[UNREAD], dict):
                yield from step.data[UNREAD]  # another program may have a field of that name


def take_not_finite(traces: Iterable[Trace]) -> Iterator[str]:
    """Take the note of the numbers that became None out of the calls, whose arguments are JSON."""
    for trace in traces:
        for call in trace.calls:
            numbers = call.data.get(NOT_FINITE)
            if isinstance(numbers, tuple):  # another program may have a field of that name
                yield from call.data.pop(NOT_FINITE)
