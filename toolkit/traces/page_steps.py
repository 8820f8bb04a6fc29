"""The entries of a trace as HTML: messages, reasoning, calls with their results, other events."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from toolkit.render import Html, details, fragment, link, markdown, tag
from toolkit.traces.amounts import dollars, moment, quantity, seconds, since, thousands
from toolkit.traces.brief import as_text, as_words, shortened
from toolkit.traces.outline import Entry
from toolkit.traces.page_pictures import pictures_html, pictures_in, without_pictures
from toolkit.traces.page_texts import TEXT_CHARS, string_html, text_html, without_edit
from toolkit.traces.page_values import answer_html, value_html
from toolkit.traces.trace import Step

ACTORS = ("system", "user", "assistant", "tool")
"""The actors with a colour of their own."""
LONG_USER_CHARS, LONG_USER_LINES = 1500, 24
"""A longer message of a user folds."""
PREVIEW_CHARS = 280
ARGUMENTS_CHARS, ANSWER_CHARS, BRIEF_FIELDS = 140, 60, 8
"""How much of a call's arguments and of its answer stands in its line."""
BRIEF_JSON_CHARS = 20_000
"""The longest answer that is read as JSON only to say how long it is."""
SHOWN = set("name arguments call_id error agent branch parts model usage duration_s".split())
"""The fields of a step's data that are on the page by themselves."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a page is read: from which moment on, and for which words."""

    start: float | None = None
    """The time of the first step, in seconds since 1970."""
    words: re.Pattern[str] | None = None
    """What was searched for: the fold that holds it is open."""

    def finds(self, step: Step | None) -> bool:
        """Whether a step holds one of the words."""
        if step is None or self.words is None:
            return False
        text = f"{step.content} {as_text(step.data.get('arguments'))}"
        return self.words.search(text) is not None


def entry_html(entry: Entry, reading: Reading) -> Html:
    """An entry with its number, which is a link to it."""
    step = entry.step
    number = tag("a", entry.number, class_="n", href=f"#{entry.anchor}")
    if step.kind == "tool.call":
        body = _call(entry, reading)
    elif step.kind == "tool.result":
        body = _lone_result(entry, reading)
    else:
        body = _event(entry, reading)
    look = look_of(entry)
    failed = " failed" if entry.failed else ""
    return tag(
        "article",
        number,
        tag("div", body, class_="body"),
        class_=f"step {look}{failed}",
        id=entry.anchor,
        data_step=step.id,
    )


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


def _event(entry: Entry, reading: Reading) -> Html:
    """A message, reasoning, or a step of a kind that has no form of its own."""
    step = entry.step
    text, pictures = without_pictures(step.content)
    pictures += pictures_in(step.data.get("parts"))
    words = _words(step, text, reading)
    failed = tag("span", "failed", class_="badge failed") if entry.failed else ""
    name = step.actor
    if name == "assistant":
        name = entry.agent or name
    label = name if step.kind == "message" else f"{name} · {_kind(step)}"
    head = tag(
        "header",
        tag("strong", label, class_="actor"),
        failed,
        _time(step, reading),
        _model(step),
        _usage(step),
        class_="who",
    )
    return fragment(head, words, pictures_html(pictures), _addresses(step), _rest(step))


def _kind(step: Step) -> str:
    return "reasoning" if step.kind == "thinking" else step.kind


def _words(step: Step, text: str, reading: Reading) -> Html:
    """The words of a step; those of a system prompt, of reasoning and of a long request fold."""
    if not text.strip():
        return fragment()
    if len(text) > TEXT_CHARS or (step.kind not in ("message", "thinking")):
        return text_html(text)
    is_open = reading.finds(step) and step.actor != "system"
    words = tag("div", markdown(text), class_="md")
    long = len(text) > LONG_USER_CHARS or text.count("\n") > LONG_USER_LINES
    if step.kind == "thinking" or step.actor == "system" or (step.actor == "user" and long):
        if len(text) <= PREVIEW_CHARS and step.kind != "thinking":
            return words
        return _under_preview(text, words, is_open)
    return words


