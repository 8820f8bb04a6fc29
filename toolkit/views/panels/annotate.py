"""AnnotationPanel: read one whole trace, say pass, fail or defer, and say why.

Plain ipywidgets, so it works wherever a notebook does, with keys where the browser lets it. The
position is worked out from the label file, so a dead kernel costs nothing.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from os import PathLike

from ipywidgets import HTML, Box, Button, Combobox, HBox, Layout, Textarea, Widget

from toolkit import render
from toolkit.evals.judges.verdict import Verdict
from toolkit.evals.labels.labels import Judgement, Label, LabelStore, tidy
from toolkit.traces import Trace, trace_html
from toolkit.views.panels.page import Page, frame
from toolkit.views.panels.panel import Panel, by_id, problems_text, user_name
from toolkit.views.panels.verdicts import HINT, KEYS, LOOKS, UNSAVED

__all__ = ["AnnotationPanel"]


EDGE = {"border": "1px solid #8886", "margin": "6px 2px"}


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
        Of the frame that a trace is read in, as CSS.
    judge : iterable of Verdict
        What a judge said. It is shown with a trace only once your own label of it is on disk.

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
    undo: Button
    """The button that takes back the last label; it too goes with its trace."""
    _badges: tuple[str, ...] = ()

    def __init__(
        self,
        traces: Iterable[Trace],
        store: str | PathLike[str],
        rater: str | None = None,
        height: str = "22rem",
        judge: Iterable[Verdict] = (),
    ):
        super().__init__(KEYS, HINT)
        self.rater = tidy(user_name(rater))
        self._traces = by_id(traces)
        self._ids = list(self._traces)
        self._store = LabelStore(store, make=True)
        self._height = height
        self._judged = {verdict.trace_id: verdict for verdict in judge}
        self.previous = self.button(
            "previous",
            "Previous",
            "arrow-left",
            "The trace before this one",
            partial(self._step, -1),
        )
        self.next = self.button(
            "next", "Next", "arrow-right", "The trace after this one", partial(self._step, 1)
        )
        self.jump = Combobox(
            options=self._ids,
            continuous_update=False,
            placeholder="Jump to an id (J)",
            tooltip="Type or choose the id of a trace, then press Enter",
            layout=Layout(width="14rem"),
        )
        self.jump.add_class("fieldbook-jump")
        self.jump.observe(self._on_jump, "value")
        self._turn_to(_first_to_do(self._ids, self._labels()))
        self.turn_page(problems_text("store", self._store.problems) or self._standing_label())

    @property
    def position(self) -> str:
        """Where the panel stands, as the store has it: ``3 of 20 · 2 labelled``."""
        labels = self._labels()
        position = f"{self._at + 1} of {len(self._ids)} · {len(labels)} labelled"
        deferred = _deferred(labels)
        return f"{position} ({len(deferred)} deferred)" if deferred else position

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

    def _turn_to(self, trace_id: str | None, why: str | None = None) -> None:
        """Make `trace_id` the one that is shown next, with `why` in the box (None: the reason that
        is on disk).
        """
        self.trace = self._traces.get(trace_id or "")
        self._label = self._labels().get(trace_id or "")
        on_disk = self._label.why if self._label else ""
        self._filled = on_disk if why is None else why

    def draw(self, page: Page) -> list[Widget]:
        """The trace, what stands beside it, the box and the buttons of the verdicts."""
        self._draw_bar(page)
        self.verdicts = {}
        for verdict, look in LOOKS.items():
            action = partial(self._judge, verdict)
            made = page.button(verdict, look.word, look.icon, look.tooltip, action, look.colour)
            made.disabled = self.trace is None
            self.verdicts[verdict] = made
        self.reason = page.box = Textarea(
            value=self._filled,
            description="Why",
            placeholder="In your own words: what makes it good or bad?",
            tooltip="The reason for your verdict; a verdict without one is not saved",
            # One message when the box is left, so that the words arrive ahead of the click that
            # follows.
            continuous_update=False,
            rows=3,
            disabled=self.trace is None,
            layout=Layout(width="auto"),
            style={"description_width": "initial"},
        )
        flow = Layout(flex_flow="row wrap", align_items="center")
        buttons = HBox([*self.verdicts.values(), page.note], layout=flow)
        aside = self._aside()
        beside = [HTML(render.block(aside))] if aside else []
        return [self._draw_trace(), *beside, self.reason, buttons]

    def heading(self) -> str:
        """Where the panel stands, and whose labels these are."""
        badges = []
        for badge in (f"labels by {self.rater}", *self._badges):
            badges.append(render.tag("span", badge, class_="badge", style="margin-left:.4rem"))
        return render.block(render.tag("strong", self.position), *badges)

    def _draw_bar(self, page: Page) -> None:
        self.undo = self.undo_button(page)
        self.previous.disabled = self._at <= 0
        self.next.disabled = self._at >= len(self._ids) - 1
        self.undo.disabled = not self._ids
        self.jump.disabled = not self._ids
        self.bar.children = [self.previous, self.next, self.jump, self.undo]

    def _draw_trace(self) -> Box:
        """The frame that the trace is read in."""
        if self.trace is None:
            empty = "There are no traces to label: the list is empty."
            return frame(render.tag("p", empty), "auto", **EDGE)
        return frame(trace_html(self.trace), self._height, **EDGE)

    def _aside(self) -> object:
        """What is shown beside the trace: the judge's verdict, and only beside a label of one's
        own.
        """
        if self.trace is None or self._label is None or self.trace.id not in self._judged:
            return ""
        judged = self._judged[self.trace.id]
        why = judged.critique if judged.verdict else judged.why_unscored
        title = f"The judge says: {judged.verdict or 'unscored'}"
        return render.details(title, render.tag("pre", why))

    def _standing_label(self) -> str:
        """The message beside a trace that has a label already."""
        if self._label is None:
            return ""
        replaces = f"You gave this a {self._label.verdict}. A new verdict replaces it"
        if self._label.trace_id in self._judged:
            return f"{replaces} and is not blind: you have seen the judge's."
        return f"{replaces}."

    def unsaved(self, act: str) -> str:
        """The message about a reason that no verdict has saved."""
        if act in LOOKS or self.reason.value.strip() in {"", self._filled.strip()}:
            return ""
        return UNSAVED

    def _judge(self, verdict: Judgement) -> str:
        """Save a verdict with the reason in the box, unless it is on disk already."""
        if self.trace is None:
            return ""
        why = self.reason.value.strip()
        if not why:
            self.reason.focus()
            raise ValueError("say why in the box, then press again.")
        if self._label and (self._label.verdict, self._label.why) == (verdict, why):
            return f"Saved already: {self.trace.id} is a {verdict}."
        return self._save(Label(self.trace.id, self.rater, verdict, why))

    def _save(self, label: Label) -> str:
        """Write a label, and turn to the next trace without one, or stay where none is left."""
        self._store.add(label)
        message = f"Saved: {label.trace_id} is a {label.verdict}."
        judged = self._judged.get(label.trace_id)
        if judged:
            message += f" The judge says {judged.verdict or 'nothing that counts'}."
        labels = self._labels()
        following = _next_to_do(self._ids, labels, label.trace_id)
        if following is None:
            message += f" All {len(self._ids)} have a label."
            deferred = _deferred(labels)
            if deferred:
                message += f" Deferred: {', '.join(deferred)}."
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
        self._turn_to(newest.trace_id, newest.why)
        taken = f"Taken back: {newest.trace_id} is no longer a {newest.verdict}."
        return f"{taken} Its reason is in the box again."

    def _go(self, trace_id: str) -> str:
        self._turn_to(trace_id)
        return self._standing_label()

    def _step(self, by: int) -> str:
        at = self._at + by
        return self._go(self._ids[at]) if 0 <= at < len(self._ids) else ""

    def _on_jump(self, change: dict[str, str]) -> None:
        wanted = change["new"].strip()
        if wanted in self._traces:
            self.act("jump", partial(self._go, wanted))
            self.jump.value = ""
        elif wanted:
            self.say(f"No trace of this list has the id {wanted}.", problem=True)


def _deferred(labels: dict[str, Label]) -> list[str]:
    return [label.trace_id for label in labels.values() if label.verdict == "defer"]


def _first_to_do(ids: Sequence[str], labels: dict[str, Label]) -> str | None:
    """The first trace without a label, else the first that was deferred, else the first."""
    waiting = [trace_id for trace_id in ids if trace_id not in labels]
    in_order = [*waiting, *_deferred(labels), *ids]
    return in_order[0] if in_order else None


def _next_to_do(ids: Sequence[str], labels: dict[str, Label], after: str) -> str | None:
    """The next trace without a label, round the end of the list."""
    start = ids.index(after) + 1
    for trace_id in [*ids[start:], *ids[:start]]:
        if trace_id not in labels:
            return trace_id
    return None
