"""Maturity: which of Hetzel's phases the files of a folder show, and what the next one takes.

Only what lies in files counts. What a team says of itself is in none of them.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toolkit import render
from toolkit.evals.experiments.practice import LAST_CODED, Practice, practice_in
from toolkit.traces.amounts import quantity

MIN_REASONS = 10
"""Hetzel's first phase takes 10 to 20 realistic inputs."""
MIN_CODED = 20
MOST_NEW_CODES = 1
"""In the last `LAST_CODED` coded traces, for the codes to have settled."""
PHASES = (
    "nothing is measured",
    "people say why",
    "failures have names, and what scores them is measured",
    "whole runs are tried and gated",
    "production feeds the evals",
)
"""What each phase is, from 0."""


@dataclass(frozen=True, slots=True)
class MaturityCheck:
    """One thing that a phase takes."""

    phase: int
    name: str
    wanted: str
    found: str
    met: bool
    next_step: str
    """What to do where it is not met."""


@dataclass(frozen=True, slots=True)
class Maturity:
    """The phase that the files of a folder show."""

    folder: str
    checks: tuple[MaturityCheck, ...]
    practice: Practice
    problems: tuple[str, ...] = ()
    """What could not be read, by its file."""

    @property
    def phase(self) -> int:
        """The highest of 0 to 4 of which, and of those before it, everything is met."""
        phase = 0
        for candidate in range(1, len(PHASES)):
            if not all(check.met for check in self.checks if check.phase == candidate):
                break
            phase = candidate
        return phase

    @property
    def missing(self) -> tuple[MaturityCheck, ...]:
        """What the next phase takes and the folder does not show; none in the last phase."""
        following = self.phase + 1
        return tuple(check for check in self.checks if check.phase == following and not check.met)

    def __str__(self) -> str:
        sentence = f"phase {self.phase} of 4, {PHASES[self.phase]}"
        if self.missing:
            names = ", ".join(check.name for check in self.missing)
            sentence += f"; phase {self.phase + 1} takes: {names}"
        if self.practice.simulated:
            sentence += " (labels of simulated raters count here: this says nothing about people)"
        return sentence

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "folder": self.folder,
            "phase": self.phase,
            "is": PHASES[self.phase],
            "missing": [check.name for check in self.missing],
            "checks": [asdict(check) for check in self.checks],
            "simulated": self.practice.simulated,
            "problems": list(self.problems),
        }

    def _repr_html_(self) -> str:
        rows = []
        for check in self.checks:
            state = "met" if check.met else "not met"
            rows.append((check.phase, check.name, check.wanted, check.found, state))
        table = render.table(rows, ("phase", "what", "wanted", "found", ""))
        problems = [render.tag("p", problem) for problem in self.problems]
        return render.block(render.tag("p", str(self)), table, *problems)


def assess_maturity(folder: str | Path, count_simulated: bool = False) -> Maturity:
    """The phase of Hetzel's Eval Maturity Phases that the files below `folder` show.

    Files are known by what they hold: labels, codebooks, verdicts of judges, cases, saved
    experiments and policies of gates. Labels of people count; with `count_simulated` so do those of
    simulated raters, which the result says. Raises UsageError where there is no folder; a file that
    cannot be read is named in `Maturity.problems`.
    """
    practice, problems = practice_in(folder, count_simulated)
    return Maturity(str(folder), tuple(maturity_checks(practice)), practice, tuple(problems))


def maturity_checks(practice: Practice) -> Iterator[MaturityCheck]:
    """Everything that the phases take, in order, as far as `practice` shows it."""
    yield _reasons(practice)
    yield _failure_modes(practice)
    yield _settled_codes(practice)
    yield _measured_scores(practice)
    yield MaturityCheck(
        3,
        "experiment",
        "a saved experiment whose trials have verdicts",
        quantity(practice.n_trials, "trial"),
        practice.n_trials > 0,
        "fieldbook eval CONFIG --out FOLDER",
    )
    yield _gate(practice)
    yield MaturityCheck(
        4,
        "cases from traces",
        "a case that was made of a labelled trace",
        quantity(practice.n_promoted, "case"),
        practice.n_promoted > 0,
        "promote(trace, labels, by=...), for a trace that failed, and Dataset.add",
    )
    yield MaturityCheck(
        4,
        "flywheel",
        "an experiment that repeats another's cases, with such cases added",
        quantity(practice.n_cycles, "cycle"),
        practice.n_cycles > 0,
        "run the experiment again on the dataset that has grown, and save it beside the first",
    )


def _reasons(practice: Practice) -> MaturityCheck:
    found = quantity(practice.n_reasons, "trace")
    if practice.n_not_by_people:
        found += f"; {practice.n_not_by_people:,} more by simulated raters or models, not counted"
    traces = practice.trace_file or "FILE"
    return MaturityCheck(
        1,
        "reasons",
        f"{MIN_REASONS} traces with a verdict and a reason, by people",
        found,
        practice.n_reasons >= MIN_REASONS,
        f"fieldbook lab --traces {traces}",
    )


def _failure_modes(practice: Practice) -> MaturityCheck:
    return MaturityCheck(
        2,
        "failure modes",
        "a codebook with a failure mode that somebody defined",
        quantity(practice.n_modes, "failure mode"),
        practice.n_modes > 0,
        "code the reasons and merge the codes: notebook 03",
    )


def _settled_codes(practice: Practice) -> MaturityCheck:
    found = f"{quantity(practice.n_coded, 'trace')} coded"
    n_new = practice.n_new_codes
    if n_new is not None:
        found += f", {quantity(n_new, 'new code')} in the last {LAST_CODED}"
    has_settled = n_new is not None and n_new <= MOST_NEW_CODES
    return MaturityCheck(
        2,
        "codes have settled",
        f"{MIN_CODED} coded traces, at most {MOST_NEW_CODES} new code in the last {LAST_CODED}",
        found,
        has_settled and practice.n_coded >= MIN_CODED,
        "code more reasons, until new traces bring no new codes: notebook 03",
    )


def _measured_scores(practice: Practice) -> MaturityCheck:
    """Whether something scores that needs no judge, or whose judge was measured against people."""
    found = [f"judge {judge.judge}: {judge.found}" for judge in practice.judges]
    if practice.n_code_scores:
        found.append(f"{quantity(practice.n_code_scores, 'score')} by code")
    if practice.weak_judges:
        weak = ", ".join(practice.weak_judges)
        found.append(f"experiments are scored by judges that are not shown to be right: {weak}")
    has_scores = practice.n_code_scores > 0 or any(judge.trusted for judge in practice.judges)
    return MaturityCheck(
        2,
        "what scores is measured",
        "a judge whose TPR and TNR have lower bounds of 0.80 against people, or scores by code",
        "; ".join(found) or "nothing scores",
        has_scores and not practice.weak_judges,
        "judge labelled traces and keep the verdicts beside the labels: notebook 04",
    )


def _gate(practice: Practice) -> MaturityCheck:
    decided = [f"{each.policy} on {each.experiment}: {each.outcome}" for each in practice.decisions]
    return MaturityCheck(
        3,
        "gate",
        "a policy that decides on such an experiment",
        "; ".join(decided) or "no policy decides",
        bool(decided),
        "write a policy beside the experiment: fieldbook gate EXPERIMENT POLICY",
    )
