"""RoleEvaluator: the Evaluator of a build as what `calibrate` asks.

It is shown what a build showed it, and people have labelled the same; so a verdict and its label
are about one and the same evidence.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from toolkit.harness.answers import Assessment
from toolkit.harness.context import Conversation
from toolkit.harness.contract import Contract
from toolkit.harness.experiments.calibration import Findings
from toolkit.harness.experiments.reviews import Artefact, Review
from toolkit.harness.roles import Place, Role
from toolkit.harness.verify import word_grade
from toolkit.harness.workspace import Workspace
from toolkit.models import Reply, Request
from toolkit.models.prices import cost_of, worst_case
from toolkit.records import validate
from toolkit.traces import Source

PASSED: Mapping[str, bool] = {"pass": True, "fail": False}


@dataclass(frozen=True)
class RoleEvaluator:
    """A role that judges, on the criteria of one contract: an `EvaluatorLike`.

    >>> artefact = evaluator.artefact("build 7", workspace)  # doctest: +SKIP
    >>> labels = {"works": Label("build 7", "ann", "fail", "It loses the last row.")}
    ... # doctest: +SKIP
    >>> await calibrate(evaluator, [LabelledArtefact(artefact, labels)], cap_usd=1.0)
    ... # doctest: +SKIP
    """

    role: Role
    """An `Evaluator`, or another role with a ``judge`` step."""
    contract: Contract

    @property
    def source(self) -> Source:
        """Of the role's model."""
        return self.role.model.source

    @property
    def parts(self) -> dict[str, str]:
        """What it is made of. Its rubric is the contract; it has no few-shots but its prompt's."""
        return {
            "rubric": self.contract.to_json(),
            "few_shots": "",
            "prompt": self.role.system,
            "model": self.role.model.name,
        }

    def artefact(
        self, id: str, workspace: Workspace, place: Place | None = None, task: str = ""
    ) -> Artefact:
        """What the role is shown of a `workspace` when it judges: for people to label.

        `place` is the sprint and the round, by default round 1 of a build of one sprint; the files
        are those of the last attempt.
        """
        question = self.role.question("judge", place or Place(), workspace)
        (message,) = Conversation().with_question(question)
        return Artefact(id, message["content"], task=task)

    def request(self, artefact: Artefact) -> Request:
        """What the role is asked, in a clean context."""
        return self.role.request("judge", ({"role": "user", "content": artefact.content},))

    def worst_case_usd(self, artefact: Artefact) -> float:
        """The most that its verdicts on `artefact` can cost."""
        return cost_of(self.role.model, worst_case(self.request(artefact)))

    async def __call__(self, artefact: Artefact) -> Findings:
        """Its verdicts, by the rules of a build: what is missing, said twice or given without a
        reason is unscored.
        """
        reply = await self.role.model.reply(self.request(artefact))
        cost_usd = cost_of(self.role.model, reply.usage)
        return Findings(self._reviews(reply), cost_usd, reply.source)

    def _reviews(self, reply: Reply) -> dict[str, Review]:
        if not reply.ok or reply.parsed is None:
            no_result = Review(None, f"{reply.stopped}: {reply.why or 'no verdict came'}")
            return {criterion.id: no_result for criterion in self.contract.criteria}
        words = validate(Assessment, reply.parsed).verdicts
        reviews = {}
        for criterion in self.contract.criteria:
            grade, why = word_grade(criterion, words)
            reviews[criterion.id] = Review(PASSED.get(grade), why)
        return reviews
