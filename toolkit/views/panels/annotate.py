"""AnnotationPanel: read one whole trace, say pass, fail or defer, and say why.

Plain ipywidgets, so it works wherever a notebook does, with keys where the browser lets it. The
position is worked out from the label file, so a dead kernel costs nothing.
"""

from collections.abc import Iterable
from functools import partial
from os import PathLike
from typing import Any

from ipywidgets import HTML, Box, Button, Layout, Textarea, VBox, Widget

from toolkit import render
from toolkit.evals.judges.verdict import Verdict
from toolkit.evals.labels.labels import Judgement, Label, LabelStore
from toolkit.evals.labels.spelled import tidy, tidy_tags
from toolkit.traces import Trace, trace_html
from toolkit.views.panels import messages
from toolkit.views.panels.look import progress_html
from toolkit.views.panels.page import Page, frame
from toolkit.views.panels.panel import Panel, by_id, problems_text, user_name
from toolkit.views.panels.phrases import PhraseChips, phrases_of
from toolkit.views.panels.queue import deferred, first_to_do, next_to_do
from toolkit.views.panels.reading import WINDOW, any_failed, browser_button, file_badge, jump_field
from toolkit.views.panels.stepfield import StepField
from toolkit.views.panels.tagchips import TagChips, tag_help, tag_keys
from toolkit.views.panels.verdicts import (
    HELP,
    KEYS,
    LOOKS,
    choice_of,
    quotes_of,
    reason_box,
    says_the_same,
)

__all__ = ["AnnotationPanel"]


