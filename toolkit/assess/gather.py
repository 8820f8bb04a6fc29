"""Gather: the evidence of a folder, an audit, a workspace, and what somebody says. What is missing
or cannot be read loses nothing else: it is named.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.assess.audits import newest_audit
from toolkit.assess.build import read_build
from toolkit.assess.facts import Evidence, Facts, Origin, Source
from toolkit.errors import UsageError

if TYPE_CHECKING:
    from toolkit.evals.experiments.practice import Practice
    from toolkit.sessions.lab import Audit

SAID = ("devices", "tolerates_drops", "live_control", "production", "run_minutes")
"""The facts that nothing measures: somebody says them."""
CAPABILITIES = {
    "survives": "survives a cut",
    "resumes": "resumes",
    "shared": "second surface",
    "goes_on": "a disconnect leaves it running",
    "terminal": "terminal event",
}
"""What an audit calls each fact."""


class _Gathered:
    """What was found so far."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.sources: dict[str, Source] = {}
        self.problems: list[str] = []

    def add(self, origin: Origin, where: str, facts: Mapping[str, Any]) -> None:
        """Take in facts; one that is None is not known."""
        for name, value in facts.items():
            if value is not None:
                self.values[name] = value
                self.sources[name] = Source(origin, where)


def gather(
    folder: str | Path | None = None,
    audit: "Audit | None" = None,
    harness: str | Path | None = None,
    said: Mapping[str, Any] | None = None,
    count_simulated: bool = False,
) -> Evidence:
    """The evidence about a product.

    Parameters
    ----------
    folder
        Labels, codebooks, verdicts, experiments and policies, and saved audits, as
        ``fieldbook audit URL --json`` prints them.
    audit
        Of the endpoint; it counts instead of a saved one.
    harness
        The folder of a `Workspace`.
    said
        What nothing measures: `SAID`, by name.
    count_simulated
        Whether labels of simulated raters count, as in `assess_maturity`.

    Raises
    ------
    UsageError
        For a fact in `said` that is not one of them, or has a value that it cannot have.
    """
    gathered = _Gathered()
    _add_said(gathered, dict(said or {}))
    if folder is not None:
        _add_folder(gathered, Path(folder), count_simulated)
    if audit is not None:
        gathered.add("measured", audit.url, _facts_of_audit(audit.to_dict()))
    elif folder is not None:
        _add_saved_audit(gathered, Path(folder))
    if harness is not None:
        _add_build(gathered, Path(harness))
    facts = Facts(**gathered.values)
    return Evidence(facts, gathered.sources, tuple(gathered.problems))


def _add_said(gathered: _Gathered, said: dict[str, Any]) -> None:
    unknown = sorted(said.keys() - set(SAID))
    if unknown:
        raise UsageError(f"{unknown[0]} is measured, or unknown: {', '.join(SAID)} can be said")
    devices = said.get("devices")
    if devices is not None and devices < 1:
        raise UsageError(f"--devices {devices}: an answer is followed on one device at least")
    minutes = said.get("run_minutes")
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--run-minutes {minutes:g}: a run takes a number of minutes above 0")
    for name, value in said.items():
        gathered.add("said", f"--{name.replace('_', '-')}", {name: value})


def _add_folder(gathered: _Gathered, folder: Path, count_simulated: bool) -> None:
    from toolkit.evals.experiments.maturity import assess_maturity

    try:
        maturity = assess_maturity(folder, count_simulated)
    except (UsageError, OSError) as error:
        gathered.problems.append(str(error))
        return
    gathered.problems += maturity.problems
    practice = maturity.practice
    if practice.n_files:
        facts = {"phase": maturity.phase, **_facts_of_practice(practice)}
        gathered.add("measured", str(folder), facts)
    else:
        step = "begin by labelling traces: fieldbook lab --traces FILE"
        gathered.problems.append(f"{folder}: nothing in it says whether answers are good; {step}")


def _add_saved_audit(gathered: _Gathered, folder: Path) -> None:
    saved, problems = newest_audit(folder)
    gathered.problems += problems
    if saved:
        gathered.add("measured", str(saved.path), _facts_of_audit(saved.audit))


def _facts_of_practice(practice: "Practice") -> dict[str, Any]:
    from toolkit.evals.alignment.intervals import proportion

    facts: dict[str, Any] = {}
    interval = proportion(practice.n_failed, practice.n_decided)
    if interval:
        facts |= {"n_decided": practice.n_decided, "n_failed": practice.n_failed}
        facts["share_failing"] = interval[0]
        facts["simulated"] = practice.simulated or None
    if practice.weak_judges:
        facts["n_weak_judges"] = len(practice.weak_judges)
    return facts


def _facts_of_audit(audit: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict on each capability; None where it could not be probed, or is not there."""
    verdicts = {}
    for finding in audit["findings"]:
        verdicts[str(finding["capability"])] = finding["verdict"]
    facts = {}
    for name, capability in CAPABILITIES.items():
        verdict = verdicts.get(capability)
        facts[name] = verdict if verdict in ("yes", "no") else None
    return facts


def _add_build(gathered: _Gathered, folder: Path) -> None:
    try:
        seen = read_build(folder)
    except (UsageError, OSError) as error:
        gathered.problems.append(str(error))
        return
    gathered.problems += seen.problems
    gathered.add("measured", str(folder), seen.facts)
