"""ExperimentPanel: an experiment that is under way, watched, paused, tuned and stopped from a
notebook. The session that it is kept on tells all; what is asked is an event on it.
"""

import time
from collections.abc import Callable

from ipywidgets import HTML, Box, VBox

from toolkit import render
from toolkit.evals.experiments.status import ExperimentStatus
from toolkit.evals.experiments.watching import WatchedExperiment
from toolkit.sessions import Session
from toolkit.views.panels.failures import FailureList
from toolkit.views.panels.keys import Keys, Press
from toolkit.views.panels.live import AT_LEAST_EACH_S, SHARE, LivePanel
from toolkit.views.panels.look import in_family
from toolkit.views.panels.page import button
from toolkit.views.panels.panel import user_name
from toolkit.views.panels.standing import head_html, signals_html, tiles_html
from toolkit.views.panels.stopping import StopQuestion

__all__ = ["ExperimentPanel"]

PLOT_EACH_S = 1.0
KEYS = {"pause": "P", "stop": "S", "fewer": "-", "more": "+", "read": "F", "shut": "C"}
HELP = {
    "P": "pause: no trial begins; or resume",
    "S": "stop: the panel asks once more",
    "-": "one trial less at once",
    "+": "one trial more at once",
    "F": "read the trace of the newest failure, then of the one before",
    "C": "close the trace",
}


