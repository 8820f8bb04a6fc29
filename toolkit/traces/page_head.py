"""The head of a trace's page: how it ended, what it cost, where it went wrong, a strip of steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.render import Html, details, fragment, table, tag
from toolkit.traces.amounts import dollars, quantity, seconds, thousands
from toolkit.traces.brief import as_words, shortened
from toolkit.traces.measures import trace_row
from toolkit.traces.outline import Entry, Failure, failures
from toolkit.traces.page_steps import look_of
from toolkit.traces.page_values import value_html
from toolkit.traces.trace import Trace, title

FAILED_OUTCOMES = set(
    "aborted cancelled canceled crashed error errored fail failed failure false i incorrect "
    "infra_error interrupted killed max_steps n rejected timed_out timeout unresolved".split()
)
OK_OUTCOMES = set(
    "c complete completed correct finished ok pass passed resolved success succeeded true".split()
)
STRIP_TICKS = 240
"""The most ticks of a strip; in a longer trace a tick stands for several steps."""
SHOWN_FAILURES, SHOWN_LINKS = 4, 8
"""How many reasons are listed in the head, and how many steps of each."""
END_CHARS = 220
SHOWS_END = 8
"""From so many entries on, the head says how the trace ends."""
IN_HEAD = set("model outcome reward cost_usd duration_s input_tokens output_tokens scores".split())
"""The fields of ``meta`` that the head shows by themselves."""


def head_html(trace: Trace, entries: Sequence[Entry]) -> Html:
    """All that stands above the steps."""
    request = title(trace)
    about = tag("p", f"“{request}”", class_="soft") if request else ""
    return tag(
        "header",
        tag("h1", trace.id),
        about,
        tag("div", *pills(trace, entries), class_="pills"),
        _went_wrong(trace, entries),
        _scores(trace, entries),
        _record(trace),
        class_="head",
    )


def pills(trace: Trace, entries: Sequence[Entry]) -> list[Html]:
    """What the source says of the trace as a whole, and what can be counted."""
    row = trace_row(trace)
    words = [_outcome(trace), _reward(trace)]
    models = models_of(trace)
    if models:
        more = f" and {len(models) - 1} more" if len(models) > 1 else ""
        words.append(_pill(f"{shortened(models[0], 60)}{more}"))
    words.append(_pill(quantity(len(trace.steps), "step")))
    words.append(_pill(quantity(len(trace.calls), "call")))
    words.append(_errors(entries))
    if row["tokens"] is not None:
        words.append(_pill(f"{thousands(row['tokens'])} tokens"))
    if row["cost_usd"] is not None:
        words.append(_pill(dollars(row["cost_usd"])))
    if row["duration_s"] is not None:
        words.append(_pill(seconds(row["duration_s"])))
    source = tag("span", trace.source, class_="badge")
    return [*(pill for pill in words if pill), source]


def _pill(text: str, look: str = "") -> Html:
    return tag("span", text, class_=f"pill {look}".strip())


def _outcome(trace: Trace) -> Html:
    """The outcome as the source words it; red where that is a word for failing."""
    outcome = trace.meta.get("outcome")
    if outcome is None or isinstance(outcome, Mapping | list):
        return fragment()
    text = shortened(as_words(outcome), 60)
    return _pill(text, outcome_look(outcome))


def outcome_look(outcome: object) -> str:
    """``failed`` or ``ok``, or nothing for a word that is neither.

    >>> outcome_look("Resolved"), outcome_look("error"), outcome_look("escalated")
    ('ok', 'failed', '')
    """
    word = as_words(outcome).strip().casefold().replace(" ", "_")
    if word in FAILED_OUTCOMES:
        return "failed"
    return "ok" if word in OK_OUTCOMES else ""


def reward_of(trace: Trace) -> float | None:
    """The reward, where the source states one number."""
    reward = trace.meta.get("reward")
    return reward if isinstance(reward, int | float) else None


def _reward(trace: Trace) -> Html:
    reward = reward_of(trace)
    if reward is None:
        return fragment()
    look = ""
    if reward <= 0:
        look = "failed"
    elif reward >= 1:
        look = "ok"
    return _pill(f"reward {reward:g}", look)


def models_of(trace: Trace) -> list[str]:
    """The models that the source names, that of the trace first."""
    stated = [trace.meta.get("model"), *(step.data.get("model") for step in trace.steps)]
    return list(dict.fromkeys(model for model in stated if isinstance(model, str) and model))


def _errors(entries: Sequence[Entry]) -> Html:
    """How many steps failed, and how many only speak of an error."""
    n_stated = sum(entry.failure == "stated" for entry in entries)
    n_saying = sum(entry.failure == "said" for entry in entries)
    if n_stated:
        return _pill(f"{n_stated:,} failed", "failed")
    if n_saying:
        return _pill(f"{n_saying:,} say error", "failed")
    return _pill("no errors")


def trace_failed(trace: Trace) -> bool:
    """Whether the source says that the trace as a whole went wrong."""
    reward = reward_of(trace)
    return outcome_look(trace.meta.get("outcome")) == "failed" or (
        reward is not None and reward <= 0
    )


def _went_wrong(trace: Trace, entries: Sequence[Entry]) -> Html:
    """Which steps failed and why, and how the trace ends: what a stranger asks first."""
    reasons = failures(entries)
    lines = [_failure(reason) for reason in reasons[:SHOWN_FAILURES]]
    if len(reasons) > SHOWN_FAILURES:
        more = quantity(len(reasons) - SHOWN_FAILURES, "more reason")
        lines.append(details(more, *(_failure(reason) for reason in reasons[SHOWN_FAILURES:])))
    if not reasons and trace_failed(trace):
        lines.append(tag("div", "It went wrong, and no step says that it failed."))
    if len(entries) >= SHOWS_END:
        lines.append(_end(entries))
    look = "wrong failed" if reasons or trace_failed(trace) else "wrong"
    return tag("div", *lines, class_=look) if lines else fragment()


def _failure(failure: Failure) -> Html:
    """One reason, with links to the steps that failed for it."""
    times = len(failure.entries)
    words: list[object] = [tag("code", shortened(failure.name, 80))]
    words.append(f" failed {times:,} times, at steps " if times > 1 else " failed at step ")
    for entry in failure.entries[:SHOWN_LINKS]:
        words += [tag("a", entry.number, href=f"#{entry.anchor}"), " "]
    if times > SHOWN_LINKS:
        words.append(f"and {times - SHOWN_LINKS:,} more ")
    again = sum(entry.same_as is not None for entry in failure.entries)
    if again:
        words.append(f"({again:,} with the same arguments again) ")
    if failure.why:
        words.append(tag("div", failure.why, class_="why"))
    return tag("div", *words)


def _end(entries: Sequence[Entry]) -> Html:
    """The last step of the trace: who acts, and the words of a message."""
    last = entries[-1]
    words = f"{last.step.actor}: {shortened(last.step.content, END_CHARS)}"
    if last.step.kind.startswith("tool."):
        words = f"a call of {last.name}"
    link = tag("a", last.number, href=f"#{last.anchor}")
    return tag("div", "It ends at step ", link, f" · {words}", class_="soft")


def _scores(trace: Trace, entries: Sequence[Entry]) -> Html:
    """What people, models and code said of the trace in its source."""
    scores = trace.meta.get("scores")
    if not isinstance(scores, list) or not scores:
        return fragment()
    by_step = {entry.step.id: entry for entry in entries}
    rows = []
    for score in scores:
        if isinstance(score, Mapping):
            rows.append(_score(score, by_step.get(as_words(score.get("step")))))
    return details(quantity(len(rows), "score"), table(rows), open_=True)


def _score(score: Mapping[str, Any], entry: Entry | None) -> list[object]:
    """A score's name, value, comment, who gave it, and the step that it is about."""
    cells: list[object] = []
    for field in ("name", "value", "comment"):
        value = score.get(field)
        cells.append("" if value is None else as_words(value))
    rater = [as_words(score[field]) for field in ("rater", "rater_kind") if score.get(field)]
    cells.append(", ".join(rater))
    cells.append(tag("a", f"step {entry.number}", href=f"#{entry.anchor}") if entry else "")
    return cells


