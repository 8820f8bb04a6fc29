"""The state that an agent left: each of the faults of the field's checks is a test here, under the
name of the issue that complains of it.
"""

import asyncio
import sqlite3
import subprocess
import sys

import pytest

from toolkit.evals import (
    ANY_NUMBER,
    Alternatives,
    DictWorld,
    Effect,
    Effects,
    SqliteWorld,
    StateRules,
    diff_state,
    score,
    score_traces,
    state_scorer,
)
from toolkit.traces import Step, Trace

SHOP = """
create table bookings (id text primary key, customer text, status text, price integer);
create table payments (id integer primary key, booking text, kind text, amount integer, time text);
create table log (line text);
insert into bookings values ('HB-1', 'C-1', 'booked', 40), ('HB-2', 'C-2', 'booked', 60);
insert into payments values (1, 'HB-1', 'charge', 40, '09:00'), (2, 'HB-2', 'charge', 60, '09:05');
insert into log values ('opened'), ('opened');
"""
CANCELLED = Effect.changed("bookings", "HB-1", {"status": "cancelled"})
REFUNDED = Effect.added("payments", {"booking": "HB-1", "kind": "refund", "amount": -40})
PAYMENT = "insert into payments values (?, ?, ?, ?, ?)"


@pytest.fixture
def shop():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SHOP)
    yield connection
    connection.close()


@pytest.fixture
def before(shop):
    return SqliteWorld(shop).snapshot()


def cancel_and_refund(shop, amount=-40, payment=None, time="12:00"):
    shop.execute("update bookings set status = 'cancelled' where id = 'HB-1'")
    shop.execute(PAYMENT, (payment, "HB-1", "refund", amount, time))


def another(before, *statements):
    """The state after these statements, on a database of its own."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    world = SqliteWorld(connection)
    world.restore(before)
    for statement in statements:
        connection.execute(statement)
    after = world.snapshot()
    connection.close()
    return after


def where(changes):
    return [(change.table, change.key, change.fields) for change in changes]


def test_every_change_is_listed_by_table_row_and_field(shop, before):
    cancel_and_refund(shop)
    shop.execute("delete from bookings where id = 'HB-2'")
    diff = diff_state(before, SqliteWorld(shop))
    assert {(each.kind, each.table, each.key, each.fields) for each in diff.changes} == {
        ("changed", "bookings", "HB-1", ("status",)),
        ("removed", "bookings", "HB-2", ("id", "customer", "status", "price")),
        ("added", "payments", 3, ("id", "booking", "kind", "amount", "time")),
    }
    assert diff.matches is None
    assert diff.score().value is None


def test_what_should_have_been_done_is_missing_and_another_value_is_wrong(shop, before):
    cancel_and_refund(shop, amount=-20)
    diff = diff_state(before, SqliteWorld(shop), Effects(CANCELLED, REFUNDED))
    (wrong,) = diff.wrong
    assert (wrong.table, wrong.fields, wrong.after["amount"]) == ("payments", ("amount",), -20)
    assert wrong.expected == {"amount": -40}
    assert (diff.matches, diff.missing, diff.collateral) == (False, (), ())
    idle = diff_state(before, before, Effects(CANCELLED, REFUNDED))
    assert [change.table for change in idle.missing] == ["bookings", "payments"]
    assert idle.matches is False


# 1. Collections without order


def test_the_order_of_a_list_that_is_told_to_be_a_set_does_not_flip_the_verdict():
    """tau2-bench #514: a state keeps a set as a list, and its order decides."""
    before = {"users": {"mia": {"tags": ["gold", "early"], "queue": ["a", "b"]}}}
    after = {"users": {"mia": {"tags": ["early", "gold"], "queue": ["a", "b"]}}}
    assert diff_state(before, after, before).matches is False
    rules = StateRules(bags=["users.tags"])
    assert diff_state(before, after, before, rules).matches is True
    twice = {"users": {"mia": {"tags": ["gold", "early", "gold"], "queue": ["a", "b"]}}}
    assert diff_state(before, twice, before, rules).matches is False  # a bag counts
    assert diff_state(before, twice, before, StateRules(sets="users.tags")).matches is True
    as_set = {"users": {"mia": {"tags": {"gold", "early"}, "queue": ["a", "b"]}}}
    assert not diff_state(as_set, DictWorld(as_set)).changes
    queued = {"users": {"mia": {"tags": ["gold", "early"], "queue": ["b", "a"]}}}
    assert diff_state(before, queued, before, rules).matches is False  # nobody said so of it


