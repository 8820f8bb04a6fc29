"""Site: what all steps of one run of a build share."""

from dataclasses import dataclass

from toolkit.harness.roles import Crew
from toolkit.harness.sandbox import Sandbox
from toolkit.harness.turns import Turns
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
