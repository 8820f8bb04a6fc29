"""Practice: what a team does to know whether its agent is good, counted in the files of a folder.

What cannot be read is named, and loses nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from toolkit.evals.alignment import RATES, align, trusted
from toolkit.evals.alignment.trust import bounded
from toolkit.evals.experiments.dataset import Dataset
from toolkit.evals.experiments.decision import Decision
from toolkit.evals.experiments.experiment import Experiment
from toolkit.evals.experiments.gate_files import gate_files
from toolkit.evals.experiments.maturity_files import FoundFile, Kind, files_of
from toolkit.evals.judges import Verdict, VerdictStore
from toolkit.evals.labels import Codebook, Label, LabelStore
from toolkit.records import RecordError
from toolkit.shown import Shown

LAST_CODED = 10
"""Over so many traces that were coded last it is counted whether new codes still come."""
MOST_DECISIONS = 100


@dataclass(frozen=True, slots=True)
class JudgeMeasured(Shown):
    """A judge whose verdicts lie in the folder with labels of the same traces."""

    judge: str
    """Its hash."""
    trusted: bool
    """Whether the lower bounds of its TPR and TNR reach the policy `RATES`."""
    found: str
    """What was measured, with intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice(Shown):
    """What was counted in a folder. Nothing stands here that no file shows."""

    n_files: int = 0
    n_reasons: int = 0
    """Traces with a verdict and a reason, by people."""
    n_decided: int = 0
    """Of those, the ones that somebody passed or failed."""
    n_failed: int = 0
    """Of those, the ones that somebody failed."""
    n_not_by_people: int = 0
    """Traces that only simulated raters or models labelled."""
    n_modes: int = 0
    """Failure modes that somebody defined."""
    n_coded: int = 0
    """Traces whose reasons were coded."""
    n_new_codes: int | None = None
    """Codes that came new in the last `LAST_CODED` of them; None where fewer were coded."""
    judges: tuple[JudgeMeasured, ...] = ()
    n_code_scores: int = 0
    """Scores of experiments that code gave, and no judge."""
    weak_judges: tuple[str, ...] = ()
    """Judges that score an experiment, and that labels in the folder do not show to be right."""
    n_trials: int = 0
    """Trials of experiments that have a verdict."""
    decisions: tuple[Decision, ...] = ()
    """Of policies in the folder on experiments in it, those that are not broken."""
    n_promoted: int = 0
    """Cases made of traces that somebody had labelled."""
    n_cycles: int = 0
    """Experiments that repeat an earlier one's cases, with promoted cases added."""
    simulated: bool = False
    """Whether labels of simulated raters count here as if people had given them."""
    trace_file: str = ""
    """A file of traces that could be labelled."""


def practice_in(folder: str | Path, count_simulated: bool = False) -> tuple[Practice, list[str]]:
    """What the files below `folder` show, and what is wrong with those that cannot be read.

    Raises UsageError where there is no folder.
    """
    files, problems = files_of(folder)
    reading = _Reading(files, problems, count_simulated)
    practice = Practice(n_files=len(files), simulated=count_simulated)
    for path in reading.paths["traces"][:1]:
        practice = replace(practice, trace_file=str(path))
    practice = _with_labels(practice, reading)
    practice = _with_codes(practice, reading)
    practice = _with_judges(practice, reading)
    practice = _with_experiments(practice, reading)
    return practice, reading.problems


