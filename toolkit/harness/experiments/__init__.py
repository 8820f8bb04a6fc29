"""Experiments: the framework's claims, each with an effect size and its interval.

- `self_evaluation_trap`: does a reviewer pass what it built itself, where another would not?
- `ablate`: which components of a harness carry its result, and which are safe to remove?
- `measure_recall` and `measure_finishing`: is less recalled from a full context, and is work ended
  early near its limit; with no policy, with compaction, with a reset?
- `calibrate`: on which criteria does an evaluator agree with people so far that it may gate?

Each asks a `Subject`: whatever has a ``source``, says what a question can cost at most, and answers
it. A simulated one has known parameters, which the estimators recover; a live one is asked by the
same call, under a cap in dollars: a `ModelReviewer` by the first, builds of a `Harness` by `ablate`
(`HarnessBuilds`, with the roles that are left `without` a component), `ModelMemory` and
`ModelWorker` by the two on contexts, the Evaluator of a build by `calibrate` (`RoleEvaluator`), a
function of yours by any (`Live`).

>>> import asyncio
>>> own = SimulatedReviewer("self-review", false_pass=0.6)
>>> other = SimulatedReviewer("separate evaluator", false_pass=0.2, cost_usd=0.05)
>>> trap = asyncio.run(self_evaluation_trap(simulated_artefacts(60, 20), own, other))
>>> trap.n, trap.is_shown, trap.source
(60, True, 'simulated')
"""

from toolkit.harness.experiments.ablation import (
    COMPONENTS,
    BuildEnd,
    BuildRun,
    ablate,
    ablation_of,
)
from toolkit.harness.experiments.ablation_result import Ablation, ComponentEffect
from toolkit.harness.experiments.asking import Live, Missing, Spending, Subject
from toolkit.harness.experiments.calibration import (
    EvaluatorLike,
    Findings,
    LabelledArtefact,
    calibrate,
    recalibrate,
)
from toolkit.harness.experiments.calibration_result import Calibration
from toolkit.harness.experiments.certificate import Certificate
from toolkit.harness.experiments.context_anxiety import (
    ContextAnxiety,
    HazardRatio,
    Worked,
    WorkSession,
    measure_finishing,
)
from toolkit.harness.experiments.context_rot import (
    POLICIES,
    ContextRot,
    Probe,
    Recalled,
    measure_recall,
)
from toolkit.harness.experiments.field_figures import FIELD_FIGURES, FieldFigure
from toolkit.harness.experiments.harness_builds import HarnessBuilds
from toolkit.harness.experiments.model_memory import ModelMemory
from toolkit.harness.experiments.model_worker import ModelWorker
from toolkit.harness.experiments.recalibration import Recalibration, compare_calibrations
from toolkit.harness.experiments.removal import without
from toolkit.harness.experiments.reviews import SELF_REVIEW, Artefact, ModelReviewer, Review
from toolkit.harness.experiments.role_evaluator import RoleEvaluator
from toolkit.harness.experiments.simulated import (
    SimulatedHarness,
    SimulatedReviewer,
    simulated_artefacts,
)
from toolkit.harness.experiments.simulated_context import Recall, SimulatedMemory, SimulatedWorker
from toolkit.harness.experiments.simulated_evaluator import SimulatedEvaluator, simulated_labels
from toolkit.harness.experiments.trap import self_evaluation_trap, trap_of
from toolkit.harness.experiments.trap_result import PairedReview, ReviewArm, Trap

__all__ = [
    "COMPONENTS",
    "FIELD_FIGURES",
    "POLICIES",
    "SELF_REVIEW",
    "Ablation",
    "Artefact",
    "BuildEnd",
    "BuildRun",
    "Calibration",
    "Certificate",
    "ComponentEffect",
    "ContextAnxiety",
    "ContextRot",
    "EvaluatorLike",
    "FieldFigure",
    "Findings",
    "HarnessBuilds",
    "HazardRatio",
    "LabelledArtefact",
    "Live",
    "Missing",
    "ModelMemory",
    "ModelReviewer",
    "ModelWorker",
    "PairedReview",
    "Probe",
    "Recalibration",
    "Recall",
    "Recalled",
    "Review",
    "ReviewArm",
    "RoleEvaluator",
    "SimulatedEvaluator",
    "SimulatedHarness",
    "SimulatedMemory",
    "SimulatedReviewer",
    "SimulatedWorker",
    "Spending",
    "Subject",
    "Trap",
    "WorkSession",
    "Worked",
    "ablate",
    "ablation_of",
    "calibrate",
    "compare_calibrations",
    "measure_finishing",
    "measure_recall",
    "recalibrate",
    "self_evaluation_trap",
    "simulated_artefacts",
    "simulated_labels",
    "trap_of",
    "without",
]
