"""Turns: each time that a role is asked, on a run of its own, through the journal and within the
budget.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from toolkit import events
from toolkit.harness.answers import RoleAnswer, Summary
from toolkit.harness.budget import Budget, Costs
from toolkit.harness.context import SUM_UP, Conversation, tokens_of
from toolkit.harness.control import Control
from toolkit.harness.history import History
from toolkit.harness.journal import Journal
from toolkit.harness.outcome import Outcome, Stop
from toolkit.harness.roles import Crew, Place, Role, Step
from toolkit.harness.workspace import Workspace
from toolkit.models import Reply, Request
from toolkit.models.prices import cost_of, worst_case
from toolkit.records import validate
from toolkit.sessions import Run, Session
from toolkit.tasks import stop

T = TypeVar("T")
A = TypeVar("A", bound=RoleAnswer)

Clock = Callable[[], float]
STEERED: tuple[Step, ...] = ("propose", "build")
"""Steps at which a role is asked with what people have said."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A role that is asked at one step."""

    role: Role
    step: Step
    place: Place
    run: Run
    workspace: Workspace
    turns: "Turns"

    @property
    def number(self) -> int:
        """The attempt or the round."""
        return self.place.number

    async def ask(self, shape: type[A]) -> A:
        """Its answer. Raises Stop at a limit, and where what came is no result."""
        answer = await self.turns.answer(self)
        assert isinstance(answer, shape)
        return answer

    async def say(self, text: str) -> None:
        """Put words on the run."""
        await self.run.write(text)

    def write(self, name: str, value: Any) -> None:
        """Write a file into the folder of the sprint."""
        self.workspace.write(self.place.folder + name, value)

    def read(self, name: str) -> Any:
        """A file in the folder of the sprint."""
        return self.workspace.read(self.place.folder + name)


