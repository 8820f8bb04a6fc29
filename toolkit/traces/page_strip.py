"""The strip of a trace's page: a tick for each step, coloured by who acts, which leads to it."""

from collections.abc import Sequence
from math import ceil

from toolkit.render import Html, fragment, spaced, tag
from toolkit.traces.brief import shortened
from toolkit.traces.outline import Entry
from toolkit.traces.page_about import soft, span
from toolkit.traces.page_steps import look_of

MOST_TICKS = 240
"""The most ticks of a strip; in a longer trace a tick stands for several steps."""
LABEL_CHARS = 60
NAMED_LOOKS = ("user", "assistant", "tool")
"""The colours that the key beneath the strip names, besides that of what failed."""


def bar_html(entries: Sequence[Entry], glance: Html) -> Html:
    """The strip, which stays in sight, with the head at a `glance`, a box that opens every fold and
    a way to each error.
    """
    if not entries:
        return fragment()
    box = tag("input", type="checkbox", class_="open-all")
    tools = [tag("label", box, " open all")]
    names = _names(entries)
    wrong = _wrong(entries)
    if wrong:
        first = f"#{wrong[0].anchor}"
        tools.append(tag("a", "first error", href=first, class_="next-error"))
        names.append(span("failed", "failed"))
    tools.append(tag("span", spaced(*names), class_="keys", aria_hidden="true"))
    toolbox = tag("div", spaced(*tools), class_="tools")
    return tag("div", glance, _strip(entries), toolbox, class_="bar")


def _names(entries: Sequence[Entry]) -> list[Html]:
    """What the colours stand for; an assistant by its name, where all have the same."""
    actors: dict[str, set[str]] = {}
    for entry in entries:
        actors.setdefault(look_of(entry), set()).add(entry.who)
    names = []
    for look in NAMED_LOOKS:
        if look in actors:
            is_named = look == "assistant" and len(actors[look]) == 1
            names.append(span(actors[look].pop() if is_named else look, look))
    return names


def _wrong(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that failed, or that the source of the trace blames."""
    return [entry for entry in entries if entry.failed or entry.is_mistake]


def _strip(entries: Sequence[Entry]) -> Html:
    """The ticks, and how many lines of the page stand behind each where it is more than one."""
    per_tick = ceil(len(entries) / MOST_TICKS)
    ticks = []
    for begin in range(0, len(entries), per_tick):
        end = begin + per_tick
        ticks.append(_tick(entries[begin:end]))
    strip = tag("nav", *ticks, class_="strip", aria_label="Steps")
    if per_tick == 1:
        return strip
    note = soft(f"one tick is {per_tick} of the lines below")
    return fragment(strip, note)


def _tick(entries: Sequence[Entry]) -> Html:
    """The tick of one entry, or of several: it leads to the first that went wrong, if one did."""
    wrong = _wrong(entries)
    entry = wrong[0] if wrong else entries[0]
    step = entry.step
    look = f"tick {look_of(entry)}"
    words = entry.name
    if entry.failed:
        look += " failed"
        words = f"failed: {entry.why}"
    elif entry.is_mistake:
        look += " failed"
        words = "the mistake, as its source names it"
    elif step.kind == "message":
        words = shortened(step.content, LABEL_CHARS)
    label = f"{entry.number} {entry.who} · {words}"
    return tag("a", href=f"#{entry.anchor}", class_=look, title=label, aria_label=label)