def test_lists_inside_lists_and_in_columns_of_json_may_be_without_order_too():
    before = {"trips": {"T": {"legs": [{"seats": [1, 2]}, {"seats": [3]}]}}}
    after = {"trips": {"T": {"legs": [{"seats": [2, 1]}, {"seats": [3]}]}}}
    rules = StateRules(bags=["trips.legs.*.seats"])
    assert diff_state(before, after, before, rules).matches is True
    turned = {"trips": {"T": {"legs": [{"seats": [3]}, {"seats": [1, 2]}]}}}
    assert diff_state(before, turned, before, rules).matches is False
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(
        "create table t (id primary key, tags); insert into t values (1, '[1, 2]')"
    )
    start = SqliteWorld(connection).snapshot()
    connection.execute("update t set tags = '[2,1]'")
    assert not diff_state(start, SqliteWorld(connection), rules=StateRules(bags="t.tags")).changes
    connection.close()


def test_rows_have_no_order_and_a_table_without_a_key_is_counted_as_a_bag(shop, before):
    turned = "create table log2 as select * from log; delete from log; insert into log select * from log2"
    shop.executescript(turned + "; drop table log2")
    assert not diff_state(before, SqliteWorld(shop)).changes
    shop.execute("insert into log values ('opened')")
    shop.execute("insert into log values ('opened')")
    diff = diff_state(before, SqliteWorld(shop))
    assert [(each.kind, each.table, each.count) for each in diff.changes] == [("added", "log", 2)]
    one_more = another(before, "insert into log values ('opened')")
    diff = diff_state(before, SqliteWorld(shop), one_more)
    assert [(each.table, each.count) for each in diff.collateral] == [("log", 1)]


# 2. Masks


def test_a_mask_hides_bookkeeping_and_says_how_much_it_hid(shop, before):
    """tau2-bench #370: bookkeeping is hashed, so no agent can reach the gold state."""
    gold = another(before, "insert into payments values (3, 'HB-1', 'refund', -40, '10:00')")
    shop.execute(PAYMENT, (3, "HB-1", "refund", -40, "17:31"))
    assert diff_state(before, SqliteWorld(shop), gold).matches is False
    diff = diff_state(before, SqliteWorld(shop), gold, StateRules(mask=["*.time"]))
    assert diff.matches is True
    assert (diff.masked, diff.masked_fields) == (1, {"payments.time": 1})
    assert "masked: 1 (payments.time)" in diff.summary
    assert "masked: 1 (payments.time)" in diff._repr_html_()


def test_a_mask_reaches_into_nested_json_and_is_counted_there_too():
    before = {"orders": {"O": {"lines": [{"n": 1, "at": "09:00"}], "meta": {"at": "09:00"}}}}
    after = {"orders": {"O": {"lines": [{"n": 1, "at": "09:01"}], "meta": {"at": "09:01"}}}}
    diff = diff_state(before, after, before, StateRules(mask=["*.at"]))
    assert (diff.matches, diff.masked) == (True, 2)
    assert diff_state(before, after, before, StateRules(mask=["orders.meta.at"])).matches is False


def test_rows_without_a_key_are_the_same_where_only_what_is_masked_differs():
    before = {"log": [{"line": "a", "at": 1}, {"line": "b", "at": 1}], "clock": 5}
    after = {"log": [{"line": "b", "at": 3}, {"line": "a", "at": 2}], "clock": 6}
    rules = StateRules(mask=["log.at", "clock.value"])
    diff = diff_state(before, after, rules=rules)
    assert diff.changes == ()
    assert diff.masked_fields == {"log.at": 2, "clock.value": 1}
    after["log"].append({"line": "a", "at": 9})
    (extra,) = diff_state(before, after, rules=rules).changes
    assert (extra.kind, extra.after["line"], extra.count) == ("added", "a", 1)


# 3. Alternatives, and effects in place of a state


def test_any_of_several_ends_will_do_and_valid_side_effects_may_be_allowed(shop, before):
    """tau2-bench #316: the gold omits side effects that are valid."""
    moved = Effects(Effect.changed("bookings", "HB-1", {"price": 30}))
    either = Alternatives(moved, Effects(CANCELLED, REFUNDED))
    cancel_and_refund(shop)
    diff = diff_state(before, SqliteWorld(shop), either)
    assert (diff.matches, diff.alternative) == (True, 1)
    shop.execute("insert into log values ('refunded HB-1')")
    assert diff_state(before, SqliteWorld(shop), either).matches is False
    allowed = Effects(CANCELLED, REFUNDED, Effect.added("log", {}, count=ANY_NUMBER))
    assert diff_state(before, SqliteWorld(shop), allowed).matches is True
    assert diff_state(before, SqliteWorld(shop), Effects(CANCELLED, others=True)).matches is True


