"""Attending: an agent answers the messages of a session, and people's signals reach it.

`decide`, in desk.py, says what to do about each message; `attend` reads the session and does it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from toolkit.events import Event
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.desk import Desk, Do, SecondMessage, decide, finished
from toolkit.sessions.lease import LEASE_TTL_S, lease_ends
from toolkit.sessions.log import CursorLost, Fenced, LogUnavailable
from toolkit.sessions.run import Run
from toolkit.sessions.session import Session, known_source
from toolkit.sessions.signals import run_for as run_for
from toolkit.tasks import stop
from toolkit.traces import Source

ORPHANS_EACH_S = 5.0
"""Pause between two looks for what dead agents left behind."""

Agent = Callable[[Run, Event], Awaitable[None]]
"""Answers one message on a run: writes to it, and looks at ``run.cancelled`` and
``run.take_steers()``.
"""


class _Attendant:
    """The shell around `decide`: one task for each answer under way."""

    def __init__(
        self,
        session: Session,
        agent: Agent,
        actor: str,
        source: Source | None,
        policy: SecondMessage,
        ttl_s: float,
    ):
        self.session = session
        self.agent = agent
        self.actor = actor
        self.source = source
        self.policy = policy
        self.ttl_s = ttl_s
        self.desk = Desk()
        self.messages: dict[str, Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.ending: set[asyncio.Task[None]] = set()
        self.begun: set[str] = set()
        self.taken_back: set[str] = set()
        self.over: asyncio.Queue[str] = asyncio.Queue()

    async def receive(self, message: Event, policy: SecondMessage) -> None:
        """Do about a message what `policy` says."""
        self.messages[message.id] = message
        self.desk, steps = decide(self.desk, policy, message.id)
        await self.do(steps)

    async def end(self, message: str) -> None:
        """Go on to the next message where the answer to `message` was the one under way."""
        self.desk, steps = finished(self.desk, message)
        await self.do(steps)

    async def do(self, steps: tuple[tuple[Do, str], ...]) -> None:
        for action, message in steps:
            if action == "start":
                answering = self._answer(self.messages[message])
                self.tasks[message] = asyncio.create_task(answering)
            elif action == "reject":
                await self._reject(message, "an answer is under way")
            else:
                await self._give_up(message, roll_back=action == "roll back")

    async def _reject(self, message: str, why: str) -> None:
        data = {"event": message, "why": why}
        await self.session.append("message.rejected", self.actor, data, id=f"{message}-rejected")
        with suppress(LogUnavailable):  # the next round of `_orphans` answers them
            await self.session.settle(self.actor)

    async def _give_up(self, message: str, roll_back: bool) -> None:
        """End the answer to a message that another has superseded, on the log too, before the
        other's answer begins.

        Else the message would be answered after a restart, when the other is settled and no longer
        in its way.
        """
        if roll_back:
            self.taken_back.add(message)
        task = self.tasks.pop(message)
        self.ending.add(task)
        task.add_done_callback(self.ending.discard)
        await stop(task)
        if message not in self.begun:
            await self._settle_superseded(self.messages[message])

    async def _settle_superseded(self, message: Event) -> None:
        """Settle a message whose answer did not begin here: it may have begun elsewhere, in an
        agent that died.
        """
        id_ = run_for(message.id)
        if id_ not in (await self.session.signals()).outcomes:
            await self._reject(message.id, "a later message took its place before its answer began")
            return
        run = await self._adopt(id_)
        if run:
            try:
                await self._break_off(run, message)
            finally:
                await run.stop_listening()

    def at_work(self) -> set[str]:
        """The messages that are being answered, or will be."""
        active = [self.desk.active] if self.desk.active else []
        return {*self.tasks, *active, *self.desk.waiting}

    async def _answer(self, message: Event) -> None:
        self.begun.add(message.id)
        # What was begun is also ended where this answer is broken off, or the run would be left
        # streaming.
        starting = asyncio.ensure_future(self._run(run_for(message.id)))
        run = None
        try:
            run = await asyncio.shield(starting)
            if run:
                await self._speak(run, message)
        except asyncio.CancelledError:
            run = await starting
            if run:
                await self._break_off(run, message)
            raise
        finally:
            self.over.put_nowait(message.id)
            # Whatever happened: a lease that is renewed on and on keeps the run from its heirs.
            if run:
                await run.stop_listening()

    async def _break_off(self, run: Run, message: Event) -> None:
        # Fenced where it has ended already, or is another agent's: then there is nothing to break
        # off.
        with suppress(Fenced):
            if message.id in self.taken_back and not run.outcome:
                await run.roll_back()
            await run.finish("cancelled")

    async def _run(self, id_: str) -> Run | None:
        """The run that answers: a new one, or the one that a crash left behind, or none where that
        is not ours.
        """
        try:
            return await self.session.start_run(self.actor, self.source, id=id_, ttl_s=self.ttl_s)
        except Fenced:
            return await self._adopt(id_)

    async def _adopt(self, id_: str) -> Run | None:
        with suppress(Fenced, LookupError):
            return await self.session.adopt(id_, self.actor, ttl_s=self.ttl_s)
        return None

    async def _speak(self, run: Run, message: Event) -> None:
        with suppress(Fenced):  # the run is another agent's
            try:
                if not run.cancelled:
                    await self.agent(run, message)
                await run.finish()
            except (Fenced, LogUnavailable):
                raise
            except Exception as error:
                # An error of the agent; or the log refused what still waited to be stored.
                await run.fail(error)


async def attend(
    session: Session,
    agent: Agent,
    actor: str,
    source: Source | None = None,
    policy: SecondMessage = "enqueue",
    after: int = 0,
    orphans_each_s: float = ORPHANS_EACH_S,
    ttl_s: float = LEASE_TTL_S,
) -> None:
    """Answer each message of the session that is not by `actor`, until cancelled.

    A run's id is made of its message's id (`run_for`), so a second attendant, or this one started
    again, answers no message twice: the run's fence refuses it. A run whose attendant has died is
    adopted: the agent gets it with the words so far in ``run.text``. An error of the agent is an
    event ``error`` on its run, which ends so.

    A message that `policy` turns away or supersedes is settled on the log, by ``message.rejected``
    or by a cancelled run, before the next begins. `source` says whether the agent's words are real,
    and `ttl_s` is the lease of a run, both as for `Session.start_run`. Every `orphans_each_s`
    seconds, runs that other agents left behind are ended as
    ``orphaned`` once their leases have run out, and signals that nobody can use are answered by
    ``signal.unused``.

    Raises
    ------
    ValueError
        For an unknown policy or source.
    LogUnavailable
        Where the log stays away.
    """
    decide(Desk(), policy, "")
    known_source(source)
    attendant = _Attendant(session, agent, actor, source, policy, ttl_s)
    settled = _settled(await session.conversation())
    work = [
        asyncio.create_task(_messages(attendant, actor, after, settled)),
        asyncio.create_task(_endings(attendant)),
        asyncio.create_task(_orphans(attendant, orphans_each_s)),
    ]
    try:
        done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        done.pop().result()
    finally:
        # First those that begin answers, then the answers.
        for tasks in (work, attendant.tasks.values()):
            for task in tuple(tasks):
                # The first error is on its way; none may leave the others running.
                with suppress(Exception):
                    await stop(task)
        if attendant.ending:
            await asyncio.wait(attendant.ending)


async def _endings(attendant: _Attendant) -> None:
    while True:
        message = await attendant.over.get()
        task = attendant.tasks.pop(message, None)
        await attendant.end(message)
        if task:
            await asyncio.wait([task])
            if not task.cancelled():  # as one is whose agent awaited what was cancelled
                task.result()


async def _orphans(attendant: _Attendant, each_s: float) -> None:
    """Take care of what dead agents left behind: their runs, and the signals that nobody
    answered.
    """
    known = Conversation(attendant.session.id)
    while True:
        with suppress(LogUnavailable):
            await attendant.session.settle(attendant.actor)
        await asyncio.sleep(each_s)
        with suppress(LogUnavailable):
            known = await attendant.session.conversation(known)
            await _end_strays(attendant, known)


async def _end_strays(attendant: _Attendant, known: Conversation) -> None:
    """End the runs that are nobody's; but a run that answers a message of ours is adopted, and goes
    on.
    """
    messages = {run_for(message): message for message in attendant.messages}
    at_work = {run_for(message) for message in attendant.at_work()}
    strays = [id_ for id_, run in known.runs.items() if not run.ended and id_ not in at_work]
    for id_ in strays:
        message = messages.get(id_)
        if (
            message
            and await lease_ends(attendant.session, id_)
            and message not in attendant.at_work()
        ):
            await attendant.receive(attendant.messages[message], "enqueue")
    await attendant.session.end_orphans(
        attendant.actor, [id_ for id_ in strays if id_ not in messages]
    )


async def _messages(attendant: _Attendant, actor: str, after: int, settled: set[str]) -> None:
    while True:
        try:
            async for event in attendant.session.read(after, lane="quiet"):
                after = event.seq or after
                active = attendant.desk.active
                is_to_us = event.kind == "message" and event.actor != actor
                if is_to_us and run_for(event.id) not in settled:
                    await attendant.receive(event, attendant.policy)
                elif event.kind == "run.finished" and active and event.run == run_for(active):
                    # In the order of the log: what is said after this end finds nobody at work.
                    await attendant.end(active)
        except CursorLost:  # the log began anew: so do we
            after = 0
            settled = _settled(await attendant.session.conversation())


def _settled(known: Conversation) -> set[str]:
    """The runs of messages that need no answer any more, whoever gave it."""
    settled = {id_ for id_, run in known.runs.items() if run.ended}
    for item in known.items:
        if item.kind == "message.rejected":
            settled.add(run_for(str(item.data.get("event"))))
    return settled
