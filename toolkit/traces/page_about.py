"""What stands around the words of a step: when, which model, what it used, and all the rest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from toolkit.render import Html, details, fragment, link, tag
from toolkit.traces.amounts import dollars, moment, since, thousands
from toolkit.traces.brief import as_text, as_words, shortened
from toolkit.traces.outline import Entry
from toolkit.traces.page_pictures import pictures_html, pictures_in
from toolkit.traces.page_texts import text_html
from toolkit.traces.page_values import json_of, value_html
from toolkit.traces.trace import Step
from toolkit.traces.usage import number_of

SHOWN = set("call_id error agent branch parts model usage duration_s".split())
"""The fields of a step's data that are on the page by themselves."""
SHOWN_OF_CALLS = SHOWN | {"name", "arguments"}
ADDRESS_CHARS = 80


@dataclass(frozen=True, slots=True)
class Reading:
    """How a page is read: from which moment on, and for which words."""

    start: float | None = None
    """The time of the first step, in seconds since 1970."""
    words: re.Pattern[str] | None = None
    """What was searched for: the fold that holds it is open."""
    quotes: Mapping[str, list[str]] = field(default_factory=dict)
    """What is quoted of a step, by its id."""

    def finds(self, step: Step | None) -> bool:
        """Whether a step holds one of the words."""
        if step is None or self.words is None:
            return False
        arguments = as_text(step.data.get("arguments"))
        return self.words.search(f"{step.content} {arguments}") is not None


def span(text: object, look: str) -> Html:
    """Words in a line, with a look."""
    return tag("span", text, class_=look)


def soft(text: object) -> Html:
    """A line of small words."""
    return tag("div", text, class_="soft")


def time_html(step: Step, reading: Reading) -> Html:
    """When a step was, since the start of its trace."""
    if step.time is None or reading.start is None:
        return fragment()
    elapsed_s = step.time - reading.start
    if not isfinite(elapsed_s):
        return fragment()
    return tag("span", since(elapsed_s), class_="time", title=moment(step.time))


def model_html(step: Step) -> Html:
    """The model that a reply came from."""
    model = step.data.get("model")
    return tag("span", model) if isinstance(model, str) else fragment()


def used_html(entry: Entry) -> Html:
    """What a reply used, as it says itself, or as the steps beside it count it."""
    parts = [usage_html(entry.step)]
    for number, step in entry.usages:
        parts.append(_count_html(step, number, entry.anchor_of(number)))
    return fragment(*parts)


def _count_html(step: Step, number: int, anchor: str) -> Html:
    """A step that counts what another one used, behind a fold with an anchor of its own."""
    usage = step.data.get("usage")
    counts = usage if isinstance(usage, Mapping) else {}
    what = soft(f"{number} {step.kind}")
    folded = details(_sum(counts), what, model_html(step), soft(_stated(counts)), rest_html(step))
    return tag("div", folded, class_="usage soft", id=anchor, data_step=step.id)


def usage_html(step: Step) -> Html:
    """What a reply used, behind a fold that says the sum."""
    usage = step.data.get("usage")
    if not isinstance(usage, Mapping) or not usage:
        return fragment()
    return tag("div", details(_sum(usage), _stated(usage)), class_="usage soft")


def _stated(usage: Mapping[str, Any]) -> str:
    """All that a usage states, in a line."""
    stated = []
    for name, value in usage.items():
        noun = as_words(name).replace("_", " ")
        stated.append(f"{noun} {as_words(value)}")
    return ", ".join(stated)


def _sum(usage: Mapping[str, Any]) -> str:
    """The tokens and the cost of a reply."""
    n_tokens = 0
    for name in ("input_tokens", "output_tokens"):
        n_tokens += round(number_of(usage.get(name)) or 0)
    words = f"{thousands(n_tokens)} tokens" if n_tokens else "usage"
    cost = number_of(usage.get("cost_usd"))
    if cost is not None:
        words += f" · {dollars(cost)}"
    return words


def media_html(step: Step, pictures: list[str]) -> Html:
    """The pictures of a step behind a fold, and links to those that are on the net."""
    in_parts = pictures_in(step.data.get("parts"))
    links = []
    for part in _parts(step):
        address = _address(part)
        if address:
            words = f"picture: {shortened(address, ADDRESS_CHARS)}"
            links.append(tag("div", link(address, words)))
    return fragment(pictures_html(pictures + in_parts), *links)


def _parts(step: Step) -> list[Mapping[str, Any]]:
    """The parts of a message that are objects."""
    parts = step.data.get("parts")
    listed = parts if isinstance(parts, list) else [parts]
    return [part for part in listed if isinstance(part, Mapping)]


def _address(part: Mapping[str, Any]) -> str | None:
    """Where on the net the picture of a part is; it is not loaded from there."""
    address = part.get("image_url") or part.get("url") or part.get("source")
    if isinstance(address, Mapping):
        address = address.get("url")
    if isinstance(address, str) and address.startswith(("https://", "http://")):
        return address
    return None


def rest_html(step: Step) -> Html:
    """Whatever else the source says of a step, behind a fold."""
    shown = SHOWN_OF_CALLS if step.kind.startswith("tool.") else SHOWN
    rest: dict[str, Any] = {}
    for name, value in step.data.items():
        if name not in shown:
            rest[name] = value
    other_parts = [part for part in _parts(step) if not _is_shown(part)]
    if other_parts:
        rest["parts"] = other_parts
    if not rest:
        return fragment()
    noun = {"tool.call": "more of the call", "tool.result": "more of the result"}
    try:
        text = text_html(json_of(rest, indent=1))
    except (TypeError, ValueError, RecursionError):
        text = value_html(rest)
    return tag("div", details(noun.get(step.kind, "more"), text), class_="more soft")


def _is_shown(part: Mapping[str, Any]) -> bool:
    """Whether a part of a message is text or a picture, which stand above."""
    if isinstance(part.get("text"), str) or _address(part):
        return True
    return bool(pictures_in(part))
