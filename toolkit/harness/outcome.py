"""Outcome: how a build ended, in one of five words."""

from dataclasses import dataclass
from typing import Literal

from toolkit.harness.budget import RoleTotals
from toolkit.harness.verify import CriterionVerdict
from toolkit.shown import Shown
from toolkit.traces import Source

Ended = Literal["complete", "failed", "budget", "halted", "cancelled"]
"""How a build ends.

``complete``: all criteria hold. ``failed``: the rounds are used up, and criteria are open.
``budget``: dollars, tokens or seconds do not allow the next call. ``cancelled``: a person stopped
it. ``halted``: it stopped itself, as it could not go on in earnest: no agreement, no result from a
role, a contract or feature list that was edited, no sandbox, a file or a log that fails.
"""

MANAGED_AGENTS: dict[Ended | Literal["open"], str] = {
    "complete": "satisfied",
    "open": "needs_revision",
    "failed": "max_iterations_reached",
    "halted": "failed",
    "budget": "interrupted",
    "cancelled": "interrupted",
}
"""Our words as the results of an outcome in Claude Managed Agents. ``open`` is a round that another
follows.
"""


class Stop(Exception):
    """Ends a build, from wherever it is, with an outcome and why."""

    def __init__(self, ended: Ended, why: str):
        self.ended: Ended = ended
        self.why = why
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Outcome(Shown):
    """How a build ended."""

    outcome: Ended = "halted"
    why: str = ""
    rounds: int = 0
    """Rounds that were judged, in all sprints; the `verdicts` are those of the last."""
    features: tuple[str, ...] = ()
    """Those that pass, by their ids, where the goal was cut into features."""
    contract_hash: str | None = None
    verdicts: tuple[CriterionVerdict, ...] = ()
    cost_usd: float = 0.0
    """Of all calls of this build, those that an earlier run made included, each once: the sum of
    the `ledger`.
    """
    model_calls: int = 0
    """Calls that this run made; the journal answered the `replayed_calls`."""
    replayed_calls: int = 0
    possibly_billed_calls: int = 0
    """Calls that were in flight when a run was killed or broken off: nobody knows what they cost,
    and `cost_usd` is without them.
    """
    possibly_billed_usd: float = 0.0
    """The most that they can have cost."""
    sources: tuple[Source, ...] = ()
    banner: str = ""
    """What the checks ran without, where there was no sandbox."""
    history: str = ""
    """Why turns were not committed; empty where they were."""
    ledger: tuple[RoleTotals, ...] = ()
    """What each role used."""

    @property
    def managed(self) -> str:
        """The outcome in the words of Claude Managed Agents."""
        return MANAGED_AGENTS[self.outcome]
