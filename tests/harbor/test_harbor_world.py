"""The shop: its database, its tools, and what they refuse."""

import json
from datetime import datetime, timedelta

import pytest
from harbor_signs import refund_due_cents
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.harbor import TOOLS, World, call, schemas, situations
from toolkit.harbor.tools import CHANGES


@pytest.fixture
def world():
    with World.open() as opened:
        yield opened


def at(**before) -> World:
    """The shop so long before the pick-up of HB-2101: a tandem on 20 and 21 June, €88."""
    return World.open(now=datetime(2026, 6, 20, 10) - timedelta(**before))


def test_the_same_seed_fills_the_same_shop_and_another_seed_only_changes_the_past():
    with World.open(seed=1) as one, World.open(seed=1) as same, World.open(seed=2) as other:
        assert one.snapshot() == same.snapshot() != other.snapshot()
        coming = "select * from bookings where status = 'booked' order by id"
        assert one.rows(coming) == other.rows(coming)


def test_the_shop_has_about_sixty_bookings_all_paid_and_no_bike_is_booked_twice_on_a_day(world):
    bookings = world.rows("select * from bookings")
    assert 60 <= len(bookings) <= 80
    assert len(world.rows("select * from customers")) >= 30
    assert all(
        world.paid_cents(booking["id"]) == booking["price_cents"] > 0 for booking in bookings
    )
    clash = """select a.id, b.id from bookings a join bookings b on a.bike_id = b.bike_id and a.id < b.id
        where a.first_day <= b.last_day and b.first_day <= a.last_day"""
    assert world.rows(clash) == []


def test_a_world_on_disk_keeps_what_was_done_to_it(tmp_path):
    with World.open(tmp_path / "shop.db") as world:
        call(world, "refund", refund_of("HB-2101", "C-01", 88))
        before = world.snapshot()
    with World.open(tmp_path / "shop.db") as again:
        assert again.snapshot() == before
        assert again.snapshot()["bookings"]["HB-2101"]["status"] == "cancelled"


def refund_of(booking: str, customer: str, amount: float, reason: str = "cancelled") -> dict:
    return {"booking_id": booking, "customer_id": customer, "amount_eur": amount, "reason": reason}


@pytest.mark.parametrize(
    ("hours", "due"), [(100, 88), (48, 88), (47.99, 44), (24, 44), (23.99, 0), (1, 0), (-3, 0)]
)
def test_what_is_refunded_turns_on_the_notice_with_both_bounds_included(hours, due):
    with at(hours=hours) as world:
        booking = world.row("select * from bookings where id = 'HB-2101'")
        assert refund_due_cents(world, booking) == due * 100


def test_a_closure_refunds_everything_however_late():
    with World.open(now=datetime(2026, 6, 27, 9)) as world:
        booking = world.row("select * from bookings where id = 'HB-2104'")
        assert world.closure(booking) == "2026-06-27 storm"
        assert refund_due_cents(world, booking) == 10_400