def test_ends_may_be_states_and_the_nearest_is_reported_where_none_matches(shop, before):
    gold = another(before, "update bookings set status = 'cancelled'")
    near = another(before, "update bookings set status = 'cancelled' where id = 'HB-1'")
    cancel_and_refund(shop)
    diff = diff_state(before, SqliteWorld(shop), Alternatives(gold, near))
    assert (diff.matches, diff.alternative, diff.missing) == (False, 1, ())
    assert [change.table for change in diff.collateral] == ["payments"]


def test_a_condition_may_be_a_function_and_a_count_a_range(shop, before):
    for amount in (-10, -30):
        shop.execute(PAYMENT, (None, "HB-1", "refund", amount, "12:00"))

    def is_negative(amount):
        return amount < 0

    row = {"booking": "HB-1", "amount": is_negative}
    for count, matches in (
        (2, True),
        ((1, 3), True),
        ((1, None), True),
        (1, False),
        ((3, 4), False),
    ):
        diff = diff_state(
            before, SqliteWorld(shop), Effects(Effect.added("payments", row, count=count))
        )
        assert diff.matches is matches, count
    (missing,) = diff.missing
    assert missing.expected == {"booking": "HB-1", "amount": "(is_negative)"}


# 4. Must-not effects, and nothing else


def test_whatever_no_effect_speaks_of_is_collateral_by_row_and_field(shop, before):
    """AppWorld's collateral damage, and DynamicMCPBench's minefields."""
    cancel_and_refund(shop)
    shop.execute("update bookings set price = 0 where id = 'HB-1'")
    shop.execute("update bookings set customer = 'C-9' where id = 'HB-2'")
    diff = diff_state(before, SqliteWorld(shop), Effects(CANCELLED, REFUNDED))
    assert where(diff.collateral) == [
        ("bookings", "HB-1", ("price",)),
        ("bookings", "HB-2", ("customer",)),
    ]
    assert (diff.missing, diff.wrong, diff.matches) == ((), (), False)


def test_what_must_not_happen_is_found_even_where_other_changes_are_allowed(shop, before):
    never = Effect.added("payments", {"booking": "HB-2"}, count=0)
    expected = Effects(CANCELLED, never, others=True)
    cancel_and_refund(shop)
    assert diff_state(before, SqliteWorld(shop), expected).matches is True
    shop.execute(PAYMENT, (None, "HB-2", "refund", -60, "12:00"))
    diff = diff_state(before, SqliteWorld(shop), expected)
    assert [change.after["booking"] for change in diff.collateral] == ["HB-2"]
    assert "0 may be" in diff.collateral[0].why


def test_an_effect_that_could_not_fail_for_a_slip_of_the_pen_is_refused(shop, before):
    cancel_and_refund(shop)
    for slip in (
        Effect.added("paymets", {"kind": "refund"}, count=0),
        Effect.added("payments", {"knd": "refund"}, count=0),
        Effect.changed("bookings", {"stat": "booked"}, {"status": "cancelled"}),
    ):
        with pytest.raises(ValueError, match=r"there is no table|has no column"):
            diff_state(before, SqliteWorld(shop), Effects(slip))
    with pytest.raises(ValueError, match="state it once"):
        Effects(REFUNDED, REFUNDED)


def test_an_empty_row_is_collateral_too_and_a_field_that_was_never_set_is_missing():
    before = {"tickets": {}, "bookings": {"A": {"status": "booked"}}}
    after = {"tickets": {"T": {}}, "bookings": {"A": {"status": "cancelled"}}}
    expected = Effects(Effect.changed("bookings", "A", {"status": "cancelled"}))
    diff = diff_state(before, after, expected)
    assert where(diff.collateral) == [("tickets", "T", ())]
    assert diff.frame()["verdict"].tolist() == ["collateral", "expected"]
    stamped = Effect.changed("bookings", "A", {"status": "cancelled", "at": lambda at: at > 0})
    diff = diff_state(before, after, Effects(stamped, others=True))
    assert where(diff.wrong) == [("bookings", "A", ("at",))]
    created = Effects(Effect.added("refunds", {"of": "A"}))
    assert [change.table for change in diff_state(before, before, created).missing] == ["refunds"]


