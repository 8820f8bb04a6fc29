"""The entries of a trace as HTML: messages, reasoning, other events; calls are in page_calls."""

from collections.abc import Sequence

from toolkit.render import Html, details, fragment, markdown, spaced, tag
from toolkit.traces.brief import shortened
from toolkit.traces.outline import Entry
from toolkit.traces.page_about import (
    Reading,
    media_html,
    model_html,
    rest_html,
    span,
    time_html,
    used_html,
)
from toolkit.traces.page_calls import call_html, result_html
from toolkit.traces.page_pictures import without_pictures
from toolkit.traces.page_texts import TEXT_CHARS, text_html
from toolkit.traces.trace import Step

ACTORS = ("system", "user", "assistant", "tool")
"""The actors with a colour of their own."""
LONG_CHARS = 1500
LONG_LINES = 24
"""A longer message of a user folds."""
PREVIEW_CHARS = 280
"""How much of folded words is seen; a shorter system prompt does not fold."""


def entry_html(entry: Entry, reading: Reading) -> Html:
    """An entry with the numbers of its steps, which are a link to it."""
    kind = entry.step.kind
    if kind == "tool.call":
        body = call_html(entry, reading)
    elif kind == "tool.result":
        body = result_html(entry, reading)
    else:
        body = _event_html(entry, reading)
    numbers = tag("a", _in_brief(entry.members), class_="n", href=f"#{entry.anchor}")
    look = f"step {look_of(entry)}"
    if entry.failed:
        look += " failed"
    if entry.is_mistake:
        look += " mistake"
    return tag(
        "article",
        numbers,
        tag("div", body, class_="body"),
        class_=look,
        id=entry.anchor,
        data_step=entry.step.id,
    )


def _in_brief(numbers: Sequence[int]) -> str:
    """Numbers that follow each other as ``2–4``, others as ``3, 5``."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) > 1 and last - first == len(numbers) - 1:
        return f"{first}–{last}"
    return ", ".join(map(str, numbers))


def look_of(entry: Entry) -> str:
    """The class of an entry, which its colour goes by."""
    kind = entry.step.kind
    if kind.startswith("tool."):
        return "tool"
    if kind == "thinking":
        return "thinking"
    if kind == "message" and entry.step.actor in ACTORS:
        return entry.step.actor
    return "other"


def _event_html(entry: Entry, reading: Reading) -> Html:
    """A message, reasoning, or a step of a kind that has no form of its own."""
    step = entry.step
    text, pictures = without_pictures(step.content)
    head = tag(
        "header",
        spaced(
            tag("strong", _label(entry), class_="actor"),
            span("failed", "badge failed") if entry.failed else "",
            time_html(step, reading),
            model_html(step),
        ),
        tag("div", used_html(entry), rest_html(step), class_="aside"),
        class_="who",
    )
    words = _words(step, text, reading)
    return fragment(head, words, media_html(step, pictures))


def _label(entry: Entry) -> str:
    """Who acts, and how where it is not by a message."""
    kind = entry.step.kind
    if kind == "message":
        return entry.who
    word = "reasoning" if kind == "thinking" else kind
    return f"{entry.who} · {word}"


def _words(step: Step, text: str, reading: Reading) -> Html:
    """The words of a step: Markdown, where a person or a model wrote them."""
    if not text.strip():
        return fragment()
    if step.kind not in ("message", "thinking") or len(text) > TEXT_CHARS:
        return text_html(text)
    words = tag("div", markdown(text), class_="md")
    if not _folds(step, text):
        return words
    preview = span(shortened(text, PREVIEW_CHARS), "preview")
    summary = fragment(preview, f" ({len(text):,} characters)")
    is_open = reading.finds(step) and step.actor != "system"  # the prompt holds every word
    return details(summary, words, open_=is_open)


def _folds(step: Step, text: str) -> bool:
    """Whether words fold: those of reasoning, of a system prompt and of a long request do."""
    if step.kind == "thinking":
        return True
    if step.actor == "system":
        return len(text) > PREVIEW_CHARS
    if step.actor == "user":
        return len(text) > LONG_CHARS or text.count("\n") > LONG_LINES
    return False
