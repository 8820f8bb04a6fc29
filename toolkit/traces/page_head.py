"""The head of a trace's page: how it ended, what it cost, and where it went wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.render import Html, details, fragment, table, tag
from toolkit.traces.amounts import dollars, quantity, seconds, thousands
from toolkit.traces.brief import as_words, shortened
from toolkit.traces.fields import without
from toolkit.traces.measures import trace_row
from toolkit.traces.outcome import models_of, outcome_look, outcome_of, reward_of, trace_failed
from toolkit.traces.outline import Entry, Failure, failures
from toolkit.traces.page_about import span
from toolkit.traces.page_values import value_html
from toolkit.traces.trace import Trace, title

SHOWN_FAILURES = 4
"""How many reasons are listed in the head before a fold."""
SHOWN_LINKS = 8
"""How many of the steps that failed for one reason are linked."""
NAME_CHARS = 80
"""How many characters are shown of the name of what failed."""
PILL_CHARS = 60
"""How many characters a pill shows."""
END_CHARS = 220
"""How many characters are shown of the last words."""
SHOWS_END = 8
"""From so many entries on, the head says how the trace ends."""
NUMBERS = ("cost_usd", "duration_s", "input_tokens", "output_tokens")
"""The fields of ``meta`` that the head counts."""


def head_html(trace: Trace, entries: Sequence[Entry]) -> Html:
    """All that stands above the steps."""
    request = title(trace)
    about = tag("p", "“", tag("bdi", request), "”", class_="soft") if request else ""
    return tag(
        "header",
        tag("h1", tag("bdi", trace.id)),
        about,
        tag("div", *_pills(trace, entries), class_="pills"),
        _went_wrong(trace, entries),
        _scores(trace, entries),
        _record(trace),
        class_="head",
    )


def _pills(trace: Trace, entries: Sequence[Entry]) -> list[Html]:
    """What the source says of the trace as a whole, and what can be counted."""
    pills = _ending(trace)
    models = models_of(trace)
    if models:
        words = shortened(models[0], PILL_CHARS)
        if len(models) > 1:
            words += f" and {len(models) - 1} more"
        pills.append(_pill(words))
    n_steps = quantity(len(trace.steps), "step")
    n_calls = quantity(len(trace.calls), "call")
    pills.append(_pill(n_steps))
    pills.append(_pill(n_calls))
    pills.append(_errors(trace, entries))
    pills += [_pill(amount) for amount in _amounts(trace)]
    pills.append(span(trace.source, "badge"))
    return pills


def _amounts(trace: Trace) -> list[str]:
    """The tokens, the cost and the duration, where the source states them."""
    row = trace_row(trace)
    amounts = []
    if row["tokens"] is not None:
        amounts.append(f"{thousands(row['tokens'])} tokens")
    if row["cost_usd"] is not None:
        amounts.append(dollars(row["cost_usd"]))
    if row["duration_s"] is not None:
        amounts.append(seconds(row["duration_s"]))
    return amounts


def _pill(text: str, look: str = "") -> Html:
    return span(text, f"pill {look}".strip())


def _ending(trace: Trace) -> list[Html]:
    """The outcome in the source's own word, and the reward; red where they mean that it failed."""
    pills = []
    outcome = outcome_of(trace)
    if outcome:
        words = shortened(outcome, PILL_CHARS)
        pills.append(_pill(words, outcome_look(outcome)))
    reward = reward_of(trace)
    if reward is not None:
        look = ""
        if reward >= 1:
            look = "ok"
        elif reward <= 0:
            look = "failed"
        pills.append(_pill(f"reward {reward:g}", look))
    return pills


def _errors(trace: Trace, entries: Sequence[Entry]) -> Html:
    """How many steps failed, and how many only speak of an error; nothing where nobody says."""
    ways = [entry.failure for entry in entries]
    n_stated = ways.count("stated")
    n_saying = ways.count("said")
    if n_stated:
        return _pill(f"{n_stated:,} failed", "failed")
    if n_saying:
        return _pill(f"{n_saying:,} say error", "failed")
    if trace_row(trace)["tool_errors"] is None:
        return fragment()
    return _pill("no errors")


