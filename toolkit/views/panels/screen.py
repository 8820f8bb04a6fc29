"""Screen: one device on a session, what it shows, and what can be done to it and from it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ipywidgets import HTML, Box, Button, Text, VBox

from toolkit import render
from toolkit.sessions import Session, Surface
from toolkit.views.panels.page import button
from toolkit.views.panels.talk import conversation_html

__all__ = ["Screen"]

WRITE = "Write to the agent …"
RECONNECT = "Reconnect first"
SHAPES = ("laptop", "phone", "tablet")
"""The names that have a frame of their own; any other is a laptop."""


class Screen(VBox):  # type: ignore[misc]
    """One device in a frame of its shape.

    `keys` are those of its buttons ``network`` and ``stop``, where they have any. Enter in its
    field is the act `steer_act`.
    """

    def __init__(
        self,
        session: Session,
        name: str,
        keys: dict[str, str],
        steer_act: str,
        progress: Callable[[int], str],
    ):
        self.session = session
        self.progress = progress
        """In words, how much of the log is seen at a cursor."""
        self.name = name
        self.surface = Surface(session, name)
        self._doing: set[asyncio.Task[Any]] = set()
        self._keys = keys
        self.state = HTML()
        self.trouble = ""
        """What the last act raised; nothing once another is begun."""
        # The margin keeps a short conversation at the top; a long one is scrolled to its end, which
        # grows upwards.
        self.view = HTML(layout={"flex": "none", "margin": "0 0 auto 0"})
        glass = Box([self.view]).add_class("fieldbook-glass")
        self.network = self._key(
            "network", "Drop network", "wifi", "Stop this screen's reading", self._toggle
        )
        self.reload = self._key(
            "reload",
            "Reload",
            "refresh",
            "Forget everything, and read the session again",
            self._reload,
        )
        self.stop = self._key("stop", "Stop", "stop", "Ask the agent to stop", self._stop)
        self.words = Text(placeholder=WRITE)
        self.words.add_class(f"fieldbook-enter-{steer_act}")
        self.steer = self._key("steer", "Steer", "share", "Send these words", self._write)
        buttons = Box([self.network, self.reload, self.stop]).add_class("fieldbook-row")
        steering = Box([self.words, self.steer]).add_class("fieldbook-row")
        shape = name if name in SHAPES else SHAPES[0]
        frame = Box([glass]).add_class("fieldbook-device").add_class(f"fieldbook-{shape}")
        super().__init__([self.state, frame, buttons, steering])
        self.add_class("fieldbook-screen").add_class(f"fieldbook-of-{shape}")
        self.refresh()

    def _key(
        self, act: str, word: str, icon: str, tooltip: str, action: Callable[[], None]
    ) -> Button:
        return button(word, icon, tooltip, action, key=self._keys.get(act, ""))

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` on the kernel's loop; what it raises is shown until the next act."""
        self.trouble = ""
        task = asyncio.ensure_future(work)
        self._doing.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._doing.discard(task)
        if not task.cancelled() and task.exception():
            self.trouble = str(task.exception()) or type(task.exception()).__name__
            self.refresh()

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
        if self.surface.connected and self._is_answering:
            self.do(self.session.cancel(screen=self.name))

    def _write(self) -> None:
        """Steer the agent while it answers; say something new once it has."""
        words = self.words.value.strip()
        if words and self.surface.connected:
            write = self.session.steer if self._is_answering else self.session.say
            self.do(write(words, screen=self.name))
            self.words.value = ""

    @property
    def _is_answering(self) -> bool:
        """Whether an agent is at it, as far as this screen knows."""
        last_run = next(reversed(self.surface.conversation.runs.values()), None)
        return last_run is not None and not last_run.ended

    def refresh(self) -> None:
        """Draw what the surface has now, and how much of the log that is."""
        is_here = self.surface.connected
        word = "● live" if is_here else "○ away"
        state = render.tag("span", word, class_="connected" if is_here else "away")
        self.network.description = self._labelled("Drop network" if is_here else "Reconnect")
        self.steer.description = "Steer" if self._is_answering else "Send"
        self.steer.disabled = not is_here
        self.stop.disabled = not (is_here and self._is_answering)
        self.words.placeholder = WRITE if is_here else RECONNECT
        for key, tooltip in (
            (self.steer, "Send these words"),
            (self.stop, "Ask the agent to stop"),
        ):
            key.tooltip = tooltip if is_here else RECONNECT
        name = render.tag("strong", self.name)
        place = render.tag("span", self.progress(self.surface.cursor), class_="soft")
        trouble = render.tag("p", self.trouble) if self.trouble else ""
        line = render.tag("div", name, state, place, class_="state")
        self.state.value = render.block(line, trouble)
        self.view.value = conversation_html(self.surface.conversation)

    def _labelled(self, word: str) -> str:
        key = self._keys.get("network")
        return f"{word} ({key})" if key else word