def _under_preview(text: str, words: Html, is_open: bool) -> Html:
    """Words in a fold that shows how they begin, and their number."""
    preview = tag("span", shortened(text, PREVIEW_CHARS), class_="preview")
    return details(fragment(preview, f" ({len(text):,} characters)"), words, open_=is_open)


def _call(entry: Entry, reading: Reading) -> Html:
    """A call in one line, which opens on its arguments and its result; open where it failed."""
    step, result = entry.step, entry.result
    arguments = step.data.get("arguments")
    is_open = entry.failed or reading.finds(step) or reading.finds(result)
    head = [
        tag("code", step.content, class_="name"),
        _badge(entry),
        tag("code", _in_a_line(arguments), class_="arguments"),
        tag("span", _aside(entry), class_="aside"),
        _time(step, reading),
    ]
    body = [_arguments(arguments), _answer(entry), _usage(step), _rest(step)]
    folded = details(fragment(*head), tag("div", *body, class_="inside"), open_=is_open)
    return tag("div", folded, class_="call")


def _lone_result(entry: Entry, reading: Reading) -> Html:
    """A result that answers no call of its trace."""
    step = entry.step
    is_open = entry.failed or reading.finds(step)
    head = [
        tag("code", entry.name, class_="name"),
        _badge(entry),
        tag("span", "a result without its call", class_="aside"),
        _time(step, reading),
    ]
    folded = details(fragment(*head), tag("div", _answer(entry), class_="inside"), open_=is_open)
    return tag("div", folded, class_="call")


def _badge(entry: Entry) -> Html:
    """The mark of a call: whether its result says that it failed."""
    answer = entry.answer
    if answer.kind == "tool.call":
        return tag("span", "no result", class_="badge")
    if entry.failure == "stated":
        return tag("span", "failed", class_="badge failed")
    if entry.failure == "said":
        return tag("span", "says error", class_="badge failed")
    if answer.data.get("error") is False:
        return tag("span", "ok", class_="badge ok")
    return tag("span", "answered", class_="badge")


def _aside(entry: Entry) -> str:
    """What stands at the end of a call's line: how long it took, and what came of it."""
    words = []
    for step in (entry.step, entry.result):
        duration = step.data.get("duration_s") if step else None
        if isinstance(duration, int | float):
            words.append(seconds(duration))
            break
    if entry.same_as is not None:
        words.append(f"same arguments as {entry.same_as}, which failed")
    elif entry.result and not entry.failed:
        words.append(_answer_in_brief(entry.result.content))
    return " · ".join(word for word in words if word)


def _answer_in_brief(text: str) -> str:
    """An answer that fits the line of its call; of a longer one, how long it is."""
    if _is_brief(text):
        return text.strip()
    if text[:1] in ("{", "[") and len(text) <= BRIEF_JSON_CHARS:
        with suppress(ValueError, RecursionError):
            return _brief(json.loads(text))
    n_lines = text.count("\n") + 1
    return quantity(n_lines, "line") if n_lines > 1 else f"{len(text):,} characters"


def _is_brief(text: str) -> bool:
    return len(text) <= ANSWER_CHARS and "\n" not in text.strip()


def _in_a_line(arguments: Any) -> str:
    """The arguments of a call in brief: a single one by its value alone."""
    if not arguments:
        return ""
    if not isinstance(arguments, Mapping):
        return shortened(as_words(arguments), ARGUMENTS_CHARS)
    fields = without_edit(arguments)
    if len(fields) == 1:
        (value,) = fields.values()
        return shortened(_brief(value), ARGUMENTS_CHARS)
    pairs = [f"{name}: {_brief(value)}" for name, value in islice(fields.items(), BRIEF_FIELDS)]
    return shortened(", ".join(pairs), ARGUMENTS_CHARS)


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
        return tag("div", "no arguments", class_="soft")
    if isinstance(arguments, str):
        return string_html(arguments)
    return value_html(arguments)


