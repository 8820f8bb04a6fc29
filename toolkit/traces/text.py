"""The text of a file that another program wrote.

Its encoding, its line ends, or what it is instead of text.
"""

import codecs
from pathlib import Path

from toolkit.records import RecordError

ENCODINGS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""The encoding of a file that begins with a byte-order mark."""
BINARY = {
    b"\x1f\x8b": "gzip: unpack it first, as with `gunzip`",
    b"PK\x03\x04": "a zip archive (a workbook is one as well): unpack it, or save it as CSV",
    b"PAR1": "Parquet: read it with pandas.read_parquet, and give the frame to traces_from_frame",
    b"\x28\xb5\x2f\xfd": "Zstandard: unpack it first, as with `unzstd`",
    b"BZh": "bzip2: unpack it first, as with `bunzip2`",
    b"\xfd7zXZ": "xz: unpack it first, as with `unxz`",
    b"SQLite format 3": "an SQLite database: save a table of it as CSV",
}


def read_text(path: str | Path) -> str:
    """The text of the file at `path`, with a line feed at the end of each line.

    UTF-8, or what a byte-order mark says. Bytes that are no UTF-8 are kept as lone surrogates
    (surrogateescape), so that they cost the record that they stand in and no other. Raises
    RecordError where the file is no text.
    """
    data = Path(path).read_bytes()
    for mark, name in BINARY.items():
        if data.startswith(mark):
            raise RecordError(f"not UTF-8 text but {name}", str(path))
    mark = next((mark for mark in ENCODINGS if data.startswith(mark)), b"")
    encoding = ENCODINGS.get(mark, "utf-8")
    if encoding == "utf-8":
        if b"\0" in data[:16]:
            raise RecordError(
                f"not UTF-8 text: it begins with {data[:12]!r}; save it as UTF-8 text", str(path)
            )
        text = data.removeprefix(mark).decode("utf-8", "surrogateescape")
    else:
        try:
            text = data[len(mark) :].decode(encoding)
        except UnicodeDecodeError as error:
            why = f"broken {encoding.upper()} at byte {len(mark) + error.start}: save it as UTF-8 text"
            raise RecordError(why, str(path)) from None
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text
