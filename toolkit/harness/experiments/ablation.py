"""Ablation: which components of a harness carry its result? They are removed one at a time.

All runs have the same budget. Each run without a component is paired with the full harness on the
same task and seed.

References
----------
Holm 1979, A simple sequentially rejective multiple test procedure: over the components.
Piaggio et al. 2012, Reporting of noninferiority trials: "not shown to differ" is not "the same".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from toolkit.errors import UsageError
from toolkit.evals import Experiment, Score, TrialResult, compare
from toolkit.evals.experiments.difference import holm
from toolkit.harness.experiments.ablation_result import Ablation, ComponentEffect
from toolkit.harness.experiments.asking import Missing, Spending, Subject
from toolkit.models.model import Progress, reporting
from toolkit.shown import Shown
from toolkit.traces import Source

COMPONENTS = (
    "planner",
    "contract",
    "separate evaluator",
    "sprints",
    "context policy",
    "live checks",
)
FULL = "full harness"


@dataclass(frozen=True, slots=True)
class BuildRun(Shown):
    """A build that is to be made."""

    task: str
    seed: int
    budget_usd: float
    """The most that it may spend: the same for all arms."""
    without: str | None = None
    """The component that is removed; None for the full harness."""


@dataclass(frozen=True, slots=True)
class BuildEnd(Shown):
    """What became of a build."""

    passed: bool | None
    """By checks that are the same for all arms, and no part of the harness. None is unscored."""
    cost_usd: float
    why: str = ""
    source: Source = "live"


async def ablate(
    build: Subject[BuildRun, BuildEnd],
    tasks: Sequence[str],
    seeds: Sequence[int] = (0, 1, 2),
    components: Sequence[str] = COMPONENTS,
    *,
    budget_usd: float,
    margin: float | None = None,
    cap_usd: float | None = None,
    progress: Progress | None = None,
) -> Ablation:
    """Remove each of `components` in turn, and see what that does to the pass rate.

    Parameters
    ----------
    build : Subject
        Makes a `BuildRun`: a `SimulatedHarness`, or a function of yours in `Live`.
    tasks : sequence of str
        What is built. Conclusions are about tasks like these, so their number is the n.
    seeds : sequence of int
        Each arm builds each task once a seed.
    components : sequence of str
        Those of ours by default.
    budget_usd : float
        Of one run. A run that spends more is not passed.
    margin : float, optional
        The loss of the pass rate that would be acceptable, as 0.05. Without one nothing can be
        called safe to remove.
    cap_usd : float, optional
        The most that all runs may cost; required where they are not simulated. The runs of a task
        and seed are made together, or not at all.
    progress : function of (done, all), optional
        Told of each task and seed.

    Raises
    ------
    UsageError
        For tasks, seeds or components that repeat or are none, and for a budget of nothing.
    """
    _check(tasks=tasks, seeds=seeds, components=components)
    if not budget_usd > 0:
        raise UsageError(f"budget_usd is {budget_usd:g}: it is dollars above 0")
    spending = Spending(cap_usd, build)
    report = reporting(progress)
    arms = (None, *components)
    results: dict[str, list[TrialResult]] = {arm or FULL: [] for arm in arms}
    pairs = [(number, task) for number in range(len(seeds)) for task in tasks]
    n_made = 0
    for number, task in pairs:
        runs = [BuildRun(task, seeds[number], budget_usd, arm) for arm in arms]
        ends = await spending.ask([(build, run) for run in runs])
        if ends is None:
            break
        for run, end in zip(runs, ends, strict=True):
            results[run.without or FULL].append(_trial(run, number, end))
        n_made += 1
        report(n_made, len(pairs))
    ablation = ablation_of(results, margin, budget_usd)
    return replace(ablation, n_not_run=len(pairs) - n_made, why_not_run=spending.refused)


def _check(**sequences: Sequence[object]) -> None:
    for name, values in sequences.items():
        if isinstance(values, str) or not values or len(set(values)) != len(values):
            raise UsageError(f"{name} is a list in which nothing repeats, not {values!r}")


def _trial(run: BuildRun, number: int, end: BuildEnd | Missing) -> TrialResult:
    """A run as a trial. What spent more than its budget does not pass."""
    if isinstance(end, Missing):
        return TrialResult(run.task, number, "errored", why=end.why)
    passed = end.passed
    why = end.why
    if end.cost_usd > run.budget_usd:
        passed = False
        why = f"spent ${end.cost_usd:.2f} of a budget of ${run.budget_usd:.2f}. {why}"
    return TrialResult(
        run.task,
        number,
        "unscored" if passed is None else "scored",
        (Score("cost_usd", end.cost_usd),),
        passed,
        source=end.source,
        cost_usd=end.cost_usd,
        why=why,
    )


def ablation_of(
    results: Mapping[str, Sequence[TrialResult]], margin: float | None, budget_usd: float
) -> Ablation:
    """What runs that were made already say, by the component that they lack; those of the full
    harness under `FULL`.
    """
    full = _experiment(FULL, results[FULL])
    comparisons = {}
    for component, trials in results.items():
        if component != FULL:
            comparisons[component] = compare(_experiment(component, trials), full, margin)
    adjusted = holm([each.passed.p for each in comparisons.values()])
    adjusted_for_margin = holm([each.passed.p_margin for each in comparisons.values()])
    effects = []
    for at, (component, comparison) in enumerate(comparisons.items()):
        passed = replace(comparison.passed, name=component, p_adjusted=adjusted[at])
        effects.append(
            ComponentEffect(
                component,
                replace(passed, p_margin=adjusted_for_margin[at]),
                next(iter(comparison.scores), None),
                n_components=len(comparisons),
            )
        )
    return Ablation(full.rate(), tuple(effects), margin, budget_usd, full.source)


def _experiment(name: str, trials: Sequence[TrialResult]) -> Experiment:
    return Experiment(name, tuple(trials), planned=len(trials))
