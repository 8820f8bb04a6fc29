"""Status: an experiment as it stands now, in figures and in plain sentences."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from toolkit.evals.experiments.experiment import is_neither
from toolkit.evals.experiments.growth import growth
from toolkit.evals.experiments.news import Halted, Started
from toolkit.evals.experiments.rate import Rate
from toolkit.evals.experiments.result import TrialResult
from toolkit.evals.experiments.stored import trace_from
from toolkit.events import Outcome
from toolkit.traces import Source, Trace
from toolkit.traces.amounts import dollars, quantity
from toolkit.traces.sources import least_live

Phase = Literal["not begun", "running", "paused", "stopping", "ended"]
"""Stopping: no trial begins any more, and some are under way."""
GO_ON = "call evaluate again with the same store: it goes on from what is recorded"
ENDED_BY = {
    "error": "It broke off with an error, which the cell or the terminal shows",
    "orphaned": "The process that ran it died",
    "cancelled": "It was broken off",
}
"""What to say of an end that nobody gave a reason for."""


@dataclass
class Signal:
    """What somebody asked of an experiment, and whether it was heard."""

    actor: str
    words: str
    heard_by: set[str] = field(default_factory=set)
    """The workers that have done it."""
    unused: str = ""
    """Why nobody did."""

    def __str__(self) -> str:
        asked = f"{self.actor} asked: {self.words}"
        if self.heard_by:
            workers = "" if len(self.heard_by) == 1 else f" by {len(self.heard_by)} workers"
            return f"{asked} · heard{workers}"
        if self.unused:
            return f"{asked} · not used: {self.unused}"
        return f"{asked} · not heard yet"


@dataclass(frozen=True)
class Failure:
    """A trial that did not pass."""

    key: str
    """Of the trial."""
    result: TrialResult
    stored: Any
    """Its trace, as the store has it."""

    @cached_property
    def trace(self) -> Trace | None:
        """None where there is none, or it cannot be read."""
        return trace_from(self.stored)

    @property
    def word(self) -> str:
        """How it ended: failed, unscored or errored."""
        return "failed" if self.result.passed is False else self.result.status

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """The scorers that it failed, each with its reason; or, without a name, why it has no
        score.
        """
        failed = [(score.name, score.why) for score in self.result.scores if score.value is False]
        return failed or [("", self.result.why or "no scorer gave a verdict")]


@dataclass(frozen=True)
class ExperimentStatus:
    """An experiment as it stands now."""

    started: Started
    phase: Phase
    results: tuple[TrialResult, ...]
    """Of the trials that are planned, in the order in which they came."""
    n_done: int
    """Trials with a result that are not being made again."""
    n_running: int
    n_pausing: int
    """Of those that run: trials that wait because a server asked for it."""
    n_workers: int
    """Processes at work."""
    spent_usd: float
    """At most, by all trials that have ended."""
    in_flight_usd: float
    """The worst case of the calls that are under way, or were when a process died."""
    concurrency: float | None
    """Trials that may run at once."""
    trials_at_once: int
    """The most that did."""
    calls_at_once: Mapping[str, int]
    """The most calls that were under way at each provider."""
    halted: Halted | None
    outcome: Outcome | None
    failures: tuple[Failure, ...]
    """The last trials that did not pass, the newest first."""
    signals: tuple[Signal, ...]
    """What was asked of it last, the newest at the end."""
    last_s: float | None
    """When it last wrote anything, in seconds since 1970."""
    n_unreadable: int
    """Events that say they are an experiment's, and cannot be read."""

    @property
    def planned(self) -> int:
        """Trials that are to be made."""
        return max(self.started.planned, len(self.results))

    @cached_property
    def source(self) -> Source | None:
        """Of the least live trace."""
        return least_live({result.source for result in self.results})

    @property
    def n_waiting(self) -> int:
        """Trials that have not begun."""
        return max(0, self.planned - self.n_done - self.n_running)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many of the planned trials passed, failed, have no verdict, and have not begun."""
        counts = dict.fromkeys(("passed", "failed", "unscored", "errored"), 0)
        for result in self.results:
            if result.passed is not None:
                counts["passed" if result.passed else "failed"] += 1
            else:
                counts["errored" if result.status == "errored" else "unscored"] += 1
        counts["not run"] = self.n_waiting
        return counts

    @property
    def n_neither(self) -> int:
        """How many of the unscored have numbers and categories alone, and so neither pass nor
        fail.
        """
        return sum(is_neither(result, None) for result in self.results)

    @property
    def simulated(self) -> bool:
        """Whether a trace is simulated."""
        return self.source == "simulated"

    @cached_property
    def rate(self) -> Rate:
        """The pass rate of the trials that ended, with what has no verdict as not passed."""
        if not self.results:
            return Rate("pass rate", None, reason="no trial has ended")
        (now,) = growth(self.results, self.simulated, n_points=1)
        return now.rate

    @property
    def end(self) -> str:
        """Why it halted or ended before all trials were made, and what to do; blank where it did
        not.
        """
        why = ""
        mend = GO_ON
        if self.halted:
            why = self.halted.why
            mend = self.halted.mend or GO_ON
        elif self.phase == "ended" and self.n_done < self.planned and self.outcome in ENDED_BY:
            why = ENDED_BY[self.outcome]
        if not why:
            return ""
        return f"{why[:1].upper()}{why[1:]}. To go on, {mend}."

    @property
    def money(self) -> str:
        """What was spent at most, of how much; blank where nothing was and there is no budget."""
        if not self.spent_usd and not self.in_flight_usd and self.started.budget_usd is None:
            return ""
        words = f"at most {dollars(self.spent_usd)} spent"
        if self.started.budget_usd is not None:
            words += f" of {dollars(self.started.budget_usd)}"
        if self.in_flight_usd:
            words += f", {dollars(self.in_flight_usd)} reserved"
        return words

    def __str__(self) -> str:
        n_done = f"{self.n_done:,} of {quantity(self.planned, 'trial')} done"
        parts = [self.phase, n_done, f"{self.n_running:,} running", f"{self.n_waiting:,} waiting"]
        if self.rate.value is not None:
            parts.append(str(self.rate))
        if self.money:
            parts.append(self.money)
        return f"{self.started.name}: {', '.join(parts)}"
