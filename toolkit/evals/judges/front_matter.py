"""The form of a rubric's file: Markdown under YAML front matter, or YAML alone."""

import json
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
    try:
        # No word is taken for a number or a truth value by itself, so that grades may be 5 to 1, or
        # yes and no; the fields that are numbers are read as such afterwards.
        fields = yaml.load(head, yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise _not_yaml(error, file) from None
    except RecursionError:
        raise RecordError("not YAML that can be read: it is nested too deeply", str(file)) from None
    if not isinstance(fields, dict):
        raise RecordError("the front matter is not a mapping of names to values", str(file), 2)
    if body is not None:
        fields["text"] = body
    return fields


def _not_yaml(error: yaml.YAMLError, file: str | Path) -> RecordError:
    """What is wrong with the YAML, and on which line."""
    reasons = []
    for name in ("context", "problem"):
        reason = getattr(error, name, None)
        if reason:
            reasons.append(reason)
    why = f"not YAML: {', '.join(reasons) or error}"
    if "mapping values are not allowed" in str(error):
        why += ". A sentence that holds a colon is put in quotes"
    line = None
    mark = getattr(error, "problem_mark", None)
    if mark:
        line = mark.line + 1
    return RecordError(why, str(file), line)


def _parts(source: str, file: str | Path) -> tuple[str, str | None]:
    """The YAML of a rubric file, and the Markdown under it; None where all is YAML.

    Each line of the YAML has the number that it has in the file.
    """
    if Path(file).suffix in YAML_SUFFIXES:
        return source, None
    parts = FRONT_MATTER.match(source)
    if parts is None:
        raise RecordError("a rubric opens with front matter between two lines of ---", str(file), 1)
    lines_before = "\n" * source.count("\n", 0, parts.start(1))
    return lines_before + parts[1], parts[2]


def located(error: RecordError, source: str, file: str | Path) -> RecordError:
    """The same error, with the line of its field in the text of a file, where it is known."""
    line = error.line or _line_of(error.field or "", source, file)
    return RecordError(error.why, str(file), line, error.field)


def _line_of(field: str, source: str, file: str | Path) -> int | None:
    """The line of a field such as ``criteria.0.rule``, or of the innermost that holds it."""
    head, _ = _parts(source, file)
    node = yaml.compose(head, yaml.BaseLoader)
    line = None
    for name in field.split("."):
        node = _child(node, name)
        if node is None:
            break
        line = node.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    """The part of a YAML node with this name, or at this place."""
    children: dict[str, yaml.Node] = {}
    if isinstance(node, yaml.MappingNode):
        children = {str(key.value): value for key, value in node.value}
    elif isinstance(node, yaml.SequenceNode):
        children = {str(place): item for place, item in enumerate(node.value)}
    return children.get(name)


def source_of(fields: dict[str, Any], path: str | Path) -> str:
    """The text of a file at `path` that holds `fields`."""
    if Path(path).suffix in YAML_SUFFIXES:
        return _dump(fields)
    head = {name: value for name, value in fields.items() if name != "text"}
    return f"---\n{_dump(head)}---\n\n{fields['text']}\n"


def _dump(fields: dict[str, Any]) -> str:
    return str(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=100))


def with_field(source: str, file: str | Path, field: str, value: Any) -> str:
    """The text of a file with another value of a field such as ``criteria.0.rule``; every other
    letter stays as it is. Raises ValueError where the text has no place for it.
    """
    wanted = fields_in(source, file)
    _set(wanted, field, value)
    for spelling in (str(value), json.dumps(value, ensure_ascii=False)):
        text = _spelled(source, file, field, spelling)
        try:
            if fields_in(text, file) == wanted:
                return text
        except RecordError:
            pass  # a sentence with a colon, say, which needs the quotes of the second spelling
    raise ValueError(f"{field} cannot be put in here: write it in the text")


def _set(fields: Any, field: str, value: Any) -> None:
    """Put a value into fields that hold each other."""
    *names, last = field.split(".")
    for name in names:
        fields = fields[int(name) if isinstance(fields, list) else name]
    fields[int(last) if isinstance(fields, list) else last] = value


def _spelled(source: str, file: str | Path, field: str, spelling: str) -> str:
    """The text of a file with `spelling` where the value of a field stands, or as a new line of
    what holds the field.
    """
    head, _ = _parts(source, file)
    node = yaml.compose(head, yaml.BaseLoader)
    *names, last = field.split(".")
    for name in names:
        node = _child(node, name)
    place = _child(node, last)
    if place:
        begin, end = place.start_mark.index, place.end_mark.index
    elif isinstance(node, yaml.MappingNode) and node.value:
        begin = end = node.value[-1][1].end_mark.index
        indent = " " * node.value[0][0].start_mark.column
        spelling = f"\n{indent}{last}: {spelling}"
    else:
        raise ValueError(f"{field} has no place in the text: write it there")
    shift = _begin_of_yaml(source, file)
    return source[: begin + shift] + spelling + source[end + shift :]


def _begin_of_yaml(source: str, file: str | Path) -> int:
    """How many letters of the text of a file stand before those that `_parts` returns."""
    parts = FRONT_MATTER.match(source)
    if parts is None or Path(file).suffix in YAML_SUFFIXES:
        return 0
    return parts.start(1) - source.count("\n", 0, parts.start(1))