# 6. Procedure beside state


def test_a_right_end_does_not_hide_that_a_confirmation_was_skipped(shop, before):
    """tau2-bench #298: 11 of 1,755 passing runs broke "confirm before you change"."""
    cancel_and_refund(shop)
    steps = (
        Step("1", "message", "user", "Cancel HB-1."),
        Step("2", "tool.call", "assistant", "cancel"),
        Step("3", "message", "assistant", "Done."),
    )
    trace = Trace("t", steps)

    def confirmed(trace):
        first_call = [step.kind for step in trace.steps].index("tool.call")
        return any(step.actor == "assistant" for step in trace.steps[:first_call])

    left = state_scorer(
        {"t": (before, SqliteWorld(shop))}, lambda case: Effects(CANCELLED, REFUNDED)
    )
    frame = asyncio.run(score_traces([trace], [left, confirmed]))
    assert dict(zip(frame["scorer"], frame["value"], strict=True)) == {
        "state": True,
        "confirmed": False,
    }


# 7. Rows whose generated key differs


def test_a_row_with_another_generated_key_is_the_same_row(shop, before):
    """A failed attempt moves the counter on: the gold has payment 3, the agent's is 9."""
    gold = another(before, "insert into payments values (3, 'HB-1', 'refund', -40, '12:00')")
    shop.execute(PAYMENT, (9, "HB-1", "refund", -40, "12:00"))
    diff = diff_state(before, SqliteWorld(shop), gold)
    assert (diff.matches, diff.masked_fields) == (True, {"payments.id": 1})
    counts = diff_state(before, SqliteWorld(shop), gold, StateRules(generated=[]))
    assert (counts.missing, counts.collateral) == ((), ())
    assert where(counts.wrong) == [("payments", 9, ("id",))]
    assert counts.wrong[0].expected == {"id": 3}


def test_equal_new_rows_are_counted_however_they_are_numbered(shop, before):
    row = "'HB-1', 'refund', -40, '12:00'"
    gold = another(before, f"insert into payments values (3, {row}), (4, {row})")
    shop.execute(f"insert into payments values (4, {row})")
    diff = diff_state(before, SqliteWorld(shop), gold)
    assert [change.kind for change in diff.missing] == ["added"]
    shop.execute(f"insert into payments values (7, {row}), (8, {row})")
    diff = diff_state(before, SqliteWorld(shop), gold)
    assert (diff.missing, len(diff.collateral)) == ((), 1)


def test_what_refers_to_a_new_row_follows_it_whatever_its_number():
    orders = """create table orders (id integer primary key, customer text);
        create table lines (id integer primary key, of integer references orders, item text)"""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(orders)
    before = SqliteWorld(connection).snapshot()
    connection.close()

    def written(*rows):
        inserts = []
        for number, customer, item in rows:
            inserts.append(f"insert into orders values ({number}, '{customer}')")
            inserts.append(f"insert into lines values (null, {number}, '{item}')")
        return another(before, *inserts)

    gold = written((1, "mia", "tea"), (2, "tom", "bun"))
    turned = written((1, "tom", "bun"), (2, "mia", "tea"))
    swapped = written((1, "tom", "tea"), (2, "mia", "bun"))
    assert diff_state(before, turned, gold).matches is True
    diff = diff_state(before, swapped, gold)
    assert {change.table for change in (*diff.wrong, *diff.missing, *diff.collateral)} == {"lines"}
    alike = written((1, "mia", "tea"), (2, "mia", "bun"))
    assert diff_state(before, alike, alike).matches is True
    piled = another(alike, "update lines set of = 1")
    assert diff_state(before, piled, alike).matches is False


def test_rows_of_json_are_matched_by_content_or_by_a_natural_key():
    before = {"tickets": {}, "log": [{"day": 1, "n": 5}]}
    gold = {"tickets": {"T-8F": {"for": "mia"}}, "log": [{"day": 1, "n": 5}]}
    after = {"tickets": {"T-C1": {"for": "mia"}}, "log": [{"day": 1, "n": 6}]}
    diff = diff_state(before, after, gold, StateRules(generated="tickets", keys={"log": "day"}))
    assert (diff.missing, diff.masked_fields) == ((), {"tickets.key": 1})
    assert where(diff.collateral) == [("log", 1, ("n",))]
    (wrong,) = diff_state(
        {"tickets": {}}, {"tickets": after["tickets"]}, {"tickets": gold["tickets"]}
    ).wrong
    assert "its key is 'T-C1', not 'T-8F'" in wrong.why
    with pytest.raises(ValueError, match="day does not tell the rows"):
        diff_state({"log": [{"day": 1}, {"day": 1}]}, {}, rules=StateRules(keys={"log": "day"}))


