"""Measurements: what a team could find out next, what it could find, and by which command."""

from dataclasses import dataclass, replace
from typing import Any

from toolkit.assess.facts import Facts
from toolkit.shown import Shown

COMMAND = "fieldbook assess FOLDER"


@dataclass(frozen=True, slots=True)
class Result(Shown):
    """One thing that a measurement could show, and the facts that it would change."""

    words: str
    command: str
    """What shows it, or says it."""
    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measurement(Shown):
    """A thing to find out."""

    name: str
    command: str
    minutes: float
    """About how long it takes a person."""
    shows: str
    """The fact that is known once it was made."""
    results: tuple[Result, ...]
    """The best and the worst that it could show."""

    @property
    def is_said(self) -> bool:
        """Whether somebody knows it, so that nothing needs to be measured."""
        return self.minutes == 0

    def is_known(self, facts: Facts) -> bool:
        """Whether it was made already."""
        return getattr(facts, self.shows) is not None


def _asked(name: str, fact: str, better: Result, worse: Result) -> Measurement:
    """A fact that nothing measures: somebody knows it."""
    command = f"{COMMAND} {worse.command}, or {better.command}"
    return Measurement(name, command, 0, fact, (better, worse))


WHOLE = {"survives": "yes", "resumes": "yes", "shared": "yes", "goes_on": "yes", "terminal": "yes"}
TRAP = {"survives": "no", "resumes": "no", "shared": "no", "goes_on": "no", "terminal": "no"}
KEPT = {"build": "complete", "contract_kept": True, "n_open": 0}
AUDIT = f"{COMMAND} --url URL"
BUILD = f"{COMMAND} --harness WORKSPACE"
LABEL = "fieldbook lab --traces FILE"
MEASUREMENTS = (
    Measurement(
        "an audit of the endpoint",
        AUDIT,
        1,
        "survives",
        (
            Result("an audit shows that an answer survives a cut", AUDIT, WHOLE),
            Result("an audit shows that a cut answer is lost", AUDIT, TRAP),
        ),
    ),
    Measurement(
        "a build by the harness",
        BUILD,
        10,
        "build",
        (
            Result("a build meets every criterion of its contract", BUILD, KEPT),
            Result("a build ends with criteria open", BUILD, {"build": "open", "n_open": 1}),
        ),
    ),
    Measurement(
        "twenty traces with a verdict and a reason, by one person",
        LABEL,
        60,
        "phase",
        (
            Result(
                "a gate decides by scores that were measured against people",
                "fieldbook gate EXPERIMENT POLICY",
                {"phase": 3, "n_weak_judges": 0},
            ),
            Result(
                "somebody reads twenty traces and fails half of them",
                LABEL,
                {"phase": 1, "n_decided": 20, "n_failed": 10, "share_failing": 0.3},
            ),
        ),
    ),
    _asked(
        "whether it goes to production",
        "production",
        Result("it has no path to production", "--no-production", {"production": False}),
        Result("it goes to production", "--production", {"production": True}),
    ),
    _asked(
        "how long a run takes",
        "run_minutes",
        Result("a run takes five minutes", "--run-minutes 5", {"run_minutes": 5.0}),
        Result("a run takes three hours", "--run-minutes 180", {"run_minutes": 180.0}),
    ),
    _asked(
        "on how many devices one answer is followed",
        "devices",
        Result("it is followed on one device", "--devices 1", {"devices": 1}),
        Result("it is followed on two devices", "--devices 2", {"devices": 2}),
    ),
    _asked(
        "whether people control it while it runs",
        "live_control",
        Result("nobody controls it while it runs", "--no-live-control", {"live_control": False}),
        Result("people control it while it runs", "--live-control", {"live_control": True}),
    ),
    _asked(
        "whether a lost answer may be asked for again",
        "tolerates_drops",
        Result("a lost answer is asked for again", "--tolerates-drops", {"tolerates_drops": True}),
        Result("no answer may be lost", "--no-tolerates-drops", {"tolerates_drops": False}),
    ),
)


def with_result(facts: Facts, result: Result) -> Facts:
    """The facts as they would be."""
    return replace(facts, **result.changes)