CHANGE = {"booking_id": "HB-2101", "customer_id": "C-01"}
ERRORS = [
    ("find_booking", {}, "at least one"),
    ("find_booking", {"booking_id": "HB-9999"}, "no current booking"),
    ("find_booking", {"booking_id": "HB-2102", "customer_id": "C-01"}, "not a booking of"),
    ("refund", refund_of("HB-9999", "C-01", 5), "no booking"),
    ("refund", refund_of("HB-2102", "C-01", 5), "not a booking of"),
    ("refund", refund_of("HB-2101", "C-01", 88.01), "more than"),
    ("refund", refund_of("HB-2101", "C-01", 88, "closure"), "no closure"),
    ("refund", refund_of("HB-2101", "C-01", -1), "greater than 0"),
    ("refund", refund_of("HB-2101", "C-01", float("nan")), "amount_eur"),
    ("change_dates", {**CHANGE, "first_day": "2026-06-22", "last_day": "2026-06-21"}, "before"),
    (
        "change_dates",
        {**CHANGE, "first_day": "2026-06-01", "last_day": "2026-06-02"},
        "in the past",
    ),
    (
        "change_dates",
        {**CHANGE, "first_day": "2026-07-12", "last_day": "2026-07-13"},
        "is taken from 2026-07-11",
    ),
    ("change_dates", {**CHANGE, "first_day": "soon", "last_day": "later"}, "first_day"),
    ("apply_voucher", {**CHANGE, "code": "NOPE"}, "no voucher"),
    ("apply_voucher", {**CHANGE, "code": "SPRING15"}, "expired on 2026-05-31"),
    ("apply_voucher", {**CHANGE, "code": "MAYA20"}, "another customer"),
    (
        "apply_voucher",
        {"booking_id": "HB-2113", "customer_id": "C-11", "code": "QUAY10"},
        "already has a voucher",
    ),
    ("apply_voucher", {**CHANGE, "code": "HELLO5"}, "already used"),
    ("transfer_to_person", {"customer_id": "C-99", "reason": "x", "summary": "y"}, "no customer"),
    ("drop_tables", {}, "no tool"),
    ("refund", "not an object", "arguments"),
    ("refund", {"surprise": 1}, "surprise"),
]


@pytest.mark.parametrize(("name", "arguments", "words"), ERRORS)
def test_a_tool_says_what_was_wrong_and_changes_nothing(world, name, arguments, words):
    before = world.snapshot()
    content, error = call(world, name, arguments)
    assert error
    assert words in content
    assert world.snapshot() == before


def test_a_refund_happens_once_and_cancels_the_booking_unless_the_fault_is_ours(world):
    assert call(world, "refund", refund_of("HB-2101", "C-01", 44, "fault")) == (
        '{"booking_id": "HB-2101", "refunded_eur": 44, "to": "card", "status": "booked"}',
        False,
    )
    assert call(world, "refund", refund_of("HB-2101", "C-01", 44)) == (
        "HB-2101 was already refunded",
        True,
    )
    assert "cancelled" in call(world, "refund", refund_of("HB-2102", "C-02", 20.5))[0]
    assert world.paid_cents("HB-2102") == 1950


def test_a_change_of_dates_moves_money_with_the_days_and_costs_ten_euros_when_it_is_late():
    days = {"first_day": "2026-06-20", "last_day": "2026-06-20"}
    with at(hours=24) as early, at(hours=23) as late:
        assert (
            json.loads(call(early, "change_dates", {**CHANGE, **days})[0])["difference_eur"] == -44
        )
        told = json.loads(call(late, "change_dates", {**CHANGE, **days})[0])
        assert (told["difference_eur"], told["late_fee_eur"]) == (-34, 10)
        assert late.paid_cents("HB-2101") == 5400


def test_a_voucher_pays_its_worth_back_and_is_used_up(world):
    told = json.loads(call(world, "apply_voucher", {**CHANGE, "code": "quay10 "})[0])
    assert (told["credited_eur"], told["price_eur"]) == (10, 78)
    assert world.snapshot()["vouchers"]["QUAY10"]["used_on"] == "HB-2101"


def test_after_pick_up_neither_dates_nor_vouchers_can_be_changed():
    with at(hours=-1) as world:
        days = {"first_day": "2026-06-25", "last_day": "2026-06-25"}
        assert call(world, "change_dates", {**CHANGE, **days}) == (
            "HB-2101 was already picked up",
            True,
        )
        assert call(world, "apply_voucher", {**CHANGE, "code": "QUAY10"})[1]


def test_only_the_owner_can_have_a_booking_changed(world):
    for name in CHANGES:
        wrong = {
            "first_day": "2026-06-25",
            "last_day": "2026-06-25",
            "code": "QUAY10",
            "amount_eur": 1,
        }
        needed = schema_of(name)["required"]
        arguments = {**wrong, "reason": "cancelled", "booking_id": "HB-2101", "customer_id": "C-02"}
        content, error = call(world, name, {key: arguments[key] for key in needed})
        assert error
        assert "Priya" not in content


