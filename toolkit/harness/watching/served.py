"""Served: the build of a folder on the page of its session, for laptop and phone.

The session of a build stands in its folder as ``session.jsonl``, which is where
``MemoryLog(folder / "session.jsonl")`` keeps it. In an empty folder the offline demo build begins
as soon as somebody opens the page; its roles are scripted, and all that they say is simulated.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from toolkit.errors import UsageError
from toolkit.harness.demo import GOAL, demo_harness
from toolkit.harness.sandbox import WorkspaceError
from toolkit.harness.watching.fold import WatchedBuild
from toolkit.harness.watching.kept import find_evidence
from toolkit.harness.watching.status import HarnessStatus
from toolkit.harness.workspace import Workspace
from toolkit.sessions import MemoryLog, Session
from toolkit.sessions.http import Tokens, Welcome, serve

SESSION_FILE = "session.jsonl"
SESSION = "build"
"""The session of the demo build."""
ABOUT_DEMO = "A small build by scripted roles: what they say is simulated, the checks are real."
WATCH_COMMAND = "NATS_URL=nats://127.0.0.1:4222 fieldbook serve --session ID"
SIMULATED = f"{ABOUT_DEMO} It begins when the page is opened."


class ServedBuild(NamedTuple):
    """What is served."""

    url: str
    session: str
    about: str
    """What can be seen there, in words."""


@asynccontextmanager
async def served_build(
    folder: str | Path, tokens: Tokens | None, **options: Any
) -> AsyncIterator[ServedBuild]:
    """Serve the build of `folder`; `options` are those of `toolkit.sessions.http.serve`.

    Raises UsageError where another process builds in the folder, and where it holds files but no
    session.
    """
    folder = Path(folder)
    path = folder / SESSION_FILE
    is_empty = not folder.is_dir() or not any(folder.iterdir())
    if not (is_empty or path.is_file()):
        raise UsageError(
            f"{folder}: there is no {SESSION_FILE}. Keep the session of a build there, by "
            f"Session(MemoryLog({str(path)!r}), {SESSION!r}); or name an empty folder"
        )
    workspace = Workspace(folder)
    _refuse_a_running_build(workspace)
    log = MemoryLog(path)
    session = Session(log, await _session_of(log))
    status = await status_of(session)
    is_demo = is_empty or workspace.read("goal.md") == GOAL
    is_open = status.outcome is None
    attendant = partial(build_demo, folder) if is_demo and is_open else None
    welcome = Welcome(ABOUT_DEMO if is_demo else "What the build does appears here.")
    evidence = partial(find_evidence, folder)
    with log.exclusive(session.id):
        async with serve(
            log, tokens, attendant, welcome=welcome, evidence=evidence, **options
        ) as url:
            about = SIMULATED if attendant else f"{folder}: {status}"
            yield ServedBuild(url, session.id, about)


def _refuse_a_running_build(workspace: Workspace) -> None:
    """Raise UsageError where another process builds, for its writes come to no page."""
    try:
        with workspace.held():
            pass
    except WorkspaceError:
        raise UsageError(
            f"{workspace.path}: another run is at work here, and what it writes to its file comes "
            "to no page. To watch a build while it runs, give it Session(await "
            f"NatsLog.connect(url), ID) and start {WATCH_COMMAND}"
        ) from None


async def _session_of(log: MemoryLog) -> str:
    """The session that was written last; that of the demo where there is none."""
    last = SESSION
    highest = 0
    for id_ in await log.sessions():
        extent = await log.extent(id_)
        if extent.last > highest:
            highest = extent.last
            last = id_
    return last


async def status_of(session: Session) -> HarnessStatus:
    """What the state of a build is now, by all that its session holds."""
    watched = WatchedBuild()
    async for event in session.read(follow=False, lane="log"):
        watched.apply(event)
    return watched.status()


async def build_demo(folder: Path, session: Session) -> None:
    """Run the demo build, unless it has ended: one that was killed goes on from its journal."""
    if (await status_of(session)).outcome is None:
        async with demo_harness(folder, session) as harness:
            await harness.run(GOAL)
