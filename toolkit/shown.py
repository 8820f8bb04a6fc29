"""Shown: what a notebook shows of an object in the place of its repr, a sentence or a table.

>>> from dataclasses import dataclass
>>> @dataclass
... class Rate(Shown):
...     value: float
...     n_labels: int
>>> "<td>n labels</td><td>1,200</td>" in Rate(0.25, 1200)._repr_html_()
True
"""

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any

from toolkit import render
from toolkit.render import Html

MOST_ITEMS = 12
"""How many items of a list or a mapping are shown before the rest are counted."""
MOST_CHARS = 400
"""How much is shown of a text."""
DEEPEST = 3
"""In so many tables at most a further one stands; what is deeper is left out."""


class Shown:
    """A base for what people look at. A class with a ``__str__`` is shown as that sentence, a
    dataclass as a table of its fields, with its ``title`` above it where it has one.
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        if type(self).__str__ is not object.__str__:
            return render.block(render.tag("p", str(self)))
        title = getattr(self, "title", "")
        head = render.tag("p", title) if isinstance(title, str) and title else ""
        return render.block(head, fields_html(self))


def fields_html(value: Any) -> Html:
    """A table of the fields of a dataclass, without those that its repr leaves out."""
    return values_html(_fields(value))


def _fields(value: Any) -> dict[str, Any]:
    """What the fields of a dataclass hold, by their names."""
    return {field.name: getattr(value, field.name) for field in fields(value) if field.repr}


def values_html(values: Mapping[Any, Any], depth: int = 1) -> Html:
    """A table of values under their names, which stands in `depth` others."""
    rows = []
    for name, value in values.items():
        rows.append([str(name).replace("_", " "), _cell(value, depth)])
    return render.table(rows)


def _cell(value: Any, depth: int) -> str:
    """A value as it stands in a cell."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if is_dataclass(value) or isinstance(value, Mapping | list | tuple | set | frozenset):
        return _nested(value, depth) if depth <= DEEPEST else "…"
    text = str(value)
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]} …"


def _nested(value: Any, depth: int) -> Html:
    if is_dataclass(value):
        return values_html(_fields(value), depth + 1)
    if isinstance(value, Mapping):
        first = dict(islice(value.items(), MOST_ITEMS))
        n_more = len(value) - len(first)
        table = values_html(first, depth + 1)
        return render.fragment(table, f"and {n_more:,} more") if n_more else table
    return _items(value, depth)


def _items(values: Collection[Any], depth: int) -> Html:
    """The items of a list: in a line, or one below the other where they are tables."""
    cells = [_cell(value, depth + 1) for value in islice(values, MOST_ITEMS)]
    n_more = len(values) - len(cells)
    if n_more:
        cells.append(f"and {n_more:,} more")
    if any(isinstance(cell, Html) for cell in cells):
        return render.fragment(*[render.tag("div", cell) for cell in cells])
    return render.fragment(", ".join(cells) or "none")
