"""Watching: a build as it stands now, folded from the events of its session.

`WatchedBuild` takes events one by one and gives a `HarnessStatus`: the roles and their turns, the
contracts with what each check showed by round, the cost, what people asked, and the end. The page
of `fieldbook serve` folds the same (page_build.js), and a test holds the two together.
`find_evidence` reads what a status names, by its hash alone.
"""

from toolkit.harness.watching.fold import WatchedBuild
from toolkit.harness.watching.kept import find_evidence
from toolkit.harness.watching.status import (
    Cell,
    Exhibit,
    HarnessStatus,
    Lane,
    Line,
    Phase,
    Request,
    SprintStatus,
    TurnStatus,
)

__all__ = [
    "Cell",
    "Exhibit",
    "HarnessStatus",
    "Lane",
    "Line",
    "Phase",
    "Request",
    "SprintStatus",
    "TurnStatus",
    "WatchedBuild",
    "find_evidence",
]
