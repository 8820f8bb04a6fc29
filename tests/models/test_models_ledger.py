"""What tokens cost, by hand and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.models import (
    Answer,
    BudgetExceeded,
    Ledger,
    Request,
    ScriptedModel,
    UnknownModel,
    Usage,
)
from toolkit.models.prices import cost_usd, price_table, worst_case
from toolkit.models.script import pieces_of

ASK = Request(({"role": "user", "content": "Hello"},), max_tokens=1000)
MODELS = st.sampled_from(list(price_table()["models"]))
TOKENS = st.integers(0, 1_000_000)


@pytest.mark.parametrize(
    ("model", "tokens", "usd"),
    [
        ("claude-opus-5-5", (1_000_000, 1_000_000), 24.0),
        ("claude-sonnet-5-5", (1_000_000, 1_000_000), 12.0),
        ("claude-haiku-5-5", (100_000, 1_000), 0.0105),
        ("claude-haiku-5-5", (100_001, 1_000), 0.0525005),
    ],
)
def test_prices_are_those_of_the_table_worked_by_hand(model, tokens, usd):
    assert cost_usd(model, Usage(*tokens)) == pytest.approx(usd)


@given(MODELS, TOKENS, TOKENS, TOKENS)
def test_more_tokens_never_cost_less(model, a, b, out):
    assert cost_usd(model, Usage(min(a, b), out)) <= cost_usd(model, Usage(max(a, b), out))


def test_the_price_table_says_when_and_where_it_was_read():
    assert price_table()["as_of"] == "2026-11-22"
    assert price_table()["source"]


def test_a_model_without_a_price_is_refused():
    with pytest.raises(UnknownModel, match="claude-haiku-5-5"):
        ScriptedModel(lambda request: Answer(), "some-model")


def test_what_is_open_counts_at_its_worst_until_it_ends():
    worst_usd = cost_usd("claude-opus-5-5", worst_case(ASK))
    ledger = Ledger(cap_usd=1.5 * worst_usd)
    first = ledger.begin("claude-opus-5-5", "live", ASK)
    with pytest.raises(BudgetExceeded):
        ledger.begin("claude-opus-5-5", "live", ASK)
    ledger.end(first, "billed", 200, Usage(10, 10))
    second = ledger.begin("claude-opus-5-5", "live", ASK)
    ledger.end(second, "possibly billed")
    assert ledger.cost_usd == pytest.approx(10 * 4e-6 + 10 * 20e-6)
    with pytest.raises(BudgetExceeded):
        ledger.begin("claude-opus-5-5", "live", ASK)


@given(st.lists(st.tuples(MODELS, TOKENS, TOKENS)))
def test_the_frame_has_a_row_for_each_attempt_and_sums_to_the_ledger(rows):
    ledger = Ledger()
    for model, *tokens in rows:
        ledger.end(ledger.begin(model, "simulated", ASK), "billed", 200, Usage(*tokens))
    frame = ledger.frame()
    assert len(frame) == len(rows)
    assert frame.cost_usd.sum() == pytest.approx(ledger.cost_usd)


@given(st.text())
def test_the_pieces_of_a_text_are_the_text(text):
    assert "".join(pieces_of(text)) == text


@pytest.mark.parametrize("bad", [{"stopped": "truncated"}, {"status": 302}])
def test_an_answer_that_no_api_could_give_is_refused(bad):
    with pytest.raises(ValueError, match=r"status|fault"):
        Answer(**bad)


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["billed", "free", "possibly billed"])),
        max_size=20,
    )
)
def test_what_is_held_is_at_each_time_the_sum_over_the_attempts(ends):
    ledger = Ledger()
    for number, state in ends:
        ledger.begin("claude-haiku-5-5", "simulated", Request(()))
        ledger.end(
            [min(number, len(ledger.attempts) - 1)], state, usage=Usage(number * 1000, number)
        )
        assert ledger.held_usd == pytest.approx(
            sum(attempt.held_usd for attempt in ledger.attempts), abs=1e-12
        )
    assert Ledger(attempts=ledger.attempts).held_usd == pytest.approx(ledger.held_usd, abs=1e-12)


def test_an_attempt_begins_without_a_look_at_all_those_before():
    class Unread(list):
        def __iter__(self):
            raise AssertionError("read from the first to the last")

    ledger = Ledger(cap_usd=1.0)
    ledger.attempts = Unread()
    for _ in range(3):
        ledger.begin("claude-haiku-5-5", "simulated", Request(()))
