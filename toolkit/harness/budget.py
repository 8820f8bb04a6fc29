"""Budget: what a build may use, and what each role has used of it.

The limits are looked at by the loop before each call. No role is told of them, or could raise them.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from toolkit.models import Usage
from toolkit.shown import Shown


@dataclass(frozen=True, slots=True)
class Budget(Shown):
    """What a build may use."""

    rounds: int = 4
    """Of building and judging, for each contract."""
    cost_usd: float = 1.0
    """Dollars for the whole build, looked at before each call. What earlier runs used counts too,
    so that a new run gets no new money; what was possibly billed counts at its worst.
    """
    seconds: float = 300.0
    """Wall time of one `Harness.run`."""
    proposals: int = 3
    """Of a contract, until both sides agree."""
    tokens: int | None = None
    """Of input and output, for the whole build, counted as the dollars are. None for no limit."""


@dataclass(frozen=True, slots=True)
class RoleTotals(Shown):
    """What one role has used."""

    role: str
    calls: int = 0
    cost_usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    resets: int = 0
    """How often its context began clean, the first time left out."""
    compactions: int = 0
    """How often its context was summed up."""
    fullest_tokens: int = 0
    """The most that one context of it held."""

    def plus(self, cost_usd: float, usage: Usage) -> "RoleTotals":
        """With one more call."""
        return replace(
            self,
            calls=self.calls + 1,
            cost_usd=round(self.cost_usd + cost_usd, 9),
            input_tokens=self.input_tokens + usage.input_tokens,
            output_tokens=self.output_tokens + usage.output_tokens,
        )


class Costs:
    """The totals of each role. The grand total is their sum, so that nothing is counted twice."""

    def __init__(self, roles: Iterable[str]):
        self._totals = {role: RoleTotals(role) for role in roles}

    def add(self, role: str, cost_usd: float, usage: Usage) -> None:
        """Count one call of `role`."""
        totals = self._totals.get(role, RoleTotals(role))
        self._totals[role] = totals.plus(cost_usd, usage)

    def note_context(
        self, role: str, tokens: int = 0, resets: int = 0, compactions: int = 0
    ) -> None:
        """Count what became of the context of `role`, which held so many tokens."""
        totals = self._totals[role]
        self._totals[role] = replace(
            totals,
            resets=totals.resets + resets,
            compactions=totals.compactions + compactions,
            fullest_tokens=max(totals.fullest_tokens, tokens),
        )

    @property
    def totals(self) -> tuple[RoleTotals, ...]:
        """A row for each role."""
        return tuple(self._totals.values())

    @property
    def cost_usd(self) -> float:
        """Dollars of all roles."""
        return round(math.fsum(total.cost_usd for total in self.totals), 9)

    @property
    def tokens(self) -> int:
        """Tokens of all roles, in and out."""
        return sum(total.input_tokens + total.output_tokens for total in self.totals)

    def refusal(self, budget: Budget, worst_usd: float, worst: Usage) -> str | None:
        """Why the next call, which may use `worst`, does not fit into `budget`; None where it
        does.
        """
        if self.cost_usd + worst_usd > budget.cost_usd:
            return (
                f"${self.cost_usd:.4f} of ${budget.cost_usd:.4f} are spent, "
                f"and it may cost ${worst_usd:.4f}"
            )
        tokens = worst.input_tokens + worst.output_tokens
        if budget.tokens is not None and self.tokens + tokens > budget.tokens:
            return (
                f"{self.tokens:,} of {budget.tokens:,} tokens are used, and it may use {tokens:,}"
            )
        return None
