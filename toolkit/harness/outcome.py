"""Budget and Outcome: what a build may use, and what became of it."""

from dataclasses import dataclass
from typing import Literal

from toolkit.harness.verify import Verdict
from toolkit.traces import Source

Ended = Literal["complete", "failed", "cancelled", "error", "budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What a build may use."""

    rounds: int = 4
    """Rounds of build and judgement."""
    cost_usd: float = 1.0
    """Dollars for the whole build, looked at before each call. What the journal answers counts as it did when it was
    asked, so a new run gets no new money; a call without a result is not in the journal, and counts in its own run."""
    seconds: float = 300.0
    """Wall time of one `Harness.run`."""
    proposals: int = 3
    """Contracts that may be proposed before it is given up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a build ended."""

    outcome: Ended = "error"
    """``complete`` where all criteria passed; ``failed`` where the rounds ran out; else what stopped it."""
    why: str = ""
    rounds: int = 0
    """Rounds that were judged."""
    contract_hash: str | None = None
    """sha256 of the frozen contract; None where none was agreed on."""
    verdicts: tuple[Verdict, ...] = ()
    """Of the last round that was judged."""
    cost_usd: float = 0.0
    """Of all calls of this build, those that an earlier run made included, each once."""
    model_calls: int = 0
    """Calls that this run made."""
    replayed_calls: int = 0
    """Calls that the journal answered."""
    sources: tuple[Source, ...] = ()
    """Where the replies came from: ``live``, ``tape``, ``simulated``."""


class Stop(Exception):
    """Ends a build, from wherever it is."""

    def __init__(self, outcome: Ended, why: str):
        super().__init__(why)
        self.outcome, self.why = outcome, why
