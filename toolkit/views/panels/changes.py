"""The table of a `RubricPanel`: each labelled trace, with its verdicts before and after an edit."""

from collections.abc import Iterable, Sequence

from toolkit import render
from toolkit.evals import Label, Verdict

__all__ = ["changes_table"]

HEAD = (
    "trace",
    "your label",
    "by the file",
    "by the box",
    "",
    "your reason; under it, why the judge says so",
)
NOT_JUDGED = "…"


def changes_table(
    labels: Sequence[Label], before: Iterable[Verdict], after: Iterable[Verdict]
) -> render.Html:
    """A row for each of `labels`; those whose verdict the edit changes come first."""
    verdicts_before = {verdict.trace_id: verdict for verdict in before}
    verdicts_after = {verdict.trace_id: verdict for verdict in after}
    changed = []
    unchanged = []
    for label in labels:
        now = verdicts_after.get(label.trace_id)
        word_before = _word(verdicts_before.get(label.trace_id))
        word_now = _word(now)
        change = _change(label, word_before, word_now)
        why = render.details(label.why, render.tag("pre", _why(now)))
        row = (label.trace_id, label.verdict, word_before, word_now, change, why)
        if change:
            changed.append(row)
        else:
            unchanged.append(row)
    return render.table([*changed, *unchanged], HEAD)


def _word(verdict: Verdict | None) -> str:
    if verdict is None:
        return NOT_JUDGED
    return verdict.verdict or "unscored"


def _why(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    return verdict.critique or verdict.why_unscored


def _change(label: Label, before: str, now: str) -> str:
    """What an edit did to a verdict, in words; blank where it did nothing."""
    if before == now or NOT_JUDGED in (before, now):
        return ""
    if now == label.verdict:
        return "▶ now as you say"
    if before == label.verdict:
        return "▶ no longer as you say"
    return "▶ changed"
