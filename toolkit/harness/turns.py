"""Turns: each time that a role is asked, on a run of its own, through the journal and within the
budget.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from toolkit import events
from toolkit.harness.contract import Contract
from toolkit.harness.roles import Role, RoleAnswer
from toolkit.harness.verify import Ended, Outcome
from toolkit.harness.workspace import Workspace
from toolkit.models import Tape
from toolkit.models.prices import cost_of, worst_case
from toolkit.records import validate
from toolkit.sessions import Run, Session
from toolkit.shown import Shown
from toolkit.tasks import stop

T = TypeVar("T")
A = TypeVar("A", bound=RoleAnswer)


class Stop(Exception):
    """Ends a build, from wherever it is, with an outcome and why."""

    def __init__(self, ended: Ended, why: str):
        self.ended: Ended = ended
        self.why = why
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Budget(Shown):
    """What a build may use."""

    rounds: int = 4
    cost_usd: float = 1.0
    """Dollars for the whole build, looked at before each call. What the journal answers counts too,
    so that a new run gets no new money; a call without a result is not in the journal, and counts
    in its own run alone.
    """
    seconds: float = 300.0
    """Wall time of one `Harness.run`."""
    proposals: int = 3


class Turns:
    """The turns of one run of a build. It listens for a cancel on the session until closed."""

    def __init__(self, session: Session, workspace: Workspace, budget: Budget, after: int):
        self.so_far = Outcome()
        self._session = session
        self._workspace = workspace
        self._budget = budget
        self._deadline = time.monotonic() + budget.seconds
        self._run_ids: set[str] = set()
        self._tapes: dict[str, Tape] = {}
        self._replies_in_journal = 0
        self._cancelled = asyncio.create_task(self._wait_for_cancel(after))

    def open_journal(self, roles: Iterable[Role]) -> None:
        """Read the journal. Raises RecordError where a line of it cannot be read."""
        for role in roles:
            tape = Tape(self._workspace.journal, role.model)
            self._tapes[role.actor] = tape
            self._replies_in_journal = tape.known

    async def close(self) -> None:
        """Stop listening."""
        await stop(self._cancelled)

    @property
    def played_back(self) -> int:
        """Calls that the journal answered."""
        return sum(tape.hits for tape in self._tapes.values())

    @property
    def model_calls(self) -> int:
        """Calls that were made."""
        return sum(tape.misses for tape in self._tapes.values())

    async def _wait_for_cancel(self, after: int) -> Stop:
        try:
            async for event in self._session.read(after, lane="control"):
                is_ours = event.run is None or event.run in self._run_ids
                if event.kind == "cancel" and is_ours:
                    return Stop("cancelled", "a cancel arrived on the session")
            return Stop("error", "the session's control feed has ended")
        except (ValueError, OSError) as error:
            return Stop("error", f"cancels can no longer be heard: {error}")

    @asynccontextmanager
    async def turn(self, role: Role, contract: Contract | None = None) -> AsyncIterator[Run]:
        """One run of `role`, ended whatever happens; it begins only if the folder's contract is
        still `contract`.
        """
        tape = self._tapes[role.actor]
        journal_is_played_out = self.played_back >= self._replies_in_journal
        source = role.model.source if journal_is_played_out else tape.source
        id = self._session.new_id()
        self._run_ids.add(id)  # before it starts: a cancel may follow at once
        run = await self._session.start_run(role.actor, source=source, id=id)
        try:
            if contract:
                self._workspace.freeze(contract)
            yield run
        except BaseException as error:
            await run.finish(_outcome_of_turn(error))
            raise
        await run.finish("complete")

    async def ask(self, role: Role, task: str, number: int, shape: type[A]) -> A:
        """Ask through the journal. Raises Stop at a limit, and where what came is no result."""
        request = role.ask(task, number, self._workspace, shape)
        worst_usd = cost_of(role.model, worst_case(request))
        spent_usd = self.so_far.cost_usd
        if spent_usd + worst_usd > self._budget.cost_usd:
            raise Stop(
                "budget",
                f"the next call of the {role.actor} was not made: ${spent_usd:.4f} of "
                f"${self._budget.cost_usd:.4f} are spent, and it may cost ${worst_usd:.4f}",
            )
        reply = await self.bounded(self._tapes[role.actor].reply(request))
        spent_usd += cost_of(role.model, reply.usage)
        sources = {*self.so_far.sources, reply.source}
        self.so_far = replace(
            self.so_far, cost_usd=round(spent_usd, 9), sources=tuple(sorted(sources))
        )
        if not reply.ok or reply.parsed is None:
            why = reply.why or "no JSON object came"
            raise Stop("error", f"the {role.actor} gave no result ({reply.stopped}): {why}")
        return validate(shape, reply.parsed)

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
        return "error" if error.ended == "error" else "cancelled"
    return "error" if isinstance(error, Exception) else "cancelled"
