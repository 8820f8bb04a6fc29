"""Words: what a person reads of a message's content."""

import json
from collections.abc import Mapping
from typing import Any

from toolkit.traces.spelling import stated

MEDIA = ("image", "audio", "video")
FILES = ("file", "document")
TEXTS = ("text", "content", "refusal", "transcript", "message", "stdout", "logs", "output")
MOST_LEVELS = 8
"""How deep in lists and objects words are looked for."""


def words_of(content: object) -> tuple[str, dict[str, Any]]:
    r"""The words of a message's content, and its parts where one is more than text.

    >>> words_of([{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": "x"}])[0]
    'Look:\n[image]'
    >>> words_of("Look.")
    ('Look.', {})
    """
    if isinstance(content, str):
        return content, {}
    listed = content if isinstance(content, list) else [content]
    parts = [part for part in listed if part is not None]
    words = "\n".join(_words(part, MOST_LEVELS) for part in parts)
    if all(_is_text(part) for part in parts):
        return words, {}
    return words, {"parts": parts}


def json_text(value: object) -> str:
    """A value as JSON that a person can read."""
    return json.dumps(value, ensure_ascii=False)


def _is_text(part: object) -> bool:
    """Whether a part is words and nothing else."""
    if isinstance(part, dict):
        names = part.keys() - {"type"}
        if len(names) != 1:
            return False
        is_genai = part.get("type") == "text" and isinstance(part.get("content"), str)
        return is_genai or isinstance(part.get("text"), str)
    return isinstance(part, str)


def _words(part: Any, levels: int) -> str:
    """The words of a part; what it is, or its JSON, where it has none."""
    if isinstance(part, str):
        return part
    if isinstance(part, list) and levels:
        return "\n".join(_words(inner, levels - 1) for inner in part)
    if not isinstance(part, dict) or not levels:
        return json_text(part)
    medium = _medium(part)
    if medium:
        return medium
    if "type" not in part:
        text = part.get("text")
        return text if isinstance(text, str) else json_text(part)
    words = _heading(part)
    for name in TEXTS:
        inner = part.get(name)
        if isinstance(inner, str | list | dict):
            words.append(_words(inner, levels - 1))
            break
    return "\n".join(words) or f"[{part['type']}]"


def _heading(part: Mapping[str, Any]) -> list[str]:
    """The title and the address of a page that a part points to, in one line."""
    named = [part.get(name) for name in ("title", "url")]
    line = " ".join(text for text in named if isinstance(text, str))
    return [line] if line else []


def _medium(part: Mapping[str, Any]) -> str | None:
    """A picture or a file as one word in brackets, with its name where it has one."""
    type_ = part.get("type")
    inline = stated(part, "inline_data", "file_data")
    if type_ is None and not isinstance(inline, dict):
        return None
    data = inline if isinstance(inline, dict) else part
    mime = str(stated(data, "media_type", "mime_type") or "")
    for medium in MEDIA:
        if mime.startswith(f"{medium}/") or medium in str(type_).split("_"):
            return f"[{medium}]"
    if type_ is None or type_ in FILES or type_ == "input_file":
        name = stated(part, "filename", "title", "name")
        return f"[file {name}]" if isinstance(name, str) else "[file]"
    return None
