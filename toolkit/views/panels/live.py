"""LivePanel: a panel of a session that goes on. It folds what is stored and what comes, and shows
it again and again; what a person asks is an event on the same session.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from ipywidgets import HTML, VBox

from toolkit import render
from toolkit.events import Event
from toolkit.sessions import CursorLost, Lane, LogUnavailable, Session
from toolkit.sessions.log import LogClosed

__all__ = ["LivePanel"]

REFRESH_S = 0.2
SHARE = 0.05
"""Of the time that drawing may take: what is watched may run on the same loop. See
`AT_LEAST_EACH_S`.
"""
AT_LEAST_EACH_S = 5.0
AGAIN_S = 1.0


class Fold(Protocol):
    """What the events of a session come to."""

    cursor: int

    def apply(self, event: Event) -> object:
        """Take in the next event."""


F = TypeVar("F", bound=Fold)


class LivePanel(VBox, Generic[F]):  # type: ignore[misc]
    """A panel that watches `session`. A subclass says in `refresh` what is shown, and calls `begin`
    once its widgets are there.

    `close` lets go of it, `aclose` waits until the panel's tasks are gone.

    Parameters
    ----------
    session : Session
        What is watched.
    fold : callable
        Makes an empty fold: at first, and where the session began anew.
    lane : str
        The part of the log that is folded.
    """

    def __init__(self, session: Session, fold: Callable[[], F], lane: Lane):
        super().__init__()
        self.note = HTML()
        """What went wrong."""
        self._watched_session = session
        self._fold = fold
        self._lane = lane
        self._watched = fold()
        self._drawn = -1
        """The cursor of what is drawn."""
        self._doing: set[asyncio.Task[Any]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Show what is known, and watch from now on."""
        self.refresh()
        self._tasks = [asyncio.ensure_future(self._watch()), asyncio.ensure_future(self._draw())]

    def refresh(self) -> None:
        """Show what is known by now, but for the plot."""
        raise NotImplementedError

    def show_plot(self) -> None:
        """Draw what takes long to draw. A panel that has no such part leaves this as it is."""

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` on the kernel's loop; what it raises is shown until the next act."""
        self.say("")
        task = asyncio.ensure_future(work)
        self._doing.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._doing.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error:
            self.say(_in_words(error))

    def say(self, trouble: str) -> None:
        """Show `trouble`, which a screen reader reads at once; blank text takes it away."""
        look = "fieldbook-note problem"
        self.note.value = render.tag("div", trouble, class_=look, role="alert") if trouble else ""

    async def _watch(self) -> None:
        """Fold what is stored, and what comes; begin again where the session did."""
        while True:
            try:
                reading = self._watched_session.read(self._watched.cursor, lane=self._lane)
                async for event in reading:
                    self._watched.apply(event)
            except CursorLost:
                self._watched = self._fold()
            except LogClosed:
                return
            except LogUnavailable as error:
                self.say(f"The session cannot be read for now: {error}")
                await asyncio.sleep(AGAIN_S)
                self.say("")

    async def _draw(self) -> None:
        """Show what is known, again and again; a refresh that fails is said, and not the last."""
        while True:
            began_s = time.monotonic()
            try:
                self.refresh()
                took_s = time.monotonic() - began_s
                self.show_plot()
            except Exception as error:
                took_s = time.monotonic() - began_s
                self.say(f"Not all of this can be shown: {_in_words(error)}")
            await asyncio.sleep(min(max(REFRESH_S, took_s / SHARE), AT_LEAST_EACH_S))

    def close(self) -> None:
        """Take the panel away. Its tasks end as soon as the loop runs on."""
        for task in self._tasks:
            with suppress(RuntimeError):  # no loop runs any more, and nothing on it
                task.cancel()
        super().close()

    async def aclose(self) -> None:
        """Take the panel away, and wait until its tasks have ended."""
        self.close()
        await asyncio.wait([*self._tasks, *self._doing])


def _in_words(error: BaseException) -> str:
    return str(error) or type(error).__name__
