"""The form of a rubric's file: Markdown under YAML front matter, or YAML alone."""

import re
from pathlib import Path
from typing import Any

import yaml

from toolkit.records import RecordError

FRONT_MATTER = re.compile(r"\s*---[ \t]*\n(.*?)^---[ \t]*$(.*)", re.DOTALL | re.MULTILINE)
YAML_SUFFIXES = (".yaml", ".yml")


def fields_in(source: str, file: str | Path) -> dict[str, Any]:
    """The fields in the text of a file; the Markdown is ``text``. Raises RecordError."""
    head, body = _parts(source, file)
    if body is not None:
        head = "\n" + head  # the line of --- is counted, as an editor does
    try:
        # No word is taken for a number or a truth value by itself, so that grades may be 5 to 1, or
        # yes and no; the fields that are numbers are read as such afterwards.
        fields = yaml.load(head, yaml.BaseLoader)
    except yaml.YAMLError as error:
        why = f"not YAML: {error}"
        if "mapping values are not allowed" in str(error):
            why += ". A sentence that holds a colon is put in quotes"
        raise RecordError(why, str(file)) from None
    if not isinstance(fields, dict):
        raise RecordError("the front matter is not a mapping of names to values", str(file), 2)
    if body is not None:
        fields["text"] = body
    return fields


def _parts(source: str, file: str | Path) -> tuple[str, str | None]:
    """The YAML of a rubric file, and the Markdown under it; None where all is YAML."""
    if Path(file).suffix in YAML_SUFFIXES:
        return source, None
    parts = FRONT_MATTER.match(source)
    if parts is None:
        raise RecordError("a rubric opens with front matter between two lines of ---", str(file), 1)
    return parts[1], parts[2]


def source_of(fields: dict[str, Any], path: str | Path) -> str:
    """The text of a file at `path` that holds `fields`."""
    if Path(path).suffix in YAML_SUFFIXES:
        return _dump(fields)
    head = {name: value for name, value in fields.items() if name != "text"}
    return f"---\n{_dump(head)}---\n\n{fields['text']}\n"


def _dump(fields: dict[str, Any]) -> str:
    return str(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=100))
