"""Harness: plan, agree on a contract, build, check, judge; again until all of it passes or a limit is reached.

The state of a build is its folder. Every model call goes through the folder's journal, so a run that was killed is
started again from the top and finds its answers there: no call is made twice.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import Any

from toolkit.harness.contract import Contract, ContractError, propose_contract
from toolkit.harness.outcome import Budget, Outcome, Progress, Stop, let_go
from toolkit.harness.roles import Build, Evaluator, Generator, Judgement, Plan, Planner, Review
from toolkit.harness.sandbox import CheckResult, clip, run_criterion
from toolkit.harness.verify import all_pass, decide, green_before, score_check
from toolkit.harness.workspace import Workspace
from toolkit.models import BudgetExceeded, Request, Tape
from toolkit.models.ledger import cost_usd, worst_case
from toolkit.records import validate
from toolkit.sessions import Run, Session

Role = Planner | Generator | Evaluator


class Harness:
    """Three roles, one folder, one session.

    Parameters
    ----------
    planner, generator, evaluator : Planner, Generator, Evaluator
        Each with its own model.
    workspace : Workspace
        Where it is built. The same folder again goes on from its journal.
    session : Session
        What all three write to. A cancel on it stops the build.
    budget : Budget
        The limits.
    """

    def __init__(
        self,
        planner: Planner,
        generator: Generator,
        evaluator: Evaluator,
        workspace: Workspace,
        session: Session,
        budget: Budget = Budget(),  # noqa: B008 - it is frozen
    ):
        self.planner, self.generator, self.evaluator = planner, generator, evaluator
        self.workspace, self.session, self.budget = workspace, session, budget

    async def run(self, goal: str) -> Outcome:
        """Build `goal`. What goes wrong in a build is an `Outcome`, not an exception.

        Raises
        ------
        WorkspaceError
            Where another run is at work in the folder.
        LogUnavailable
            Where the session cannot be written at the start.
        """
        with self.workspace.held():
            begun, runs = await self.session.say(goal), set[str]()
            listening = asyncio.create_task(self._listen(begun.seq, runs))
            self._now = Progress(time.monotonic() + self.budget.seconds, listening, runs)
            try:
                return self._now.outcome(await self._steps(goal))
            finally:
                await let_go(listening)

    async def _listen(self, after: int, runs: set[str]) -> None:
        async for event in self.session.read(after, control=True):
            if event.kind == "cancel" and (event.run is None or event.run in runs):
                return

    async def _steps(self, goal: str) -> Stop:
        try:
            self.workspace.restart()
            await self._plan(goal)
            contract = await self._agree(goal)
            for number in range(1, self.budget.rounds + 1):
                await self._build(number)
                if await self._judge(contract, number):
                    return Stop("complete", f"all criteria hold after round {number}")
            return Stop("failed", f"{self.budget.rounds} rounds are used up and criteria are open")
        except Stop as stop:
            return stop
        except BudgetExceeded as error:
            return Stop("budget", str(error))
        except (ValueError, OSError) as error:
            return Stop("error", f"{type(error).__name__}: {error}")

    async def _plan(self, goal: str) -> None:
        async with self._turn(self.planner) as run:
            plan = validate(Plan, await self._ask(self.planner, self.planner.plan(goal)))
            self.workspace.write("spec.md", plan.spec)
            await run.write(plan.spec)

    async def _agree(self, goal: str) -> Contract:
        objections: tuple[str, ...] = ()
        for attempt in range(1, self.budget.proposals + 1):
            contract, objections = await self._propose(goal, attempt)
            if contract and not objections:
                objections = await self._review(attempt)
            if contract and not objections:
                return await self._freeze(contract.sign("evaluator"))
        raise Stop("error", f"no contract after {self.budget.proposals} proposals: {'; '.join(objections)}")

    async def _propose(self, goal: str, attempt: int) -> tuple[Contract | None, tuple[str, ...]]:
        """One proposal, with what speaks against it before the Evaluator has even seen it."""
        async with self._turn(self.generator) as run:
            asked = await self._ask(self.generator, self.generator.propose(self.workspace, attempt))
            contract, criteria = None, asked.get("criteria")
            try:
                contract = propose_contract(goal, criteria).sign("generator")
                results, _ = await self._check(contract, run, 0)
                green = green_before(contract, results)
                objections = tuple(f"{id} passes before anything is built, so it proves nothing" for id in green)
            except ContractError as error:
                objections = (str(error),)
            self.workspace.write_json(f"proposals/{attempt}.json", {"criteria": criteria, "objections": objections})
            await run.write(f"Proposal {attempt}: {len(contract.criteria) if contract else 'no readable'} criteria.")
            for objection in objections:
                await run.write(f" Refused: {objection}.")
        return contract, objections

    async def _review(self, attempt: int) -> tuple[str, ...]:
        async with self._turn(self.evaluator) as run:
            review = validate(Review, await self._ask(self.evaluator, self.evaluator.review(self.workspace, attempt)))
            objections = review.objections
            if not review.agree and not objections:
                objections = ("the Evaluator does not agree, and does not say why",)
            proposal = self.workspace.read_json(f"proposals/{attempt}.json") | {"objections": objections}
            self.workspace.write_json(f"proposals/{attempt}.json", proposal)
            await run.write(" ".join(objections) or "I agree to this contract.")
        return objections

    async def _freeze(self, contract: Contract) -> Contract:
        self.workspace.freeze(contract)
        self._now.contract = contract
        frozen = {"sha256": contract.sha256, "criteria": [asdict(criterion) for criterion in contract.criteria]}
        await self.session.append("contract.frozen", self.evaluator.actor, frozen)
        return contract

    async def _build(self, number: int) -> None:
        async with self._turn(self.generator) as run:
            build = validate(Build, await self._ask(self.generator, self.generator.build(self.workspace, number)))
            self.workspace.write_build(build.files)
            for file in build.files:
                arguments = {"path": file.path, "content": clip(file.content), "round": number}
                call = await run.call_tool("write_file", arguments)
                await run.tool_result(call, f"{len(file.content)} characters written")
            notes = self.workspace.read("progress.md")
            self.workspace.write("progress.md", f"{notes}## Round {number}\n{build.handoff.strip()}\n\n")
            await run.write(build.handoff)

    async def _judge(self, contract: Contract, number: int) -> bool:
        async with self._turn(self.evaluator) as run:
            results, events = await self._check(contract, run, number)
            parsed = await self._ask(self.evaluator, self.evaluator.judge(self.workspace, number))
            said = [(word.criterion, word.verdict, word.why) for word in validate(Judgement, parsed).verdicts]
            verdicts = decide(contract, results, said)
            self.workspace.write_json(f"verdicts/round-{number}.json", [asdict(verdict) for verdict in verdicts])
            for verdict in verdicts:
                about = {"round": number, "check_event": events[verdict.criterion], "contract": contract.sha256}
                await self.session.append("verdict", self.evaluator.actor, asdict(verdict) | about, run.id)
            self._now.rounds, self._now.verdicts = number, verdicts
            open_ones = [f"{v.criterion}: {v.why}." for v in verdicts if v.verdict != "pass"]
            await run.write(" ".join(open_ones) or "All criteria hold.")
        return all_pass(contract, verdicts)

    async def _check(self, contract: Contract, run: Run, number: int) -> tuple[dict[str, CheckResult], dict[str, str]]:
        """Run each check on build/. Returns results and the ids of their events; round 0 is before the build."""
        results, events, shown = {}, {}, []
        for criterion in contract.criteria:
            result = await self._now.bounded(run_criterion(criterion, self.workspace.build))
            finding, why = score_check(criterion, result)
            # How long it took stays out of the file: the Evaluator's question must not change with it.
            data = asdict(replace(result, stdout=clip(result.stdout), stderr=clip(result.stderr)))
            seconds = round(data.pop("seconds"), 3)
            shown.append({"criterion": criterion.id, "finding": finding, "why": why} | data)
            about = {"round": number, "seconds": seconds}
            ack = await self.session.append("check.result", run.actor, shown[-1] | about, run.id)
            results[criterion.id], events[criterion.id] = result, ack.event.id
        self.workspace.write_json(f"checks/round-{number}.json", shown)
        return results, events

    @asynccontextmanager
    async def _turn(self, role: Role) -> AsyncIterator[Run]:
        """One run of `role` on the session, ended whatever happens, while the contract is as it was signed."""
        run = await self.session.start_run(role.actor, source=role.model.source)
        self._now.runs.add(run.id)
        try:
            if self._now.contract:
                self._now.contract.refuse_other(self.workspace.contract())
            yield run
        except BaseException as error:
            stopped = not isinstance(error, Exception) or (isinstance(error, Stop) and error.outcome != "error")
            await run.finish("cancelled" if stopped else "error")
            raise
        await run.finish("complete")

    async def _ask(self, role: Role, request: Request) -> dict[str, Any]:
        """Ask through the journal. Raises Stop where a limit is reached or what came is no result."""
        now, worst = self._now, cost_usd(role.model.name, worst_case(request))
        if now.cost_usd + worst > self.budget.cost_usd:
            held = f"${now.cost_usd:.4f} of ${self.budget.cost_usd:.4f} are spent, and it may cost ${worst:.4f}"
            raise Stop("budget", f"the next call of the {role.actor} was not made: {held}")
        tape = Tape(self.workspace.journal, role.model)
        reply = await now.bounded(tape.reply(request))
        now.model_calls, now.replayed_calls = now.model_calls + tape.misses, now.replayed_calls + tape.hits
        now.cost_usd += cost_usd(reply.model, reply.usage)
        now.sources.add(reply.source)
        if not reply.ok or reply.parsed is None:
            why = reply.why or "no JSON object came"
            raise Stop("error", f"the {role.actor} gave no result ({reply.stopped}): {why}")
        return reply.parsed
