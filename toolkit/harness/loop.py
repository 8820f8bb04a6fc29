"""Harness: plan, agree on a contract, build, check, judge; again until all of it passes or a limit
is reached.

The state of a build is its folder. Every model call goes through the folder's journal, so a run
that was killed is started again from the top and finds its answers there: no question is asked
twice. Checks are run anew, for no file may make a red one green: one that prints something else
than before makes a new question, and so a new call.
"""

from collections.abc import Sequence
from dataclasses import replace

from toolkit.errors import UsageError
from toolkit.harness.answers import Plan
from toolkit.harness.budget import Budget
from toolkit.harness.negotiation import agree
from toolkit.harness.outcome import Ended, Outcome, Stop
from toolkit.harness.roles import Crew, Place, Role
from toolkit.harness.rounds import build_until_it_passes, hear_one
from toolkit.harness.sandbox import Sandbox, SandboxUnavailable
from toolkit.harness.site import Site
from toolkit.harness.sprints import Sprint
from toolkit.harness.turns import Turns
from toolkit.harness.workspace import Workspace
from toolkit.models import BudgetExceeded
from toolkit.sessions import Session


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
    ):
        short_form = [role for role in (planner, generator, evaluator) if role]
        if workspace is None or session is None:
            raise UsageError("a Harness needs a workspace and a session")
        self.crew = Crew([*short_form, *roles])
        self.workspace = workspace
        self.session = session
        self.budget = budget or Budget()
        self.sandbox = sandbox

    async def run(self, goal: str) -> Outcome:
        """Build `goal`. What goes wrong in a build is an `Outcome`, not an exception.

        Raises WorkspaceError where another run is at work in the folder, LogUnavailable where
        `goal` cannot be logged.
        """
        with self.workspace.held():
            message = await self.session.say(goal)
            self.workspace.kept.clear()
            turns = Turns(self.session, self.workspace, self.crew, self.budget, message.seq)
            try:
                outcome, why = await self._steps(goal, turns)
            finally:
                await turns.close()
            if self.workspace.kept:
                why = f"{why}; what was changed by hand is kept: {', '.join(self.workspace.kept)}"
            return replace(turns.result(), outcome=outcome, why=why)

    async def _steps(self, goal: str, turns: Turns) -> tuple[Ended, str]:
        try:
            sandbox = self.sandbox or Sandbox.best()
            turns.so_far = replace(turns.so_far, banner=sandbox.banner)
            turns.open_journal()
            self.workspace.restart(goal)
            site = Site(self.crew, self.workspace, self.session, turns, sandbox)
            return "complete", await _build(site, goal)
        except Stop as stop:
            return stop.ended, stop.why
        except BudgetExceeded as error:
            return "budget", str(error)
        except SandboxUnavailable as error:
            return "halted", str(error)
        except (ValueError, OSError) as error:
            return "halted", f"{type(error).__name__}: {error}"


async def _build(site: Site, goal: str) -> str:
    """Plan, and build what was planned. Returns what holds now; raises Stop otherwise."""
    await _plan(site)
    sprint = Sprint(goal)
    contract = await agree(site, sprint)
    site.workspace.write("progress.md", "")
    number = await build_until_it_passes(site, sprint, contract)
    site.workspace.adopt()
    return f"all criteria hold after round {number}"


async def _plan(site: Site) -> None:
    planner = site.crew.at("plan")
    async with site.turns.turn(planner) as run:
        plan = await site.turns.ask(planner, "plan", Place(), Plan, run)
        site.workspace.write("spec.md", plan.spec)
        await run.write(plan.spec)
    for role in site.crew.others("plan"):
        objections = await hear_one(site, role, "plan", None, Place())
        if objections:
            raise Stop("halted", f"the {role.name} objects to the plan: {'; '.join(objections)}")
