"""The table of a `RubricPanel`: each labelled trace, with its verdicts before and after an edit."""

from collections.abc import Iterable, Mapping, Sequence

from toolkit import render
from toolkit.evals import Alignment, Label, Verdict, align, compare_judges
from toolkit.traces import Trace
from toolkit.views.words import with_step_numbers

__all__ = ["NOT_JUDGED", "alignment_of", "judged_html", "rate_words", "who_says"]

SAVED, EDIT = "saved", "your edit"
"""What the two rubrics are called: that of the file, and that of the box."""
NOT_JUDGED = "not judged yet"
NO_WORD = "…"
CHANCE_P = 0.05
"""From this p on, chance may have made the difference."""
MOST_DOTS = 60
"""Of more labels no dots are drawn: nobody counts them."""


def who_says(labels: Sequence[Label]) -> str:
    """Whose the labels are, as the begin of a sentence: yours where one person gave them all."""
    raters = {label.rater for label in labels}
    kinds = {label.rater_kind for label in labels}
    if len(raters) > 1:
        return "the raters say"
    if kinds <= {"human"}:
        return "you say"
    return f"{min(raters)} says"


def judged_html(
    traces: Iterable[Trace],
    labels: Mapping[str, Label],
    before: Sequence[Verdict],
    after: Sequence[Verdict],
) -> render.Html:
    """How far the verdicts before and after an edit agree with the labels, and a row for each
    trace.
    """
    rows = []
    shown = alignment_of(labels, after or before)
    if shown:
        rows.append(render.tag("strong", shown.title))
        rows.append(render.tag("div", shown.subtitle, class_="soft"))
    for name, judged in ((SAVED, before), (EDIT, after)):
        alignment = alignment_of(labels, judged)
        rate = rate_words(alignment) if alignment else NOT_JUDGED
        rows.append(render.tag("div", f"{name}: {rate}"))
        rows.append(agreement_dots(labels, judged))
    moved = moved_words(labels, before, after)
    if moved:
        rows.append(render.tag("p", moved, class_="moved"))
    rows.append(changes_table(traces, labels, before, after))
    return render.block(*rows)


def alignment_of(labels: Mapping[str, Label], verdicts: Sequence[Verdict]) -> Alignment | None:
    """How far verdicts agree with the labels; None where there are none."""
    if not verdicts:
        return None
    return align([labels[verdict.trace_id] for verdict in verdicts], verdicts)


def moved_words(
    labels: Mapping[str, Label], before: Sequence[Verdict], after: Sequence[Verdict]
) -> str:
    """How far an edit moved the agreement, and whether chance may explain it; blank where it
    changed no verdict.
    """
    first = alignment_of(labels, before)
    second = alignment_of(labels, after)
    earlier = {verdict.trace_id: verdict.verdict for verdict in before}
    n_changed = 0
    for verdict in after:
        if verdict.trace_id in earlier and verdict.verdict != earlier[verdict.trace_id]:
            n_changed += 1
    if first is None or second is None or not n_changed:
        return ""
    agreed, n_first = first.counts("accuracy")
    agree, n_second = second.counts("accuracy")
    moved = f"{agreed} of {n_first} → {agree} of {n_second} agree: {n_changed} changed"
    if {verdict.trace_id for verdict in after} != set(earlier):
        return f"{moved}; not all are judged yet"
    p = compare_judges(first, second).p
    if p is None or p >= CHANCE_P:
        return f"{moved}; too few to tell"
    return f"{moved}; more than chance (p = {p:.2g}, McNemar)"


def changes_table(
    traces: Iterable[Trace],
    labels: Mapping[str, Label],
    before: Iterable[Verdict],
    after: Iterable[Verdict],
) -> render.Html:
    """A row for each of `traces`; those whose verdict the edit changes come first, and are
    tinted.
    """
    says = who_says(list(labels.values()))
    verdicts_before = {verdict.trace_id: verdict for verdict in before}
    verdicts_after = {verdict.trace_id: verdict for verdict in after}
    changed = []
    unchanged = []
    for trace in traces:
        label = labels[trace.id]
        now = verdicts_after.get(label.trace_id)
        word_before = _word(verdicts_before.get(label.trace_id))
        word_now = _word(now)
        change = _change(label, word_before, word_now)
        cells = [
            render.tag("code", label.trace_id),
            _pill(label.verdict),
            _judged(label, word_before, says),
            render.fragment(
                _judged(label, word_now, says), render.tag("div", change, class_="soft")
            ),
            render.details(label.why, render.tag("p", with_step_numbers(_why(now), trace))),
        ]
        if change:
            changed.append(_row(cells, "changed"))
        else:
            unchanged.append(_row(cells, None))
    head = render.tag(
        "tr",
        *(render.tag("th", name) for name in ("trace", says, SAVED, EDIT, "why")),
    )
    body = render.tag("tbody", *changed, *unchanged)
    return render.tag("table", render.tag("thead", head), body, class_="changes")


def agreement_dots(labels: Mapping[str, Label], verdicts: Sequence[Verdict]) -> render.Html:
    """A dot for each verdict: full where it is the label's, empty where it is not, a dotted ring
    where there is none. Those that agree come first.
    """
    if len(verdicts) > MOST_DOTS:
        return render.fragment()
    agreeing = differing = unscored = 0
    for verdict in verdicts:
        if verdict.verdict is None:
            unscored += 1
        elif verdict.verdict == labels[verdict.trace_id].verdict:
            agreeing += 1
        else:
            differing += 1
    return render.tag(
        "div",
        render.tag("span", "●" * agreeing, class_="agreeing"),
        render.tag("span", "○" * differing, class_="differing"),
        render.tag("span", "◌" * unscored, class_="soft"),
        class_="dots",
        aria_hidden="true",
    )


def rate_words(alignment: Alignment) -> str:
    """How many verdicts are the labels', with the interval; why not, where that is undefined."""
    interval = alignment.interval("accuracy")
    if interval is None:
        reason = alignment.reason.split(";")[0]
        return f"undefined: {reason}"
    low, high = interval
    agreeing, n = alignment.counts("accuracy")
    return f"{agreeing} of {n} agree, 95% interval {low:.2f} to {high:.2f}"


def _row(cells: Iterable[render.Html], look: str | None) -> render.Html:
    return render.tag("tr", *(render.tag("td", cell) for cell in cells), class_=look)


def _pill(word: str) -> render.Html:
    look = f"verdict {word}" if word in {"pass", "fail"} else "verdict"
    return render.tag("span", word, class_=look)


def _judged(label: Label, word: str, says: str) -> render.Html:
    """A verdict, with a sign whether it is the label's."""
    if word not in {"pass", "fail"}:
        return _pill(word)
    sign = "✓" if word == label.verdict else "✗"
    meaning = f"as {says}" if word == label.verdict else f"not as {says}"
    return render.fragment(_pill(word), " ", render.tag("span", sign, title=meaning))


def _word(verdict: Verdict | None) -> str:
    if verdict is None:
        return NO_WORD
    return verdict.verdict or "unscored"


def _why(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    return verdict.critique or verdict.why_unscored


def _change(label: Label, before: str, now: str) -> str:
    """What an edit did to a verdict, in words; blank where it did nothing."""
    if before == now or NO_WORD in (before, now):
        return ""
    if now == label.verdict:
        return "now agrees"
    if before == label.verdict:
        return "no longer agrees"
    return "changed"
