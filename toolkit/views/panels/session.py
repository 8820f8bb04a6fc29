"""SessionPanel: a laptop and a phone side by side on one session, and the log growing beneath them.

Each screen is a `Surface` of its own. Dropping its network stops its reading and nothing else; stop
and steer are events on the log, from whichever screen they come.
"""

import asyncio
from contextlib import suppress

from ipywidgets import HTML, Box, VBox

from toolkit.sessions import Session
from toolkit.views.panels.keys import Keys, Press
from toolkit.views.panels.logstrip import LogStrip
from toolkit.views.panels.look import in_family
from toolkit.views.panels.page import button
from toolkit.views.panels.screen import Screen

__all__ = ["SessionPanel"]

REFRESH_S = 0.15
LATE = "tablet"
DIGITS = "12"
"""The keys of the first screens' networks."""
HELP = {
    "1": "drop the network of the first screen, or reconnect it",
    "2": "drop the network of the second screen, or reconnect it",
    "3": "open the session on one more screen",
    "S": "stop the agent, from the first screen",
    "Enter": "in a field: send these words, to steer the agent or to say something new",
}


class SessionPanel(VBox):  # type: ignore[misc]
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
        self._log = LogStrip()
        self.screens: list[Screen] = []
        caps = {"late": "3", "stop": "S"}
        for name, digit in zip(names, DIGITS, strict=False):
            caps[f"network-{len(self.screens)}"] = digit
            self._add_screen(name, {"network": digit, "stop": "" if self.screens else "S"})
        for name in names[len(DIGITS) :]:
            self._add_screen(name, {})
        tooltip = "Open the session on one more screen"
        self.late = button("A third joins late", "plus", tooltip, self._join, key="3")
        self.strip = HTML()
        self._row = Box(self.screens).add_class("fieldbook-screens")
        self._leaving: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        super().__init__()
        self.key_layer = Keys(self, self._press, caps, help=HELP)
        foot = Box([self.late, self.strip]).add_class("fieldbook-foot")
        self.children = [in_family(self), self._row, foot, self.key_layer]
        self.add_class("fieldbook-session")
        for screen in self.screens:
            screen.do(screen.surface.connect())
        self._tasks = [asyncio.ensure_future(self._watch()), asyncio.ensure_future(self._draw())]

    def _add_screen(self, name: str, keys: dict[str, str]) -> Screen:
        screen = Screen(
            self.session, name, keys, f"steer-{len(self.screens)}", progress=self._log.seen
        )
        self.screens.append(screen)
        return screen

    def _join(self) -> None:
        if self.late.disabled:
            return
        self.late.disabled = True
        late = self._add_screen(LATE, {})
        self._row.children = tuple(self.screens)
        late.do(late.surface.connect())

    def _press(self, press: Press) -> None:
        """Do what a key stands for; one that brings words steers with them."""
        act, _, number = press.act.partition("-")
        screen = self.screens[int(number)] if number.isdecimal() else self.screens[0]
        if act == "late":
            self._join()
        elif act == "stop":
            screen.stop.click()
        elif act == "network":
            screen.network.click()
        elif act == "steer":
            screen.words.value = press.why
            screen.steer.click()
        self.key_layer.send({"page": -1})  # the browser takes keys again

    async def _watch(self) -> None:
        async for event in self.session.read(lane="log"):
            self._log.add(event)

    async def _draw(self) -> None:
        while True:
            for screen in self.screens:
                screen.refresh()
            cursors = [(screen.name, screen.surface.cursor) for screen in self.screens]
            self.strip.value = self._log.html(cursors)
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
