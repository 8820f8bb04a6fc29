"""A large document that is of no form is refused by its beginning: it is not decoded whole."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from toolkit.traces.scan import LOOKED_AT, text_of

Fields = dict[str, Any]
LARGE = 10_000_000
"""How many bytes a document has at least that is looked at before it is decoded."""
OBJECT = re.compile(r"\s*\{\s*")
LIST = re.compile(r"\[\s*(?!\])")
"""The beginning of a list that is not empty."""
SEPARATOR = re.compile(r"\s*([,:}\]])\s*")
DECODER = json.JSONDecoder()


def unknown_document(
    content: bytes, can_read: Callable[[Fields], bool], large: int = LARGE
) -> Fields | None:
    """The beginning of a large object of which nothing can be read: its lists are cut.

    None where the file is small or no such object, also where it is broken: whoever decodes it
    whole says why.

    Parameters
    ----------
    content
        A file in UTF-8.
    can_read
        Whether an object can be read, or some of the first elements of a list in it.
    large
        How many bytes the file has at least.
    """
    if len(content) < large or not content[:100].lstrip().startswith(b"{"):
        return None
    fields: Fields = {}
    try:
        for fields in _beginnings(text_of(content)):
            if can_read(fields):
                return None
    except (ValueError, RecursionError):
        return None
    return fields


def _beginnings(text: str) -> Iterator[Fields]:
    """The object that a text is, as far as it was read: after each long list, and at the end.

    Of a list no more than the first elements are kept. Raises ValueError where it is broken.
    """
    fields: Fields = {}
    opening = OBJECT.match(text)
    at = opening.end() if opening else 0
    mark = ","
    while mark == ",":
        name, at = DECODER.raw_decode(text, at)
        if not isinstance(name, str):
            raise ValueError("the name of a field is no text")
        _, at = _separator(text, at)
        if not LIST.match(text, at):
            fields[name], at = DECODER.raw_decode(text, at)
        else:
            fields[name] = []
            for element, end in _elements(text, at):
                at = end
                if len(fields[name]) < LOOKED_AT:
                    fields[name].append(element)
                    if len(fields[name]) == LOOKED_AT:
                        yield fields
        mark, at = _separator(text, at)
    if at < len(text):
        raise ValueError("text after the object")
    yield fields


def _elements(text: str, at: int) -> Iterator[tuple[Any, int]]:
    """The elements of the list at an offset, each with the offset of what follows it."""
    opening = LIST.match(text, at)
    at = opening.end() if opening else at
    mark = ","
    while mark == ",":
        element, at = DECODER.raw_decode(text, at)
        mark, at = _separator(text, at)
        yield element, at
    if mark != "]":
        raise ValueError("the list is not closed")


def _separator(text: str, at: int) -> tuple[str, int]:
    """The mark at an offset, and the offset behind it and the space around it."""
    match = SEPARATOR.match(text, at)
    if match is None:
        raise ValueError("no comma, and no end")
    return match[1], match.end()
