"""A context is carried on, summed up, or begins clean, as its policy says; what it holds is
measured.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.builds import GOAL, Notes, question
from toolkit.errors import UsageError
from toolkit.harness import Context, Sandbox
from toolkit.harness.written import digest
from toolkit.sessions import MemoryLog, Session


@pytest.fixture
def session():
    return Session(MemoryLog(), "build")


def totals(outcome, role):
    (found,) = [total for total in outcome.ledger if total.role == role]
    return found


async def test_by_default_each_turn_begins_clean(tmp_path, session):
    notes = Notes(["alpha", "beta"], right_from=2)
    outcome = await notes.harness(tmp_path, session).run(GOAL)
    assert {len(request.messages) for request in notes.asked} == {1}
    generator = totals(outcome, "generator")
    assert (generator.calls, generator.resets, generator.compactions) == (6, 5, 0)
    assert totals(outcome, "planner").resets == 0


async def test_a_context_without_a_limit_in_sight_holds_all_that_a_role_was_asked(
    tmp_path, session
):
    notes = Notes(["alpha", "beta"], right_from=2, context=Context("none", 10**6))
    outcome = await notes.harness(tmp_path, session).run(GOAL)
    assert outcome.outcome == "complete"
    asked = notes.of_role("generator")
    assert [len(request.messages) for request in asked] == [1, 3, 5, 7, 9, 11]
    assert asked[-1].messages[: len(asked[-2].messages)] == asked[-2].messages
    generator = totals(outcome, "generator")
    assert (generator.resets, generator.compactions) == (0, 0)
    last = generator.fullest_tokens
    assert last > generator.input_tokens / 6
    assert last < generator.input_tokens + generator.output_tokens


async def test_a_full_context_ends_the_build_where_nothing_is_done_about_it(tmp_path, session):
    notes = Notes(["alpha", "beta"], right_from=2, context=Context("none", 1500))
    outcome = await notes.harness(tmp_path, session).run(GOAL)
    assert outcome.outcome == "budget"
    assert "the context of the generator is full" in outcome.why


async def test_a_full_context_is_summed_up_by_one_more_call_and_goes_on_from_the_summary(
    tmp_path, session
):
    notes = Notes(["alpha", "beta"], right_from=2, context=Context("compaction", 1500))
    outcome = await notes.harness(tmp_path, session).run(GOAL)
    assert outcome.outcome == "complete"
    generator = totals(outcome, "generator")
    assert generator.compactions > 0
    assert generator.calls == 6 + generator.compactions
    summaries = [json.dumps(request.messages) for request in notes.of_role("generator")]
    assert any("SUMMARY of" in text for text in summaries)


async def test_a_full_context_that_is_reset_begins_clean_with_the_hand_off_in_the_files(
    tmp_path, session
):
    notes = Notes(["alpha", "beta"], right_from=2, context=Context("reset", 1500))
    outcome = await notes.harness(tmp_path, session).run(GOAL)
    assert outcome.outcome == "complete"
    generator = totals(outcome, "generator")
    assert 0 < generator.resets < 5
    clean = [request for request in notes.of_role("generator")[1:] if len(request.messages) == 1]
    assert len(clean) == generator.resets
    assert any("Plain text." in question(request).get("handoffs", "") for request in clean)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(["none", "compaction"]))
def test_a_context_goes_on_exactly_as_long_as_it_fits(held, more, policy):
    move = Context(policy, 10**6).next_move(held, more)
    assert (move == "go on") == (held == 0 or held + more <= 10**6)


@pytest.mark.parametrize("policy", ["none", "compaction"])
def test_a_policy_that_needs_a_limit_is_refused_without_one(policy):
    with pytest.raises(UsageError, match="needs tokens above 0"):
        Context(policy)


class SimulatedClock:
    """Seconds that pass only as calls are made."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("n_sprints", "n_resets"),
    [(5, 2), pytest.param(30, 10, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)
async def test_many_sprints_with_many_resets_end_as_without_any(tmp_path, n_sprints, n_resets):
    """The seconds are simulated: ten minutes for each call of a model."""
    names = [f"f{number}" for number in range(1, n_sprints + 1)]
    results = {}
    for policy in ("reset", "none"):
        clock = SimulatedClock()
        context = Context(policy, 1000 if policy == "reset" else 10**7)

        class Timed(Notes):
            def model(self, answer, clock=clock):
                def ask(request):
                    clock.now += 600
                    return answer(request)

                return super().model(ask)

        notes = Timed(names, context=context)
        budget = {"seconds": (n_sprints * 4 + 2) * 600.0, "cost_usd": 100.0}
        session = Session(MemoryLog(), policy)
        made = notes.harness(tmp_path / policy, session, budget=budget, clock=clock)
        made.sandbox = Sandbox("none")  # these commands are our own, and only cat a file
        outcome = await made.run(GOAL)
        assert (outcome.outcome, outcome.features) == ("complete", tuple(names))
        assert clock.now == outcome.model_calls * 600
        work = tmp_path / policy
        results[policy] = outcome, (work / "features.json").read_text(), digest(work / "build")
    resets = {policy: totals(results[policy][0], "generator").resets for policy in results}
    assert resets["none"] == 0
    assert resets["reset"] >= n_resets
    assert results["reset"][1:] == results["none"][1:]


async def test_the_seconds_of_a_budget_are_those_of_the_clock_that_is_given(tmp_path, session):
    clock = SimulatedClock()

    class Timed(Notes):
        def model(self, answer):
            def ask(request):
                clock.now += 600
                return answer(request)

            return super().model(ask)

    notes = Timed()
    made = notes.harness(tmp_path, session, budget={"seconds": 1000.0}, clock=clock)
    outcome = await made.run(GOAL)
    assert (outcome.outcome, outcome.model_calls) == ("budget", 2)
    assert "seconds" in outcome.why