def _answer(entry: Entry) -> Html:
    """The result of a call, with its own number and anchor where it stands with the call."""
    answer = entry.answer
    if answer.kind == "tool.call":
        return tag("div", "Nothing came back, as far as the trace says.", class_="soft")
    text, pictures = without_pictures(answer.content)
    pictures += pictures_in(answer.data.get("parts"))
    said = _said(entry, text)
    number, anchor = "", None
    if entry.result is not None:
        number = f"{entry.result_number} "
        anchor = entry.anchor.rpartition("-")[0] + f"-{entry.result_number}"
    label = tag("div", number, "why it failed" if entry.failed else "result", class_="soft")
    if entry.failed and "\n" in text.strip():
        label = fragment(label, tag("div", entry.why, class_="reason"))
    rest = [pictures_html(pictures), _addresses(answer), _usage(answer), _rest(answer)]
    look = "result why" if entry.failed else "result"
    return tag("div", label, said, *rest, class_=look, id=anchor, data_step=answer.id)


def _said(entry: Entry, text: str) -> Html:
    """The words of an answer, unless they stand in the line of their call already."""
    if text.strip():
        in_line = entry.result and not entry.failed and _is_brief(text)
        return fragment() if in_line else answer_html(text)
    silence = "The answer is empty."
    if entry.failed:
        silence = "The source says that it failed, and not why."
    return tag("div", silence, class_="soft")


def _time(step: Step, reading: Reading) -> Html:
    """When a step was, since the start of its trace."""
    if step.time is None or reading.start is None:
        return fragment()
    return tag("span", since(step.time - reading.start), class_="time", title=moment(step.time))


def _model(step: Step) -> Html:
    model = step.data.get("model")
    return tag("span", model) if isinstance(model, str) else fragment()


def _usage(step: Step) -> Html:
    """What a reply used, behind a fold that says the sum."""
    usage = step.data.get("usage")
    if not isinstance(usage, Mapping) or not usage:
        return fragment()
    counts = [usage.get("input_tokens"), usage.get("output_tokens")]
    n_tokens = sum(count for count in counts if isinstance(count, int))
    cost = usage.get("cost_usd")
    words = [f"{thousands(n_tokens)} tokens" if n_tokens else "usage"]
    if isinstance(cost, int | float):
        words.append(dollars(cost))
    stated = []
    for name, value in usage.items():
        stated.append(f"{as_words(name).replace('_', ' ')} {as_words(value)}")
    return tag("div", details(" · ".join(words), ", ".join(stated)), class_="usage soft")


def _addresses(step: Step) -> Html:
    """Links to the pictures of a message that are on the net: none of them is loaded."""
    links = []
    for part in _parts(step):
        address = _address(part)
        if address:
            links.append(tag("div", link(address, f"picture: {shortened(address, 80)}")))
    return fragment(*links)


def _address(part: Mapping[str, Any]) -> str | None:
    """Where on the net the picture of a part is."""
    address = part.get("image_url") or part.get("url") or part.get("source")
    if isinstance(address, Mapping):
        address = address.get("url")
    if isinstance(address, str) and address.startswith(("https://", "http://")):
        return address
    return None


def _parts(step: Step) -> list[Mapping[str, Any]]:
    parts = step.data.get("parts")
    listed = parts if isinstance(parts, list) else [parts]
    return [part for part in listed if isinstance(part, Mapping)]


def _rest(step: Step) -> Html:
    """Whatever else the source says of a step, behind a fold."""
    rest = {name: value for name, value in step.data.items() if name not in SHOWN}
    if rest and step.kind not in ("tool.call", "tool.result") and "name" in step.data:
        rest["name"] = step.data["name"]
    other_parts = [part for part in _parts(step) if not _is_shown(part)]
    if other_parts:
        rest["parts"] = other_parts
    if not rest:
        return fragment()
    try:
        text = json.dumps(rest, ensure_ascii=False, indent=1, default=str)
    except (TypeError, ValueError, RecursionError):
        return details("more", value_html(rest))
    return tag("div", details("more", text_html(text)), class_="more soft")


def _is_shown(part: Mapping[str, Any]) -> bool:
    """Whether a part of a message is text or a picture, which stand above."""
    return isinstance(part.get("text"), str) or bool(_address(part) or pictures_in(part))
