"""A simulated evaluator with known TPR and TNR, and simulated labels for it.

All they say is simulated: nothing here is about a model, or about people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from toolkit.evals import Label
from toolkit.harness.experiments.calibration import Findings, LabelledArtefact
from toolkit.harness.experiments.reviews import Artefact, Review
from toolkit.harness.experiments.simulated import FALLS_SHORT, draw
from toolkit.traces import Source

HOLDS = "simulated: it holds"


def simulated_labels(
    n: int, criteria: Sequence[str], fail_rate: float = 0.5, seed: int = 0
) -> list[LabelledArtefact]:
    """Artefacts that fail each criterion at `fail_rate`, with labels that are right."""
    labelled = []
    for number in range(n):
        artefact = Artefact(f"build {number + 1}", "a simulated build")
        labels = {}
        for criterion in criteria:
            fails = draw(seed, artefact.id, criterion, "label") < fail_rate
            if fails:
                label = Label(artefact.id, "script", "fail", FALLS_SHORT, "simulated")
            else:
                label = Label(artefact.id, "script", "pass", HOLDS, "simulated")
            labels[criterion] = label
        labelled.append(LabelledArtefact(artefact, labels))
    return labelled


@dataclass(frozen=True)
class SimulatedEvaluator:
    """An evaluator that is right at known rates."""

    labelled: Sequence[LabelledArtefact] = field(repr=False)
    """What it is right or wrong about."""
    tpr: Mapping[str, float]
    """By criterion, the chance that it passes what is good."""
    tnr: Mapping[str, float]
    """By criterion, the chance that it fails what is not."""
    rubric: str = "Does it hold?"
    few_shots: str = ""
    prompt: str = "Judge the build."
    model: str = "simulated-1"
    cost_usd: float = 0.03
    """Of an artefact."""
    seed: int = 0
    source: ClassVar[Source] = "simulated"

    @property
    def parts(self) -> dict[str, str]:
        """What it is made of."""
        return {
            "rubric": self.rubric,
            "few_shots": self.few_shots,
            "prompt": self.prompt,
            "model": self.model,
        }

    def worst_case_usd(self, _: Artefact) -> float:
        """What any artefact costs."""
        return self.cost_usd

    async def __call__(self, artefact: Artefact) -> Findings:
        """A verdict on each criterion that is labelled."""
        (labels,) = [each.labels for each in self.labelled if each.artefact.id == artefact.id]
        reviews = {}
        for criterion, label in labels.items():
            is_good = label.verdict == "pass"
            right_rate = self.tpr[criterion] if is_good else self.tnr[criterion]
            is_right = draw(self.seed, self.model, artefact.id, criterion) < right_rate
            why = "simulated: it was tried"
            log = f"simulated log of {artefact.id}"
            reviews[criterion] = Review(is_good == is_right, why, (log,), 0.0, "simulated")
        return Findings(reviews, self.cost_usd, "simulated")
