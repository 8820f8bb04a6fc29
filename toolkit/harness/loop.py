"""Harness: plan, agree on a contract, build, check, judge; again until all of it passes or a limit
is reached.

The state of a build is its folder. Every model call goes through the folder's journal, so a run
that was killed is started again from the top and finds its answers there: no question is asked
twice. Checks are run anew, for no file may make a red one green: one that prints something else
than before makes a new question, and so a new call.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from toolkit.errors import UsageError
from toolkit.harness.answers import Plan
from toolkit.harness.beside import hear_others
from toolkit.harness.budget import Budget
from toolkit.harness.contract import Contract
from toolkit.harness.control import Control, Gate
from toolkit.harness.history import History
from toolkit.harness.negotiation import agree
from toolkit.harness.outcome import Ended, Outcome, Stop
from toolkit.harness.roles import Crew, Place, Role
from toolkit.harness.rounds import Rounds
from toolkit.harness.sandbox import Sandbox, SandboxUnavailable
from toolkit.harness.site import Site
from toolkit.harness.sprints import FeatureList, Sprint
from toolkit.harness.turns import Turns
from toolkit.harness.workspace import Workspace
from toolkit.models import BudgetExceeded
from toolkit.sessions import Session
from toolkit.traces import Source


class Harness:
    """Roles and a folder: the same folder again goes on from its journal. A cancel on the session
    stops it.

    The build/ of the folder stays as it is until an attempt has passed, and takes its place.

    Parameters
    ----------
    planner, generator, evaluator : Role
        The short form of `roles`.
    workspace : Workspace
    session : Session
        Where all of it can be watched, stopped and steered.
    budget : Budget, optional
    sandbox : Sandbox, optional
        Where checks run; None takes the best that runs here, and refuses to build without one.
    roles : sequence of Role
        All roles of the build, or those beside the three.
    approve : {"contract", "sprint"}, optional
        Where the build waits for a person's yes on the session: before a contract is frozen, or
        before what passed takes the place of the build. Without one within `approve_s` it halts.
    commit_time : int, optional
        Seconds since 1970 that each git commit of the workspace carries, so that runs which come to
        the same have the same commits. None takes the time of each.
    clock : callable
        Gives the seconds that the budget counts.

    Raises
    ------
    UsageError
        Where a role that a build needs is missing, or there twice.
    """

    def __init__(
        self,
        planner: Role | None = None,
        generator: Role | None = None,
        evaluator: Role | None = None,
        workspace: Workspace | None = None,
        session: Session | None = None,
        budget: Budget | None = None,
        sandbox: Sandbox | None = None,
        *,
        roles: Sequence[Role] = (),
        approve: Gate | None = None,
        approve_s: float = 300.0,
        commit_time: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        short_form = [role for role in (planner, generator, evaluator) if role]
        if workspace is None or session is None:
            raise UsageError("a Harness needs a workspace and a session")
        self.crew = Crew([*short_form, *roles])
        self.planner = self.crew.at("plan")
        self.generator = self.crew.at("build")
        self.evaluator = self.crew.at("judge")
        self.workspace = workspace
        self.session = session
        self.budget = budget or Budget()
        self.sandbox = sandbox
        self.approve = approve
        self.approve_s = approve_s
        self.commit_time = commit_time
        self.clock = clock

    async def run(self, goal: str) -> Outcome:
        """Build `goal`. What goes wrong in a build is an `Outcome`, not an exception.

        Raises WorkspaceError where another run is at work in the folder, LogUnavailable where
        `goal` cannot be logged.
        """
        with self.workspace.held():
            message = await self.session.say(goal)
            self.workspace.kept.clear()
            folder = self.workspace.path
            control = await Control.begin(self.session, folder, self._source, message.seq)
            history = History(folder, self.commit_time)
            turns = Turns(
                self.session,
                self.workspace,
                self.crew,
                self.budget,
                control,
                history,
                self.clock,
            )
            ended: Ended | None = None
            try:
                await control.run.append("build.started", self._about(goal))
                outcome = await self._outcome(goal, turns, history)
                ended = outcome.outcome
                await control.run.append("build.finished", _record(outcome))
            finally:
                await control.close(ended)
            return outcome

    @property
    def _source(self) -> Source:
        """Of what the loop itself says: simulated as soon as one role is."""
        sources = {role.model.source for role in self.crew.roles}
        return "simulated" if "simulated" in sources else min(sources)

    def _about(self, goal: str) -> dict[str, Any]:
        """What the session is told of the build before it begins."""
        roles = [role.name for role in self.crew.roles]
        return {"goal": goal, "roles": roles, "budget": asdict(self.budget)}

    async def _outcome(self, goal: str, turns: Turns, history: History) -> Outcome:
        ended, why = await self._steps(goal, turns, history)
        if self.workspace.kept:
            why = f"{why}; what was changed by hand is kept: {', '.join(self.workspace.kept)}"
        return replace(turns.result(), outcome=ended, why=why, history=history.missing)

    async def _steps(self, goal: str, turns: Turns, history: History) -> tuple[Ended, str]:
        try:
            sandbox = self.sandbox or Sandbox.best()
            turns.so_far = replace(turns.so_far, banner=sandbox.banner)
            turns.open_journal()
            self.workspace.restart(goal)
            await history.begin()
            site = Site(
                self.crew,
                self.workspace,
                self.session,
                turns,
                sandbox,
                self.approve,
                self.approve_s,
            )
            return "complete", await _build(site, goal)
        except Stop as stop:
            return stop.ended, stop.why
        except BudgetExceeded as error:
            return "budget", str(error)
        except SandboxUnavailable as error:
            return "halted", str(error)
        except (ValueError, OSError) as error:
            return "halted", f"{type(error).__name__}: {error}"


def _record(outcome: Outcome) -> dict[str, Any]:
    """What the session is told of the end."""
    ledger = [asdict(totals) for totals in outcome.ledger]
    return {
        "outcome": outcome.outcome,
        "managed": outcome.managed,
        "why": outcome.why,
        "cost_usd": outcome.cost_usd,
        "ledger": ledger,
    }


async def _build(site: Site, goal: str) -> str:
    """Plan, and build what was planned. Returns what holds now; raises Stop otherwise."""
    features = await _plan(site)
    site.workspace.write("progress.md", "")
    sprints = features.sprints(goal)
    earlier: list[tuple[Sprint, Contract]] = []
    for sprint in sprints:
        contract = await _begin(site, sprint, len(sprints))
        rounds = Rounds(site, sprint, contract, features, earlier)
        number = await rounds.until_it_passes()
        await site.wait_at("sprint", f"Take over what passed: {sprint.goal}")
        if sprint.feature:
            features.mark_passed(sprint.feature)
            site.turns.so_far = replace(site.turns.so_far, features=features.passing)
            await site.turns.commit(site.crew.at("judge").name, f"{sprint.folder}passes")
        site.workspace.adopt(is_last=sprint is sprints[-1])
        earlier.append((sprint, rounds.contract))
    if len(sprints) == 1:
        return f"all criteria hold after round {number}"
    return f"all {len(sprints)} features pass"


async def _begin(site: Site, sprint: Sprint, n_sprints: int) -> Contract:
    """Begin a sprint where the one before it ended. Returns its contract."""
    site.workspace.begin_sprint()
    if sprint.feature:
        feature = {"id": sprint.feature, "what": sprint.goal}
        site.workspace.write(f"{sprint.folder}feature.json", feature)
    started = {
        "sprint": sprint.number,
        "of": n_sprints,
        "feature": sprint.feature,
        "goal": sprint.goal,
    }
    await site.turns.control.run.append("sprint.started", started)
    return await agree(site, sprint)


async def _plan(site: Site) -> FeatureList:
    planner = site.crew.at("plan")
    async with site.turns.turn(planner, "plan", Place()) as turn:
        plan = await turn.ask(Plan)
        site.workspace.write("spec.md", plan.spec)
        features = FeatureList(site.workspace, plan.features)
        await turn.run.write(plan.spec)
    for name, objections in (await hear_others(site, "plan", Place())).items():
        raise Stop("halted", f"the {name} objects to the plan: {'; '.join(objections)}")
    return features
