"""Turns: each time that a role is asked, on a run of its own, through the journal and within the
budget.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import Any, TypeVar

from toolkit import events
from toolkit.harness.answers import RoleAnswer
from toolkit.harness.budget import Budget, Costs
from toolkit.harness.outcome import Outcome, Stop
from toolkit.harness.roles import Crew, Place, Role, Step
from toolkit.harness.workspace import Workspace
from toolkit.models import Reply, Request, Tape
from toolkit.models.prices import cost_of, worst_case
from toolkit.records import validate
from toolkit.sessions import Run, Session
from toolkit.tasks import stop

T = TypeVar("T")
A = TypeVar("A", bound=RoleAnswer)


class Turns:
    """The turns of one run of a build. It listens for a cancel on the session until closed."""

    def __init__(
        self, session: Session, workspace: Workspace, crew: Crew, budget: Budget, after: int
    ):
        self.so_far = Outcome()
        self.budget = budget
        self._session = session
        self._workspace = workspace
        self._crew = crew
        self._deadline = time.monotonic() + budget.seconds
        self._costs = Costs(role.name for role in crew.roles)
        self._run_ids: set[str] = set()
        self._tapes: dict[str, Tape] = {}
        self._replies_in_journal = 0
        self._cancelled = asyncio.create_task(self._wait_for_cancel(after))

    def open_journal(self) -> None:
        """Read the journal. Raises RecordError where a line of it cannot be read."""
        for role in self._crew.roles:
            tape = Tape(self._workspace.journal, role.model)
            self._tapes[role.name] = tape
            self._replies_in_journal = tape.known

    async def close(self) -> None:
        """Stop listening."""
        await stop(self._cancelled)

    def result(self) -> Outcome:
        """What there is to say of the run so far."""
        return replace(
            self.so_far,
            cost_usd=self._costs.cost_usd,
            ledger=self._costs.totals,
            model_calls=sum(tape.misses for tape in self._tapes.values()),
            replayed_calls=self._played_back,
        )

    @property
    def _played_back(self) -> int:
        """Calls that the journal answered."""
        return sum(tape.hits for tape in self._tapes.values())

    async def _wait_for_cancel(self, after: int) -> Stop:
        try:
            async for event in self._session.read(after, lane="control"):
                is_ours = event.run is None or event.run in self._run_ids
                if event.kind == "cancel" and is_ours:
                    return Stop("cancelled", "a cancel arrived on the session")
            return Stop("halted", "the session's control feed has ended")
        except (ValueError, OSError) as error:
            return Stop("halted", f"cancels can no longer be heard: {error}")

    @asynccontextmanager
    async def turn(self, role: Role) -> AsyncIterator[Run]:
        """One run of `role`, ended whatever happens."""
        tape = self._tapes[role.name]
        journal_is_played_out = self._played_back >= self._replies_in_journal
        source = role.model.source if journal_is_played_out else tape.source
        id = self._session.new_id()
        self._run_ids.add(id)  # before it starts: a cancel may follow at once
        run = await self._session.start_run(role.name, source=source, id=id)
        try:
            yield run
        except BaseException as error:
            await run.finish(_outcome_of_turn(error))
            raise
        await run.finish("complete")

    async def ask(self, role: Role, step: Step, place: Place, shape: type[A], run: Run) -> A:
        """Ask `role` through the journal. Raises Stop at a limit, and where what came is no
        result.
        """
        request = role.ask(step, place, self._workspace)
        self._check_budget(role, request)
        reply = await self.bounded(self._tapes[role.name].reply(request))
        await self._count(role, reply, run)
        if not reply.ok or reply.parsed is None:
            why = reply.why or "no JSON object came"
            raise Stop("halted", f"the {role.name} gave no result ({reply.stopped}): {why}")
        answer = validate(role.tasks[step].answers, reply.parsed)
        assert isinstance(answer, shape)
        return answer

    def _check_budget(self, role: Role, request: Request) -> None:
        worst = worst_case(request)
        refusal = self._costs.refusal(self.budget, cost_of(role.model, worst), worst)
        if not refusal and time.monotonic() >= self._deadline:
            refusal = "the seconds of the budget are used up"
        if refusal:
            raise Stop("budget", f"the next call of the {role.name} was not made: {refusal}")

    async def _count(self, role: Role, reply: Reply, run: Run) -> None:
        cost_usd = round(cost_of(role.model, reply.usage), 9)
        self._costs.add(role.name, cost_usd, reply.usage)
        sources = {*self.so_far.sources, reply.source}
        self.so_far = replace(self.so_far, sources=tuple(sorted(sources)))
        usage = {"usage": asdict(reply.usage), "cost_usd": cost_usd, "model": reply.model}
        await run.append("model.usage", usage)

    async def bounded(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work`; break it off, with `Stop`, at a cancel or at the deadline."""
        task = asyncio.create_task(work)
        left_s = max(0.0, self._deadline - time.monotonic())
        try:
            await asyncio.wait(
                {task, self._cancelled}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            await stop(task)
        if self._cancelled.done():
            raise self._cancelled.result()
        if task.cancelled():
            raise Stop("budget", "the seconds of the budget are used up")
        return task.result()


def _outcome_of_turn(error: BaseException) -> events.Outcome:
    """How the run of a turn ends that `error` broke off: at a limit or a cancel it is cancelled."""
    if isinstance(error, Stop):
        return "error" if error.ended == "halted" else "cancelled"
    return "error" if isinstance(error, Exception) else "cancelled"
