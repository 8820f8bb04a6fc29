"""Words: what a person reads of a message's content."""

import json
from collections.abc import Mapping
from typing import Any

from toolkit.traces.spelling import stated

MEDIA = ("image", "audio", "video")
"""The words for a medium in the type of a part, or in that of its content."""
TEXT_TYPES = ("text", "input_text", "output_text")
"""The types of parts that are text."""
FILES = ("file", "document", "input_file")
"""The types of parts that are files."""
TEXTS = ("text", "content", "refusal", "transcript", "message", "stdout", "logs", "output")
"""The fields of a part that may hold words, the first of which counts."""
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
    texts = _texts_of(parts)
    if texts is not None:
        return "\n".join(texts), {}
    lines = [_words(part, MOST_LEVELS) for part in parts]
    words = "\n".join(lines)
    if all(_is_text(part) for part in parts):
        return words, {}
    return words, {"parts": parts}


def json_text(value: object) -> str:
    """A value as JSON that a person can read."""
    return json.dumps(value, ensure_ascii=False)


def _texts_of(parts: list[Any]) -> list[str] | None:
    """The texts of parts that are nothing else; None where one is more than that."""
    texts: list[str] = []
    for part in parts:
        text = _text_of(part)
        if text is None:
            return None
        texts.append(text)
    return texts


def _text_of(part: Any) -> str | None:
    """The text of a part that is nothing else, as most are; None for any other part."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or len(part) != 2 or part.get("type") not in TEXT_TYPES:
        return None
    text = part.get("text")
    if text is None and part["type"] == "text":
        text = part.get("content")
    return text if isinstance(text, str) and text else None


def _is_text(part: object) -> bool:
    """Whether a part is words and nothing else."""
    if not isinstance(part, dict):
        return isinstance(part, str)
    others = part.keys() - {"type"}
    if len(others) != 1:
        return False
    if part.get("type") == "text" and isinstance(part.get("content"), str):
        return True  # as the GenAI conventions have it
    return isinstance(part.get("text"), str)


def _words(part: Any, levels: int) -> str:
    """The words of a part; what it is, or its JSON, where it has none."""
    if isinstance(part, str):
        return part
    if isinstance(part, list) and levels:
        lines = [_words(inner, levels - 1) for inner in part]
        return "\n".join(lines)
    if not isinstance(part, dict) or not levels:
        return json_text(part)
    medium = _medium(part)
    if medium:
        return medium
    if "type" in part:
        return _typed_words(part, levels) or f"[{part['type']}]"
    text = part.get("text")
    return text if isinstance(text, str) else json_text(part)


def _typed_words(part: Mapping[str, Any], levels: int) -> str:
    """The title of a part that says what it is, and its words."""
    words = _heading(part)
    for name in TEXTS:
        inner = part.get(name)
        if isinstance(inner, str | list | dict):
            words.append(_words(inner, levels - 1))
            break
    return "\n".join(words)


def _heading(part: Mapping[str, Any]) -> list[str]:
    """The title and the address of a page that a part points to, in one line."""
    texts: list[str] = []
    for name in ("title", "url"):
        text = part.get(name)
        if isinstance(text, str):
            texts.append(text)
    line = " ".join(texts)
    return [line] if line else []


def _medium(part: Mapping[str, Any]) -> str | None:
    """A picture or a file as one word in brackets, with its name where it has one."""
    type_ = part.get("type")
    holder = stated(part, "inline_data", "file_data")
    if not isinstance(holder, dict):
        if type_ is None:
            return None
        holder = part
    mime = stated(holder, "media_type", "mime_type")
    main_type, _, _ = str(mime).partition("/")
    type_words = str(type_).split("_")
    for medium in MEDIA:
        if medium == main_type or medium in type_words:
            return f"[{medium}]"
    if type_ is not None and type_ not in FILES:
        return None
    name = stated(part, "filename", "title", "name")
    return f"[file {name}]" if isinstance(name, str) else "[file]"
