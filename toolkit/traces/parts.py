"""The parts of a message: its words, its blocks, the arguments of a call, and a time."""

import json
from typing import Any

from toolkit.traces.decode import decode_at
from toolkit.traces.times import epoch_s

__all__ = ["decoded_arguments", "epoch_s", "is_block", "words_of"]

BLOCKS = ("tool_use", "tool_result", "thinking")
"""How the types of blocks end that are steps of their own. Only the Messages API writes them."""


def is_block(part: object) -> bool:
    """Whether a part of a message's content is a step of its own."""
    return isinstance(part, dict) and str(part.get("type")).endswith(BLOCKS)


def words_of(content: object) -> tuple[str, dict[str, Any]]:
    r"""The words of a message's content, and its parts where one is more than text.

    >>> words_of([{"type": "text", "text": "Look:"}, {"type": "image", "url": "x"}])[0]
    'Look:\n[image]'
    >>> words_of("Look.")
    ('Look.', {})
    """
    if isinstance(content, str):
        return content, {}
    listed = content if isinstance(content, list) else [content]
    parts = [part for part in listed if part is not None]
    words = "\n".join(_words(part) for part in parts)
    if all(_is_text(part) for part in parts):
        return words, {}
    return words, {"parts": content}


def _is_text(part: object) -> bool:
    if isinstance(part, dict):
        return set(part) == {"type", "text"}
    return isinstance(part, str)


def _words(part: Any) -> str:
    """The words of a part; its type, or its JSON, where it has none."""
    text = part.get("text") if isinstance(part, dict) else part
    if isinstance(text, str):
        return text
    if isinstance(part, dict) and "type" in part:
        return f"[{part['type']}]"
    return json.dumps(part, ensure_ascii=False)


def decoded_arguments(written: str | dict[str, Any] | None) -> tuple[Any, list[str]]:
    """Arguments as a dict, and the numbers in them that became None.

    Text that is no JSON object is kept as it is.
    """
    if not written or isinstance(written, dict):
        return written or {}, []
    decoded = decode_at(written, 0)
    rest = written[decoded.end :].strip()
    if rest or not isinstance(decoded.value, dict):
        return written, []
    return decoded.value, list(decoded.not_finite)
