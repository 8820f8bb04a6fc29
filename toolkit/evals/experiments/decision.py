"""Decision: what a gate says, as a sentence, a table, Markdown and an exit code."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from toolkit import render
from toolkit.evals.experiments.rate import simulated_words

Outcome = Literal["pass", "fail", "inconclusive", "broken"]
EXIT_CODES: dict[Outcome, int] = {"pass": 0, "fail": 1, "inconclusive": 2, "broken": 3}
MEANINGS: dict[Outcome, str] = {
    "pass": "every bound is met",
    "fail": "a bound is shown to be missed",
    "inconclusive": "no bound is shown to be missed, and not all are shown to be met: "
    "more cases would tell",
    "broken": "nothing can be decided",
}
MARKDOWN = re.compile(r"([\\`*_\[\]<>|~#!])")
"""The signs that would format what a name says."""


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One thing that the policy asks for."""

    name: str
    wanted: str
    found: str
    outcome: Outcome


@dataclass(frozen=True)
class Decision:
    """What a gate says of an experiment."""

    experiment: str
    """Its name."""
    policy: str
    """The name of the policy."""
    checks: tuple[GateCheck, ...]
    summary: str = ""
    """The experiment in a sentence."""
    simulated: bool = False

    @property
    def outcome(self) -> Outcome:
        """The gravest outcome of a check; broken without any."""
        outcomes = {check.outcome for check in self.checks}
        for outcome in ("broken", "fail", "inconclusive", "pass"):
            if outcome in outcomes:
                return outcome
        return "broken"

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 2 inconclusive, 3 broken."""
        return EXIT_CODES[self.outcome]

    def __str__(self) -> str:
        outcome = self.outcome
        sentence = f"{self.experiment} by the policy {self.policy}: {outcome}, {MEANINGS[outcome]}"
        deciding = [check for check in self.checks if check.outcome == outcome != "pass"]
        if deciding:
            reasons = [f"{check.name}: {check.found}" for check in deciding]
            sentence += f" ({'; '.join(reasons)})"
        return sentence + simulated_words(self.simulated)

    @property
    def markdown(self) -> str:
        """The decision for the summary of a CI job."""
        lines = [
            f"## Gate: {self.outcome}",
            "",
            _plain(str(self)),
            "",
            "| check | wanted | found | |",
            "| --- | --- | --- | --- |",
        ]
        for check in self.checks:
            cells = (check.name, check.wanted, check.found, check.outcome)
            lines.append(f"| {' | '.join(map(_plain, cells))} |")
        lines += ["", _plain(self.summary), ""]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The decision as JSON."""
        checks = []
        for check in self.checks:
            names = ("name", "wanted", "found", "outcome")
            checks.append({name: getattr(check, name) for name in names})
        return {
            "outcome": self.outcome,
            "experiment": self.experiment,
            "policy": self.policy,
            "checks": checks,
            "simulated": self.simulated,
        }

    def _repr_html_(self) -> str:
        rows = []
        for check in self.checks:
            rows.append((check.name, check.wanted, check.found, check.outcome))
        table = render.table(rows, ("check", "wanted", "found", ""))
        return render.block(render.tag("p", str(self)), table, render.tag("p", self.summary))


def _plain(text: str) -> str:
    """A text in a line of Markdown that formats nothing."""
    line = " ".join(render.visible(text).split()).replace("&", "&amp;")
    return MARKDOWN.sub(r"\\\1", line)
