"""SessionPanel: a laptop and a phone side by side on one session, and the log growing beneath them.

Each screen is a `Surface` of its own. Dropping its network stops its reading and nothing else; stop
and steer are events on the log, from whichever screen they come.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import ipywidgets as widgets

from toolkit import render
from toolkit.sessions import Conversation, Item, Session, Surface
from toolkit.views.panels.page import button

REFRESH_S = 0.15
SHOWN_CHARS = 1_500
SHOWN_ITEMS = 12
STRIP_EVENTS = 60
LATE = "tablet"
SCREEN_LAYOUT = {
    "flex": "1 1 0",
    "min_width": "0",
    "border": "1px solid #8888",
    "padding": "6px",
}
MARKS = {
    "text.delta": "▪",
    "message": "✉",
    "tool.call": "⚙",
    "tool.result": "⚙",
    "cancel": "■",
    "steer": "➤",
}


class Screen(widgets.VBox):  # type: ignore[misc]
    """One device: what it shows, and what can be done to it and from it."""

    def __init__(self, session: Session, name: str):
        self.session = session
        self.name = name
        self.surface = Surface(session, name)
        self._doing: set[asyncio.Task[Any]] = set()
        self.state = widgets.HTML()
        # The margin keeps a short conversation at the top; a long one is scrolled to its end, which
        # grows upwards.
        self.view = widgets.HTML(layout={"flex": "none", "margin": "0 0 auto 0"})
        frame = {"height": "22rem", "overflow": "auto", "flex_flow": "column-reverse"}
        self.network = _key(
            "Drop network", "Stop this screen's reading; the run goes on", self._toggle
        )
        self.reload = _key("Reload", "Forget everything, and read the session again", self._reload)
        self.stop = _key("Stop", "Ask the agent to stop: an event on the log", self._stop, "stop")
        self.words = widgets.Text(placeholder="steer the agent …", layout={"width": "60%"})
        self.steer = _key("Steer", "Send these words to the agent", self._steer)
        wrap = {"flex_flow": "row wrap"}
        children = [
            self.state,
            widgets.Box([self.view], layout=frame),
            widgets.HBox([self.network, self.reload, self.stop], layout=wrap),
            widgets.HBox([self.words, self.steer], layout=wrap),
        ]
        super().__init__(children, layout=SCREEN_LAYOUT)

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` on the kernel's loop; what it raises is shown on the screen."""
        task = asyncio.ensure_future(work)
        self._doing.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._doing.discard(task)
        if not task.cancelled() and task.exception():
            self.state.value = render.tag("p", f"{self.name}: {task.exception()}")

    def _toggle(self) -> None:
        if self.surface.connected:
            self.do(self.surface.disconnect())
        else:
            self.do(self.surface.connect())

    async def leave(self) -> None:
        """Break off what is under way here, and disconnect."""
        doing = tuple(self._doing)
        for task in doing:
            task.cancel()
        if doing:
            await asyncio.wait(doing)
        await self.surface.disconnect()

    def _reload(self) -> None:
        async def again() -> None:
            await self.surface.disconnect()
            self.surface = Surface(self.session, self.name)
            await self.surface.connect()

        self.do(again())

    def _stop(self) -> None:
        self.do(self.session.cancel(actor=self.name))

    def _steer(self) -> None:
        words = self.words.value.strip()
        if words:
            self.do(self.session.steer(words, actor=self.name))
            self.words.value = ""

    def refresh(self) -> None:
        """Draw what the surface has now."""
        state = "○ away"
        self.network.description = "Reconnect"
        if self.surface.connected:
            state = "● connected"
            self.network.description = "Drop network"
        name = render.tag("strong", self.name)
        self.state.value = render.tag("p", name, f" {state}, cursor {self.surface.cursor}")
        self.view.value = conversation_html(self.surface.conversation)


class SessionPanel(widgets.VBox):  # type: ignore[misc]
    """Watch and steer `session` from several screens.

    `close` lets go of them, `aclose` waits until they are gone.

    Parameters
    ----------
    session : Session
        Live, or finished.
    names : tuple of str
        The screens that are there from the start; a third can join late.
    """

    def __init__(self, session: Session, names: tuple[str, ...] = ("laptop", "phone")):
        self.session = session
        self.screens = [Screen(session, name) for name in names]
        tooltip = "Open the session on one more screen"
        self.late = _key("A third joins late", tooltip, self._join)
        self.strip = widgets.HTML()
        self._row = widgets.HBox(self.screens)
        self._n_events = 0
        self._last_kinds: deque[str] = deque(maxlen=STRIP_EVENTS)
        self._leaving: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        super().__init__([self._row, self.late, self.strip])
        for screen in self.screens:
            screen.do(screen.surface.connect())
        self._tasks = [asyncio.ensure_future(self._watch()), asyncio.ensure_future(self._draw())]

    def _join(self) -> None:
        self.late.disabled = True
        late = Screen(self.session, LATE)
        self.screens.append(late)
        self._row.children = tuple(self.screens)
        late.do(late.surface.connect())

    async def _watch(self) -> None:
        async for event in self.session.read(lane="log"):
            self._n_events += 1
            self._last_kinds.append(event.kind)

    async def _draw(self) -> None:
        while True:
            for screen in self.screens:
                screen.refresh()
            marks = " ".join(MARKS.get(kind, "·") for kind in self._last_kinds)
            self.strip.value = render.tag("p", f"the log, {self._n_events} events: … {marks}")
            await asyncio.sleep(REFRESH_S)

    def close(self) -> None:
        """Take the panel away. Its tasks end and its screens disconnect as soon as the loop runs
        on.
        """
        if self._leaving is None and self._tasks:
            with suppress(RuntimeError):  # no loop runs any more, and nothing on it
                asyncio.get_running_loop()
                self._leaving = asyncio.ensure_future(self._leave())
        super().close()

    async def _leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for screen in self.screens:
            await screen.leave()

    async def aclose(self) -> None:
        """Take the panel away, and wait until its screens have disconnected."""
        self.close()
        if self._leaving is not None:
            await self._leaving


def _key(word: str, tooltip: str, act: Callable[[], None], icon: str = "") -> widgets.Button:
    """A button as wide as its word."""
    key = button(word, icon, tooltip, act)
    key.layout.width = "auto"
    return key


def conversation_html(conversation: Conversation) -> render.Html:
    """The end of a conversation: words, tool calls and signals, escaped."""
    rows = []
    for item in conversation.items[-SHOWN_ITEMS:]:
        rows.append(render.tag("div", _words(item), class_=f"step {_css(item.kind)}"))
    last_run = next(reversed(conversation.runs.values()), None)
    state = f"{last_run.actor}: {last_run.state} · {last_run.source}" if last_run else ""
    return render.block(*rows, render.tag("p", state, class_="who"))


def _words(item: Item) -> render.Html:
    """Who it is by, and its text: of a long one the end."""
    who = item.actor
    if item.kind not in {"message", "text.delta"}:
        who = f"{item.actor} · {item.kind}"
    head = render.tag("div", who, class_="who")
    text = _text(item)
    if len(text) > SHOWN_CHARS:
        text = f"… {text[-SHOWN_CHARS:]}"
    return render.fragment(head, render.tag("pre", text)) if text else head


def _text(item: Item) -> str:
    """The words of an item, or what its data says in their place."""
    if item.text:
        return item.text
    for name in ("name", "why", "question"):
        if item.data.get(name):
            return str(item.data[name])
    return ""


def _css(kind: str) -> str:
    if kind.startswith("tool"):
        return "tool"
    if kind == "text.delta":
        return "assistant"
    return "user" if kind == "message" else "control"
