"""Limits live in the shell and halt before the next call; what each role used adds up."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.builds import GOAL, Notes
from toolkit.harness import MANAGED_AGENTS, Budget, Outcome
from toolkit.harness.budget import Costs
from toolkit.harness.outcome import Ended
from toolkit.models import Usage
from toolkit.sessions import MemoryLog, Session

DAW = [
    ("planner", 0.46),
    ("generator", 71.08),
    ("evaluator", 3.24),
    ("generator", 36.89),
    ("evaluator", 3.09),
    ("generator", 5.88),
    ("evaluator", 4.06),
]
"""Dollars of a build of a music program, by role, as published (3 h 50 without sprints)."""


@pytest.fixture
def session():
    return Session(MemoryLog(), "build")


def test_the_published_figures_of_a_long_build_add_up_by_role_and_in_all():
    costs = Costs(["planner", "generator", "evaluator"])
    for role, dollars in DAW:
        costs.add(role, dollars, Usage())
    assert {total.role: total.cost_usd for total in costs.totals} == {
        "planner": 0.46,
        "generator": 113.85,
        "evaluator": 10.39,
    }
    assert [total.calls for total in costs.totals] == [1, 3, 3]
    assert costs.cost_usd == 124.70


calls = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.floats(0, 100).map(lambda usd: round(usd, 9)),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
    )
)


@given(calls)
def test_role_totals_equal_the_grand_total(made):
    costs = Costs("abc")
    for role, dollars, tokens_in, tokens_out in made:
        costs.add(role, dollars, Usage(tokens_in, tokens_out))
    assert costs.cost_usd == pytest.approx(sum(call[1] for call in made), abs=1e-6)
    assert costs.cost_usd == pytest.approx(sum(t.cost_usd for t in costs.totals), abs=1e-9)
    assert costs.tokens == sum(call[2] + call[3] for call in made)
    assert sum(total.calls for total in costs.totals) == len(made)


@given(st.floats(0, 2), st.floats(0, 2), st.integers(0, 2000), st.integers(0, 2000))
def test_a_call_is_refused_exactly_where_it_could_break_a_limit(spent, worst, used, more):
    costs = Costs("a")
    costs.add("a", spent, Usage(used))
    refusal = costs.refusal(Budget(cost_usd=2.0, tokens=2000), worst, Usage(0, more))
    fits = costs.cost_usd + worst <= 2.0 and used + more <= 2000
    assert (refusal is None) == fits


async def test_the_ledger_of_a_build_is_what_its_calls_cost(tmp_path, session):
    notes = Notes(right_from=2)
    made = notes.harness(tmp_path, session)
    outcome = await made.run(GOAL)
    assert outcome.outcome == "complete"
    by_role = {total.role: total for total in outcome.ledger}
    for role in made.crew.roles:
        total = by_role[role.name]
        assert total.cost_usd == pytest.approx(role.model.ledger.cost_usd, abs=1e-8)
        assert total.calls == len(role.model.ledger.attempts)
    assert outcome.cost_usd == pytest.approx(sum(t.cost_usd for t in outcome.ledger), abs=1e-9)
    logged = [event async for event in session.read(follow=False) if event.kind == "model.usage"]
    assert len(logged) == outcome.model_calls == 7
    assert outcome.cost_usd == pytest.approx(sum(event.data["cost_usd"] for event in logged))


@pytest.mark.parametrize("limit", ["cost_usd", "tokens"])
@pytest.mark.parametrize("calls", range(5))
async def test_a_limit_halts_before_the_call_that_would_break_it(tmp_path, session, limit, calls):
    """The limit is what so many calls used, and the worst case of none more."""
    free = Notes()
    await free.harness(tmp_path / "free", session).run(GOAL)
    events = [event async for event in session.read(follow=False) if event.kind == "model.usage"]
    used = {"cost_usd": 0.0, "tokens": 0}
    for event in events[:calls]:
        used["cost_usd"] += event.data["cost_usd"]
        used["tokens"] += event.data["usage"]["input_tokens"]
        used["tokens"] += event.data["usage"]["output_tokens"]
    notes = Notes()
    budget = {limit: used[limit]}
    outcome = await notes.harness(tmp_path / "short", session, budget=budget).run(GOAL)
    assert outcome.outcome == "budget"
    assert outcome.model_calls == len(notes.asked) <= calls
    assert "the next call of the" in outcome.why
    assert outcome.cost_usd <= used["cost_usd"] + 1e-9


async def test_without_seconds_left_no_call_is_made(tmp_path, session):
    notes = Notes()
    outcome = await notes.harness(tmp_path, session, budget={"seconds": 0.0}).run(GOAL)
    assert (outcome.outcome, outcome.model_calls, notes.asked) == ("budget", 0, [])
    assert "seconds" in outcome.why


def test_every_end_has_its_word_in_managed_agents():
    assert {*get_args(Ended), "open"} == MANAGED_AGENTS.keys()
    assert set(MANAGED_AGENTS.values()) == {
        "satisfied",
        "needs_revision",
        "max_iterations_reached",
        "failed",
        "interrupted",
    }
    assert [Outcome(ended).managed for ended in get_args(Ended)].count("satisfied") == 1
