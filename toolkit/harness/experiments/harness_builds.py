"""HarnessBuilds: builds of a `Harness` as what `ablate` asks.

Whether a build passes is decided by an exam: checks that are the same for all arms, that no role is
shown, and that are run on what stands in build/ at the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import UsageError
from toolkit.harness.checking import check_criterion
from toolkit.harness.contract import Contract
from toolkit.harness.evidence import EvidenceFolder
from toolkit.harness.experiments.ablation import BuildEnd, BuildRun
from toolkit.harness.loop import Harness
from toolkit.harness.sandbox import Sandbox
from toolkit.harness.verify import check_grade
from toolkit.traces import Source
from toolkit.traces.sources import least_live

MakeHarness = Callable[[BuildRun, Path], Harness]


@dataclass(frozen=True)
class HarnessBuilds:
    """Builds that are really made, each in a folder of its own: a `Subject` of `ablate`.

    The same folder again goes on where a killed experiment ended: no recorded call is made twice.
    Raises UsageError for an exam with a rubric, which no check can decide.
    """

    make: MakeHarness
    """Of yours: the harness of a run, in the folder, without the component that `run.without`
    names, and with a budget of at most `run.budget_usd`. `without` (roles, run.without) gives its
    roles.
    """
    exams: Mapping[str, Contract]
    """By task: its goal, and the checks that a build must pass."""
    folder: Path
    source: Source = "live"
    """``simulated`` where scripts are the models of all roles."""

    def __post_init__(self) -> None:
        for task, exam in self.exams.items():
            if any(criterion.check.kind == "judged" for criterion in exam.criteria):
                raise UsageError(f"the exam of {task!r} has a rubric: give it checks alone")

    def worst_case_usd(self, run: BuildRun) -> float:
        """The budget of the run: its harness makes no call that could pass it."""
        return run.budget_usd

    async def __call__(self, run: BuildRun) -> BuildEnd:
        """Make the build, and examine it. Raises UsageError where its budget is above the run's."""
        folder = self.folder / run.task / f"seed-{run.seed}" / (run.without or "full")
        harness = self.make(run, folder)
        if harness.budget.cost_usd > run.budget_usd:
            raise UsageError(
                f"the harness may spend ${harness.budget.cost_usd:g}, the run ${run.budget_usd:g}"
            )
        exam = self.exams[run.task]
        outcome = await harness.run(exam.goal)
        passed, why = await _examined(exam, harness)
        spent_usd = outcome.cost_usd + outcome.possibly_billed_usd
        source = least_live(outcome.sources) or self.source
        return BuildEnd(passed, spent_usd, f"{outcome.outcome}: {outcome.why}; {why}", source)


async def _examined(exam: Contract, harness: Harness) -> tuple[bool | None, str]:
    """Whether the build passes all checks, and which it does not; None where one cannot be made."""
    workspace = harness.workspace
    sandbox = harness.sandbox or Sandbox.best()
    evidence = EvidenceFolder(workspace.path, "exam")
    grades = {}
    for criterion in exam.criteria:
        result = await check_criterion(criterion, exam, sandbox, workspace.build, evidence)
        grades[criterion.id], _ = check_grade(result)
    for grade, passed in (("fail", False), ("unscored", None)):
        names = [id for id, given in grades.items() if given == grade]
        if names:
            return passed, f"exam: {', '.join(names)} {grade}"
    return True, "exam: all pass"