class ExperimentPanel(LivePanel[WatchedExperiment]):
    """Watch and control the experiment that is kept on `store`, wherever it runs.

    `close` lets go of it, `aclose` waits until the panel's tasks are gone.

    Parameters
    ----------
    store : Session
        On which `evaluate` runs, ran or will run: here in the background, or elsewhere.
    by : str, optional
        Who asks; by default the user of the environment.
    clock : callable, optional
        Gives seconds since 1970.

    Examples
    --------
    >>> import asyncio
    >>> from toolkit.evals.experiments import Case, evaluate
    >>> from toolkit.sessions import MemoryLog, Session
    >>> async def demo():
    ...     store = Session(MemoryLog(), "experiment")
    ...     await evaluate(lambda case: case.input, [Case("c1", "hello")], [], store=store)
    ...     panel = ExperimentPanel(store, by="ada")
    ...     async with asyncio.timeout(60):
    ...         while panel.status.phase != "ended":
    ...             await asyncio.sleep(0.01)
    ...     await panel.aclose()
    ...     return panel.status.n_done
    >>> asyncio.run(demo())
    1
    """

    def __init__(
        self, store: Session, by: str | None = None, clock: Callable[[], float] = time.time
    ):
        super().__init__(store, WatchedExperiment, "quiet")
        self.store = store
        self.by = user_name(by)
        self._clock = clock
        self._plotted = (0, 0)
        """How many results the plot shows, of how many planned."""
        self._plot_due_s = 0.0
        self._wanted: int | None = None
        """How many trials at once were asked for, as long as that is not heard."""
        self.status: ExperimentStatus = self._watched.status()
        """What the experiment's state is now."""
        self._make_widgets()
        caps = dict(KEYS)
        self.key_layer = Keys(self, self._press, caps, help=HELP)
        left = VBox([self.tiles, self.plot]).add_class("fieldbook-figures")
        self._columns = Box([left, self.failures]).add_class("fieldbook-halves")
        self.children = [
            in_family(self),
            self.head,
            self._controls,
            self.question,
            self.note,
            self._columns,
            self.failures.reader,
            self.key_layer,
        ]
        self.add_class("fieldbook-experiment")
        self.begin()

    def _make_widgets(self) -> None:
        self.head = HTML()
        self.tiles = HTML()
        self.plot = HTML()
        self.asked = HTML()
        self.failures = FailureList(self._turn_to_trace)
        self.pause = button("Pause", "pause", "Begin no trial for now", self._pause, "P")
        self.stop = button("Stop", "stop", "Begin no more trials", self._ask_once, "S")
        self.fewer = button("−", "", "One trial less at once (-)", lambda: self._tune(-1))
        self.more = button("+", "", "One trial more at once (+)", lambda: self._tune(1))
        for control in (self.fewer, self.more):
            control.add_class("fieldbook-step-key")
        self.concurrency = HTML()
        parts = [self.pause, self.stop, self.fewer, self.concurrency, self.more, self.asked]
        self._controls = Box(parts).add_class("fieldbook-row").add_class("fieldbook-tools")
        self.question = StopQuestion(self._stop, self._cancel)

    # --- What a person asks.

    def _press(self, press: Press) -> None:
        """Do what a key stands for."""
        acts: dict[str, Callable[[], None]] = {
            "pause": self.pause.click,
            "stop": self.stop.click,
            "fewer": self.fewer.click,
            "more": self.more.click,
            "read": self.failures.read_next,
            "shut": self.failures.shut,
        }
        if press.act in acts:
            acts[press.act]()
        self.key_layer.send({"page": -1})  # the browser takes keys again

    def _pause(self) -> None:
        if not self.pause.disabled:
            words = "resume" if self.status.phase == "paused" else "pause"
            self.do(self.store.steer(words, actor=self.by))

    def _tune(self, by: int) -> None:
        before = self._wanted or self.status.concurrency
        if self.more.disabled or before is None or before + by < 1:
            return
        self._wanted = int(before) + by
        self._show_concurrency()
        self.do(self.store.steer(f"concurrency {self._wanted}", actor=self.by))

    def _ask_once(self) -> None:
        if not self.stop.disabled:
            self.question.ask(self.status.n_running)

    def _stop(self) -> None:
        self.do(self.store.steer("stop", actor=self.by))

    def _cancel(self) -> None:
        self.do(self.store.cancel(actor=self.by))

    def _turn_to_trace(self, is_open: bool) -> None:
        """A trace takes the place of the plot and of the failures while it is open."""
        self._columns.layout.display = "none" if is_open else None

    # --- What the session tells.

    def refresh(self) -> None:
        """Show what is known by now, but for the plot."""
        if self._drawn != self._watched.cursor:
            self._drawn = self._watched.cursor
            before = self.status.concurrency
            self.status = self._watched.status()
            if self.status.concurrency != before:
                self._wanted = None
            self.tiles.value = tiles_html(self.status)
            self.asked.value = signals_html(self.status)
            self.failures.show(self.status.failures)
            self._show_controls()
        self.head.value = head_html(self.status, self._clock())

    def _show_controls(self) -> None:
        is_over = self.status.phase in ("not begun", "ended")
        is_halted = is_over or self.status.phase == "stopping"
        for control in (self.pause, self.fewer, self.more):
            control.disabled = is_halted
        self.stop.disabled = is_over
        is_paused = self.status.phase == "paused"
        self.pause.description = "Resume (P)" if is_paused else "Pause (P)"
        self.pause.icon = "play" if is_paused else "pause"
        if is_over:
            self.question.hide()
        self._show_concurrency()

    def _show_concurrency(self) -> None:
        n = self.status.concurrency
        words = "" if n is None else f"{n:g} at once"
        n_running = self.status.n_running
        if n is not None and n_running > n:
            words += f" ({n_running} are finishing)"
        if self._wanted and not self.more.disabled:
            words += f", {self._wanted} asked for"
        self.concurrency.value = render.block(render.tag("span", words))

    def show_plot(self) -> None:
        """Draw the rate as it grew; not more often than once a second."""
        counts = (len(self.status.results), self.status.planned)
        if counts == self._plotted or self._clock() < self._plot_due_s:
            return
        from toolkit.views.plots.growth import plot_growth

        began_s = time.monotonic()  # once matplotlib is there
        self._plotted = counts
        if self.status.rate.value is None:
            return
        axes = plot_growth(self.status.results, self.status.planned)
        figure = axes.get_figure(root=True)
        assert figure
        sentence = " ".join(axes.get_title(loc="left").split())
        self.plot.value = render.block(render.drawing(figure, sentence))
        took_s = time.monotonic() - began_s
        self._plot_due_s = self._clock() + min(max(PLOT_EACH_S, took_s / SHARE), AT_LEAST_EACH_S)
