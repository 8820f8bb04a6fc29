"""What an agent does with a message that comes while it is answering another: decided apart from doing it.

The policies carry LangGraph's names. `decide` is pure; `attend` reads the session and does what was decided.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, get_args

from toolkit.events import Event
from toolkit.sessions.log import Fenced, stop
from toolkit.sessions.run import Run
from toolkit.sessions.session import Session
from toolkit.traces import Source

SecondMessage = Literal["reject", "enqueue", "interrupt", "rollback"]
"""Turn the second message away; answer it later; break off and answer it; take back the answer so far, and answer."""

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

    def __init__(self, session: Session, agent: Agent, actor: str, source: Source, policy: SecondMessage):
        self.session, self.agent, self.actor, self.source, self.policy = session, agent, actor, source, policy
        self.desk = Desk()
        self.messages: dict[str, Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.over: asyncio.Queue[str] = asyncio.Queue()

    async def do(self, steps: tuple[tuple[Do, str], ...]) -> None:
        for what, message in steps:
            if what == "start":
                self.tasks[message] = asyncio.create_task(self._answer(self.messages[message]))
            elif what == "reject":
                data = {"event": message, "why": "an answer is under way"}
                await self.session.append("message.rejected", self.actor, data, id=f"{message}-rejected")
            else:
                await stop(self.tasks[message])

    async def _answer(self, message: Event) -> None:
        try:
            run = await self.session.start_run(self.actor, self.source, id=f"run-{message.id}")
        except Fenced:
            self.over.put_nowait(message.id)
            return
        outcome: Literal["complete", "cancelled", "error"] = "error"
        try:
            await self.agent(run, message)
            outcome = "cancelled" if run.cancelled else "complete"
        except asyncio.CancelledError:
            outcome = "cancelled"
            if self.policy == "rollback":
                await run.roll_back()
            raise
        finally:
            with suppress(Fenced):
                await run.finish(outcome)
            self.over.put_nowait(message.id)


async def attend(
    session: Session,
    agent: Agent,
    actor: str,
    source: Source = "live",
    policy: SecondMessage = "enqueue",
    after: int = 0,
) -> None:
    """Answer each message of the session that is not by `actor`, until cancelled.

    A run's id is made of its message's id, so a second attendant, or this one started again, answers no message
    twice: the run's fence refuses it.

    Raises
    ------
    ValueError
        For an unknown policy.
    """
    desk = _Attendant(session, agent, actor, source, policy)
    reading = asyncio.create_task(_messages(desk, actor, after))
    try:
        while True:
            ended = asyncio.create_task(desk.over.get())
            await asyncio.wait([ended, reading], return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                ended.cancel()
                reading.result()
            desk.desk, steps = finished(desk.desk, await ended)
            await desk.do(steps)
    finally:
        for task in (reading, *desk.tasks.values()):
            if not task.done():
                await stop(task)


async def _messages(desk: _Attendant, actor: str, after: int) -> None:
    async for event in desk.session.read(after, lane="quiet"):
        if event.kind == "message" and event.actor != actor:
            desk.messages[event.id] = event
            desk.desk, steps = decide(desk.desk, desk.policy, event.id)
            await desk.do(steps)
