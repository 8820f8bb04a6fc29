"""The formats of traces, a file each: the names of its fields, and a few lines that read a record.

A file that holds a `Format` and stands in `known` is all that a format takes. A format from outside
the house is one function and one call of `register_format`.
"""

from toolkit.traces.formats.form import Format
from toolkit.traces.formats.known import known_formats, register_format
from toolkit.traces.formats.rows import (
    Columns,
    decoded_cell,
    find_columns,
    likely_columns,
    row_format,
)

__all__ = [
    "Columns",
    "Format",
    "decoded_cell",
    "find_columns",
    "known_formats",
    "likely_columns",
    "register_format",
    "row_format",
]
