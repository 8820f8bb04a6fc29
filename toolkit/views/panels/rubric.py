"""RubricPanel: edit a rubric, and see at once which verdicts change on the traces that you
labelled.

The box holds the rubric's file, letter by letter. Each edit is on disk as a draft before it is
judged, so a dead kernel costs nothing; Save makes the draft the file.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from ipywidgets import HTML, Box, Textarea, VBox, Widget

from toolkit import render
from toolkit.evals import (
    Judge,
    JudgeLike,
    Label,
    Rubric,
    RuleJudge,
    SklearnJudge,
    Verdict,
    VerdictStore,
    judge_traces,
)
from toolkit.evals.judges.front_matter import located
from toolkit.models.tape import asks_live
from toolkit.records import RecordError
from toolkit.traces import Trace
from toolkit.views.panels.changes import NOT_JUDGED, alignment_of, judged_html, rate_words
from toolkit.views.panels.criteria import CriteriaForm
from toolkit.views.panels.draft import Draft, placed
from toolkit.views.panels.judged import judged_by_html, with_rubric
from toolkit.views.panels.marked import MarkedBox, edit_words
from toolkit.views.panels.page import Page, button
from toolkit.views.panels.panel import Panel, by_id
from toolkit.views.panels.reading import WINDOW
from toolkit.views.words import quantity

__all__ = ["RubricPanel"]

PAID_RUN_GOES_ON = "A paid run of the rubric as it was goes on; its verdicts are kept."
PAID_RUN_IN_THE_WAY = (
    "A paid run is under way. Press Judge again to break it off and judge what the box says now: "
    "the verdicts that came are kept, the calls in flight may be billed."
)
KEYS = {"write": "W", "judge": "J", "save": "S", "revert": "R"}
HELP = {
    "W": "write in the box of the rubric",
    "Ctrl+Enter": "in the box: judge by what it says now",
    "J": "judge the labelled traces by what the box says",
    "S": "save what the box says",
    "R": "revert: put the file back into the box",
    "↑ ↓ Space": "scroll the verdicts",
}


class RubricPanel(Panel):
    """The rubric's file in a box; under it each labelled trace with your label, and its verdict
    before and after.

    Make it in a notebook, or in a coroutine: it judges on the running loop. Verdicts are kept by
    the judge's hash and the trace, as they come: nothing is asked twice. An edit does not break off
    a paid run; pressing Judge meanwhile asks first, and a second press does.

    Parameters
    ----------
    rubric : Rubric, str or Path
        A file, or a rubric for a file at `path`, which is made where there is none, and read where
        there is one.
    traces : iterable of Trace
        Those that have a label are judged.
    labels : iterable of Label
        Of several on one trace the last counts; deferred ones are left out.
    judge : judge, or a function from a Rubric to a judge, optional
        A judge has ``score_all``, ``hash`` and ``says``. One with a field ``rubric`` is made anew
        for each edit, as by the function; any other judges by a rubric of its own, and the panel
        says so. Without a judge the panel goes by the rules of the criteria, and for those without
        one by a classifier trained on the labels; it says so, because that one does not read the
        rubric.
    path : str or Path, optional
        The file of a `Rubric`; its name with ``.md`` where none is given.
    live : bool, optional
        Whether a run costs money: then the judge is asked when its button is pressed, else after
        each edit. Of a `Judge` the panel knows it; of a judge of your own it takes False.
    height : str
        Of the panel, as CSS: the window's.
    """

    def __init__(
        self,
        rubric: Rubric | str | Path,
        traces: Iterable[Trace],
        labels: Iterable[Label],
        judge: JudgeLike | Callable[[Rubric], JudgeLike] | None = None,
        path: str | Path | None = None,
        live: bool | None = None,
        height: str = WINDOW,
    ):
        asyncio.get_running_loop()  # without one there would be a panel that never judges
        super().__init__(KEYS, help=HELP)
        self.add_class("fieldbook-window").add_class("fieldbook-rubric")
        self.layout.max_width = "none"
        self.layout.height = height
        own = f"{Path(rubric.name).name}.md" if isinstance(rubric, Rubric) else rubric
        self.path = Path(path or own)
        if isinstance(rubric, Rubric) and not self.path.exists():
            rubric.save(self.path)
        self._draft = Draft(self.path)
        self.judge = judge
        self.labels = {label.trace_id: label for label in labels if label.verdict != "defer"}
        self.traces = [trace for trace in by_id(traces).values() if trace.id in self.labels]
        self._live = live
        self._classifier: SklearnJudge | None = None
        self._kept = VerdictStore()
        if isinstance(judge, Judge):
            self._kept = judge.kept  # a second panel with the same judge asks nothing again
        self._hashes: dict[str, str] = {}
        """The hash of the judge that each text of a rubric makes."""
        self._paying = False
        self._asked_to_stop = False
        self._make_widgets()
        is_edited = self._draft.text != self._draft.saved
        self.turn_page("Your unsaved edit is in the box again." if is_edited else "")
        self._task = asyncio.ensure_future(self._run(by_button=False))

    def _make_widgets(self) -> None:
        self.box = Textarea(self._draft.text, continuous_update=False)
        self.box.add_class("fieldbook-write")
        self.box.observe(lambda _: self._edited(), "value")
        self._marked = MarkedBox(self.box)
        put_in = partial(setattr, self.box, "value")
        self.form = CriteriaForm(self.path, put_in, partial(self.say, problem=True))
        self._mark()
        self.again = button(
            "Judge",
            "play",
            "Judge the labelled traces by what the box says",
            lambda: self._start(by_button=True),
            key=KEYS["judge"],
        )
        self.save = button("Save", "save", "Make what the box says the file", self._save, key="S")
        self.revert = button(
            "Revert", "undo", "Put the file back into the box", self._revert, key="R"
        )
        self.buttons |= {"judge": self.again, "save": self.save, "revert": self.revert}
        self._table = HTML()

    def draw(self, page: Page) -> list[Widget]:
        """The only page: the box with its buttons, and beside it the table of verdicts."""
        buttons = Box([self.again, self.save, self.revert]).add_class("fieldbook-row")
        side = (
            VBox([self.form, self._marked, buttons, page.note])
            .add_class("fieldbook-side")
            .add_class("wide")
        )
        table = Box([self._table]).add_class("fieldbook-frame")
        return [Box([side, table]).add_class("fieldbook-columns")]

    @property
    def before(self) -> list[Verdict]:
        """The verdicts by the file, as far as they came; empty until it is judged."""
        return self._verdicts(self._draft.saved)

    @property
    def after(self) -> list[Verdict]:
        """The verdicts by the box, as far as they came; empty until it is judged."""
        return self._verdicts(self.box.value)

    def _verdicts(self, text: str) -> list[Verdict]:
        hash_ = self._hashes.get(text, "")
        verdicts = []
        for trace in self.traces:
            verdict = self._kept.get((hash_, trace.id))
            if verdict:
                verdicts.append(verdict)
        return verdicts

    def agreement(self, verdicts: list[Verdict]) -> str:
        """In words, how far `verdicts` agree with the labels, and on how many."""
        alignment = alignment_of(self.labels, verdicts)
        return f"{rate_words(alignment)} ({alignment.subtitle})" if alignment else NOT_JUDGED

    async def settled(self, timeout_s: float = 600.0) -> None:
        """Wait until what was last asked is answered. Raises TimeoutError after `timeout_s`."""
        async with asyncio.timeout(timeout_s):
            await asyncio.wait([self._task])

    def _start(self, by_button: bool) -> None:
        """Judge, and draw. A paid run that is under way is broken off by a second press alone."""
        if self._paying and not by_button:
            self.say(f"{self.message} {PAID_RUN_GOES_ON}".strip())
            return
        if self._paying and not self._asked_to_stop:
            self._asked_to_stop = True
            self.say(PAID_RUN_IN_THE_WAY)
            return
        self._asked_to_stop = False
        self._task.cancel()
        self._task = asyncio.ensure_future(self._run(by_button))

    async def _run(self, by_button: bool) -> None:
        """Judge by the file and by the box what is not judged yet, and draw it."""
        self._paying = False
        run = asyncio.current_task()
        try:
            for text in (self._draft.saved, self.box.value):
                rubric = Rubric.parse(text, self.path)
                judge = await self._judge_for(rubric)
                self._hashes[text] = judge.hash
                costs = self._costs(judge)
                if by_button or not costs:
                    self._paying = costs
                    await judge_traces(judge, self.traces, self._kept, self._progress)
            self._draw_head(judge, rubric)
        except RecordError as error:
            self.say(placed(located(error, text, self.path), text), problem=True)
        except Exception as error:  # nobody awaits this task: what is not said here is lost
            self.say(str(error), problem=True)
        finally:
            if run is self._task:
                self._paying = False
                self._asked_to_stop = False
        self._draw_table()

    async def _judge_for(self, rubric: Rubric) -> JudgeLike:
        """The judge that goes by `rubric`, or the only one that there is."""
        if self.judge is None:
            return RuleJudge(rubric, await self._trained())
        if callable(self.judge):
            return self.judge(rubric)
        judge: JudgeLike = with_rubric(self.judge, rubric)
        return judge

    async def _trained(self) -> SklearnJudge:
        """The classifier for criteria without a rule. It is trained once, beside the loop."""
        if self._classifier is None:
            verdicts = {label.trace_id: label.verdict for label in self.labels.values()}
            kinds = " and ".join(sorted({label.rater_kind for label in self.labels.values()}))
            self._classifier = await asyncio.to_thread(SklearnJudge, self.traces, verdicts, kinds)
        return self._classifier

    def _costs(self, judge: JudgeLike) -> bool:
        """Whether asking `judge` costs money."""
        if self._live is not None:
            return self._live
        return isinstance(judge, Judge) and asks_live(judge.model)

    def _progress(self, done: int, of: int) -> None:
        self._table.value = render.tag("p", f"judging: {done} of {of}")

    def _draw_head(self, judge: JudgeLike, rubric: Rubric) -> None:
        """Say who judges, by which rubric, and how many traces."""
        facts = [quantity(len(self.traces), "labelled trace")]
        if self.judge:
            costs = [verdict.cost_usd or 0 for verdict in self.after]
            facts.append(f"${sum(costs):.4f}")
        if judge is self.judge:
            self.head.value = judged_by_html(None, judge, facts)
            return
        state = "saved" if self.box.value == self._draft.saved else "edited, not saved"
        self.head.value = judged_by_html(rubric, judge, [state, *facts])

    def _draw_table(self) -> None:
        labels = {trace.id: self.labels[trace.id] for trace in self.traces}
        self._table.value = judged_html(self.traces, labels, self.before, self.after)

    def _edited(self) -> None:
        """Put what the box says on disk as a draft, and judge by it."""
        text = self.box.value
        if self.write(lambda: self._draft.type(text)):
            edit = edit_words(self._draft.saved, text)
            self.say(f"Not saved yet: a draft is on disk. {edit}" if edit else "")
        self._mark()
        self._start(by_button=False)

    def _mark(self) -> None:
        self._marked.mark(self._draft.saved, self.box.value)
        self.form.show(self.box.value)

    def _save(self) -> None:
        text = self.box.value
        if self.write(lambda: self._draft.save(text)):
            self.say(f"Saved: {self.path}")
            self._mark()
            self._start(by_button=False)

    def _revert(self) -> None:
        self.box.value = self._draft.revert()
        self._mark()
