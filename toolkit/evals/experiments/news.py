"""News: what the events of an experiment's store say to whoever watches it, beside the results."""

from dataclasses import dataclass, field

from toolkit.events import Outcome


@dataclass(frozen=True, slots=True)
class Started:
    """The data of ``experiment.started``."""

    name: str = "experiment"
    planned: int = 0
    """Trials."""
    concurrency: float | None = None
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """The data of ``experiment.planned``: the first digits of the key of each result."""

    keys: str


@dataclass(frozen=True, slots=True)
class Tuned:
    """The data of ``experiment.tuned``."""

    concurrency: float | None
    paused: bool


@dataclass(frozen=True, slots=True)
class Halted:
    """The data of ``experiment.halted``."""

    why: str
    mend: str = ""
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class TrialNews:
    """What a ``trial.`` event says beside a result."""

    trial: str
    attempt: int
    key: str = ""
    pause_s: float | None = None
    """After so long the trial is tried again."""
    provider: str = ""
    at_once: int = 0
    """The most calls that were under way at the provider."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The data of ``steer.consumed`` and ``signal.unused``."""

    event: str
    why: str = ""


@dataclass
class Worker:
    """A process that makes trials: a run of the session."""

    started: Started = Started()
    concurrency: float | None = None
    paused: bool = False
    halted: Halted | None = None
    outcome: Outcome | None = None
    planned_keys: set[str] = field(default_factory=set)