def _went_wrong(trace: Trace, entries: Sequence[Entry]) -> Html:
    """Which steps failed and why, and how the trace ends: what a stranger asks first."""
    reasons = [_failure(reason) for reason in failures(entries)]
    lines = reasons[:SHOWN_FAILURES]
    others = reasons[SHOWN_FAILURES:]
    if others:
        summary = quantity(len(others), "more reason")
        lines.append(details(summary, *others))
    failed = trace_failed(trace)
    if failed and not reasons:
        lines.append(tag("div", "It went wrong, and no step says that it failed."))
    if len(entries) >= SHOWS_END:
        lines.append(_end(entries))
    if not lines:
        return fragment()
    look = "wrong failed" if reasons or failed else "wrong"
    return tag("div", *lines, class_=look)


def _failure(failure: Failure) -> Html:
    """One reason, with links to the steps that failed for it."""
    times = len(failure.entries)
    often = " failed at step "
    if times > 1:
        often = f" failed {times:,} times, at steps "
    name = shortened(failure.name, NAME_CHARS)
    words: list[object] = [tag("bdi", tag("code", name)), often]
    for entry in failure.entries[:SHOWN_LINKS]:
        words.append(_link(entry, entry.number))
        words.append(" ")
    if times > SHOWN_LINKS:
        words.append(f"and {times - SHOWN_LINKS:,} more ")
    again = [entry for entry in failure.entries if entry.same_as is not None]
    if again:
        words.append(f"({len(again):,} with the same arguments again) ")
    if failure.why:
        words.append(tag("div", failure.why, class_="why"))
    return tag("div", *words)


def _link(entry: Entry, text: object) -> Html:
    return tag("a", text, href=f"#{entry.anchor}")


def _end(entries: Sequence[Entry]) -> Html:
    """The last step of the trace: who acts, and the words of a message."""
    last = entries[-1]
    step = last.step
    if step.kind.startswith("tool."):
        words = f"a call of {last.name}"
    else:
        words = f"{step.actor}: {shortened(step.content, END_CHARS)}"
    where = _link(last, last.number)
    return tag("div", "It ends at step ", where, " · ", tag("bdi", words), class_="soft")


def _scores(trace: Trace, entries: Sequence[Entry]) -> Html:
    """What people, models and code said of the trace in its source."""
    scores = trace.meta.get("scores")
    if not isinstance(scores, list) or not scores:
        return fragment()
    by_step = {entry.step.id: entry for entry in entries}
    rows = []
    for score in scores:
        if isinstance(score, Mapping):
            step_id = as_words(score.get("step"))
            rows.append(_score(score, by_step.get(step_id)))
    summary = quantity(len(rows), "score")
    return details(summary, table(rows), open_=True)


def _score(score: Mapping[str, Any], entry: Entry | None) -> list[object]:
    """A score's name, value, comment, who gave it, and the step that it is about."""
    cells: list[object] = []
    for field in ("name", "value", "comment"):
        value = score.get(field)
        cells.append("" if value is None else as_words(value))
    raters: list[str] = []
    for field in ("rater", "rater_kind"):
        if score.get(field):
            raters.append(as_words(score[field]))
    cells.append(", ".join(raters))
    link = _link(entry, f"step {entry.number}") if entry else ""
    cells.append(link)
    return cells


def _record(trace: Trace) -> Html:
    """Whatever else the source says of the trace, behind a fold."""
    shown = _shown_fields(trace)
    rest = without(trace.meta, *shown)
    if not rest:
        return fragment()
    n_fields = quantity(len(rest), "field")
    return details(f"more of the record ({n_fields})", value_html(rest))


def _shown_fields(trace: Trace) -> set[str]:
    """The fields of ``meta`` that the head shows by themselves: what it cannot show is no such."""
    meta = trace.meta
    shown = set()
    for name in NUMBERS:
        if isinstance(meta.get(name), int | float):
            shown.add(name)
    if outcome_of(trace):
        shown.add("outcome")
    if reward_of(trace) is not None:
        shown.add("reward")
    if isinstance(meta.get("model"), str):
        shown.add("model")
    if isinstance(meta.get("scores"), list):
        shown.add("scores")
    return shown
