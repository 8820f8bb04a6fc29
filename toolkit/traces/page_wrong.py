"""What went wrong in a trace: the mistake that its source names, what failed, and how it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from toolkit.render import Html, details, fragment, tag
from toolkit.traces.amounts import quantity
from toolkit.traces.brief import as_words, shortened
from toolkit.traces.outcome import mistakes_of, trace_failed
from toolkit.traces.outline import Entry, Failure, failures
from toolkit.traces.trace import Step, Trace

SHOWN_FAILURES = 4
"""How many reasons are listed in the head before a fold."""
SHOWN_LINKS = 8
"""How many of the steps that failed for one reason are linked."""
NAME_CHARS = 80
"""How many characters are shown of the name of what failed."""
END_CHARS = 220
"""How many characters are shown of the last words."""
SHOWS_END = 8
"""From so many entries on, the head says how the trace ends."""
Entries = Sequence[Entry]


def went_wrong_html(trace: Trace, entries: Entries) -> Html:
    """Which steps failed and why, and how the trace ends: what a stranger asks first."""
    lines = [_mistake(score, entry) for score, entry in mistakes(trace, entries)]
    for reason in failures(entries):
        lines.append(_failure(reason))
    failed = trace_failed(trace)
    look = "wrong failed" if lines or failed else "wrong"
    if failed and not lines:
        lines.append(tag("div", "It went wrong, and no step says that it failed."))
    n_more = len(lines) - SHOWN_FAILURES
    if n_more > 0:
        summary = quantity(n_more, "more reason")
        lines[SHOWN_FAILURES:] = [details(summary, *lines[SHOWN_FAILURES:])]
    telling = [entry for entry in entries if _tells(entry.step)]
    if telling and len(entries) >= SHOWS_END:
        lines.append(_end(telling[-1], len(trace.steps)))
    return tag("div", *lines, class_=look) if lines else fragment()


def mistakes(trace: Trace, entries: Entries) -> list[tuple[Mapping[str, Any], Entry]]:
    """The scores that name the step that the failure comes from, each with the entry where that
    step stands: a result may stand with its call.
    """
    by_step = entries_by_step(entries)
    pairs = []
    for score in mistakes_of(trace):
        entry = by_step.get(as_words(score.get("step")))
        if entry:
            pairs.append((score, entry))
    return pairs


def with_mistakes(trace: Trace, entries: Entries) -> list[Entry]:
    """The entries, those marked that the source of the trace blames."""
    blamed = {entry.anchor for _, entry in mistakes(trace, entries)}
    if not blamed:
        return list(entries)
    return [replace(entry, is_mistake=entry.anchor in blamed) for entry in entries]


def entries_by_step(entries: Entries) -> dict[str, Entry]:
    """The entry that shows a step, by the step's id."""
    by_step = {}
    for entry in entries:
        by_step[entry.step.id] = entry
        if entry.result:
            by_step[entry.result.id] = entry
    return by_step


def _mistake(score: Mapping[str, Any], entry: Entry) -> Html:
    """The step that a person blames, and the reason."""
    line = ["The mistake, as its source names it: step ", entry_link(entry, entry.number), " · "]
    reason = tag("div", as_words(score.get("comment") or ""), class_="why")
    return tag("div", *line, tag("bdi", as_words(score.get("value") or entry.who)), reason)


def _failure(failure: Failure) -> Html:
    """One reason, with links to the steps that failed for it."""
    entries = failure.entries
    n_times = len(entries)
    often = f" failed {n_times:,} times, at steps " if n_times > 1 else " failed at step "
    name = tag("code", shortened(failure.name, NAME_CHARS))
    words: list[object] = [tag("bdi", name), often]
    for entry in entries[:SHOWN_LINKS]:
        words += [entry_link(entry, entry.number), " "]
    n_more = n_times - SHOWN_LINKS
    if n_more > 0:
        words.append(f"and {n_more:,} more ")
    n_again = sum(entry.same_as is not None for entry in entries)
    if n_again:
        words.append(f"({n_again:,} with the same arguments again) ")
    if failure.why:
        words.append(tag("div", failure.why, class_="why"))
    return tag("div", *words)


def entry_link(entry: Entry, text: object) -> Html:
    return tag("a", text, href=f"#{entry.anchor}")


def _tells(step: Step) -> bool:
    """Whether a step has words, or is a tool's; the count of a reply's tokens has neither."""
    return step.kind.startswith("tool.") or bool(step.content.strip())


def _end(last: Entry, n_steps: int) -> Html:
    """The last step that tells something: who acts, and the words of a message. What follows it is
    the result of its call, or a count of tokens.
    """
    step = last.step
    what = "Its last call is"
    words = last.name
    if not step.kind.startswith("tool."):
        what = "Its last words are"
        words = f"{last.who}: {shortened(step.content, END_CHARS)}"
    return tag(
        "div",
        f"{what} step ",
        entry_link(last, last.number),
        f" of {n_steps:,} · ",
        tag("bdi", words),
        class_="soft",
    )
