"""Experiments on real parts: builds of a harness for `ablate`, its Evaluator for `calibrate`."""

import json
from dataclasses import replace

import pytest

from tests.harness.builds import Notes, reads
from toolkit.errors import UsageError
from toolkit.evals import RATES, Label
from toolkit.harness import (
    Evaluator,
    Role,
    Workspace,
    ablate,
    calibrate,
    propose_contract,
    read_contract,
)
from toolkit.harness.experiments import (
    SELF_REVIEW,
    Artefact,
    BuildRun,
    HarnessBuilds,
    LabelledArtefact,
    ModelReviewer,
    RoleEvaluator,
    self_evaluation_trap,
)
from toolkit.models import Answer, ClaudeModel, LoopbackServer
from toolkit.sessions import MemoryLog, Session

BUDGET_USD = 1.0
TASKS = {"letters": ("alpha", "beta"), "numbers": ("one", "two"), "birds": ("wren", "rook")}


def on_loopback(policy):
    """A script behind the real SDK."""
    server = LoopbackServer(policy)
    return ClaudeModel("claude-haiku-5-5", api_key="loopback", server=server)


def with_other_prompt(role):
    """The same role, but for its prompt."""
    return Role("evaluator", role.model, "Judge otherwise.", role.sees, role.answers, role.step)


def exams():
    return {
        task: propose_contract(f"The files of {task}.", [reads(name) for name in names])
        for task, names in TASKS.items()
    }


def made(run, folder):
    """The harness of a run. Without sprints the Planner names no feature, and one file is built."""
    features = () if run.without == "sprints" else TASKS[run.task]
    right_from = 3 if run.without == "planner" else 1
    session = Session(MemoryLog(), "build")
    return Notes(features, right_from).harness(folder, session, budget={"cost_usd": BUDGET_USD})


@pytest.mark.sandbox
async def test_real_builds_are_ablated_and_examined_by_checks_that_no_role_saw(tmp_path):
    builds = HarnessBuilds(made, exams(), tmp_path, "simulated")
    ablation = await ablate(
        builds, list(TASKS), [0], ["sprints", "planner"], budget_usd=BUDGET_USD, margin=0.1
    )
    effects = {effect.component: effect.passed.value for effect in ablation.effects}
    assert effects == {"sprints": -1.0, "planner": 0.0}
    costs = {effect.component: effect.cost.value for effect in ablation.effects}
    assert costs["sprints"] < 0 < costs["planner"]
    assert ablation.source == "simulated"
    index = json.loads((tmp_path / "birds/seed-0/sprints/exam/index.json").read_text())
    assert set(index) == {"wren", "rook"}
    assert all(index.values())


@pytest.mark.sandbox
async def test_a_harness_with_more_money_than_its_run_is_refused_before_it_runs(tmp_path):
    builds = HarnessBuilds(made, exams(), tmp_path, "simulated")
    with pytest.raises(UsageError, match=r"the harness may spend \$1, the run \$0.5"):
        await builds(BuildRun("letters", 0, BUDGET_USD / 2))
    assert not (tmp_path / "letters/seed-0/full/goal.md").exists()


def test_an_exam_with_a_rubric_is_refused(tmp_path):
    look = {"kind": "command", "argv": ["true"]}
    judged = {"kind": "judged", "rubric": "Is it kind?", "look": look}
    exam = propose_contract("Kind words.", [{"id": "kind", "claim": "It is.", "check": judged}])
    with pytest.raises(UsageError, match="has a rubric: give it checks alone"):
        HarnessBuilds(made, {"words": exam}, tmp_path)


@pytest.mark.sandbox
async def test_the_evaluator_of_a_build_is_calibrated_on_what_the_build_showed_it(tmp_path):
    notes = Notes()
    workspace = Workspace(tmp_path / "work")
    outcome = await notes.harness(workspace.path, Session(MemoryLog(), "build")).run("Notes.")
    assert outcome.outcome == "complete"
    contract = read_contract((workspace.path / "contract.json").read_text())
    async with on_loopback(judged_by_its_words) as model:
        evaluator = RoleEvaluator(Evaluator(model), contract)
        shown = evaluator.artefact("build", workspace)
        (asked,) = [
            request for request in notes.of_role("evaluator") if "checks" in str(request.messages)
        ]
        assert evaluator.request(shown).messages == asked.messages
        assert evaluator.request(shown).system == asked.system
        labelled = []
        for number in range(40):
            verdict = "fail" if number % 2 else "pass"
            content = shown.content + ("\nBROKEN" if number % 2 else "")
            artefact = Artefact(f"build {number}", content)
            labels = {"notes": Label(artefact.id, "ann", verdict, "As it is.", "simulated")}
            labelled.append(LabelledArtefact(artefact, labels))
        policy = replace(RATES, human=False)
        calibration = await calibrate(evaluator, labelled, policy, cap_usd=1.0)
        poor = await calibrate(evaluator, labelled, policy, cap_usd=0.0)
    trust = calibration.criteria["notes"].trust
    assert (trust.alignment.tpr, trust.alignment.tnr) == (1.0, 1.0)
    assert calibration.cost_usd > 0
    assert not calibration.certificate.void(evaluator)
    other_words = replace(evaluator, role=with_other_prompt(evaluator.role))
    assert "another prompt" in calibration.certificate.void(other_words)
    assert poor.n_not_asked == 40
    assert poor.cost_usd == 0


def judged_by_its_words(request):
    """A script in the place of the model: it fails what says that it is broken."""
    verdict = "fail" if "BROKEN" in request.messages[-1]["content"] else "pass"
    word = {"criterion": "notes", "verdict": verdict, "why": "By its words."}
    return Answer(data={"verdicts": [word]})


async def test_a_reply_that_is_no_result_leaves_each_criterion_unscored():
    contract = propose_contract("Notes.", [reads("notes"), reads("more")])
    async with on_loopback(lambda _: Answer("I would rather not.", stopped="refusal")) as model:
        evaluator = RoleEvaluator(Evaluator(model), contract)
        findings = await evaluator(Artefact("build", "{}"))
    assert [review.passed for review in findings.reviews.values()] == [None, None]
    assert "refusal" in findings.reviews["more"].why


async def test_the_self_evaluation_trap_is_asked_of_models_over_the_sdk_under_a_cap():
    def lenient(request):
        passed = request.system == SELF_REVIEW or "DEFECT" not in request.messages[-1]["content"]
        return Answer(data={"passed": passed, "why": "By its words.", "evidence": ["line 1"]})

    artefacts = []
    for number in range(12):
        defect = "planted" if number % 2 else ""
        content = "a build with a DEFECT" if defect else "a build"
        artefacts.append(Artefact(f"build {number}", content, defect))
    async with on_loopback(lenient) as model:
        own = ModelReviewer(model, SELF_REVIEW, sees_transcript=True)
        trap = await self_evaluation_trap(artefacts, own, ModelReviewer(model), cap_usd=1.0)
        short = await self_evaluation_trap(artefacts, own, ModelReviewer(model), cap_usd=0.0)
    assert (trap.n, trap.self_only, trap.separate_only) == (6, 6, 0)
    assert trap.difference == 1.0
    assert trap.source == "simulated"
    assert short.n_not_reviewed == 12
