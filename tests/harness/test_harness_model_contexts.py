"""Context rot and context anxiety are asked of a model by the calls that take simulators: here it
is a script behind the real SDK on loopback, and all that it says is simulated.
"""

import json
import re

import pytest

from toolkit.harness.context import SUM_UP
from toolkit.harness.experiments import (
    ModelMemory,
    ModelWorker,
    Probe,
    WorkSession,
    measure_finishing,
    measure_recall,
)
from toolkit.models import Answer, Ledger, connect_model

HANDED_ON = {"tried": "Reading.", "found": "{}", "decided": "Nothing.", "next": "Answer."}
CELLS = {"seeds": range(2), "fills": (0.5,), "depths": (0.0, 0.5, 1.0)}


def forgetful(request):
    """It sees the ends of its notes and not their middle; its summary loses all of them."""
    asked = json.loads(request.messages[-1]["content"])
    notes = asked["notes"]
    ends = notes[:200] + notes[-200:]
    if request.schema is None:
        return Answer("Crates were counted.")
    if "code" not in request.schema["properties"]:
        return Answer(data=HANDED_ON | {"found": ends})
    found = re.search(r"depot is (\d{6})", ends)
    return Answer(data={"code": found[1] if found else ""})


async def test_recall_is_measured_through_a_model_with_no_policy_a_summary_and_a_hand_off():
    async with connect_model(policy=forgetful, ledger=Ledger(5.0)) as model:
        memory = ModelMemory(model, 2000)
        rot = await measure_recall(memory, cap_usd=5.0, **CELLS)
        cost_usd = model.ledger.cost_usd
    recalled = {}
    for probe, answer in rot.answers:
        recalled.setdefault((probe.policy, probe.depth), set()).add(answer.recalled)
    assert recalled["none", 0.0] == recalled["none", 1.0] == {True}
    assert recalled["none", 0.5] == {False}
    assert recalled["compaction", 0.0] == {False}
    assert recalled["reset", 0.0] == {True}
    assert sum(answer.cost_usd for _, answer in rot.answers) == pytest.approx(cost_usd)
    assert all(answer.cost_usd <= memory.worst_case_usd(probe) for probe, answer in rot.answers)
    assert rot.simulated


def test_a_context_is_as_full_as_its_probe_says_and_the_fact_of_a_seed_is_one():
    memory = ModelMemory(None, 2000)
    short, full = [memory.notes(Probe("none", fill, 0.5, 7)) for fill in (0.1, 0.9)]
    assert len(short) == pytest.approx(0.1 * 2000 * 4, abs=120)
    assert len(full) == pytest.approx(0.9 * 2000 * 4, abs=120)
    fact = re.search(r"depot is \d{6}", short)[0]
    assert full.count(fact) == 1


async def test_no_fact_is_asked_for_that_could_pass_the_cap():
    async with connect_model(policy=forgetful, ledger=Ledger(5.0)) as model:
        memory = ModelMemory(model, 2000)
        rot = await measure_recall(memory, cap_usd=0.0001, **CELLS)
        assert model.ledger.attempts == []
    assert rot.n_not_asked == 2


def anxious(request):
    """It ends its work once its context holds many pages."""
    if request.messages[-1]["content"] == SUM_UP:
        return Answer("Pages were added up.")
    return Answer(data={"sum": 1, "finished": len(request.messages) > 9})


async def test_early_finishes_are_measured_through_a_model_whose_context_fills():
    async with connect_model(policy=anxious, ledger=Ledger(50.0)) as model:
        roomy = ModelWorker(model, limit_tokens=1200, n_pages=10)
        anxiety = await measure_finishing(roomy, [0], cap_usd=50.0)
        cost_usd = model.ledger.cost_usd
    early = {policy: anxiety.finished_early(policy).value for policy in anxiety.policies}
    assert early == {"none": 1.0, "compaction": 1.0, "reset": 1.0}
    assert sum(worked.cost_usd for _, worked in anxiety.sessions) == pytest.approx(cost_usd)
    assert anxiety.simulated


@pytest.mark.parametrize(("policy", "n_steps"), [("none", 4), ("compaction", 10), ("reset", 10)])
async def test_a_full_context_ends_the_work_or_is_emptied_as_the_policy_says(policy, n_steps):
    async with connect_model(policy=anxious, ledger=Ledger(50.0)) as model:
        narrow = ModelWorker(model, limit_tokens=600, n_pages=10)
        worked = await narrow(WorkSession(policy, 0))
    assert (len(worked.fills), worked.finished_early) == (n_steps, False)
    assert worked.cost_usd < narrow.worst_case_usd(WorkSession(policy, 0))
    is_emptied = sorted(worked.fills) != list(worked.fills)
    assert is_emptied == (policy != "none")


async def test_a_refusal_leaves_a_session_and_a_fact_unscored():
    async with connect_model(
        policy=lambda _: Answer("No.", stopped="refusal"), ledger=Ledger(5.0)
    ) as model:
        worked = await ModelWorker(model)(WorkSession("none", 0))
        recalled = await ModelMemory(model)(Probe("reset", 0.1, 0.5, 0))
    assert worked.finished_early is None
    assert recalled.recalled is None


async def test_a_summary_that_does_not_come_leaves_the_session_unscored():
    def refuses_to_sum_up(request):
        if request.messages[-1]["content"] == SUM_UP:
            return Answer("No.", stopped="refusal")
        return anxious(request)

    async with connect_model(policy=refuses_to_sum_up, ledger=Ledger(50.0)) as model:
        narrow = ModelWorker(model, limit_tokens=600, n_pages=10)
        worked = await narrow(WorkSession("compaction", 0))
    assert (len(worked.fills), worked.finished_early) == (4, None)
