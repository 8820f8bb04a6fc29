"""FailingSteps: how well guesses find the first failing step, the free ones beside the others."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit import render
from toolkit.evals.alignment.intervals import proportion

if TYPE_CHECKING:
    import pandas as pd

HEAD = ["guess", "costs", "named", "step right", "beyond the commonest step", "agent right"]


@dataclass(frozen=True, slots=True)
class Share:
    """How many are right."""

    right: int
    n: int
    level: float

    @property
    def value(self) -> float:
        """The share."""
        return self.right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's."""
        interval = proportion(self.right, self.n, self.level)
        assert interval is not None  # a guess is compared with some traces, or not made
        return interval

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.1%} ({low:.1%} to {high:.1%})"


@dataclass(frozen=True, slots=True)
class Gain:
    """How much more often a guess is right than the commonest step, trace by trace."""

    value: float
    """The difference of the two rates."""
    interval: tuple[float, float]
    """Agresti and Min's for pairs (2005)."""

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:+.1%} ({low:+.1%} to {high:+.1%})"


@dataclass(frozen=True, slots=True)
class GuessedSteps:
    """How often a guess is right."""

    name: str
    free: bool
    """Whether it costs nothing."""
    named: int
    """How many traces it names a step or an agent for; the others count as wrong."""
    step: Share | None
    """None where it names agents alone."""
    agent: Share
    gain: Gain | None = None
    """None for a guess that costs nothing."""

    def row(self) -> dict[str, Any]:
        """Its row in the frame."""
        row: dict[str, Any] = {"free": self.free, "n": self.agent.n, "named": self.named}
        for name, share in (("step", self.step), ("agent", self.agent)):
            if share is None:
                continue
            row[f"{name}_right"] = share.right
            row[f"{name}_rate"] = share.value
            row[f"{name}_low"], row[f"{name}_high"] = share.interval
        if self.gain is not None:
            row["gain"] = self.gain.value
            row["gain_low"], row["gain_high"] = self.gain.interval
        return row


@dataclass(frozen=True)
class FailingSteps:
    """How well guesses find the first failing step, the free ones beside the others."""

    guesses: tuple[GuessedSteps, ...]
    n: int
    """Traces with a true step."""
    n_unlabelled: int
    """Traces without; they are in no number."""
    median_step: float | None
    """The median place of the true step, counted from 1."""
    simulated: bool
    """Whether any of the traces is."""

    @property
    def summary(self) -> str:
        """What each guess finds, in words."""
        if not self.n:
            return "No trace has a step that is known to fail."
        origin = " simulated" if self.simulated else ""
        rates = [f"{guess.name} {guess.step}" for guess in self.guesses if guess.step]
        return f"First failing step of {self.n:,}{origin} traces, right: {', '.join(rates)}."

    def frame(self) -> "pd.DataFrame":
        """A row a guess, by its name: ``free, n, named``, and for step and agent how many are
        right, the rate and its interval; of one that is not free what it gains beyond the commonest
        step, with the interval of the paired difference. NaN where there is none.
        """
        import pandas as pd

        rows = {guess.name: guess.row() for guess in self.guesses}
        return pd.DataFrame.from_dict(rows, orient="index")

    def _repr_html_(self) -> str:
        rows = []
        for guess in self.guesses:
            costs = "nothing" if guess.free else ""
            named = f"{guess.named} of {guess.agent.n}"
            step = "–" if guess.step is None else str(guess.step)
            gain = "–" if guess.gain is None else str(guess.gain)
            rows.append([guess.name, costs, named, step, gain, str(guess.agent)])
        return render.block(render.tag("p", self.summary), render.table(rows, HEAD))
