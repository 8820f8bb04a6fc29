"""Pieces: a text that comes piece by piece, as in a stream.

Each piece is kept until all have come: to join it to those before it would copy these each time.
"""

from typing import Any

from toolkit.traces.fields import elements_of, fields_of
from toolkit.traces.ids import Record

Fields = dict[str, Any]


class Pieces(list[str]):
    """The pieces of a text, which are joined once, when all have come."""


def append(fields: Fields, name: str, piece: str) -> None:
    """Append a piece to the text in a field."""
    known = fields.get(name)
    if not isinstance(known, Pieces):
        known = Pieces([known] if isinstance(known, str) else [])
        fields[name] = known
    known.append(piece)


def grow(fields: Fields, pieces: Record) -> None:
    """Append the pieces of texts and of lists to the fields that they are of."""
    for name, piece in pieces.items():
        known = fields.get(name)
        if isinstance(piece, str):
            append(fields, name, piece)
        elif isinstance(piece, dict):
            fields[name] = fields_of(known)
            grow(fields[name], piece)
        elif isinstance(piece, list):
            fields[name] = [] if isinstance(known, Pieces) else elements_of(known)
            fields[name] += piece
        elif piece is not None:
            fields[name] = piece


def joined(fields: Record) -> Fields:
    """Fields whose texts are no pieces any more."""
    whole: Fields = {}
    for name, value in fields.items():
        if isinstance(value, Pieces):
            value = "".join(value)
        elif isinstance(value, dict):
            value = joined(value)
        whole[name] = value
    return whole