def test_a_natural_key_in_sqlite_joins_the_rows_and_is_refused_where_it_is_none(shop, before):
    shop.execute("update payments set id = 77, amount = 41 where id = 1")
    rules = StateRules(keys={"payments": ["booking", "kind"]}, mask=["payments.id"])
    diff = diff_state(before, SqliteWorld(shop), rules=rules)
    assert where(diff.changes) == [("payments", ("HB-1", "charge"), ("amount",))]
    with pytest.raises(ValueError, match="kind does not tell the rows of payments apart"):
        diff_state(before, before, rules=StateRules(keys={"payments": "kind"}))
    with pytest.raises(ValueError, match="payments has no column sort"):
        diff_state(before, before, rules=StateRules(keys={"payments": "sort"}))


# 8. A grader's exception


def test_a_fault_of_the_grader_is_unscored_and_neither_pass_nor_fail(shop, before):
    """AgentBench #234: an errored sample is dropped from its task, or counts as something."""
    cancel_and_refund(shop)

    def raises(amount):
        raise RuntimeError("the grader slipped")

    broken = Effects(CANCELLED, Effect.added("payments", {"amount": raises}))
    left = state_scorer({"t": (before, SqliteWorld(shop))}, lambda case: broken)
    found = asyncio.run(score(left, Trace("t", ())))["state"]
    assert (found.value, found.why) == (None, "RuntimeError: the grader slipped")
    found = asyncio.run(score(left, Trace("another", ())))["state"]
    assert (found.value, found.why) == (None, "no state was kept of trace another")
    nothing = state_scorer({"t": (before, before)})
    assert asyncio.run(score(nothing, Trace("t", ())))["state"].value is None


def test_null_is_not_zero_and_true_is_not_one():
    """AgentBench #234: null equals 0."""
    row = {"a": None, "b": True, "c": "1", "d": 1}
    for name, value in (("a", 0), ("b", 1), ("c", 1), ("d", True)):
        diff = diff_state({"t": {"r": row}}, {"t": {"r": row | {name: value}}})
        assert where(diff.changes) == [("t", "r", (name,))]
    assert not diff_state({"t": {"r": row}}, {"t": {"r": row | {"d": 1.0}}}).changes


# 10. The grader reads from outside the agent's process


def test_the_grader_reads_a_file_that_the_agent_in_another_process_wrote(tmp_path):
    """AgentBench #234: the grader runs inside the agent's container."""
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("pragma journal_mode = wal;" + SHOP)
    world = SqliteWorld(connection)
    before = world.snapshot()
    agent = (
        "import sqlite3, toolkit.evals as evals\n"
        "evals.diff_state = lambda *a: print('all is well')\n"
        f"shop = sqlite3.connect({str(path)!r})\n"
        "shop.execute('delete from payments'); shop.commit()\n"
        "shop.execute('delete from bookings')  # never committed\n"
    )
    subprocess.run([sys.executable, "-c", agent], check=True, timeout=60)
    diff = diff_state(before, world, before)
    assert [change.key for change in diff.collateral] == [1, 2]
    world.restore(before)
    assert not diff_state(before, world).changes
    connection.close()


def test_a_database_that_another_holds_is_not_waited_for_without_end(tmp_path):
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    connection.executescript(SHOP)
    world = SqliteWorld(connection, timeout_s=0)
    before = world.snapshot()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    with pytest.raises(TimeoutError, match="still in use after 0 s"):
        world.restore(before)
    other.close()
    world.restore(before)
    connection.close()


def test_a_snapshot_is_out_of_reach_of_who_holds_the_world():
    state = {"users": {"mia": {"tags": ["gold"]}}}
    world = DictWorld(state)
    before = world.snapshot()
    state["users"]["mia"]["tags"].append("platinum")
    assert where(diff_state(before, world).changes) == [("users", "mia", ("tags",))]
    world.restore(before)
    assert state == before
    state["users"].clear()
    assert before["users"]


