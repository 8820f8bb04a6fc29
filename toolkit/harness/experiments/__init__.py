"""Experiments: the framework's claims, each with an effect size.

`self_evaluation_trap` compares self-review with a separate evaluator. Each takes simulated subjects
with known parameters, which show that the estimators recover them, or live ones with a cap in
dollars: whatever has a ``source``, a ``worst_case_usd`` and answers.
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
from toolkit.harness.experiments.field_figures import FIELD_FIGURES, FieldFigure
from toolkit.harness.experiments.reviews import SELF_REVIEW, Artefact, ModelReviewer, Review
from toolkit.harness.experiments.simulated import (
    SimulatedHarness,
    SimulatedReviewer,
    simulated_artefacts,
)
from toolkit.harness.experiments.trap import self_evaluation_trap, trap_of
from toolkit.harness.experiments.trap_result import PairedReview, ReviewArm, Trap

__all__ = [
    "COMPONENTS",
    "FIELD_FIGURES",
    "SELF_REVIEW",
    "Ablation",
    "Artefact",
    "BuildEnd",
    "BuildRun",
    "ComponentEffect",
    "FieldFigure",
    "Live",
    "Missing",
    "ModelReviewer",
    "PairedReview",
    "Review",
    "ReviewArm",
    "SimulatedHarness",
    "SimulatedReviewer",
    "Spending",
    "Subject",
    "Trap",
    "ablate",
    "ablation_of",
    "self_evaluation_trap",
    "simulated_artefacts",
    "trap_of",
]