class Turns:
    """The turns of one run of a build."""

    def __init__(
        self,
        session: Session,
        workspace: Workspace,
        crew: Crew,
        budget: Budget,
        control: Control,
        history: History,
        clock: Clock = time.monotonic,
    ):
        self.so_far = Outcome()
        self.budget = budget
        self.control = control
        self._session = session
        self._workspace = workspace
        self._history = history
        self._clock = clock
        self._deadline = clock() + budget.seconds
        self._costs = Costs(role.name for role in crew.roles)
        self._conversations = {role.name: Conversation() for role in crew.roles}
        self._steered_turns = 0
        self._crew = crew
        self._journal: Journal | None = None

    def open_journal(self) -> None:
        """Read the journal. Raises RecordError where a line of it cannot be read."""
        self._journal = Journal(self._workspace.path, self._crew.roles, self._costs)

    @property
    def journal(self) -> Journal:
        """The journal, once it was read."""
        assert self._journal
        return self._journal

    def result(self) -> Outcome:
        """What there is to say of the run so far."""
        result = replace(self.so_far, cost_usd=self._costs.cost_usd, ledger=self._costs.totals)
        if self._journal is None:
            return result
        return replace(
            result,
            model_calls=self._journal.calls,
            replayed_calls=self._journal.played_back,
            possibly_billed_calls=self._journal.in_flight,
            possibly_billed_usd=round(self._journal.in_flight_usd, 9),
        )

    @asynccontextmanager
    async def turn(self, role: Role, step: Step, place: Place) -> AsyncIterator[Turn]:
        """One run of `role`, ended whatever happens, and committed where it ended well."""
        id = self._session.new_id()
        self.control.run_ids.add(id)  # before it starts: a cancel may follow at once
        run = await self._session.start_run(role.name, source=self.journal.source(role), id=id)
        try:
            await run.append("turn.started", {"step": step, "number": place.number})
            yield Turn(role, step, place, run, self._workspace, self)
        except BaseException as error:
            await run.finish(_outcome_of_turn(error))
            raise
        await run.finish("complete")
        await self.commit(role.name, f"{place.folder}{step} {place.number}")

    async def commit(self, role: str, subject: str) -> None:
        """Commit what was written since the last time, where it changed something."""
        await self._history.commit(role, subject, self._workspace.take_fresh())

    async def answer(self, turn: Turn) -> RoleAnswer:
        """What the role of `turn` answers."""
        role = turn.role
        is_steered = turn.step in STEERED
        self._steered_turns += is_steered
        question = role.question(turn.step, turn.place, self._workspace)
        conversation = await self._ready_context(turn, question)
        if is_steered:
            request = await self._steered_request(turn, question, conversation)
        else:
            request = role.request(turn.step, conversation.with_question(question))
        reply = await self._reply(turn, request)
        if is_steered:
            await self.control.used(self._steered_turns, role.name)
        conversation.keep(request.messages, reply)
        self._costs.note_context(role.name, tokens=conversation.tokens)
        return validate(role.tasks[turn.step].answers, reply.parsed)

    async def _steered_request(
        self, turn: Turn, question: dict[str, Any], conversation: Conversation
    ) -> Request:
        """The request with what people have said.

        A request that the journal can answer is left as it was asked: what came since waits for the
        first that it cannot.
        """
        role = turn.role
        number = self._steered_turns
        question["steers"] = self.control.steers(number)
        request = role.request(turn.step, conversation.with_question(question))
        if self.journal.knows(role, request) or not await self.control.take_steers(number):
            return request
        question["steers"] = self.control.steers(number)
        return role.request(turn.step, conversation.with_question(question))

    async def _ready_context(self, turn: Turn, question: dict[str, Any]) -> Conversation:
        """The role's conversation, with room for `question` as its policy makes it."""
        role = turn.role
        conversation = self._conversations[role.name]
        match role.context.next_move(conversation.tokens, tokens_of(question)):
            case "full":
                raise Stop(
                    "budget",
                    f"the context of the {role.name} is full: {conversation.tokens:,} of "
                    f"{role.context.tokens:,} tokens, and its policy is none",
                )
            case "sum up":
                asked = {"role": "user", "content": SUM_UP}
                messages = (*conversation.messages, asked)
                reply = await self._reply(turn, role.sum_up(messages))
                conversation.begin_clean(validate(Summary, reply.parsed).summary)
                self._costs.note_context(role.name, compactions=1)
            case "begin clean":
                conversation.begin_clean()
                self._costs.note_context(role.name, resets=1)
        return conversation

    async def _reply(self, turn: Turn, request: Request) -> Reply:
        """The reply to a request that the budget allows. Raises Stop where it does not, and where
        what came is no result.
        """
        role = turn.role
        self._check_budget(role, request)
        reply = await self.bounded(self.journal.reply(role, request))
        sources = {*self.so_far.sources, reply.source}
        self.so_far = replace(self.so_far, sources=tuple(sorted(sources)))
        cost_usd = cost_of(role.model, reply.usage)
        usage = {
            "usage": asdict(reply.usage),
            "cost_usd": round(cost_usd, 9),
            "model": reply.model,
        }
        await turn.run.append("model.usage", usage)
        if not reply.ok or reply.parsed is None:
            why = reply.why or "no JSON object came"
            raise Stop("halted", f"the {role.name} gave no result ({reply.stopped}): {why}")
        return reply

    def _check_budget(self, role: Role, request: Request) -> None:
        """Raise Stop where the call could break a limit."""
        worst = worst_case(request)
        worst_usd = cost_of(role.model, worst)
        in_flight_usd = self.journal.in_flight_usd
        refusal = self._costs.refusal(self.budget, worst_usd + in_flight_usd, worst)
        is_late = self._clock() >= self._deadline
        if not refusal and is_late:
            refusal = "the seconds of the budget are used up"
        if refusal:
            raise Stop("budget", f"the next call of the {role.name} was not made: {refusal}")

    async def bounded(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work`; break it off, with `Stop`, at a cancel or at the deadline."""
        task = asyncio.create_task(work)
        left_s = max(0.0, self._deadline - self._clock())
        stopped = self.control.stopped
        try:
            await asyncio.wait({task, stopped}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await stop(task)
        if stopped.done():
            raise stopped.result()
        if task.cancelled():
            raise Stop("budget", "the seconds of the budget are used up")
        return task.result()


def _outcome_of_turn(error: BaseException) -> events.Outcome:
    """How the run of a turn ends that `error` broke off: at a limit or a cancel it is cancelled."""
    if isinstance(error, Stop):
        return "error" if error.ended == "halted" else "cancelled"
    return "error" if isinstance(error, Exception) else "cancelled"
