"""The head of a trace's page: how it ended, what it cost, and where it went wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.render import Html, details, fragment, spaced, table, tag
from toolkit.traces.amounts import dollars, quantity, seconds, thousands
from toolkit.traces.brief import as_words, shortened
from toolkit.traces.fields import without
from toolkit.traces.measures import trace_row
from toolkit.traces.outcome import (
    models_of,
    outcome_look,
    outcome_of,
    outcome_words,
    reward_look,
    reward_of,
)
from toolkit.traces.outline import USAGE, Entry
from toolkit.traces.page_about import span
from toolkit.traces.page_values import value_html
from toolkit.traces.page_wrong import entries_by_step, entry_link, mistakes, went_wrong_html
from toolkit.traces.trace import Trace, title

PILL_CHARS = 60
"""How many characters a pill shows."""
TITLE_CHARS = 160
"""How many characters are shown of what was asked, which stands again at its step."""
SCORE_COLUMNS = ("name", "value", "comment", "given by", "step")
"""The heads of the table of scores."""
Entries = Sequence[Entry]
NUMBER = (int, float)
SHOWN_FIELDS: dict[str, Any] = {
    "cost_usd": NUMBER,
    "duration_s": NUMBER,
    "input_tokens": NUMBER,
    "output_tokens": NUMBER,
    "model": str,
    "scores": list,
}
"""The fields of ``meta`` that the head shows by themselves, and what they have to be for that."""


def head_html(trace: Trace, entries: Entries) -> Html:
    """All that stands above the steps."""
    request = title(trace, TITLE_CHARS)
    about = tag("p", "“", tag("bdi", request), "”", class_="soft") if request else ""
    return tag(
        "header",
        tag("h1", tag("bdi", trace.id)),
        about,
        tag("div", spaced(*_pills(trace, entries)), class_="pills"),
        went_wrong_html(trace, entries),
        _scores(trace, entries),
        _record(trace),
        class_="head",
    )


def glance_html(trace: Trace, entries: Entries) -> Html:
    """The head in one line: the id, how it ended, what failed, and what it cost."""
    row = trace_row(trace)
    parts = [tag("bdi", trace.id, class_="id"), *_ending(trace)]
    parts.append(_errors(entries, row["tool_errors"]))
    for amount in _amounts(row):
        parts.append(_pill(amount))
    return tag(
        "div", spaced(*parts), class_="glance", aria_hidden="true"
    )  # the head says it to all


def _pills(trace: Trace, entries: Entries) -> list[Html]:
    """What the source says of the trace as a whole, and what can be counted."""
    row = trace_row(trace)
    pills = _ending(trace)
    texts = _models(trace)
    texts.append(_steps(trace))
    texts.append(quantity(row["tool_calls"], "call"))
    for text in texts:
        pills.append(_pill(text))
    pills.append(_errors(entries, row["tool_errors"]))
    for amount in _amounts(row):
        pills.append(_pill(amount))
    pills.append(span(trace.source, "badge"))
    return pills


def _models(trace: Trace) -> list[str]:
    """The first model, and how many more there are."""
    models = models_of(trace)
    if not models:
        return []
    words = shortened(models[0], PILL_CHARS)
    n_more = len(models) - 1
    return [f"{words} and {n_more} more" if n_more else words]


def _steps(trace: Trace) -> str:
    """How many steps it has, and how many of them only count tokens."""
    words = quantity(len(trace.steps), "step")
    n_counts = sum(step.kind == USAGE for step in trace.steps)
    return f"{words}, {n_counts:,} of them token counts" if n_counts else words


def _amounts(row: Mapping[str, Any]) -> list[str]:
    """The tokens, the cost and the duration, where the source states them."""
    n_tokens = row["tokens"]
    cost_usd = row["cost_usd"]
    duration_s = row["duration_s"]
    amounts = []
    if n_tokens is not None:
        amounts.append(f"{thousands(n_tokens)} tokens")
    if cost_usd is not None:
        amounts.append(dollars(cost_usd))
    if duration_s is not None:
        amounts.append(seconds(duration_s))
    return amounts


def _pill(text: str, look: str = "") -> Html:
    return span(text, f"pill {look}".strip())


def _ending(trace: Trace) -> list[Html]:
    """The outcome in the source's own word, and the reward; red where they mean that it failed."""
    pills = []
    outcome = outcome_of(trace)
    if outcome:
        words = shortened(outcome_words(outcome), PILL_CHARS)
        pills.append(_pill(words, outcome_look(outcome)))
    reward = reward_of(trace)
    if reward is not None:
        pills.append(_pill(f"reward {reward:g}", reward_look(reward)))
    return pills


def _errors(entries: Entries, stated: int | None) -> Html:
    """How many steps failed, or else speak of an error; nothing where none are stated."""
    ways = [entry.failure for entry in entries]
    n_failed = ways.count("stated")
    n_saying = ways.count("said")
    if n_failed:
        return _pill(f"{n_failed:,} failed", "failed")
    if n_saying:
        return _pill(f"{n_saying:,} say error", "failed")
    return fragment() if stated is None else _pill("no errors")


def _scores(trace: Trace, entries: Entries) -> Html:
    """What people, models and code said of the trace in its source."""
    scores = trace.meta.get("scores")
    if not isinstance(scores, list) or not scores:
        return fragment()
    by_step = entries_by_step(entries)
    shown_above = [mistake for mistake, _ in mistakes(trace, entries)]
    rows = []
    for score in scores:
        if isinstance(score, Mapping) and score not in shown_above:
            step_id = as_words(score.get("step"))
            rows.append(_score(score, by_step.get(step_id)))
    if not rows:
        return fragment()
    summary = quantity(len(rows), "score")
    return details(summary, table(rows, SCORE_COLUMNS), open_=True)


def _score(score: Mapping[str, Any], entry: Entry | None) -> dict[str, object]:
    """A score's name, value, comment, who gave it, and the step that it is about."""
    row: dict[str, object] = {}
    for field in ("name", "value", "comment"):
        if score.get(field) is not None:
            row[field] = as_words(score[field])
    raters = []
    for field in ("rater", "rater_kind"):
        if score.get(field):
            raters.append(as_words(score[field]))
    row["given by"] = ", ".join(raters)
    if entry:
        row["step"] = entry_link(entry, f"step {entry.number}")
    return row


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
    shown = set()
    for name, kind in SHOWN_FIELDS.items():
        if isinstance(trace.meta.get(name), kind):
            shown.add(name)
    if outcome_of(trace):
        shown.add("outcome")
    if reward_of(trace) is not None:
        shown.add("reward")
    return shown
