"""What an agent does with a message that comes while it is answering another: decided apart from doing it.

The policies carry LangGraph's names. `decide` is pure; `attend` reads the session and does what was decided.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, get_args

from toolkit.events import Event, Outcome
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.log import Fenced, LogUnavailable, stop
from toolkit.sessions.run import Run
from toolkit.sessions.session import Session
from toolkit.sessions.signals import run_for as run_for
from toolkit.traces import Source

SecondMessage = Literal["reject", "enqueue", "interrupt", "rollback"]
"""Turn the second message away; answer it later; break off and answer it; take back the answer so far, and answer."""

ORPHANS_EACH_S = 5.0

Do = Literal["start", "reject", "break off", "roll back"]

Agent = Callable[[Run, Event], Awaitable[None]]
"""Answers one message on a run: writes to it, and looks at ``run.cancelled`` and ``run.take_steers()``."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What an agent has before it."""

    active: str | None = None
    """The id of the message that it answers."""
    waiting: tuple[str, ...] = ()
    """The ids of those to be answered next, in order."""


def decide(desk: Desk, policy: SecondMessage, message: str) -> tuple[Desk, tuple[tuple[Do, str], ...]]:
    """What to do about `message`, and what is on the desk then.

    >>> decide(Desk("a"), "enqueue", "b")
    (Desk(active='a', waiting=('b',)), ())
    >>> decide(Desk("a"), "interrupt", "b")
    (Desk(active='b', waiting=()), (('break off', 'a'), ('start', 'b')))
    """
    if policy not in get_args(SecondMessage):
        raise ValueError(f"a second message is met by {', '.join(get_args(SecondMessage))}, not by {policy!r}")
    if message == desk.active or message in desk.waiting:
        return desk, ()
    if desk.active is None:
        return Desk(message, desk.waiting), (("start", message),)
    if policy == "reject":
        return desk, (("reject", message),)
    if policy == "enqueue":
        return replace(desk, waiting=(*desk.waiting, message)), ()
    end: Do = "break off" if policy == "interrupt" else "roll back"
    return replace(desk, active=message), ((end, desk.active), ("start", message))


def finished(desk: Desk, message: str) -> tuple[Desk, tuple[tuple[Do, str], ...]]:
    """What follows once the answer to `message` has ended; nothing where it was not the active one.

    >>> finished(Desk("a", ("b",)), "a")
    (Desk(active='b', waiting=()), (('start', 'b'),))
    """
    if message != desk.active:
        return desk, ()
    if not desk.waiting:
        return Desk(), ()
    return Desk(desk.waiting[0], desk.waiting[1:]), (("start", desk.waiting[0]),)


