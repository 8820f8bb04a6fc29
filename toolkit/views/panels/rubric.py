"""RubricPanel: edit a rubric, and see at once which verdicts change on the traces that you
labelled.

The box holds the rubric's file, letter by letter. Each edit is on disk as a draft before it is
judged, so a dead kernel costs nothing; Save makes the draft the file.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ipywidgets import HTML, HBox, Layout, Textarea, VBox

from toolkit import render
from toolkit.evals import (
    Alignment,
    Judge,
    Label,
    Rubric,
    RuleJudge,
    SklearnJudge,
    Verdict,
    VerdictStore,
    align,
)
from toolkit.models.tape import asks_live
from toolkit.records import RecordError, read_text, write_whole
from toolkit.traces import Trace
from toolkit.views.panels.page import button, by_id

__all__ = ["RubricPanel"]

DEADLINE_S = 600.0


class RubricPanel(VBox):  # type: ignore[misc]
    """The rubric's file in a box; under it each labelled trace with your label, and its verdict
    before and after.

    Make it in a notebook, or in a coroutine: it judges on the running loop. Without a `judge` it
    goes by the rules of the criteria, and for those without one by a classifier trained on the
    labels; it says so, because that one does not read the rubric. A live judge is asked when its
    button is pressed, any other after each edit.

    Verdicts are kept by the judge's hash and the trace, as they come: nothing is asked twice. An
    edit does not break off a paid run; pressing Judge meanwhile asks first, and a second press
    does.

    `rubric` is a file, or a rubric for a file at `path` (None: its name with ``.md``), which is
    made where there is none, and read where there is one. Of several labels on one trace the last
    counts; deferred ones are left out.
    """

    def __init__(
        self,
        rubric: Rubric | str | Path,
        traces: Iterable[Trace],
        labels: Iterable[Label],
        judge: Judge | None = None,
        path: str | Path | None = None,
    ):
        asyncio.get_running_loop()  # without one there would be a panel that never judges
        own = f"{Path(rubric.name).name}.md" if isinstance(rubric, Rubric) else rubric
        self.path, self.judge = Path(path or own), judge
        self._draft = self.path.with_name(f".{self.path.name}.draft")
        if isinstance(rubric, Rubric) and not self.path.exists():
            rubric.save(self.path)
        self.labels = {one.trace_id: one for one in labels if one.verdict != "defer"}
        self.traces = [trace for trace in by_id(traces).values() if trace.id in self.labels]
        self._live = judge is not None and asks_live(judge.model)
        self._rest: SklearnJudge | None = None
        self._kept = judge.kept if judge else VerdictStore()
        self._hashes: dict[str, str] = {}
        """The hash of the judge that each text of a rubric makes."""
        self._paying = self._asked_to_stop = False
        self._file = read_text(self.path)
        draft = read_text(self._draft) if self._draft.exists() else self._file
        self._head, self._note, self._table = HTML(), HTML(layout=Layout(margin="2px 12px")), HTML()
        self.box = Textarea(draft, rows=16, continuous_update=False, layout=Layout(width="auto"))
        self.again = button(
            "Judge", "play", "Judge the labelled traces by what the box says", self._again
        )
        self.save = button("Save", "save", "Make what the box says the file", self._save)
        self.revert = button("Revert", "undo", "Put the file back into the box", self._revert)
        row = HBox(
            [self.again, self.save, self.revert, self._note], layout=Layout(flex_flow="row wrap")
        )
        super().__init__([self._head, self.box, row, self._table], layout=Layout(max_width="62rem"))
        self.box.observe(self._edited, "value")
        self._say("Your unsaved edit is in the box again." if draft != self._file else "")
        self._task = asyncio.ensure_future(self._run(not self._live))

    @property
    def before(self) -> list[Verdict]:
        """The verdicts by the file, as far as they came; empty until it is judged."""
        return self._verdicts(self._file)

    @property
    def after(self) -> list[Verdict]:
        """The verdicts by the box, as far as they came; empty until it is judged."""
        return self._verdicts(self.box.value)

    def _verdicts(self, text: str) -> list[Verdict]:
        hash_ = self._hashes.get(text, "")
        kept = [self._kept.get((hash_, trace.id)) for trace in self.traces]
        return [verdict for verdict in kept if verdict]

    async def settled(self) -> None:
        """Wait until what was last asked is answered."""
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.wait([self._task])

    def _edited(self, _: object) -> None:
        if self._written(self._draft):
            self._say("Not saved yet: a draft is on disk." if self.box.value != self._file else "")
        self._start(not self._live)

    def _again(self) -> None:
        self._start(True)

    def _start(self, ask: bool) -> None:
        """Judge, where `ask`, and draw. A paid run that is under way is broken off by a second
        press alone.
        """
        if self._paying and not ask:
            self._say(
                f"{self.message} A paid run of the rubric as it was goes on; its verdicts are kept.".strip()
            )
            return
        if self._paying and not self._asked_to_stop:
            self._asked_to_stop = True
            self._say(
                "A paid run is under way. Press Judge again to break it off and judge what the box says now: "
                "the verdicts that came are kept, the calls in flight may be billed."
            )
            return
        self._asked_to_stop = False
        self._task.cancel()
        self._task = asyncio.ensure_future(self._run(ask))

    async def _run(self, ask: bool) -> None:
        """Judge by the file and by the box what is not judged yet, and draw it."""
        self._paying = ask and self._live
        run = asyncio.current_task()
        try:
            for text in (self._file, self.box.value):
                judge = await self._judge_of(Rubric.parse(text, self.path))
                self._hashes[text] = judge.hash
                if ask:
                    await self._judge(judge)
            price = f" · ${sum(one.cost_usd or 0 for one in self.after):.4f}" if self.judge else ""
            about = (
                render.tag("span", judge.says, class_="badge"),
                f" · {len(self.traces)} labelled traces{price}",
            )
            self._head.value = render.block(*about)
        except Exception as error:  # nobody awaits this task: what is not said here is lost
            self._say(str(error), problem=True)
        finally:
            if run is self._task:
                self._paying = self._asked_to_stop = False
        self._draw()

    async def _judge(self, judge: Judge | RuleJudge) -> None:
        """Judge the traces that have no verdict of `judge` yet."""
        if isinstance(judge, Judge):
            await judge.score_all(self.traces, self._progress, known=self._kept)
            return
        missing = [trace for trace in self.traces if (judge.hash, trace.id) not in self._kept]
        for verdict in await judge.score_all(missing, self._progress):
            self._kept[verdict.judge, verdict.trace_id] = verdict

    async def _judge_of(self, rubric: Rubric) -> Judge | RuleJudge:
        if self.judge:
            return replace(self.judge, rubric=rubric)
        if self._rest is None:
            verdicts = {id_: one.verdict for id_, one in self.labels.items()}
            kinds = " and ".join(sorted({one.rater_kind for one in self.labels.values()}))
            self._rest = await asyncio.to_thread(lambda: SklearnJudge(self.traces, verdicts, kinds))
        return RuleJudge(rubric, self._rest)

    def _progress(self, done: int, of: int) -> None:
        self._table.value = render.tag("p", f"judging: {done} of {of}")

    def agreement(self, verdicts: list[Verdict]) -> str:
        """In words, how far `verdicts` agree with the labels, and on how many."""
        if not verdicts:
            return "not judged yet"
        found = self._aligned(verdicts)
        if (within := found.interval("accuracy")) is None:
            return f"undefined: {found.reason.split(';')[0]} ({found.subtitle})"
        right, of = found.counts("accuracy")
        return f"{right} of {of} agree, 95% interval {within[0]:.2f} to {within[1]:.2f} ({found.subtitle})"

    def _aligned(self, verdicts: list[Verdict]) -> Alignment:
        return align([self.labels[one.trace_id] for one in verdicts], verdicts)

    def _draw(self) -> None:
        old, new = (
            {one.trace_id: one for one in verdicts} for verdicts in (self.before, self.after)
        )
        rows = []
        for trace in self.traces:
            label, a, b = self.labels[trace.id], old.get(trace.id), new.get(trace.id)
            was, now = (one and (one.verdict or "unscored") for one in (a, b))
            right = (
                "now as you say"
                if now == label.verdict
                else "no longer as you say"
                if was == label.verdict
                else ""
            )
            changed = f"▶ {right or 'changed'}" if was and now and was != now else ""
            why = render.details(
                label.why, render.tag("pre", (b.critique or b.why_unscored) if b else "")
            )
            rows.append(
                (not changed, trace.id, label.verdict, was or "…", now or "…", changed, why)
            )
        title = self._aligned(self.after or self.before).title if old or new else ""
        by_file, by_box = (
            f"by the file: {self.agreement(self.before)}",
            f"by the box: {self.agreement(self.after)}",
        )
        head = (
            "trace",
            "your label",
            "by the file",
            "by the box",
            "",
            "your reason; under it, why the judge says so",
        )
        table = render.table([row[1:] for row in sorted(rows, key=lambda row: row[0])], head)
        told = (render.tag("div", one) for one in (render.tag("strong", title), by_file, by_box))
        self._table.value = render.block(*told, table)

    def _save(self) -> None:
        try:
            rubric = Rubric.parse(self.box.value, self.path)
            if read_text(self.path) != self._file:
                raise RecordError(
                    "somebody changed the file since it was read: Revert shows it; copy your words first"
                )
        except (ValueError, OSError) as error:
            self._say(f"Not saved. {error}", problem=True)
            return
        if self._written(self.path):
            self._file = self.box.value
            self._draft.unlink(missing_ok=True)
            self._say(f"Saved: {self.path}, {rubric.hash}")
            self._start(not self._live)

    def _revert(self) -> None:
        self._file = self.box.value = read_text(self.path)
        self._draft.unlink(missing_ok=True)

    def _written(self, path: Path) -> bool:
        try:
            write_whole(path, self.box.value)
        except OSError as error:
            self._say(f"Not on disk: {error}. Your words are still in the box.", problem=True)
            return False
        return True

    def _say(self, text: str, problem: bool = False) -> None:
        self.message = text
        said = render.tag("div", "⚠ " * problem, text, role="alert" if problem else "status")
        self._note.value = said if text else ""
