"""Site: what all steps of one run of a build share."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from toolkit.harness.control import Gate
from toolkit.harness.roles import Crew, Place, Step
from toolkit.harness.sandbox import Sandbox
from toolkit.harness.turns import Turn, Turns
from toolkit.harness.workspace import Workspace
from toolkit.sessions import Session


@dataclass(frozen=True, slots=True)
class Site:
    """The crew, its folder, its session, and what asks and what checks."""

    crew: Crew
    workspace: Workspace
    session: Session
    turns: Turns
    sandbox: Sandbox
    gate: Gate | None
    gate_s: float

    def turn(self, step: Step, place: Place) -> AbstractAsyncContextManager[Turn]:
        """A turn of the one role that a build needs at `step`."""
        return self.turns.turn(self.crew.at(step), step, place)

    async def wait_at(self, gate: Gate, question: str) -> None:
        """Wait for a person's yes where the build waits at this `gate`. Raises Stop without one."""
        if gate == self.gate:
            control = self.turns.control
            await self.turns.bounded(control.approved(question, self.gate_s))
