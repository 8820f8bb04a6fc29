"""A call of a tool and its result as HTML: a line where it went well, open where it failed."""

import json
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from toolkit.render import Html, details, fragment, spaced, tag
from toolkit.traces.amounts import quantity, seconds
from toolkit.traces.brief import as_words, shortened
from toolkit.traces.outline import Entry
from toolkit.traces.page_about import (
    Reading,
    media_html,
    rest_html,
    soft,
    span,
    time_html,
    usage_html,
    used_html,
)
from toolkit.traces.page_pictures import without_pictures
from toolkit.traces.page_texts import string_html, without_edit
from toolkit.traces.page_values import answer_html, value_html
from toolkit.traces.usage import number_of

ARGUMENTS_CHARS = 140
"""How much of the arguments stands in the line of a call."""
ARGUMENTS = 8
"""How many of them."""
ANSWER_CHARS = 60
"""The longest answer that stands in the line of its call."""
JSON_CHARS = 20_000
"""The longest answer that is read as JSON only to say how long it is."""


def call_html(entry: Entry, reading: Reading) -> Html:
    """A call in one line, which opens on its arguments and its result."""
    step = entry.step
    arguments = step.data.get("arguments")
    head = [
        tag("code", step.content, class_="name"),
        _badge(entry),
        tag("code", _in_a_line(arguments), class_="arguments"),
        span(_aside(entry), "aside"),
        time_html(step, reading),
    ]
    body = [_arguments(arguments), _answer(entry), used_html(entry), rest_html(step)]
    found = reading.finds(step) or reading.finds(entry.result)
    return _folded(head, body, entry.failed or found)


def result_html(entry: Entry, reading: Reading) -> Html:
    """A result that answers no call of its trace."""
    head = [
        tag("code", entry.name, class_="name"),
        _badge(entry),
        span("a result without its call", "aside"),
        time_html(entry.step, reading),
    ]
    return _folded(head, [_answer(entry)], entry.failed or reading.finds(entry.step))


def _folded(head: list[Html], body: list[Html], is_open: bool) -> Html:
    inside = tag("div", *body, class_="inside")
    return tag("div", details(spaced(*head), inside, open_=is_open), class_="call")


def _badge(entry: Entry) -> Html:
    """The mark of a call: whether its result says that it failed."""
    if entry.answer.kind == "tool.call":
        return span("no result", "badge")
    if entry.failure == "stated":
        return span("failed", "badge failed")
    if entry.failure == "said":
        return span("says error", "badge failed")
    if entry.answer.data.get("error") is False:
        return span("ok", "badge ok")
    return span("answered", "badge")


def _aside(entry: Entry) -> str:
    """What stands at the end of a call's line: how long it took, and what came of it."""
    words = []
    duration = entry.step.data.get("duration_s", entry.answer.data.get("duration_s"))
    duration_s = number_of(duration)
    if duration_s is not None:
        words.append(seconds(duration_s))
    if entry.same_as is not None:
        words.append(f"same arguments as step {entry.same_as}, which failed")
    elif entry.result and not entry.failed:
        words.append(_answer_in_brief(entry.result.content))
    return " · ".join(words)


def _answer_in_brief(text: str) -> str:
    """An answer that fits the line of its call; of a longer one, how much came back."""
    if _is_brief(text):
        return text.strip() or "empty"
    if text[:1] in ("{", "[") and len(text) <= JSON_CHARS:
        with suppress(ValueError, RecursionError):
            return f"returned {_brief(json.loads(text))}"
    n_lines = text.count("\n") + 1
    size = quantity(n_lines, "line") if n_lines > 1 else f"{len(text):,} characters"
    return f"returned {size}"


def _is_brief(text: str) -> bool:
    return len(text) <= ANSWER_CHARS and "\n" not in text.strip()


def _in_a_line(arguments: Any) -> str:
    """The arguments of a call in brief, each with its name."""
    if not arguments:
        return ""
    if not isinstance(arguments, Mapping):
        return shortened(as_words(arguments), ARGUMENTS_CHARS)
    fields = without_edit(arguments)
    words = []
    for name, value in islice(fields.items(), ARGUMENTS):
        words.append(f"{name}: {_brief(value)}")
    return shortened(", ".join(words), ARGUMENTS_CHARS)


def _brief(value: Any) -> str:
    """A value in a few words; of a list or an object, how long it is."""
    if isinstance(value, str):
        return value[: 2 * ARGUMENTS_CHARS]
    if isinstance(value, Mapping):
        return quantity(len(value), "field")
    if isinstance(value, list | tuple):
        return quantity(len(value), "item")
    return as_words(value)


def _arguments(arguments: Any) -> Html:
    if arguments is None or arguments in ("", {}):
        return soft("no arguments")
    if isinstance(arguments, str):
        return string_html(arguments)
    return value_html(arguments)


def _answer(entry: Entry) -> Html:
    """The result of a call, with its own number and anchor where it stands with the call."""
    answer = entry.answer
    if answer.kind == "tool.call":
        return soft("Nothing came back, as far as the trace says.")
    text, pictures = without_pictures(answer.content)
    label = "why it failed" if entry.failed else "result"
    if entry.result_number is not None:
        label = f"{label} (step {entry.result_number})"
    parts = [soft(label)]
    if entry.failed and "\n" in text.strip():
        parts.append(tag("div", entry.why, class_="reason"))
    parts += [_answer_words(entry, text), media_html(answer, pictures)]
    parts += [usage_html(answer), rest_html(answer)]
    look = "result why" if entry.failed else "result"
    return tag("div", *parts, class_=look, id=entry.result_anchor, data_step=answer.id)


def _answer_words(entry: Entry, text: str) -> Html:
    """The words of an answer, unless they stand in the line of their call already."""
    if text.strip():
        in_line = entry.result and not entry.failed and _is_brief(text)
        return fragment() if in_line else answer_html(text)
    if entry.failed:
        return soft("The source says that it failed, and not why.")
    return soft("The answer is empty.")