def schema_of(name: str) -> dict:
    return next(schema["input_schema"] for schema in schemas() if schema["name"] == name)


def test_the_schemas_are_those_of_the_messages_api():
    assert [schema["name"] for schema in schemas()] == list(TOOLS)
    for schema in schemas():
        assert set(schema) == {"name", "description", "input_schema"}
        assert schema["input_schema"]["type"] == "object"
        assert schema["input_schema"]["additionalProperties"] is False
        assert "world" not in schema["input_schema"]["properties"]
    assert schema_of("refund")["required"] == ["booking_id", "customer_id", "amount_eur", "reason"]


hostile = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.just("HB-2101' or 1=1 --"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = sorted({field for schema in schemas() for field in schema["input_schema"]["properties"]})


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([*TOOLS, "other"]), hostile | st.dictionaries(st.sampled_from(FIELDS), hostile)
)
def test_whatever_a_model_asks_for_call_never_raises_and_sql_stays_sql(name, arguments):
    with World.open() as world:
        content, error = call(world, name, arguments)
        assert isinstance(content, str)
        assert error in (True, False)
        assert len(world.rows("select * from customers")) >= 30


def test_every_situation_names_a_customer_with_that_booking(world):
    for situation in situations().values():
        booking = world.row("select customer_id from bookings where id = ?", situation.booking)
        assert booking == {"customer_id": situation.customer}, situation.id


@pytest.mark.parametrize("reason", ["cancelled", "fault"])
@pytest.mark.parametrize(
    "amount",
    [
        0,
        0.004,
        0.0099,
        -0.01,
        1.005,
        88.01,
        1e300,
        float("nan"),
        float("inf"),
        True,
        "5",
        "five",
        None,
        [5],
    ],
    ids=repr,
)
def test_an_amount_that_cannot_be_paid_is_refused_and_nothing_is_cancelled(amount, reason):
    with World.open() as world:
        before = world.snapshot()
        for _ in range(2):
            _, is_error = call(world, "refund", refund_of("HB-2101", "C-01", amount, reason))
            assert is_error
        assert world.snapshot() == before


@pytest.mark.parametrize(("amount", "cents"), [(0.01, 1), (4.35, 435), (1.1, 110), (88, 8_800)])
def test_an_amount_of_whole_cents_is_paid_to_the_cent(amount, cents):
    with World.open() as world:
        paid = world.paid_cents("HB-2101")
        told, is_error = call(world, "refund", refund_of("HB-2101", "C-01", amount, "fault"))
        assert not is_error, told
        assert paid - world.paid_cents("HB-2101") == cents


@pytest.mark.parametrize(
    "day",
    [
        0,
        1_782_000_000,
        "1782000000",
        True,
        1.5,
        None,
        "",
        "2026-13-01",
        "2026-07-01T00:00:00",
        "20260701",
        "9999-12-31",
    ],
    ids=repr,
)
def test_what_is_no_day_or_far_away_is_refused_and_nothing_is_changed(day):
    with World.open() as world:
        before = world.snapshot()
        given = {"booking_id": "HB-2101", "customer_id": "C-01", "first_day": day, "last_day": day}
        _, is_error = call(world, "change_dates", given)
        assert is_error
        assert world.snapshot() == before


def test_what_was_paid_back_is_not_paid_back_again_for_other_days_or_a_voucher():
    with World.open() as world:
        own = {"booking_id": "HB-2101", "customer_id": "C-01"}
        assert not call(world, "refund", refund_of("HB-2101", "C-01", 88, "fault"))[1]
        before = world.snapshot()
        shorter = call(
            world, "change_dates", {**own, "first_day": "2026-06-20", "last_day": "2026-06-20"}
        )
        voucher = call(world, "apply_voucher", {**own, "code": "QUAY10"})
        assert (shorter[1], voucher[1]) == (True, True)
        assert "only €0 was paid" in shorter[0]
        assert world.snapshot() == before
