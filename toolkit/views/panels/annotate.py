"""AnnotationPanel: read one whole trace, say pass, fail or defer, and say why.

Plain ipywidgets, so it works wherever a notebook does, with keys where the browser lets it. Each
verdict is on disk before the panel moves on, and the position is worked out from that file, so a
dead kernel costs nothing. Each trace is shown on a page of its own: a click or a key that arrives
late was made for a page that is gone, and is dropped.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from os import PathLike

from ipywidgets import HTML, Button, Combobox, HBox, Layout, Textarea, VBox

from toolkit import render
from toolkit.evals.judges.verdict import Verdict
from toolkit.evals.labels.labels import Judgement, Label, LabelStore, tidy
from toolkit.traces import Trace
from toolkit.views.panels.keys import Keys, Press
from toolkit.views.panels.page import Page, button, by_id, close_tree, user_name

__all__ = ["AnnotationPanel"]

UNSAVED = "These words are not saved yet. Press Pass, Fail or Defer to keep them, or empty the box."


class AnnotationPanel(VBox):  # type: ignore[misc]
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

    _badges: tuple[str, ...] = ()

    def __init__(
        self,
        traces: Iterable[Trace],
        store: str | PathLike[str],
        rater: str | None = None,
        height: str = "22rem",
        judge: Iterable[Verdict] = (),
    ):
        self.rater = tidy(user_name(rater))
        self._judge, self._pages = {verdict.trace_id: verdict for verdict in judge}, count(1)
        self._queue = by_id(traces)
        self._store = LabelStore(store, make=True)
        self._height = height
        self._ids = list(self._queue)
        self._head, self._stage = HTML(), VBox()
        back, on = partial(self._step, -1), partial(self._step, 1)
        self.previous = button(
            "Previous", "arrow-left", "The trace before this one", back, key="previous"
        )
        self.next = button("Next", "arrow-right", "The trace after this one", on, key="next")
        words = {
            "placeholder": "Jump to an id (J)",
            "tooltip": "Type or choose the id of a trace, then press Enter",
        }
        self.jump = Combobox(
            options=self._ids, continuous_update=False, layout=Layout(width="14rem"), **words
        )
        self.jump.add_class("fieldbook-jump").observe(self._on_jump, "value")
        self._bar = HBox(layout=Layout(flex_flow="row wrap"))
        super().__init__(layout=Layout(max_width="62rem"))
        self.key_layer = Keys(self, self._on_press)
        self.children = [self._head, self._bar, self._stage, self.key_layer]
        bad = "".join(
            f"A line of the store needs a look: {problem}. " for problem in self._store.problems
        )
        self._show(_first_to_do(self._ids, self._labels()), bad)

    @property
    def trace(self) -> Trace | None:
        """The trace on display; None where the list is empty."""
        return self._page.trace

    @property
    def reason(self) -> Textarea:
        """The box for the reason that belongs to the trace on display."""
        return self._page.reason

    @property
    def verdicts(self) -> dict[Judgement, Button]:
        """The buttons that belong to the trace on display. Those of an earlier one do nothing."""
        return self._page.verdicts

    @property
    def message(self) -> str:
        """What the panel says beside the box."""
        return self._page.message

    @property
    def position(self) -> str:
        """Where the panel stands, as the store has it: ``3 of 20 · 2 labelled``."""
        labels = self._labels()
        place = self._ids.index(self.trace.id) + 1 if self.trace else 0
        more = f" ({len(later)} deferred)" if (later := _deferred(labels)) else ""
        return f"{place} of {len(self._ids)} · {len(labels)} labelled{more}"

    def _labels(self) -> dict[str, Label]:
        """What this rater holds of the traces of the list, in its order."""
        mine = {
            label.trace_id: label for label in self._store.labels() if label.rater == self.rater
        }
        return {trace_id: mine[trace_id] for trace_id in self._ids if trace_id in mine}

    def _show(self, trace_id: str | None, said: str = "", why: str | None = None) -> None:
        """Give `trace_id` the stage, on a fresh page; `why` fills the box, else the reason on disk
        does.
        """
        gone = (*self._stage.children, *self._bar.children[3:])
        earlier = self._labels().get(trace_id or "")
        trace, aside = self._queue.get(trace_id or ""), self._aside(trace_id or "", earlier)
        self._page = Page(
            trace, earlier, self._on_verdict, self._height, aside, next(self._pages), why
        )
        blind = " and is not blind: you have seen the judge's" if aside and self._judge else ""
        replace = (
            f"You gave this a {earlier.verdict}. A new verdict replaces it{blind}."
            if earlier
            else ""
        )
        self._page.say(said or replace)
        self._stage.children = [self._page]
        told, act = "Take your last label back and show its trace", partial(self._undo, self._page)
        self.undo = button("Undo", "undo", told, act, key="undo")
        self._bar.children = [self.previous, self.next, self.jump, self.undo]
        badges = [f"labels by {self.rater}", *self._badges]
        spans = (
            render.tag("span", badge, class_="badge", style="margin-left:.4rem") for badge in badges
        )
        self._head.value = render.block(render.tag("strong", self.position), *spans)
        place = self._ids.index(trace_id) if trace_id else 0
        self.previous.disabled, self.next.disabled = place == 0, place >= len(self._ids) - 1
        self.undo.disabled = self.jump.disabled = not self._ids
        for part in gone:
            close_tree(part)

    def _aside(self, trace_id: str, earlier: Label | None) -> object:
        """What is shown with a trace: the judge's verdict, and that only beside a label of one's
        own.
        """
        if not earlier or not (said := self._judge.get(trace_id)):
            return ""
        why = said.critique if said.verdict else said.why_unscored
        return render.details(
            f"The judge says: {said.verdict or 'unscored'}", render.tag("pre", why)
        )

    def _on_press(self, press: Press) -> None:
        """A key counts as its button; a verdict or undo only on the page that it was pressed on."""
        verdict = self.verdicts.get(press.act)  # type: ignore[call-overload]
        if verdict and press.page == self._page.number:
            self.reason.value = press.why
            verdict.click()
        elif press.act in ("previous", "next") or (
            press.act == "undo" and press.page == self._page.number
        ):
            getattr(self, press.act).click()
        self.key_layer.send({"page": self._page.number})

    def _on_verdict(self, page: Page, verdict: Judgement) -> None:
        if page is not self._page or page.trace is None:
            return
        if not page.why:
            page.say("Nothing saved yet: say why in the box, then press again.", problem=True)
            page.reason.focus()
        elif page.earlier and (page.earlier.verdict, page.earlier.why) == (verdict, page.why):
            page.say(f"Saved already: {page.trace.id} is a {verdict}.")
        else:
            label = Label(page.trace.id, self.rater, verdict, page.why)
            if self._written(lambda: self._store.add(label)):
                self._move_on(label)

    def _move_on(self, label: Label) -> None:
        """Show the next trace without a label, or stay where none is left."""
        labels, said = self._labels(), f"Saved: {label.trace_id} is a {label.verdict}."
        if judged := self._judge.get(label.trace_id):
            said += f" The judge says {judged.verdict or 'nothing that counts'}."
        following = _next_to_do(self._ids, labels, label.trace_id)
        if following is None:
            later = f" Deferred: {', '.join(_deferred(labels))}." if _deferred(labels) else ""
            said = f"{said} All {len(self._ids)} have a label.{later}"
        self._show(following or label.trace_id, said)

    def _written(self, write: Callable[[], object]) -> bool:
        """Whether `write` went to disk; where it did not, the panel says so and stays."""
        try:
            write()
        except (OSError, ValueError) as error:
            why = f"Not saved: {error}. Your words are still in the box; press again once that is mended."
            self._page.say(why, problem=True)
            return False
        return True

    def _undo(self, page: Page) -> None:
        if page is not self._page:  # the second of a double click
            return
        mine = [label for label in self._store.labels() if label.rater == self.rater]
        if self._page.unsaved:
            self._page.say(UNSAVED, problem=True)
        elif not mine:
            self._page.say("There is no label of yours to take back.")
        elif mine[-1].trace_id not in self._queue:
            self._page.say(
                f"Your newest label is of {mine[-1].trace_id}, which is not in this list: it stays."
            )
        elif self._written(lambda: self._store.undo(self.rater)):
            said = f"Taken back: {mine[-1].trace_id} is no longer a {mine[-1].verdict}. Its reason is in the box again."
            self._show(mine[-1].trace_id, said, mine[-1].why)

    def _go(self, trace_id: str) -> None:
        if self._page.unsaved:
            self._page.say(UNSAVED, problem=True)
        else:
            self._show(trace_id)

    def _step(self, by: int) -> None:
        place = self._ids.index(self.trace.id) + by if self.trace else -1
        if 0 <= place < len(self._ids):
            self._go(self._ids[place])

    def _on_jump(self, change: dict[str, str]) -> None:
        wanted = change["new"].strip()
        if wanted in self._queue:
            self._go(wanted)
            self.jump.value = ""
        elif wanted:
            self._page.say(f"No trace of this list has the id {wanted}.", problem=True)


def _deferred(labels: dict[str, Label]) -> list[str]:
    return [label.trace_id for label in labels.values() if label.verdict == "defer"]


def _first_to_do(ids: Sequence[str], labels: dict[str, Label]) -> str | None:
    """The first trace without a label, else the first that was deferred, else the first."""
    waiting = [trace_id for trace_id in ids if trace_id not in labels]
    return next(iter([*waiting, *_deferred(labels), *ids]), None)


def _next_to_do(ids: Sequence[str], labels: dict[str, Label], after: str) -> str | None:
    """The next trace without a label, round the end of the list."""
    start = ids.index(after) + 1
    return next(
        (trace_id for trace_id in [*ids[start:], *ids[:start]] if trace_id not in labels), None
    )