def test_states_that_cannot_be_compared_are_refused_in_words(before):
    with pytest.raises(TypeError, match="made of dicts, lists, texts and numbers"):
        DictWorld({"t": {"r": object()}}).snapshot()
    with pytest.raises(TypeError, match="these are bytes and dict"):
        diff_state(before, {})
    with pytest.raises(TypeError, match="restores a dict, not bytes"):
        DictWorld({}).restore(before)


# Drift


def test_a_renamed_column_is_one_drift_and_not_a_change_in_every_row(shop, before):
    shop.execute("alter table payments rename column amount to cents")
    shop.execute("alter table bookings add column note text")
    shop.execute("update bookings set price = 1 where id = 'HB-1'")
    diff = diff_state(
        before, SqliteWorld(shop), Effects(Effect.changed("bookings", "HB-1", {"price": 1}))
    )
    assert diff.drift == ("payments.amount is now called cents", "bookings.note is new")
    assert where(diff.changes) == [("bookings", "HB-1", ("price",))]
    assert diff.matches is False
    same = another(
        before,
        "alter table payments rename column amount to cents",
        "alter table bookings add column note text",
        "update bookings set price = 1 where id = 'HB-1'",
    )
    assert diff_state(before, SqliteWorld(shop), same).matches is True
    assert diff_state(before, before, same).drift[0].startswith("not so: ")


def test_a_row_without_a_key_is_counted_and_is_no_drift(shop, before):
    shop.execute("insert into bookings values (null, 'C-3', 'booked', 10)")
    shop.execute("insert into bookings values (null, 'C-3', 'booked', 10)")
    diff = diff_state(before, SqliteWorld(shop))
    assert diff.drift == ()
    assert [(each.kind, each.key, each.count) for each in diff.changes] == [("added", None, 2)]


def test_tables_that_come_and_go_are_drift_with_their_rows(shop, before):
    shop.executescript("drop table log; create table notes (text); insert into notes values ('x')")
    diff = diff_state(before, SqliteWorld(shop))
    assert set(diff.drift) == {"table log is gone", "table notes is new"}
    assert sorted((change.kind, change.table) for change in diff.changes) == [
        ("added", "notes"),
        ("removed", "log"),
        ("removed", "log"),
    ]


def test_a_renamed_field_of_json_is_drift_too():
    before = {"users": {name: {"mail": name, "n": 1} for name in ("mia", "tom")}}
    after = {"users": {name: {"email": name, "n": 1} for name in ("mia", "tom")}}
    diff = diff_state(before, after)
    assert diff.drift == ("users.mail is gone", "users.email is new")
    assert diff.changes == ()
    as_list = {"users": list(before["users"].values())}
    assert diff_state(before, as_list).drift == ("table users is no dict any more",)


# What a reader sees


def test_the_table_has_a_row_a_field_and_what_is_wrong_comes_first(shop, before):
    cancel_and_refund(shop, amount=-20)
    shop.execute("update bookings set price = 0 where id = 'HB-2'")
    frame = diff_state(before, SqliteWorld(shop), Effects(CANCELLED, REFUNDED)).frame()
    rows = frame[["verdict", "table", "key", "field", "before", "after", "expected"]]
    assert rows.head(2).to_numpy().tolist() == [
        ["wrong", "payments", 3, "amount", "", -20, -40],
        ["collateral", "bookings", "HB-2", "price", 60, 0, ""],
    ]
    assert set(rows["verdict"][2:]) == {"expected"}
    assert ["expected", "bookings", "HB-1", "status", "booked", "cancelled", ""] in (
        rows.to_numpy().tolist()
    )


def test_what_an_agent_wrote_is_escaped_and_cut_short_in_html():
    hostile = "<script>alert(1)</script>" + "x" * 10_000
    after = {"log": [hostile], "<b>": {"<i>": {"<u>": hostile}}}
    diff = diff_state({"log": []}, after, {"log": []})
    html = diff._repr_html_()
    assert "<script>alert" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;" in html
    assert len(html) < 20_000
    assert "&lt;script&gt;" in diff.beside(Trace("t", (Step("1", "message", "user", "hello"),)))


def test_a_long_table_is_cut_in_html_and_complete_in_the_frame():
    after = {"t": {str(n): {"v": n} for n in range(300)}}
    diff = diff_state({"t": {}}, after)
    assert len(diff.frame()) == 300
    html = diff._repr_html_()
    assert html.count("<tr>") == 100
    assert "All of it is in .frame()" in html