class AnnotationPanel(Panel):
    """One whole trace at a time, with Pass, Fail and Defer, and a box for the reason, which is
    required.

    Parameters
    ----------
    traces : iterable of Trace, (n_traces,)
        What to label, in this order. A trace that is listed twice is shown once.
    store : str, Path or LabelStore
        The label file. Its folder is made with the first label.
    rater : str or None
        Who labels; None takes the user name of the environment.
    height : str
        Of the panel, as CSS: the window's.
    judge : iterable of Verdict
        What a judge said. It is shown with a trace only once your own label of it is on disk.
    tags : iterable of str
        What a label may have beside its verdict, as ``("tone", "policy")``: a chip each.

    Raises
    ------
    ValueError
        Where two different traces share an id, a blank rater is named, or none and the environment
        knows none.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from toolkit.traces import Step, Trace
    >>> trace = Trace("t1", (Step("1", "message", "user", "Hello"),))
    >>> panel = AnnotationPanel([trace], store=f"{mkdtemp()}/labels.jsonl", rater="ada")
    >>> panel.reason.value = "It greets back."
    >>> panel.verdicts["pass"].click()
    >>> panel.position
    '1 of 1 · 1 labelled'
    """

    trace: Trace | None
    """The trace on display; None where the list is empty."""
    reason: Textarea
    """The box for the reason that belongs to the trace on display."""
    verdicts: dict[Judgement, Button]
    """The buttons that belong to the trace on display."""
    step: StepField | None
    """The step where that trace goes wrong, and its words; None where the list is empty."""
    tags: TagChips
    """The tags that belong to the trace on display."""
    undo: Button
    """The button that takes back the last label; it too goes with its trace."""
    _badges: tuple[object, ...] = ()

    def __init__(
        self,
        traces: Iterable[Trace],
        store: str | PathLike[str],
        rater: str | None = None,
        height: str = WINDOW,
        judge: Iterable[Verdict] = (),
        tags: Iterable[str] = (),
    ):
        self._tags = tidy_tags(tags)
        super().__init__(KEYS | tag_keys(self._tags), help=HELP | tag_help(self._tags))
        self.rater = tidy(user_name(rater))
        self._traces = by_id(traces)
        self._ids = list(self._traces)
        self._store = LabelStore(store, make=True)
        self._judged = {verdict.trace_id: verdict for verdict in judge}
        self.add_class("fieldbook-window").add_class("fieldbook-annotate")
        self.layout = Layout(max_width="none", height=height)
        self._make_bar()
        self._turn_to(first_to_do(self._ids, self._labels()))
        self.turn_page(problems_text("store", self._store.problems) or self._standing_label())

    @property
    def position(self) -> str:
        """Where the panel stands, as the store has it: ``3 of 20 · 2 labelled``."""
        labels = self._labels()
        position = f"{self._at + 1} of {len(self._ids)} · {len(labels)} labelled"
        n_deferred = len(deferred(labels))
        return f"{position} ({n_deferred} deferred)" if n_deferred else position

    @property
    def _at(self) -> int:
        """The place of the trace on display in the list; -1 where the list is empty."""
        return self._ids.index(self.trace.id) if self.trace else -1

    def _labels(self) -> dict[str, Label]:
        """What this rater holds of the traces of the list, in its order."""
        mine = {label.trace_id: label for label in self._my_labels()}
        return {trace_id: mine[trace_id] for trace_id in self._ids if trace_id in mine}

    def _my_labels(self) -> list[Label]:
        """What this rater holds, of traces in the list or not, oldest first."""
        return [label for label in self._store.labels() if label.rater == self.rater]

    def _turn_to(self, trace_id: str | None, taken_back: Label | None = None) -> None:
        """Make `trace_id` the one that is shown next, filled in as the label that was `taken_back`,
        or as the one on disk.
        """
        self.trace = self._traces.get(trace_id or "")
        self._label = self._labels().get(trace_id or "")
        self._filled = taken_back or self._label

    def draw(self, page: Page) -> list[Widget]:
        """The trace, and beside it the verdicts with the reason, and what helps to find one."""
        self._draw_bar(page)
        side = VBox(self._draw_side(page)).add_class("fieldbook-side")
        return [Box([self._draw_trace(), side]).add_class("fieldbook-columns")]

    def _draw_side(self, page: Page) -> list[Widget]:
        """The verdicts with the reason, what it is about, earlier words; last what stands aside."""
        self.reason = page.box = reason_box(self._filled.why if self._filled else "")
        self.reason.disabled = self.trace is None
        rows: list[Widget] = [self._draw_verdicts(page), self.reason, page.note]
        self.step = None
        if self.trace:
            say = partial(self.say, problem=True)
            self.step = StepField(self.trace, self._filled, say)
            rows.append(self.step)
        self.tags = TagChips(self._tags if self.trace else (), choice_of(self._filled)["tags"])
        rows += [self.tags, PhraseChips(phrases_of(self._my_labels()), self.reason)]
        aside = self._aside()
        if aside:
            rows.append(HTML(render.block(aside)))
        return rows

    def _draw_verdicts(self, page: Page) -> Box:
        self.verdicts = {}
        for verdict, look in LOOKS.items():
            action = partial(self._judge, verdict)
            made = page.button(verdict, look.word, look.icon, look.tooltip, action)
            made.disabled = self.trace is None
            if self._label and self._label.verdict == verdict:
                made.add_class("fieldbook-chosen")
            self.verdicts[verdict] = made
        return Box(list(self.verdicts.values())).add_class("fieldbook-verdicts")

    def heading(self) -> str:
        """Where the panel stands, and whose labels these are."""
        badges = (f"labels by {self.rater}", *self._badges, file_badge(self._store.path))
        return progress_html(self.position, len(self._labels()) / max(1, len(self._ids)), badges)

    def _make_bar(self) -> None:
        """What leads from trace to trace, and stays from page to page."""
        back = partial(self._go_by, -1)
        on = partial(self._go_by, 1)
        before = "The trace before this one"
        self.previous = self.button("previous", "Previous", "arrow-left", before, back)
        self.next = self.button("next", "Next", "arrow-right", "The trace after this one", on)
        self.jump = jump_field(self._ids)
        self.jump.observe(self._on_jump, "value")
        self.next_error = browser_button("error", KEYS)
        self.open_all = browser_button("open", KEYS)

    def _draw_bar(self, page: Page) -> None:
        self.undo = self.undo_button(page)
        self.undo.disabled = self.jump.disabled = not self._ids
        self.previous.disabled = self._at <= 0
        self.next.disabled = self._at >= len(self._ids) - 1
        self.next_error.disabled = self.trace is None or not any_failed(self.trace)
        moves = (self.previous, self.next, self.jump, self.undo)
        self.bar.children = (*moves, self.next_error, self.open_all)

    def _draw_trace(self) -> Box:
        """The frame that the trace is read in."""
        if self.trace is None:
            return frame(
                render.tag("p", "There are no traces to label: the list is empty."), "auto"
            )
        return frame(trace_html(self.trace, quotes=self._quotes()), "auto")

    def _quotes(self) -> list[tuple[str, str]]:
        """The words that are marked in the trace, each with the id of its step."""
        return quotes_of([self._filled] if self._filled else [])

    def _aside(self) -> object:
        """What is shown beside the trace: the judge's verdict, and only beside a label of one's
        own.
        """
        judged = self._judged.get(self.trace.id) if self.trace else None
        return messages.judge_html(judged) if judged and self._label else ""

    def _standing_label(self) -> str:
        """The message beside a trace that has a label already."""
        if self._label is None:
            return ""
        return messages.standing(self._label, self._label.trace_id in self._judged)

    def unsaved(self, act: str) -> str:
        """The message about a reason, or a step, that no verdict has saved."""
        if act in LOOKS:
            return ""
        why = self._filled.why if self._filled else ""
        if self.reason.value.strip() not in {"", why.strip()}:
            return messages.UNSAVED
        if self._choice() not in (choice_of(None), choice_of(self._filled)):
            return messages.UNSAVED_CHOICE
        return ""

    def _choice(self) -> dict[str, Any]:
        """What is chosen beside the verdict, by the fields of a label."""
        step = self.step.step if self.step else None
        quote = self.step.quote if self.step else None
        return {"step": step, "quote": quote, "tags": self.tags.chosen}

    def _judge(self, verdict: Judgement) -> str:
        """Save a verdict with the reason in the box, unless it is on disk already."""
        if self.trace is None:
            return ""
        why = self.reason.value.strip()
        if not why:
            self.reason.focus()
            raise ValueError("say why in the box, then press again.")
        label = Label(self.trace.id, self.rater, verdict, why, **self._choice())
        if self._label and says_the_same(self._label, label):
            return f"Saved already: {self.trace.id} is a {verdict}."
        return self._save(label)

    def _save(self, label: Label) -> str:
        """Write a label, and turn to the next trace without one, or stay where none is left."""
        self._store.add(label)
        labels = self._labels()
        judged = self._judged.get(label.trace_id)
        message = messages.saved(len(labels), label, self._store.labels(), judged)
        following = next_to_do(self._ids, labels, label.trace_id)
        if following is None:
            message += messages.all_done(labels)
        self._turn_to(following or label.trace_id)
        return message

    def take_back(self) -> str:
        """Take back the newest label of this rater, and turn to its trace."""
        mine = self._my_labels()
        if not mine:
            return "There is no label of yours to take back."
        newest = mine[-1]
        if newest.trace_id not in self._traces:
            return (
                f"Your newest label is of {newest.trace_id}, which is not in this list: it stays."
            )
        self._store.undo(self.rater)
        self._turn_to(newest.trace_id, newest)
        taken = f"Taken back: {newest.trace_id} is no longer a {newest.verdict}."
        return f"{taken} Its reason is in the box again."

    def _go(self, trace_id: str) -> str:
        self._turn_to(trace_id)
        return self._standing_label()

    def _go_by(self, by: int) -> str:
        at = self._at + by
        return self._go(self._ids[at]) if 0 <= at < len(self._ids) else ""

    def _on_jump(self, change: dict[str, str]) -> None:
        wanted = change["new"].strip()
        if wanted in self._traces:
            self.act("jump", partial(self._go, wanted))
            self.jump.value = ""
        elif wanted:
            self.say(f"No trace of this list has the id {wanted}.", problem=True)
