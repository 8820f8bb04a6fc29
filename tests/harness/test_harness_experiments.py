"""The experiments on simulators whose parameters are known, and what they do with dollars."""

import asyncio

import pytest

from toolkit.errors import UsageError
from toolkit.harness import ablate
from toolkit.harness.experiments import (
    SELF_REVIEW,
    Artefact,
    BuildEnd,
    Live,
    ModelReviewer,
    Review,
    SimulatedHarness,
    SimulatedReviewer,
    self_evaluation_trap,
    simulated_artefacts,
)
from toolkit.models import Answer, Ledger, connect_model

WORTH = {"planner": 0.0, "live checks": 0.4}
TASKS = [f"task {number}" for number in range(40)]


def reviewers(**options):
    own = SimulatedReviewer("self-review", 0.6, 0.02, **options)
    return own, SimulatedReviewer("separate evaluator", 0.1, 0.1, cost_usd=0.05, **options)


def dollars(usd):
    async def review(artefact):
        return Review(True, "live", (), usd)

    return review


async def test_the_trap_counts_false_passes_against_defects_and_false_fails_against_good_ones():
    trap = await self_evaluation_trap(simulated_artefacts(80, 30), *reviewers(shared=0.5))
    assert trap.n == 80
    assert trap.n_clean == 30
    assert trap.is_shown
    assert trap.interval[0] < 0.5 < trap.interval[1]
    assert trap.self_review.false_pass.low < 0.6 < trap.self_review.false_pass.high
    assert trap.separate.false_fail.low < 0.1 < trap.separate.false_fail.high
    assert "simulated" in str(trap)


async def test_a_caught_defect_costs_what_was_spent_on_good_and_defective_artefacts_alike():
    trap = await self_evaluation_trap(simulated_artefacts(60, 40), *reviewers())
    separate = trap.separate
    assert separate.cost_usd == pytest.approx(100 * 0.05)
    assert separate.n_caught == 60 - round(60 * separate.false_pass.value)
    assert separate.usd_a_defect == pytest.approx(5.0 / separate.n_caught)
    low, high = separate.usd_a_defect_interval
    assert low < separate.usd_a_defect < high
    further = separate.n_caught - trap.self_review.n_caught
    assert trap.usd_a_further_defect == pytest.approx((5.0 - 2.0) / further)


async def test_with_fewer_than_six_artefacts_that_differ_nothing_is_shown_and_that_is_written_out():
    own, other = Live(dollars(0.01), 0.01), Live(review_that_fails, 0.01)
    trap = await self_evaluation_trap(simulated_artefacts(5, 0), own, other, cap_usd=1.0)
    assert trap.difference == 1.0
    assert not trap.is_shown
    assert trap.usd_a_further_defect is None
    assert "5 on which they differ could show nothing" in str(trap)


async def review_that_fails(artefact):
    return Review(False, "live", (), 0.01)


async def review_that_breaks(artefact):
    raise TimeoutError("no answer in time")


async def test_a_review_that_does_not_come_is_neither_a_pass_nor_a_catch_and_is_counted():
    own, other = Live(dollars(0.01), 0.01), Live(review_that_breaks, 0.02)
    trap = await self_evaluation_trap(simulated_artefacts(8, 2), own, other, cap_usd=1.0)
    assert (trap.n, trap.n_unscored) == (0, 8)
    assert trap.separate.n_caught == 0
    assert trap.separate.false_pass.n_left_out == 10
    assert "no answer in time" in trap.pairs[0].other.why


async def test_what_is_not_simulated_needs_a_cap_in_dollars():
    with pytest.raises(UsageError, match="cap_usd"):
        await self_evaluation_trap(
            simulated_artefacts(2, 0), Live(dollars(0.1), 0.1), Live(dollars(0.1), 0.1)
        )


async def test_the_cap_stops_before_the_pair_of_reviews_that_could_pass_it():
    asked = []

    async def review(artefact):
        asked.append(artefact.id)
        return Review(True, "live", (), 0.30)

    subject = Live(review, 0.30)
    trap = await self_evaluation_trap(simulated_artefacts(10, 0), subject, subject, cap_usd=1.0)
    assert len(asked) == 2  # a second pair could have made it 1.20
    assert trap.n_not_reviewed == 9
    assert "$0.60 of $1.00" in str(trap)