class _Attendant:
    """The shell around `decide`: one task for each answer under way."""

    def __init__(self, session: Session, agent: Agent, actor: str, source: Source | None, policy: SecondMessage):
        self.session, self.agent, self.actor, self.source, self.policy = session, agent, actor, source, policy
        self.desk = Desk()
        self.messages: dict[str, Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.ending: set[asyncio.Task[None]] = set()
        self.taken_back: set[str] = set()
        self.over: asyncio.Queue[str] = asyncio.Queue()

    async def do(self, steps: tuple[tuple[Do, str], ...]) -> None:
        for what, message in steps:
            if what == "start":
                self.tasks[message] = asyncio.create_task(self._answer(self.messages[message]))
            elif what == "reject":
                data = {"event": message, "why": "an answer is under way"}
                await self.session.append("message.rejected", self.actor, data, id=f"{message}-rejected")
            else:
                if what == "roll back":
                    self.taken_back.add(message)
                task = self.tasks.pop(message)
                self.ending.add(task)
                task.add_done_callback(self.ending.discard)
                await stop(task)

    async def _answer(self, message: Event) -> None:
        # What was begun is also ended where this answer is broken off, or the run would be left streaming.
        starting, run = asyncio.ensure_future(self._run(run_for(message.id))), None
        try:
            run = await asyncio.shield(starting)
            if run:
                await self._speak(run, message)
        except asyncio.CancelledError:
            run = await starting
            if run and message.id in self.taken_back:
                await run.roll_back()
            if run:
                await run.finish("cancelled")
            raise
        finally:
            self.over.put_nowait(message.id)
            if run:  # Whatever happened: a lease that is renewed on and on keeps the run from those who would adopt it.
                await run.stop_listening()

    async def _run(self, id_: str) -> Run | None:
        """The run that answers: a new one, or the one that a crash left behind, or none where that is not ours."""
        try:
            return await self.session.start_run(self.actor, self.source, id=id_)
        except Fenced:
            with suppress(Fenced, LookupError):
                return await self.session.adopt(id_, self.actor)
        return None

    async def _speak(self, run: Run, message: Event) -> None:
        outcome: Outcome | None = None
        with suppress(Fenced):
            try:
                if not run.cancelled:
                    await self.agent(run, message)
            except (Fenced, LogUnavailable):
                raise
            except Exception as error:
                outcome = "error"
                await run.append("error", {"why": repr(error)})
            await run.finish(outcome)


async def attend(
    session: Session,
    agent: Agent,
    actor: str,
    source: Source | None = None,
    policy: SecondMessage = "enqueue",
    after: int = 0,
) -> None:
    """Answer each message of the session that is not by `actor`, until cancelled.

    A run's id is made of its message's id, so a second attendant, or this one started again, answers no message
    twice: the run's fence refuses it. A run whose attendant has died is adopted: the agent gets it with the words so
    far in ``run.text``. An error of the agent is an event ``error`` on its run, which ends so. Runs that other agents
    left behind are ended as ``orphaned`` once their leases have run out.

    Raises
    ------
    ValueError
        For an unknown policy.
    LogUnavailable
        Where the log stays away.
    """
    decide(Desk(), policy, "")
    desk = _Attendant(session, agent, actor, source, policy)
    settled = _settled(await session.conversation())
    work = [
        asyncio.create_task(job) for job in (_messages(desk, actor, after, settled), _endings(desk), _orphans(desk))
    ]
    try:
        done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        done.pop().result()
    finally:
        # First those that begin answers, then the answers.
        for tasks in (work, desk.tasks.values()):
            for task in tuple(tasks):
                with suppress(Exception):  # The first error is on its way; none may leave the others running.
                    await stop(task)
        if desk.ending:
            await asyncio.wait(desk.ending)


async def _endings(desk: _Attendant) -> None:
    while True:
        message = await desk.over.get()
        desk.desk, steps = finished(desk.desk, message)
        task = desk.tasks.pop(message, None)
        await desk.do(steps)
        if task:
            await asyncio.wait([task])
            if not task.cancelled():  # as one is whose agent awaited what was cancelled
                task.result()


async def _orphans(desk: _Attendant) -> None:
    """End what dead agents left behind; but a run that answers a message of ours is adopted, and goes on."""
    known = Conversation(desk.session.id)
    while True:
        await asyncio.sleep(ORPHANS_EACH_S)
        with suppress(LogUnavailable):
            known = await desk.session.conversation(known)
            ours = {run_for(message) for message in desk.messages}
            strays = [id_ for id_, run in known.runs.items() if not run.ended and id_ not in ours]
            await desk.session.end_orphans(desk.actor, strays)


async def _messages(desk: _Attendant, actor: str, after: int, settled: set[str]) -> None:
    async for event in desk.session.read(after, lane="quiet"):
        if event.kind == "message" and event.actor != actor and run_for(event.id) not in settled:
            desk.messages[event.id] = event
            desk.desk, steps = decide(desk.desk, desk.policy, event.id)
            await desk.do(steps)


def _settled(known: Conversation) -> set[str]:
    """The runs of messages that need no answer any more, whoever gave it."""
    rejected = (str(item.data.get("event")) for item in known.items if item.kind == "message.rejected")
    return {*map(run_for, rejected), *(id_ for id_, run in known.runs.items() if run.ended)}
