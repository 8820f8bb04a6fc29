"""The rules: how much a team needs each framework, and why. Each is a line of the table.

A need is the highest of the rules that hold, so that a worse state never lowers it. Whoever may
skip a framework skips it, whatever was measured; what nothing is known of is `Need.UNKNOWN`, which
is not the same as good.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from toolkit.assess.facts import Facts

Framework = Literal["sessions", "evals", "harness"]
FRAMEWORKS: tuple[Framework, ...] = ("sessions", "evals", "harness")
"""In the order in which one rests on another: what arrives is labelled, and what is labelled shows
whether a harness helps.
"""
SHORT_RUN_MINUTES = 20
"""Anthropic's example of a run that needed no harness took 20 minutes; that with one, 6 hours."""
LONG_RUN_MINUTES = 60
FACT = re.compile(r"\{[^}]*\}")
OFTEN = 0.10
"""A share of failing traces that is worth a team's time, by its lower bound."""


class Need(IntEnum):
    """How much a framework is needed."""

    SKIP = 0
    HOLDS = 1
    UNKNOWN = 2
    LIKELY = 3
    NEEDED = 4
    NOW = 5

    @property
    def words(self) -> str:
        """What it means."""
        return WORDS[self]


WORDS = {
    Need.SKIP: "skip it",
    Need.HOLDS: "stands already",
    Need.UNKNOWN: "not known",
    Need.LIKELY: "likely needed, not measured",
    Need.NEEDED: "needed",
    Need.NOW: "needed now",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: where `when` holds, `framework` is needed so much, `because` of this."""

    framework: Framework
    need: Need
    when: Callable[[Facts], bool]
    because: str
    """A sentence, in which ``{f.devices}`` is a fact."""
    rests_on: tuple[str, ...]
    """The names of the facts that decide it."""

    @property
    def words(self) -> str:
        """The sentence, with a gap for each fact."""
        return FACT.sub("…", self.because)


RULES = (
    # Delivery: does it arrive?
    Rule(
        "sessions",
        Need.SKIP,
        lambda f: f.devices == 1 and f.tolerates_drops is True and f.live_control is False,
        "one device, drops are tolerated, and nobody controls it while it runs",
        ("devices", "tolerates_drops", "live_control"),
    ),
    Rule(
        "sessions",
        Need.NOW,
        lambda f: f.survives == "no" and f.production is True and f.tolerates_drops is not True,
        "in production, whoever loses the connection loses the answer",
        ("survives", "production"),
    ),
    Rule(
        "sessions",
        Need.NEEDED,
        lambda f: f.survives == "no" and f.tolerates_drops is not True,
        "whoever loses the connection loses the answer",
        ("survives",),
    ),
    Rule(
        "sessions",
        Need.NEEDED,
        lambda f: f.goes_on == "no" and f.tolerates_drops is not True,
        "an answer ends when its reader goes away",
        ("goes_on",),
    ),
    Rule(
        "sessions",
        Need.NEEDED,
        lambda f: f.goes_on == "no" and f.live_control is True,
        "going away and saying stop look the same to it, and people want to control it",
        ("goes_on", "live_control"),
    ),
    Rule(
        "sessions",
        Need.NEEDED,
        lambda f: f.shared == "no" and (f.devices or 0) > 1,
        "people follow it on {f.devices} devices, and a second one does not see the answer",
        ("shared", "devices"),
    ),
    Rule(
        "sessions",
        Need.LIKELY,
        lambda f: f.terminal == "no" and f.tolerates_drops is not True,
        "no event says that an answer has ended: a close looks the same as a cut",
        ("terminal",),
    ),
    Rule(
        "sessions",
        Need.LIKELY,
        lambda f: (f.devices or 0) > 1 and f.shared is None,
        "people follow it on {f.devices} devices",
        ("devices",),
    ),
    Rule(
        "sessions",
        Need.LIKELY,
        lambda f: f.live_control is True and f.goes_on != "yes",
        "people want to control it while it runs",
        ("live_control",),
    ),
    Rule(
        "sessions",
        Need.LIKELY,
        lambda f: f.tolerates_drops is False and f.survives != "yes",
        "an answer must not be lost",
        ("tolerates_drops",),
    ),
    Rule(
        "sessions",
        Need.LIKELY,
        lambda f: (
            (f.run_minutes or 0) > SHORT_RUN_MINUTES
            and f.goes_on != "yes"
            and f.tolerates_drops is not True
        ),
        "a run of {f.run_minutes:g} minutes outlives most connections",
        ("run_minutes",),
    ),
    Rule(
        "sessions",
        Need.HOLDS,
        lambda f: (
            f.survives == "yes" and f.goes_on == "yes" and (f.shared == "yes" or f.devices == 1)
        ),
        "an answer that is cut goes on, and can be had again",
        ("survives", "goes_on"),
    ),
    # Quality: is it good?
    Rule(
        "evals",
        Need.SKIP,
        lambda f: f.production is False,
        "there is no path to production: looking at it is enough",
        ("production",),
    ),
    Rule(
        "evals",
        Need.NOW,
        lambda f: (
            f.production is True
            and f.share_failing >= OFTEN
            and f.phase is not None
            and f.phase < 3
        ),
        "it goes to production, and {f.raters} fail {f.n_failed} of {f.n_decided} traces "
        "({f.share_failing:.0%} at least)",
        ("share_failing", "production"),
    ),
    Rule(
        "evals",
        Need.NEEDED,
        lambda f: f.share_failing >= OFTEN and f.phase is not None and f.phase < 3,
        "{f.raters} fail {f.n_failed} of {f.n_decided} traces ({f.share_failing:.0%} at least)",
        ("share_failing",),
    ),
    Rule(
        "evals",
        Need.NEEDED,
        lambda f: f.n_weak_judges > 0,
        "judges score whose agreement with people is not shown (judges: {f.n_weak_judges})",
        ("n_weak_judges",),
    ),
    Rule(
        "evals",
        Need.NEEDED,
        lambda f: f.production is True and f.phase is not None and f.phase < 2,
        "it goes to production, and its failures have no names yet (phase {f.phase} of 4)",
        ("phase", "production"),
    ),
    Rule(
        "evals",
        Need.LIKELY,
        lambda f: f.phase is not None and f.phase < 3,
        "its evals are in phase {f.phase} of 4: no gate decides by measured scores",
        ("phase",),
    ),
    Rule(
        "evals",
        Need.LIKELY,
        lambda f: f.production is True and f.phase is None,
        "it goes to production, and nothing here says whether it is good",
        ("production",),
    ),
    Rule(
        "evals",
        Need.HOLDS,
        lambda f: f.phase is not None and f.phase >= 3,
        "its evals are in phase {f.phase} of 4: measured scores, and a gate that decides",
        ("phase",),
    ),
    # Coherence: does it hold together for hours?
    Rule(
        "harness",
        Need.SKIP,
        lambda f: f.run_minutes is not None and f.run_minutes <= SHORT_RUN_MINUTES,
        "a run of {f.run_minutes:g} minutes needs no harness",
        ("run_minutes",),
    ),
    Rule(
        "harness",
        Need.NOW,
        lambda f: f.contract_kept is False,
        "the contract of the build is not the one that both roles signed",
        ("contract_kept",),
    ),
    Rule(
        "harness",
        Need.NEEDED,
        lambda f: f.build == "open",
        "a build did not meet its contract (criteria open: {f.n_open}, rounds: {f.n_rounds})",
        ("build",),
    ),
    Rule(
        "harness",
        Need.NEEDED,
        lambda f: f.n_overruled > 0 and f.build != "complete",
        "the Evaluator said pass where what was run did not (times: {f.n_overruled})",
        ("n_overruled",),
    ),
    Rule(
        "harness",
        Need.LIKELY,
        lambda f: (
            (f.run_minutes or 0) >= LONG_RUN_MINUTES
            and f.build is None
            and f.contract_kept is not False
        ),
        "a run of {f.run_minutes:g} minutes, and nothing here says whether it holds together",
        ("run_minutes",),
    ),
    Rule(
        "harness",
        Need.HOLDS,
        lambda f: f.build == "complete" and f.contract_kept is True,
        "a build met every criterion of its contract (rounds: {f.n_rounds})",
        ("build", "contract_kept"),
    ),
)