async def test_a_call_that_broke_counts_at_its_worst_against_the_cap():
    broken = Live(review_that_breaks, 0.25)
    trap = await self_evaluation_trap(simulated_artefacts(10, 0), broken, broken, cap_usd=1.0)
    assert trap.n_not_reviewed == 8


async def test_a_separate_evaluator_is_not_shown_the_transcript_and_nobody_is_shown_the_defect():
    seen = []

    def policy(request):
        seen.append(str(request))
        return Answer(data={"passed": True, "why": "it runs", "evidence": ["exit code 0"]})

    artefact = Artefact("a", "the build", "canary-defect", "the task", "canary-transcript")
    async with connect_model(policy=policy, ledger=Ledger(1.0)) as model:
        own = ModelReviewer(model, SELF_REVIEW, sees_transcript=True)
        trap = await self_evaluation_trap([artefact], own, ModelReviewer(model))
    with_transcript = [text for text in seen if "canary-transcript" in text]
    assert len(seen) == 2
    assert len(with_transcript) == 1
    assert not any("canary-defect" in text for text in seen)
    assert trap.pairs[0].other.evidence == ("exit code 0",)
    assert trap.simulated


async def test_a_ledger_at_its_cap_ends_the_experiment_and_passes_nothing():
    def policy(request):
        return Answer(data={"passed": True, "why": "", "evidence": []})

    async with connect_model(policy=policy, ledger=Ledger(0.0)) as model:
        reviewer = ModelReviewer(model)
        trap = await self_evaluation_trap(simulated_artefacts(3, 0), reviewer, reviewer)
    assert trap.n == 0
    assert trap.n_not_reviewed == 2
    assert "cap" in trap.why_not_reviewed


async def test_what_a_component_is_worth_is_recovered_and_what_is_worth_nothing_may_go():
    harness = SimulatedHarness(WORTH)
    ablation = await ablate(harness, TASKS, components=list(WORTH), budget_usd=5, margin=0.15)
    assert ablation.verdicts == {"planner": "safe to remove", "live checks": "load-bearing"}
    for effect in ablation.effects:
        assert effect.passed.low < -WORTH[effect.component] < effect.passed.high
    assert "simulated" in str(ablation)


async def test_without_a_margin_nothing_is_safe_to_remove():
    harness = SimulatedHarness(WORTH)
    ablation = await ablate(harness, TASKS, components=list(WORTH), budget_usd=5)
    assert ablation.verdicts["planner"] == "inconclusive"
    assert "No margin was given" in str(ablation)


async def test_what_is_inconclusive_says_how_many_tasks_it_would_take():
    harness = SimulatedHarness({"planner": 0.1})
    ablation = await ablate(harness, TASKS[:12], components=["planner"], budget_usd=5, margin=0.05)
    (effect,) = ablation.effects
    assert effect.verdict == "inconclusive"
    assert effect.tasks_needed > 12
    assert f"it would take {effect.tasks_needed:,} tasks" in str(effect)


async def test_a_run_that_spends_more_than_the_budget_of_all_arms_does_not_pass():
    async def build(run):
        return BuildEnd(True, 6.0 if run.without else 5.0)

    live = Live(build, 6.0)
    ablation = await ablate(
        live, TASKS[:8], seeds=[1], components=["planner"], budget_usd=5, cap_usd=1000
    )
    assert ablation.full.value == 1.0
    assert ablation.effects[0].passed.first == 0.0


async def test_the_runs_of_a_task_and_seed_are_made_together_or_not_at_all():
    made = []

    async def build(run):
        made.append((run.task, run.without))
        return BuildEnd(True, 2.0)

    ablation = await ablate(
        Live(build, 2.0), TASKS, seeds=[1], components=["planner"], budget_usd=2, cap_usd=9
    )
    assert len(made) == 4
    assert ablation.n_not_run == 38
    assert ablation.effects[0].passed.n_trials == 2


def test_tasks_that_repeat_are_refused():
    with pytest.raises(UsageError, match="nothing repeats"):
        asyncio.run(ablate(SimulatedHarness(WORTH), ["a", "a"], budget_usd=5))
