"""Harness: plan, agree on a contract, build, check, judge; again until all of it passes or a limit
is reached.

The state of a build is its folder. Every model call goes through the folder's journal, so a run
that was killed is started again from the top and finds its answers there: no question is asked
twice. Checks are run anew, for no file may make a red one green: one that prints something else
than before makes a new question, and so a new call.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from toolkit.harness import checks, roles
from toolkit.harness.checks import CheckResult, Ended, Outcome
from toolkit.harness.contract import Contract, ContractError, propose_contract
from toolkit.harness.roles import Evaluator, Generator, Planner, Role
from toolkit.harness.workspace import Workspace, WorkspaceError, clip
from toolkit.models import BudgetExceeded, Tape
from toolkit.models.prices import cost_usd, worst_case
from toolkit.records import validate
from toolkit.sessions import Run, Session
from toolkit.sessions.log import stop

T = TypeVar("T")
A = TypeVar("A", bound=roles.Answered)


class Stop(Exception):
    """Ends a build, from wherever it is, with an outcome and why."""

    args: tuple[Ended, str]


@dataclass(frozen=True, slots=True)
class Budget:
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


@dataclass
class Harness:
    """Three roles and a folder: the same folder again goes on from its journal. A cancel on the
    session stops it.

    The build/ of the folder stays as it is until an attempt has passed, and takes its place.
    """

    planner: Planner
    generator: Generator
    evaluator: Evaluator
    workspace: Workspace
    session: Session
    budget: Budget = field(default_factory=Budget)

    async def run(self, goal: str) -> Outcome:
        """Build `goal`. What goes wrong in a build is an `Outcome`, not an exception.

        Raises WorkspaceError where another run is at work in the folder, LogUnavailable where
        `goal` cannot be logged.
        """
        with self.workspace.held():
            said = await self.session.say(goal)
            self._so_far, self._runs, self._tapes = Outcome(), set[str](), dict[str, Tape]()
            self._deadline = time.monotonic() + self.budget.seconds
            self._cancel = asyncio.create_task(self._cancelled(said.seq))
            self.workspace.kept.clear()
            try:
                outcome, why = await self._steps(goal)
            finally:
                await stop(self._cancel)
            if self.workspace.kept:
                why = f"{why}; what was changed by hand is kept: {', '.join(self.workspace.kept)}"
            tapes = self._tapes.values()
            made, replayed = sum(tape.misses for tape in tapes), sum(tape.hits for tape in tapes)
            return replace(
                self._so_far, outcome=outcome, why=why, model_calls=made, replayed_calls=replayed
            )

    async def _cancelled(self, after: int) -> Stop:
        try:
            async for event in self.session.read(after, lane="control"):
                if event.kind == "cancel" and (event.run is None or event.run in self._runs):
                    return Stop("cancelled", "a cancel arrived on the session")
            return Stop("error", "the session's control feed has ended")
        except (ValueError, OSError) as error:
            return Stop("error", f"cancels can no longer be heard: {error}")

    async def _steps(self, goal: str) -> tuple[Ended, str]:
        try:
            for role in (self.planner, self.generator, self.evaluator):
                self._tapes[role.actor] = Tape(self.workspace.journal, role.model)
            self.workspace.restart(goal)
            async with self._turn(self.planner) as run:
                spec = (await self._ask(self.planner, "plan", 1, roles.Plan)).spec
                self.workspace.write("spec.md", spec)
                await run.write(spec)
            contract = await self._agree(goal)
            for number in range(1, self.budget.rounds + 1):
                refused = await self._build(contract, number)
                if await self._judge(contract, number, refused):
                    self.workspace.adopt()
                    return "complete", f"all criteria hold after round {number}"
            return "failed", f"{self.budget.rounds} rounds are used up and criteria are open"
        except Stop as end:
            return end.args
        except BudgetExceeded as error:
            return "budget", str(error)
        except (ValueError, OSError) as error:
            return "error", f"{type(error).__name__}: {error}"

    async def _agree(self, goal: str) -> Contract:
        objections: tuple[str, ...] = ()
        for attempt in range(1, self.budget.proposals + 1):
            contract, objections = await self._propose(goal, attempt)
            objections = objections or await self._review(attempt)
            if contract and not objections:
                contract = contract.sign("evaluator")
                self.workspace.freeze(contract)
                self._so_far = replace(self._so_far, contract_hash=contract.sha256)
                frozen = {
                    "sha256": contract.sha256,
                    "criteria": [asdict(criterion) for criterion in contract.criteria],
                }
                await self.session.append("contract.frozen", self.evaluator.actor, frozen)
                return contract
        raise Stop(
            "error", f"no contract after {self.budget.proposals} proposals: {'; '.join(objections)}"
        )

    async def _propose(self, goal: str, attempt: int) -> tuple[Contract | None, tuple[str, ...]]:
        """One proposal, with what speaks against it before the Evaluator has even seen it."""
        async with self._turn(self.generator) as run:
            contract, criteria = (
                None,
                (await self._ask(self.generator, "propose", attempt, roles.Proposal)).criteria,
            )
            try:
                contract = propose_contract(goal, criteria).sign("generator")
                results, _ = await self._check(contract, run, 0)
                green = checks.green_before(contract, results).items()
                objections = tuple(
                    f"{id} is not red before anything is built: {why}" for id, why in green
                )
            except ContractError as error:
                objections = (str(error),)
            self.workspace.write(
                f"proposals/{attempt}.json", {"criteria": criteria, "objections": objections}
            )
            await run.write(
                f"Proposal {attempt}: {'; '.join(objections) or 'every criterion is red'}."
            )
        return contract, objections

    async def _review(self, attempt: int) -> tuple[str, ...]:
        async with self._turn(self.evaluator) as run:
            review = await self._ask(self.evaluator, "review", attempt, roles.Review)
            silent = () if review.agree else ("the Evaluator does not agree, and does not say why",)
            objections, name = review.objections or silent, f"proposals/{attempt}.json"
            self.workspace.write(name, self.workspace.read(name) | {"objections": objections})
            await run.write(" ".join(objections) or "I agree to this contract.")
        return objections

    async def _build(self, contract: Contract, number: int) -> str:
        """Write what the Generator answers. Returns why it was refused, which it can mend; empty
        where it was not.
        """
        if number == 1:
            self.workspace.write("progress.md", "")
        async with self._turn(self.generator, contract) as run:
            build, refused = await self._ask(self.generator, "build", number, roles.Build), ""
            try:
                self.workspace.lay(build.files)
            except WorkspaceError as error:
                refused = str(error)
            for file in build.files:
                about = {"path": file.path, "content": clip(file.content), "round": number}
                answer = refused or f"{len(file.content)} characters written"
                await run.tool_result(
                    await run.call_tool("write_file", about), answer, bool(refused)
                )
            notes = self.workspace.read("progress.md")
            self.workspace.write(
                "progress.md", f"{notes}## Round {number}\n{build.handoff.strip()}\n\n"
            )
            await run.write(build.handoff)
        return refused

    async def _judge(self, contract: Contract, number: int, refused: str) -> bool:
        async with self._turn(self.evaluator, contract) as run:
            results, check_events = await self._check(contract, run, number)
            judged = await self._ask(self.evaluator, "judge", number, roles.Judgement)
            words = [(said.criterion, said.verdict, said.why) for said in judged.verdicts]
            verdicts = checks.decide(contract, results, words)
            findings = {"refused": refused, "verdicts": [asdict(verdict) for verdict in verdicts]}
            self.workspace.write(f"findings/round-{number}.json", findings)
            for verdict in verdicts:
                about = {
                    "round": number,
                    "check_event": check_events[verdict.criterion],
                    "contract": contract.sha256,
                }
                await run.append("verdict", asdict(verdict) | about)
            self._so_far = replace(self._so_far, rounds=number, verdicts=verdicts)
            still_open = [
                f"{verdict.criterion}: {verdict.why}."
                for verdict in verdicts
                if verdict.verdict != "pass"
            ]
            await run.write(" ".join(still_open) or "All criteria hold.")
        return checks.all_pass(contract, verdicts)

    async def _check(
        self, contract: Contract, run: Run, number: int
    ) -> tuple[dict[str, CheckResult], dict[str, str]]:
        """Run each check on attempt/. Returns results and the ids of their events; round 0 is
        before the build.
        """
        results, check_events, shown = {}, {}, []
        for criterion in contract.criteria:
            result = results[criterion.id] = await self._bounded(
                checks.run_criterion(criterion, self.workspace.attempt)
            )
            finding, why = checks.score_check(criterion, result)
            # How long it took stays out of the file: the Evaluator's question must not change with
            # it.
            data = asdict(replace(result, stdout=clip(result.stdout), stderr=clip(result.stderr)))
            about = {"round": number, "seconds": round(data.pop("seconds"), 3)}
            shown.append({"criterion": criterion.id, "finding": finding, "why": why} | data)
            check_events[criterion.id] = (
                await run.append("check.result", shown[-1] | about)
            ).event.id
        self.workspace.write(f"checks/round-{number}.json", shown)
        return results, check_events

    @asynccontextmanager
    async def _turn(self, role: Role, contract: Contract | None = None) -> AsyncIterator[Run]:
        """One run of `role`, ended whatever happens; it begins only if the folder's contract is
        still `contract`.
        """
        # It is live only where nothing is left in the journal that could be played back.
        tape, played_back = self._tapes[role.actor], sum(tape.hits for tape in self._tapes.values())
        source = tape.source if tape.known - tape.misses > played_back else role.model.source
        id = self.session.new_id()
        self._runs.add(id)  # before it starts: a cancel may follow at once
        run = await self.session.start_run(role.actor, source=source, id=id)
        try:
            if contract:
                self.workspace.freeze(contract)
            yield run
        except BaseException as error:
            broken_off = (
                error.args[0] != "error"
                if isinstance(error, Stop)
                else not isinstance(error, Exception)
            )
            await run.finish("cancelled" if broken_off else "error")
            raise
        await run.finish("complete")

    async def _bounded(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work`; break it off, with `Stop`, at a cancel or at the deadline."""
        task, left = asyncio.create_task(work), max(0.0, self._deadline - time.monotonic())
        try:
            await asyncio.wait(
                {task, self._cancel}, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            await stop(task)
        if self._cancel.done():
            raise self._cancel.result()
        if task.cancelled():
            raise Stop("budget", "the seconds of the budget are used up")
        return task.result()

    async def _ask(self, role: Role, task: str, number: int, shape: type[A]) -> A:
        """Ask through the journal. Raises Stop where a limit is reached or what came is no result."""
        request, before = role.ask(task, number, self.workspace, shape), self._so_far
        worst = cost_usd(role.model.name, worst_case(request))
        if before.cost_usd + worst > self.budget.cost_usd:
            spent = f"${before.cost_usd:.4f} of ${self.budget.cost_usd:.4f} are spent, and it may cost ${worst:.4f}"
            raise Stop("budget", f"the next call of the {role.actor} was not made: {spent}")
        reply = await self._bounded(self._tapes[role.actor].reply(request))
        cost, sources = (
            before.cost_usd + cost_usd(reply.model, reply.usage),
            {*before.sources, reply.source},
        )
        self._so_far = replace(before, cost_usd=round(cost, 9), sources=tuple(sorted(sources)))
        if not reply.ok or reply.parsed is None:
            why = reply.why or "no JSON object came"
            raise Stop("error", f"the {role.actor} gave no result ({reply.stopped}): {why}")
        return validate(shape, reply.parsed)
