"""A context is carried on, summed up, or begins clean, as its policy says; what it holds is
measured.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.builds import GOAL, Notes, question
from toolkit.errors import UsageError
from toolkit.harness import Context
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
