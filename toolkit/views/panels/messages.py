"""Messages of an `AnnotationPanel`: what was saved, what is not, and what others say."""

from collections.abc import Iterable, Mapping

from toolkit import render
from toolkit.evals.judges.verdict import Verdict
from toolkit.evals.labels.labels import Label
from toolkit.views.panels.queue import deferred
from toolkit.views.words import quantity

__all__ = ["UNSAVED", "UNSAVED_CHOICE", "all_done", "judge_html", "others", "saved", "standing"]

UNSAVED = "These words are not saved yet. Press Pass, Fail or Defer to keep them, or empty the box."
UNSAVED_CHOICE = (
    "The step, words or tags that you chose are not saved yet. Press Pass, Fail or Defer to keep "
    "them, or unset them."
)


def saved(n: int, label: Label, everyone: Iterable[Label], judged: Verdict | None) -> str:
    """The message after a label was saved, the `n`-th of its rater: what it is, and who else said
    something of the trace.
    """
    words = f"{n} saved. The newest: {label.trace_id} is a {label.verdict}."
    words += others(everyone, label)
    if judged:
        words += f" The judge says {judged.verdict or 'nothing that counts'}."
    return words


def all_done(labels: Mapping[str, Label]) -> str:
    """The end of the message after the last label; those that were deferred are named."""
    words = f" All {len(labels)} have a label."
    if waiting := deferred(labels):
        words += f" Deferred: {', '.join(waiting)}."
    return words


def standing(label: Label, judge_is_seen: bool) -> str:
    """The message beside a trace that has a `label` already."""
    replaces = f"You gave this a {label.verdict}. A new verdict replaces it"
    if judge_is_seen:
        return f"{replaces} and is not blind: you have seen the judge's."
    return f"{replaces}."


def judge_html(judged: Verdict) -> render.Html:
    """What the judge said, behind a fold."""
    why = judged.critique if judged.verdict else judged.why_unscored
    title = f"The judge says: {judged.verdict or 'unscored'}"
    return render.details(title, render.tag("pre", why))


def others(labels: Iterable[Label], mine: Label) -> str:
    """How many other raters labelled the same trace; blank where none did. What they say is not
    told: whoever reads it is no longer blind.
    """
    raters = set()
    for label in labels:
        if label.trace_id == mine.trace_id and label.rater != mine.rater:
            raters.add(label.rater)
    return f" {quantity(len(raters), 'other rater')} labelled it too." if raters else ""