def _record(trace: Trace) -> Html:
    """Whatever else the source says of the trace, behind a fold."""
    rest: dict[str, Any] = {}
    for name, value in trace.meta.items():
        if name not in IN_HEAD:
            rest[name] = value
    if not rest:
        return fragment()
    return details(f"more of the record ({quantity(len(rest), 'field')})", value_html(rest))


def strip_html(entries: Sequence[Entry]) -> Html:
    """A tick for each entry, coloured by who acts, which leads to it."""
    per_tick = -(-len(entries) // STRIP_TICKS) or 1
    ticks = []
    for begin in range(0, len(entries), per_tick):
        ticks.append(_tick(entries[begin : begin + per_tick]))
    note = ""
    if per_tick > 1:
        note = tag("div", f"one tick is {per_tick} steps", class_="soft")
    return fragment(tag("nav", *ticks, class_="strip", aria_label="Steps"), note)


def _tick(entries: Sequence[Entry]) -> Html:
    """The tick of one entry, or of several: it leads to the first that failed, if one did."""
    failed = [entry for entry in entries if entry.failed]
    entry = (failed or entries)[0]
    step = entry.step
    words = entry.why if failed else entry.name
    if step.kind == "message":
        words = shortened(step.content, 60)
    state = " failed" if failed else ""
    label = f"{entry.number} {entry.agent or step.actor}{state}: {words}"
    return tag("a", href=f"#{entry.anchor}", class_=f"tick {look_of(entry)}{state}", title=label)
