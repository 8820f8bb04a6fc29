"""Harness: plan, agree on a contract, build, check, judge; again until all of it passes or a limit
is reached.

The state of a build is its folder. Every model call goes through the folder's journal, so a run
that was killed is started again from the top and finds its answers there: no question is asked
twice. Checks are run anew, for no file may make a red one green: one that prints something else
than before makes a new question, and so a new call.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from toolkit.harness import roles
from toolkit.harness.box import CheckResult
from toolkit.harness.contract import Contract, ContractError, Criterion, TextFile, propose_contract
from toolkit.harness.roles import Evaluator, Generator, Planner
from toolkit.harness.sandbox import Sandbox, SandboxUnavailable
from toolkit.harness.turns import Budget, Stop, Turns
from toolkit.harness.verify import (
    CriterionVerdict,
    Ended,
    Outcome,
    all_pass,
    decide_verdicts,
    green_before,
    score_check,
)
from toolkit.harness.workspace import Workspace, WorkspaceError, clip
from toolkit.models import BudgetExceeded
from toolkit.sessions import Run, Session


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
    sandbox: Sandbox | None = None
    """Where checks run; None takes the best that runs here, and refuses to build without one."""

    async def run(self, goal: str) -> Outcome:
        """Build `goal`. What goes wrong in a build is an `Outcome`, not an exception.

        Raises WorkspaceError where another run is at work in the folder, LogUnavailable where
        `goal` cannot be logged.
        """
        with self.workspace.held():
            message = await self.session.say(goal)
            self.workspace.kept.clear()
            self._turns = Turns(self.session, self.workspace, self.budget, message.seq)
            try:
                outcome, why = await self._steps(goal)
            finally:
                await self._turns.close()
            if self.workspace.kept:
                why = f"{why}; what was changed by hand is kept: {', '.join(self.workspace.kept)}"
            return replace(
                self._turns.so_far,
                outcome=outcome,
                why=why,
                model_calls=self._turns.model_calls,
                replayed_calls=self._turns.played_back,
            )

    async def _steps(self, goal: str) -> tuple[Ended, str]:
        try:
            self._sandbox = self.sandbox or Sandbox.best()
            self._turns.so_far = replace(self._turns.so_far, banner=self._sandbox.banner)
            self._turns.open_journal((self.planner, self.generator, self.evaluator))
            self.workspace.restart(goal)
            await self._plan()
            contract = await self._agree(goal)
            for number in range(1, self.budget.rounds + 1):
                refused = await self._build(contract, number)
                if await self._judge(contract, number, refused):
                    self.workspace.adopt()
                    return "complete", f"all criteria hold after round {number}"
            return "failed", f"{self.budget.rounds} rounds are used up and criteria are open"
        except Stop as stop:
            return stop.ended, stop.why
        except BudgetExceeded as error:
            return "budget", str(error)
        except SandboxUnavailable as error:
            return "error", str(error)
        except (ValueError, OSError) as error:
            return "error", f"{type(error).__name__}: {error}"

    async def _plan(self) -> None:
        async with self._turns.turn(self.planner) as run:
            plan = await self._turns.ask(self.planner, "plan", 1, roles.Plan)
            self.workspace.write("spec.md", plan.spec)
            await run.write(plan.spec)

    async def _agree(self, goal: str) -> Contract:
        """A contract that both sides have signed, frozen in the folder."""
        objections: tuple[str, ...] = ()
        for attempt in range(1, self.budget.proposals + 1):
            contract, objections = await self._propose(goal, attempt)
            if not objections:
                objections = await self._review(attempt)
            if contract and not objections:
                contract = contract.sign("evaluator")
                await self._freeze(contract)
                return contract
        why = f"no contract after {self.budget.proposals} proposals: {'; '.join(objections)}"
        raise Stop("error", why)

    async def _freeze(self, contract: Contract) -> None:
        self.workspace.freeze(contract)
        self._turns.so_far = replace(self._turns.so_far, contract_hash=contract.sha256)
        criteria = [asdict(criterion) for criterion in contract.criteria]
        frozen = {"sha256": contract.sha256, "criteria": criteria}
        await self.session.append("contract.frozen", self.evaluator.actor, frozen)

    async def _propose(self, goal: str, attempt: int) -> tuple[Contract | None, tuple[str, ...]]:
        """One proposal, with what speaks against it before the Evaluator has even seen it."""
        async with self._turns.turn(self.generator) as run:
            proposal = await self._turns.ask(self.generator, "propose", attempt, roles.Proposal)
            contract = None
            try:
                contract = propose_contract(goal, proposal.criteria).sign("generator")
                objections = await self._not_red_yet(contract, run)
            except ContractError as error:
                objections = (str(error),)
            record = {"criteria": proposal.criteria, "objections": objections}
            self.workspace.write(f"proposals/{attempt}.json", record)
            summary = "; ".join(objections) or "every criterion is red"
            await run.write(f"Proposal {attempt}: {summary}.")
        return contract, objections

    async def _not_red_yet(self, contract: Contract, run: Run) -> tuple[str, ...]:
        """The criteria that hold before anything is built: they would show nothing."""
        results, _ = await self._check(contract, run, 0)
        objections = []
        for id_, why in green_before(contract, results).items():
            objections.append(f"{id_} is not red before anything is built: {why}")
        return tuple(objections)

    async def _review(self, attempt: int) -> tuple[str, ...]:
        """What the Evaluator has against a proposal."""
        async with self._turns.turn(self.evaluator) as run:
            review = await self._turns.ask(self.evaluator, "review", attempt, roles.Review)
            objections = review.objections
            if not objections and not review.agree:
                objections = ("the Evaluator does not agree, and does not say why",)
            name = f"proposals/{attempt}.json"
            proposal = self.workspace.read(name)
            self.workspace.write(name, proposal | {"objections": objections})
            await run.write(" ".join(objections) or "I agree to this contract.")
        return objections

    async def _build(self, contract: Contract, number: int) -> str:
        """Write what the Generator answers. Returns why it was refused, which it can mend; empty
        where it was not.
        """
        if number == 1:
            self.workspace.write("progress.md", "")
        async with self._turns.turn(self.generator, contract) as run:
            build = await self._turns.ask(self.generator, "build", number, roles.Build)
            refused = ""
            try:
                self.workspace.lay(build.files)
            except WorkspaceError as error:
                refused = str(error)
            for file in build.files:
                await _log_file(run, file, number, refused)
            notes = self.workspace.read("progress.md")
            notes += f"## Round {number}\n{build.handoff.strip()}\n\n"
            self.workspace.write("progress.md", notes)
            await run.write(build.handoff)
        return refused

    async def _judge(self, contract: Contract, number: int, refused: str) -> bool:
        """Run the checks, hear the Evaluator, and decide. Returns whether all criteria hold."""
        async with self._turns.turn(self.evaluator, contract) as run:
            results, check_events = await self._check(contract, run, number)
            judged = await self._turns.ask(self.evaluator, "judge", number, roles.Assessment)
            words = []
            for word in judged.verdicts:
                words.append((word.criterion, word.verdict, word.why))
            verdicts = decide_verdicts(contract, results, words)
            self._turns.so_far = replace(self._turns.so_far, rounds=number, verdicts=verdicts)
            findings = [asdict(verdict) for verdict in verdicts]
            record = {"refused": refused, "verdicts": findings}
            self.workspace.write(f"findings/round-{number}.json", record)
            for finding in findings:
                origin = {
                    "round": number,
                    "check_event": check_events[finding["criterion"]],
                    "contract": contract.sha256,
                }
                await run.append("verdict", finding | origin)
            await run.write(_open_criteria(verdicts) or "All criteria hold.")
        return all_pass(contract, verdicts)

    async def _check(
        self, contract: Contract, run: Run, number: int
    ) -> tuple[dict[str, CheckResult], dict[str, str]]:
        """Run each check on attempt/. Returns results and the ids of their events; round 0 is
        before the build.
        """
        results: dict[str, CheckResult] = {}
        check_events: dict[str, str] = {}
        records: list[dict[str, Any]] = []
        for criterion in contract.criteria:
            checking = self._sandbox.run(
                criterion.command, self.workspace.attempt, criterion.files, criterion.timeout_s
            )
            result = await self._turns.bounded(checking)
            results[criterion.id] = result
            record = _check_record(criterion, result)
            records.append(record)
            measured: dict[str, Any] = {"round": number, "seconds": round(result.seconds, 3)}
            if result.banner:
                measured["banner"] = result.banner
            ack = await run.append("check.result", record | measured)
            check_events[criterion.id] = ack.event.id
        self.workspace.write(f"checks/round-{number}.json", records)
        return results, check_events


async def _log_file(run: Run, file: TextFile, number: int, refused: str) -> None:
    """Append the writing of a file as a call of a tool, which is what it is to a reader."""
    arguments = {
        "path": file.path,
        "content": clip(file.content),
        "round": number,
    }
    call_id = await run.call_tool("write_file", arguments)
    result = refused or f"{len(file.content)} characters written"
    await run.tool_result(call_id, result, bool(refused))


def _check_record(criterion: Criterion, result: CheckResult) -> dict[str, Any]:
    """What the folder keeps of a check.

    How long it took, and on which machine, is not in it: the Evaluator's question must not change
    with it.
    """
    finding, why = score_check(criterion, result)
    record = asdict(result)
    record["stdout"] = clip(result.stdout)
    record["stderr"] = clip(result.stderr)
    del record["seconds"]
    del record["banner"]
    return {
        "criterion": criterion.id,
        "finding": finding,
        "why": why,
        **record,
    }


def _open_criteria(verdicts: tuple[CriterionVerdict, ...]) -> str:
    """A sentence for each criterion that does not pass."""
    sentences = []
    for verdict in verdicts:
        if verdict.verdict != "pass":
            sentences.append(f"{verdict.criterion}: {verdict.why}.")
    return " ".join(sentences)
