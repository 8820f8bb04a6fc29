"""The attendants of a site: each answers one session, is started when it is needed, and is let go
when it is idle.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from toolkit.sessions.log import Log, LogUnavailable
from toolkit.sessions.session import Session

IDLE_S = 60.0
BACKOFF_S = 0.5
BACKOFF_MAX_S = 30.0
REPORT_S = 5.0
CLOSE_S = 5.0
MOST_KNOWN = 256
REPORTER = "server"
"""The actor of an ``error`` event that tells what went wrong in the server."""

Attendant = Callable[[Session], Awaitable[None]]
"""Answers a session's messages until cancelled: `attend`, with an agent of yours."""

logger = logging.getLogger(__name__)


async def report(session: Session, what: str, error: Exception, tell: bool = True) -> None:
    """Log `error` with its traceback; with `tell`, an ``error`` event says it to the session's
    readers.
    """
    logger.error("session %s: %s", session.id, what, exc_info=error)
    if not tell:
        return
    with suppress(TimeoutError, LogUnavailable):
        async with asyncio.timeout(REPORT_S):
            await session.append("error", REPORTER, {"why": f"{what}: {error!r}"})


class KnownSessions:
    """The sessions that were asked about last. Each keeps what it has read of its signals, and
    reads on from there.
    """

    def __init__(self, log: Log):
        self._log = log
        self._known: OrderedDict[str, tuple[str | None, Session]] = OrderedDict()

    async def session(self, session_id: str) -> Session:
        """The session; another object than before where its log began anew."""
        extent = await self._log.extent(session_id)
        first, session = self._known.pop(session_id, (None, Session(self._log, session_id)))
        if first not in (None, extent.first):
            session = Session(self._log, session_id)
        self._known[session_id] = (extent.first, session)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return session


@dataclass(eq=False)
class _Post:
    """The place of one session's attendant."""

    task: "asyncio.Task[None]"
    wanted: float
    """When somebody last had a use for it, by the loop's clock."""
    failures: int = 0
    """How often in a row it has failed."""
    not_before: float = 0.0
    """When it may start again after a failure."""
    cursor: int = 0
    """How far the session had come at the last look."""


@dataclass(eq=False)
class Attendants:
    """Starts an attendant for a session that needs one; stops it when it is idle; says what it
    raised.

    Parameters
    ----------
    attendant : callable, optional
        What answers a session. Without one, nobody does.
    known : KnownSessions
        Tell whether a run of a session is under way.
    idle_s : float
        An attendant is let go when for so long nobody was connected and nothing was under way.
    backoff_s : float
        The wait before one that failed starts again; doubled with each failure.
    backoff_max_s : float
        The longest such wait.
    """

    attendant: Attendant | None
    known: KnownSessions
    idle_s: float = IDLE_S
    backoff_s: float = BACKOFF_S
    backoff_max_s: float = BACKOFF_MAX_S
    connected: Counter[str] = field(default_factory=Counter)
    """How many who may control a session are connected to it."""
    _posts: dict[str, _Post] = field(default_factory=dict)

    @contextmanager
    def needed(self, session: Session) -> Iterator[None]:
        """Have the session attended as long as somebody is connected."""
        self.connected[session.id] += 1
        try:
            self.wake(session)
            yield
        finally:
            self.connected[session.id] -= 1
            if not self.connected[session.id]:
                del self.connected[session.id]
            if session.id in self._posts:
                self._posts[session.id].wanted = asyncio.get_running_loop().time()

    def wake(self, session: Session) -> None:
        """Have the session attended now: also where what an attendant before left behind is still
        open.
        """
        if self.attendant is None:
            return
        now = asyncio.get_running_loop().time()
        post = self._posts.get(session.id)
        if post is None:
            self._posts[session.id] = _Post(asyncio.create_task(self._attend(session)), now)
            return
        post.wanted = now
        if post.task.done():
            post.task = asyncio.create_task(self._attend(session))

    async def close(self) -> None:
        """Stop them all."""
        tasks = [post.task for post in self._posts.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)

    async def _attend(self, session: Session) -> None:
        """Run the attendant until it ends, fails, or is idle."""
        assert self.attendant is not None
        loop = asyncio.get_running_loop()
        post = self._posts[session.id]
        await asyncio.sleep(max(0.0, post.not_before - loop.time()))
        started = loop.time()
        work = asyncio.ensure_future(self.attendant(session))
        try:
            while not work.done() and not await self._is_idle(session, post):
                await asyncio.wait([work], timeout=self.idle_s / 2)
        finally:
            ending = loop.time()
            error = await _ended(work)
        if error is None:
            del self._posts[session.id]
        else:
            self._has_failed(post, loop.time() - started)
            await report(session, "the agent's attendant failed", error)
        if post.wanted >= ending:  # somebody came while it ended, and `wake` found it there still
            post.task = asyncio.create_task(self._attend(session))
            self._posts[session.id] = post

    def _has_failed(self, post: _Post, lived_s: float) -> None:
        if lived_s > self.backoff_max_s:
            post.failures = 0
        post.failures += 1
        pause_s = min(self.backoff_s * 2 ** (post.failures - 1), self.backoff_max_s)
        post.not_before = asyncio.get_running_loop().time() + pause_s

    async def _is_idle(self, session: Session, post: _Post) -> bool:
        """Whether nobody is connected, nothing was asked for lately, and no run is under way."""

        def wanted() -> bool:
            lately = asyncio.get_running_loop().time() - post.wanted < self.idle_s
            return lately or self.connected[session.id] > 0

        if wanted():
            return False
        try:
            signals = await (await self.known.session(session.id)).signals()
        except LogUnavailable:
            return False
        moved = signals.cursor != post.cursor
        post.cursor = signals.cursor
        return not (moved or signals.under_way() or signals.waiting or wanted())


async def _ended(work: "asyncio.Future[None]") -> Exception | None:
    """Stop `work`, and return what it raised."""
    work.cancel()
    await asyncio.wait([work])
    error = None if work.cancelled() else work.exception()
    if error is not None and not isinstance(error, Exception):
        raise error
    return error
