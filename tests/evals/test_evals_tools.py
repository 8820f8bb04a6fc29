"""What a tool declares, beside what it does."""

import itertools
import sqlite3

import pytest

from toolkit.evals import (
    DictWorld,
    SqliteWorld,
    StateRules,
    UnsafeReplay,
    diff_state,
    measure_tools,
    replay_calls,
)


@pytest.fixture
def shop():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript("create table t (k primary key, v); insert into t values ('a', 1)")
    yield connection
    connection.close()


def tools(shop):
    def look():
        return shop.execute("select * from t").fetchall()

    def put():
        shop.execute("update t set v = 7 where k = 'a'")

    def insert():
        shop.execute("insert into t values ('b', 2)")

    def add():
        shop.execute("update t set v = v + 1")

    return {"look": look, "put": put, "insert": insert, "add": add}


def test_a_declaration_is_measured_by_control_once_and_twice(shop):
    """mcp-groundtruth: readOnlyHint and idempotentHint are untrue where nobody looks."""
    calls = {name: [call] for name, call in tools(shop).items()}
    declared = {
        "look": "read",
        "put": "read",
        "insert": "idempotent write",
        "add": "idempotent write",
    }
    audit = measure_tools(declared, calls, SqliteWorld(shop))
    assert audit.frame()["measured"].to_dict() == {
        "look": "read",
        "put": "idempotent write",
        "insert": "idempotent write",  # the second is refused
        "add": "write",
    }
    assert audit.frame()["verdict"].tolist() == ["true", "untrue", "true", "untrue"]
    assert audit.untrue == ("put", "add")
    assert audit.kinds["put"] == "idempotent write"
    assert shop.execute("select * from t").fetchall() == [("a", 1)]
    assert "idempotent write" in audit._repr_html_()


def test_what_nobody_declared_is_a_write_and_the_riskiest_call_decides(shop):
    made = tools(shop)
    audit = measure_tools(
        {}, {"look": [made["look"]], "mixed": list(made.values())}, SqliteWorld(shop)
    )
    assert audit.frame()["verdict"].to_dict() == {"look": "cautious", "mixed": "true"}
    assert audit.kinds == {"look": "write", "mixed": "write"}


def test_a_tool_that_only_fails_or_was_not_called_is_unmeasured(shop):
    def fails():
        raise LookupError("no such booking")

    audit = measure_tools(
        {"fails": "read", "unused": "read"}, {"fails": [fails]}, SqliteWorld(shop)
    )
    assert audit.frame()["verdict"].tolist() == ["unmeasured", "unmeasured"]
    assert audit.frame()["why"].tolist() == ["LookupError: no such booking", ""]
    with pytest.raises(ValueError, match="declared 'reads': say read, idempotent write, write"):
        measure_tools({"look": "reads"}, {}, SqliteWorld(shop))


def test_a_world_that_moves_by_itself_measures_nothing_until_it_is_masked():
    clock = itertools.count()

    class Clocked(DictWorld):
        def snapshot(self):
            return super().snapshot() | {"clock": next(clock)}

    audit = measure_tools({"look": "read"}, {"look": [lambda: 0]}, Clocked({"t": {}}))
    assert audit.frame()["verdict"].tolist() == ["unmeasured"]
    assert "mask what moves" in audit.frame()["why"].tolist()[0]
    masked = StateRules(mask=["clock.value"])
    audit = measure_tools({"look": "read"}, {"look": [lambda: 0]}, Clocked({"t": {}}), masked)
    assert audit.frame()["verdict"].tolist() == ["true"]


def test_writes_are_not_replayed_on_a_world_that_cannot_be_put_back(shop):
    made = tools(shop)
    declared = {"look": "read", "put": "idempotent write"}
    assert replay_calls([("look", made["look"])], declared).results == ([("a", 1)],)
    for unsafe in ("put", "add"):
        with pytest.raises(UnsafeReplay, match=unsafe):
            replay_calls([(unsafe, made[unsafe]), ("look", made["look"])], declared)
    assert made["look"]() == [("a", 1)]  # none of them was made


def test_a_replay_on_a_snapshot_shows_what_it_did_and_undoes_it(shop):
    made = tools(shop)
    calls = [("add", made["add"]), ("insert", made["insert"]), ("insert", made["insert"])]
    again = replay_calls(calls, {}, SqliteWorld(shop))
    assert isinstance(again.results[2], sqlite3.IntegrityError)
    diff = diff_state(again.before, again.after)
    assert [(change.kind, change.key) for change in diff.changes] == [
        ("changed", "a"),
        ("added", "b"),
    ]
    assert made["look"]() == [("a", 1)]
