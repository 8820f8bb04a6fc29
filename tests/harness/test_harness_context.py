"""Context rot and context anxiety: what is measured of simulated contexts, and what is left out."""

import pytest

from toolkit.errors import UsageError
from toolkit.harness.experiments import (
    Live,
    Recalled,
    SimulatedMemory,
    SimulatedWorker,
    Worked,
    measure_finishing,
    measure_recall,
)

CELLS = {"fills": (0.1, 0.9), "depths": (0.0, 0.5, 1.0)}


async def test_recall_falls_with_fill_and_in_the_middle_by_what_the_simulator_was_given():
    rot = await measure_recall(SimulatedMemory(), range(60), **CELLS)
    by_fill = rot.by_fill("none")
    assert by_fill.low < -0.8 * 0.5 < by_fill.high
    assert by_fill.conclusion == "worse"
    middle = rot.in_the_middle("none")
    assert middle.low < -0.2 < middle.high
    assert rot.by_fill("reset").conclusion == "not shown"
    assert "simulated" in str(rot)


async def test_policies_are_compared_in_the_fullest_context_fact_by_fact():
    rot = await measure_recall(SimulatedMemory(), range(60), **CELLS)
    differences = rot.between_policies()
    assert len(differences) == 3
    of_reset = differences[1]
    assert of_reset.name == "recall of reset less that of none, at 90% full"
    assert of_reset.conclusion == "better"
    assert of_reset.n_cases == 60
    assert of_reset.p_adjusted >= of_reset.p


async def test_an_answer_that_does_not_come_is_left_out_with_its_partner_and_counted():
    async def ask(probe):
        if probe.fill == 0.9 and probe.seed == 0:
            raise TimeoutError
        return Recalled(True, 0.01)

    rot = await measure_recall(
        Live(ask, 0.01), range(10), policies=("none",), cap_usd=10.0, **CELLS
    )
    assert rot.recall("none").n_left_out == 3
    assert rot.by_fill("none").n_left_out == 3
    assert rot.by_fill("none").n_cases == 9


async def test_a_fact_is_asked_for_everywhere_or_nowhere_under_the_cap():
    async def ask(probe):
        return Recalled(True, 0.10)

    rot = await measure_recall(Live(ask, 0.10), range(10), policies=("none",), cap_usd=1.3, **CELLS)
    assert len(rot.answers) == 12
    assert rot.n_not_asked == 8
    with pytest.raises(UsageError, match="cap_usd"):
        await measure_recall(Live(ask, 0.10), range(2))


async def test_no_fact_at_all_is_no_error():
    async def ask(probe):
        return Recalled(True, 0.10)

    rot = await measure_recall(Live(ask, 0.10), range(3), cap_usd=0.0)
    assert rot.between_policies() == []
    assert "3 facts not asked for" in str(rot)


async def test_the_hazard_near_the_limit_is_six_times_that_before_it_as_the_simulator_was_given():
    worker = SimulatedWorker(hazard=0.01, hazard_near=0.06)
    anxiety = await measure_finishing(worker, range(150))
    ratio = anxiety.hazard_ratio("none")
    assert ratio.low < 6.0 < ratio.high
    assert ratio.p < 0.05
    assert anxiety.finished_early("none").low < worker.chance("none")
    assert anxiety.finished_early("none").high > worker.chance("none")


async def test_a_step_counts_for_as_long_as_the_session_came_to_it():
    async def work(session):
        ends = session.seed == 0
        fills = (0.1, 0.5, 0.8) if ends else (0.1, 0.5, 0.8, 0.9)
        return Worked(fills, ends, 0.1)

    anxiety = await measure_finishing(Live(work, 0.1), range(4), policies=("none",), cap_usd=1.0)
    ratio = anxiety.hazard_ratio("none")
    assert ratio.near == (1, 7)
    assert ratio.far == (0, 8)
    assert ratio.value is None
    assert "undefined" in str(ratio)


async def test_sessions_that_broke_are_in_no_rate_and_counted():
    async def work(session):
        if session.seed < 2:
            raise OSError("the disk is full")
        return Worked((0.1, 0.9), True, 0.1)

    anxiety = await measure_finishing(
        Live(work, 0.1), range(5), policies=("none", "reset"), cap_usd=5.0
    )
    early = anxiety.finished_early("none")
    assert (early.value, early.n_trials, early.n_left_out) == (1.0, 3, 2)


async def test_policies_are_compared_seed_by_seed_and_adjusted_for_each_other():
    anxiety = await measure_finishing(SimulatedWorker(hazard_near=0.15), range(100))
    of_compaction, of_reset, _ = anxiety.between_policies()
    assert of_reset.name == "worked to the end under reset against none"
    assert of_reset.conclusion == "better"
    assert of_reset.value > 0.3
    assert of_compaction.p_adjusted >= of_compaction.p