@dataclass
class _Reading:
    """The files by their kind, and what was read so far."""

    files: Iterable[FoundFile]
    problems: list[str]
    count_simulated: bool
    labels: list[Label] = field(default_factory=list)
    """Of people, and of simulated raters where they count."""
    paths: dict[Kind, list[Path]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for file in self.files:
            self.paths[file.kind].append(file.path)

    def counts(self, kind: str) -> bool:
        """Whether what somebody of that kind says counts."""
        return kind == "human" or (self.count_simulated and kind == "simulated")

    @contextmanager
    def naming(self, path: Path) -> Iterator[None]:
        """Keep an error of the block as a problem of the file at `path`."""
        try:
            yield
        except (OSError, ValueError, TypeError) as error:
            name = "" if path.name in str(error) else f"{path.name}: "
            self.problems.append(f"{name}{error}")

    def note(self, path: Path, lines: Iterable[RecordError]) -> None:
        """Keep the first line of a file that is wrong, and how many are."""
        wrong = list(lines)
        if wrong:
            self.problems.append(f"{path.name}: {wrong[0]} (lines: {len(wrong)})")


def _with_labels(practice: Practice, reading: _Reading) -> Practice:
    others = set()
    for path in reading.paths["labels"]:
        with reading.naming(path):
            store = LabelStore(path)
            for label in store.labels():
                if reading.counts(label.rater_kind):
                    reading.labels.append(label)
                else:
                    others.add(label.trace_id)
            reading.note(path, store.problems)
    with_reason = {label.trace_id for label in reading.labels}
    failed = {label.trace_id for label in reading.labels if label.verdict == "fail"}
    passed = {label.trace_id for label in reading.labels if label.verdict == "pass"}
    return replace(
        practice,
        n_reasons=len(with_reason),
        n_decided=len(failed | passed),
        n_failed=len(failed),
        n_not_by_people=len(others - with_reason),
    )


def _with_codes(practice: Practice, reading: _Reading) -> Practice:
    """With the codebook in which the most traces are coded."""
    for path in reading.paths["codebook"]:
        with reading.naming(path):
            book = Codebook(path, reading.labels)
            reading.note(path, book.problems)
            modes = [mode for mode in book.now.modes if reading.counts(mode.kind)]
            saturation = book.saturation()
            n_coded = len(saturation)
            if (n_coded, len(modes)) <= (practice.n_coded, practice.n_modes):
                continue
            n_new = None
            if n_coded >= LAST_CODED:
                n_new = int(saturation["new"].tail(LAST_CODED).sum())
            practice = replace(practice, n_modes=len(modes), n_coded=n_coded, n_new_codes=n_new)
    return practice


def _with_judges(practice: Practice, reading: _Reading) -> Practice:
    """With each judge whose verdicts are there, held against the rater who labelled most of what
    it judged.
    """
    verdicts: dict[str, dict[str, Verdict]] = defaultdict(dict)
    for path in reading.paths["verdicts"]:
        with reading.naming(path):
            store = VerdictStore(path)
            reading.note(path, store.problems)
            for (judge, trace_id), verdict in store.items():
                verdicts[judge][trace_id] = verdict
    measured = []
    for judge, by_trace in verdicts.items():
        labels = _labels_of_most(reading.labels, by_trace)
        if labels:
            judged = [by_trace[label.trace_id] for label in labels]
            measured.append(_measured(judge, labels, judged, reading.count_simulated))
    return replace(practice, judges=tuple(measured))


def _labels_of_most(labels: Iterable[Label], judged: dict[str, Verdict]) -> list[Label]:
    """The labels of judged traces by the one rater who gave most of them."""
    by_rater: dict[str, dict[str, Label]] = defaultdict(dict)
    for label in labels:
        if label.trace_id in judged:
            by_rater[label.rater][label.trace_id] = label
    if not by_rater:
        return []
    most = max(by_rater.values(), key=len)
    return list(most.values())


def _measured(
    judge: str, labels: list[Label], verdicts: list[Verdict], count_simulated: bool
) -> JudgeMeasured:
    alignment = align(labels, verdicts)
    policy = replace(RATES, human=not count_simulated)
    is_trusted = trusted(alignment, policy, judge).trusted
    rates = f"{bounded(alignment, 'tpr')}, {bounded(alignment, 'tnr')}"
    return JudgeMeasured(judge, is_trusted, f"{rates}; n = {alignment.n}")


def _with_experiments(practice: Practice, reading: _Reading) -> Practice:
    experiments: dict[Path, Experiment] = {}
    for path in reading.paths["experiment"]:
        with reading.naming(path):
            experiments[path] = Experiment.load(path)
    n_trials = 0
    judges: set[str] = set()
    code_scores: set[str] = set()
    for experiment in experiments.values():
        n_trials += sum(result.passed is not None for result in experiment.results)
        judges.update(experiment.judges.values())
        code_scores.update(set(experiment.score_names) - set(experiment.judges))
    trusted_judges = {measured.judge for measured in practice.judges if measured.trusted}
    promoted = _promoted_cases(reading)
    return replace(
        practice,
        n_trials=n_trials,
        n_code_scores=len(code_scores),
        weak_judges=tuple(sorted(judges - trusted_judges)),
        decisions=tuple(_decisions(reading, experiments)),
        n_promoted=len(promoted),
        n_cycles=_cycles(experiments.values(), promoted),
    )


def _decisions(reading: _Reading, experiments: Iterable[Path]) -> Iterator[Decision]:
    """Each policy's decision on each experiment that it can decide on without a baseline."""
    n_made = 0
    for policy in reading.paths["policy"]:
        for experiment in experiments:
            n_made += 1
            if n_made > MOST_DECISIONS:
                reading.problems.append(f"{policy.name}: more than {MOST_DECISIONS} decisions")
                return
            decision = gate_files(experiment, policy)
            if decision.outcome != "broken":
                yield decision


def _promoted_cases(reading: _Reading) -> set[str]:
    """The ids of cases that were made of a trace for the reasons of its labels."""
    promoted = set()
    for path in reading.paths["cases"]:
        with reading.naming(path):
            dataset = Dataset.load(path)
            reading.note(path, dataset.problems)
            for case in dataset:
                if case.trace_id and case.label_ids:
                    promoted.add(case.id)
    return promoted


def _cycles(experiments: Iterable[Experiment], promoted: set[str]) -> int:
    """How many experiments hold all cases of another, and promoted ones besides."""
    case_sets = []
    for experiment in experiments:
        cases = frozenset(result.case for result in experiment.results)
        if cases:
            case_sets.append(cases)
    n_cycles = 0
    for cases in case_sets:
        n_cycles += any(_has_grown(cases, earlier, promoted) for earlier in case_sets)
    return n_cycles


def _has_grown(cases: frozenset[str], earlier: frozenset[str], promoted: set[str]) -> bool:
    return earlier < cases and bool((cases - earlier) & promoted)
