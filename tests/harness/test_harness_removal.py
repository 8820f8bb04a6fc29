"""A real harness is ablated: each component is removed from its roles, and the rest stays as it was.

The models are scripts behind the real SDK on loopback: all that they say is simulated.
"""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.harness.builds import HANDOFF, question, reads, right, writes
from toolkit.errors import UsageError
from toolkit.harness import (
    Budget,
    Evaluator,
    Generator,
    Harness,
    Planner,
    Sandbox,
    Workspace,
    ablate,
    propose_contract,
)
from toolkit.harness.experiments import COMPONENTS, HarnessBuilds, without
from toolkit.harness.roles import PROMPTS
from toolkit.models import Answer, Ledger, ScriptedModel, connect_model
from toolkit.sessions import MemoryLog, Session

pytestmark = pytest.mark.sandbox
NAMES = "first", "second"
TASK = "two notes"
BUDGET = Budget(cost_usd=2.0, seconds=120)


class Script:
    """Roles that need their checks: the first version is wrong, and the judge says it is right."""

    def __init__(self):
        self.asked = []

    def __call__(self, request):
        asked = question(request)
        self.asked.append(request)
        return getattr(self, asked["task"])(asked)

    def plan(self, asked):
        features = [{"id": name, "what": f"A file {name}.txt."} for name in NAMES]
        return Answer(data={"spec": "Write both files.", "features": features})

    def propose(self, asked):
        return Answer(data={"criteria": [reads(name) for name in names_of(asked)]})

    def review(self, asked):
        return Answer(data={"agree": True, "objections": []})

    def build(self, asked):
        files = {}
        for name in names_of(asked):
            is_mended = bool(asked["findings"])
            files |= right(name) if is_mended else {f"{name}.txt": "something else"}
        return writes(files)

    def judge(self, asked):
        verdicts = []
        for check in asked["checks"]:
            word = {"criterion": check["criterion"], "verdict": "pass", "why": "It looks right."}
            verdicts.append(word | {"score": 0.9})
        return Answer(data={"verdicts": verdicts})

    def at(self, task):
        return [request for request in self.asked if question(request)["task"] == task]


def names_of(asked):
    return [asked["feature"]["id"]] if asked["feature"] else list(NAMES)


class Ablated:
    """Each arm has a script of its own, so that it is known what was asked in which."""

    def __init__(self):
        self.scripts = {arm: Script() for arm in (None, *COMPONENTS)}
        self.ledgers = {arm: Ledger(BUDGET.cost_usd) for arm in self.scripts}

    async def run(self, folder):
        async with AsyncExitStack() as stack:
            models = {}
            for arm, script in self.scripts.items():
                model = connect_model(policy=script, ledger=self.ledgers[arm])
                models[arm] = await stack.enter_async_context(model)

            def make(run, folder):
                model = models[run.without]
                roles = [Planner(model), Generator(model), Evaluator(model)]
                return Harness(
                    workspace=Workspace(folder),
                    session=Session(MemoryLog(), "build"),
                    budget=BUDGET,
                    sandbox=Sandbox.best(unsafe=True),
                    roles=without(roles, run.without),
                )

            exam = propose_contract("Two notes.", [reads(name) for name in NAMES])
            builds = HarnessBuilds(make, {TASK: exam}, folder)
            self.result = await ablate(
                builds, [TASK], [0], budget_usd=BUDGET.cost_usd, margin=0.1, cap_usd=20.0
            )
        return self


@pytest.fixture(scope="module")
def ablated(tmp_path_factory):
    return asyncio.run(Ablated().run(tmp_path_factory.mktemp("ablated")))


def test_each_component_is_removed_alone_and_only_the_live_checks_carried_this_build(ablated):
    passes = {effect.component: effect.passed.first for effect in ablated.result.effects}
    assert ablated.result.full.value == 1.0
    assert set(passes) == set(COMPONENTS)
    assert passes.pop("live checks") == 0.0  # words alone pass what only looks right
    assert set(passes.values()) == {1.0}
    assert set(ablated.result.verdicts.values()) == {"inconclusive"}  # one task shows nothing
    assert "simulated" in str(ablated.result)


@pytest.mark.parametrize(
    ("component", "n_plans", "n_sprints", "n_reviews"),
    [
        (None, 1, 2, 2),
        ("planner", 0, 1, 1),
        ("sprints", 1, 1, 1),
        ("contract", 1, 2, 0),
        ("separate evaluator", 1, 2, 2),
        ("context policy", 1, 2, 2),
        ("live checks", 1, 2, 2),
    ],
)
def test_what_is_removed_is_not_asked_and_all_else_is(
    ablated, component, n_plans, n_sprints, n_reviews
):
    script = ablated.scripts[component]
    assert len(script.at("plan")) == n_plans
    assert len(script.at("propose")) == n_sprints
    assert len(script.at("review")) == n_reviews


def test_the_dollars_of_an_arm_are_those_that_its_models_were_paid(ablated):
    full_usd = ablated.ledgers[None].cost_usd
    for effect in ablated.result.effects:
        difference = ablated.ledgers[effect.component].cost_usd - full_usd
        assert effect.cost.value == pytest.approx(difference, abs=1e-8)


def test_without_a_separate_evaluator_the_judge_has_built_it_and_is_shown_its_hand_offs(ablated):
    judged = ablated.scripts["separate evaluator"].at("judge")
    assert all("you judge it yourself" in request.system for request in judged)
    assert all(HANDOFF["tried"] in question(request)["handoffs"] for request in judged)
    apart = ablated.scripts[None].at("judge")
    assert not any("handoffs" in question(request) for request in apart)
    assert {request.system for request in apart} == {PROMPTS["evaluator"]}


def test_without_a_context_policy_a_role_keeps_all_that_it_has_seen(ablated):
    kept = [len(request.messages) for request in ablated.scripts["context policy"].asked]
    clean = [len(request.messages) for request in ablated.scripts[None].asked]
    assert max(kept) > 5
    assert max(clean) == 1


def test_without_live_checks_the_judge_is_shown_files_and_not_what_they_do(ablated):
    for request in ablated.scripts["live checks"].at("judge"):
        asked = question(request)
        assert {check["kind"] for check in asked["checks"]} == {"judged"}
        assert "something else" in str(asked["files"])


def test_a_component_that_no_harness_has_is_refused():
    model = ScriptedModel(Script())
    with pytest.raises(UsageError, match="the moon"):
        without([Planner(model), Generator(model), Evaluator(model)], "the moon")
