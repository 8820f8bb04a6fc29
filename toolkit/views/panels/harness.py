"""HarnessPanel: a build by several roles, watched, steered, approved and stopped from a notebook.
The session tells all; what is asked is an event on it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipywidgets import HTML, Box, Text

from toolkit import render
from toolkit.harness import Workspace
from toolkit.harness.watching import HarnessStatus, WatchedBuild
from toolkit.sessions import Session
from toolkit.views.panels.building import cost_html, head_html, lane_html, requests_html
from toolkit.views.panels.contracts import ContractPages
from toolkit.views.panels.keys import Keys, Press
from toolkit.views.panels.live import LivePanel
from toolkit.views.panels.look import in_family
from toolkit.views.panels.page import button
from toolkit.views.panels.panel import user_name

__all__ = ["HarnessPanel"]

KEYS = {
    "write": "W",
    "stop": "S",
    "yes": "Y",
    "no": "N",
    "evidence": "E",
    "shut": "C",
    "previous": "←",
    "next": "→",
}
HELP = {
    "W": "write a word to the roles: Enter sends it, and the next turn takes it",
    "S": "stop: the panel asks once more",
    "Y": "yes, to what the build waits for",
    "N": "no, to what the build waits for",
    "E": "see the evidence of a criterion that does not hold, then of the next",
    "C": "close the evidence",
    "←": "the contract of the sprint before",
    "→": "the contract of the sprint after",
}
SURE = "Stop the build? A call that is under way is possibly billed; the same folder goes on."


class HarnessPanel(LivePanel[WatchedBuild]):
    """Watch and control the build that a `Harness` runs on `session`, wherever it runs.

    `close` lets go of it, `aclose` waits until the panel's tasks are gone.

    Parameters
    ----------
    session : Session
        On which the build runs, ran or will run.
    workspace : Workspace or path, optional
        The folder of the build: where its evidence lies.
    by : str, optional
        Who asks; by default the user of the environment.

    Examples
    --------
    >>> import asyncio
    >>> from toolkit.sessions import MemoryLog, Session
    >>> async def demo():
    ...     session = Session(MemoryLog(), "build")
    ...     await session.append("contract.frozen", "evaluator", {"criteria": [{"id": "totals"}]})
    ...     panel = HarnessPanel(session, by="ada")
    ...     async with asyncio.timeout(60):
    ...         while panel.status.phase == "not begun":
    ...             await asyncio.sleep(0.01)
    ...     await panel.aclose()
    ...     return panel.status.position
    >>> asyncio.run(demo())
    '0 of 1 criterion holds'
    """

    def __init__(
        self,
        session: Session,
        workspace: Workspace | str | Path | None = None,
        by: str | None = None,
    ):
        super().__init__(session, WatchedBuild, "log")
        self.session = session
        self.by = user_name(by)
        folder = workspace.path if isinstance(workspace, Workspace) else workspace
        self.contract = ContractPages(Path(folder) if folder is not None else None)
        self.status: HarnessStatus = self._watched.status()
        """What the build's state is now."""
        self._lane_views: dict[str, HTML] = {}
        self._make_widgets()
        self.key_layer = Keys(self, self._press, dict(KEYS), help=HELP)
        self.children = [
            in_family(self),
            self.head,
            self.cost,
            self._controls,
            self.sure,
            self.approval,
            self.note,
            self._lanes,
            self.contract,
            self.key_layer,
        ]
        self.add_class("fieldbook-harness").add_class("fieldbook-experiment")
        self.begin()

    def _make_widgets(self) -> None:
        self.head = HTML()
        self.cost = HTML()
        self.asked = HTML()
        self._lanes = Box().add_class("fieldbook-lanes")
        self._make_controls()

    def _make_controls(self) -> None:
        self.words = Text(placeholder="A word to the roles, for the next turn")
        self.words.add_class("fieldbook-write").add_class("fieldbook-enter-steer")
        self.steer = button("Steer", "comment-o", "Send these words", self._steer)
        self.stop = button("Stop", "stop", "Stop the build", self._ask_once, "S")
        self._controls = _tools(self.words, self.steer, self.stop, self.asked)
        sentence = HTML(render.block(render.tag("strong", SURE)))
        stop = button("Stop the build", "stop", "Whatever runs is broken off", self._stop)
        go_on = button("Go on", "play", "Do not stop", self._hide_question)
        self.sure = _tools(sentence, stop, go_on)
        self.question = HTML()
        yes = button("Yes", "check", "Let it go on", lambda: self._approve(True), "Y")
        no = button("No", "times", "The build halts", lambda: self._approve(False), "N")
        self.approval = _tools(self.question, yes, no).add_class("fieldbook-asks")
        for answer in (stop, go_on, yes, no):
            answer.add_class("fieldbook-page-button")  # it goes, and the panel has the keys again
        self._hide_question()

    # --- What a person asks.

    def _press(self, press: Press) -> None:
        """Do what a key stands for; one that brings words steers with them."""
        acts: dict[str, Callable[[], None]] = {
            "stop": self.stop.click,
            "yes": lambda: self._approve(True),
            "no": lambda: self._approve(False),
            "evidence": self.contract.view.read_next,
            "shut": self.contract.view.shut,
            "previous": self.contract.turn_back,
            "next": self.contract.turn_on,
        }
        if press.act == "steer":
            self.words.value = press.why
            self._steer()
        elif press.act in acts:
            acts[press.act]()
        self.key_layer.send({"page": -1})  # the browser takes keys again

    def _steer(self) -> None:
        words = self.words.value.strip()
        if words and not self.steer.disabled:
            self.words.value = ""
            self.do(self.session.steer(words, actor=self.by))

    def _ask_once(self) -> None:
        if not self.stop.disabled:
            self.sure.layout.display = None

    def _hide_question(self) -> None:
        self.sure.layout.display = "none"

    def _stop(self) -> None:
        self._hide_question()
        self.do(self.session.cancel(actor=self.by))

    def _approve(self, answer: bool) -> None:
        request = self.status.question_id
        if request:
            self.do(self.session.approve(request, answer, actor=self.by))

    # --- What the session tells.

    def refresh(self) -> None:
        """Show what is known by now."""
        if self._drawn == self._watched.cursor:
            return
        self._drawn = self._watched.cursor
        self.status = self._watched.status()
        self.head.value = head_html(self.status)
        self.cost.value = cost_html(self.status)
        self.asked.value = requests_html(self.status)
        self._show_lanes()
        self.contract.show(self.status.sprints)
        self._show_controls()

    def _show_lanes(self) -> None:
        roles = [lane.role for lane in self.status.lanes]
        if list(self._lane_views) != roles:
            self._lane_views = {role: self._lane_views.get(role) or HTML() for role in roles}
            self._lanes.children = list(self._lane_views.values())
        for hue, lane in enumerate(self.status.lanes):
            self._lane_views[lane.role].value = lane_html(lane, hue)

    def _show_controls(self) -> None:
        is_over = self.status.phase in ("not begun", "ended")
        self.steer.disabled = is_over or self.status.phase == "stopping"
        self.stop.disabled = is_over
        if is_over:
            self._hide_question()
        question = self.status.question if self.status.phase == "waiting" else ""
        self.approval.layout.display = None if question else "none"
        self.question.value = render.block(render.tag("strong", question)) if question else ""


def _tools(*parts: Any) -> Box:
    """A row of what a person can press."""
    return Box(parts).add_class("fieldbook-row").add_class("fieldbook-tools")
