"""The case is tested before the agent is."""

from dataclasses import dataclass
from functools import partial

import pytest

from toolkit.evals import DictWorld, Effect, Effects, StateRules, audit_cases


@dataclass(frozen=True)
class Task:
    id: str


class Shop:
    """A world of a few bookings, and tools on it."""

    def __init__(self):
        self.state = {
            "bookings": {"A": {"status": "booked", "notes": []}, "B": {"status": "booked"}},
            "log": [],
        }
        self.ticks = 0

    def cancel(self, key):
        if key not in self.state["bookings"]:
            raise LookupError(f"there is no booking {key}")
        self.state["bookings"][key]["status"] = "cancelled"

    def note(self, text):
        self.state["bookings"]["A"]["notes"].append(text)

    def stamp(self):
        self.ticks += 1
        self.state["bookings"]["A"]["stamp"] = self.ticks


@pytest.fixture
def shop():
    return Shop()


def audit(shop, plans, **options):
    world = DictWorld(shop.state)
    start = world.snapshot()
    found = audit_cases(
        [Task(name) for name in plans], world, lambda task: plans[task.id], **options
    )
    assert shop.state == start  # put back
    return found


def test_planted_faults_of_every_kind_are_found(shop):
    """tau2-bench #499: 18 golden actions in 15 of 114 retail tasks raise, and nobody is told."""
    plans = {
        "sound": [partial(shop.cancel, "A"), partial(shop.cancel, "B")],
        "raises": [partial(shop.cancel, "Z"), partial(shop.cancel, "B")],
        "free": [],
        "ordered": [partial(shop.note, "first"), partial(shop.note, "second")],
        "drifts": [shop.stamp],
    }
    found = audit(shop, plans)
    assert (found.broken, found.free, found.order_dependent) == (
        ("raises", "drifts"),
        ("free",),
        ("ordered",),
    )
    frame = found.frame()
    assert frame["status"].to_dict() == {
        "sound": "sound",
        "raises": "broken",
        "free": "free",
        "ordered": "sound",
        "drifts": "broken",
    }
    assert frame.loc["raises", "errors"] == ("LookupError: there is no booking Z",)
    assert frame.loc["drifts", "faults"] == ("gold, run again, leaves another state",)
    assert frame["repeat_changes"].to_dict() == {
        "sound": False,
        "raises": False,
        "free": None,
        "ordered": True,
        "drifts": True,
    }
    assert frame["n_writes"].tolist() == [2, 1, 0, 2, 1]
    assert found.table()["cases"].tolist() == [1, 2, 1, 1, 2, 1, 2]
    assert found.table()["of"].tolist() == [5, 5, 3, 3, 5, 2, 4]


def test_rules_make_a_list_a_bag_and_mask_a_clock(shop):
    plans = {
        "ordered": [partial(shop.note, "first"), partial(shop.note, "second")],
        "drifts": [shop.stamp, partial(shop.cancel, "A")],
    }
    rules = StateRules(bags=["bookings.notes"], mask=["bookings.stamp"])
    found = audit(shop, plans, rules=rules)
    assert (found.broken, found.order_dependent) == ((), ())
    assert found.frame()["n_writes"].tolist() == [2, 1]


def test_gold_that_does_not_pass_its_own_check_is_broken(shop):
    expected = {
        "right": Effects(Effect.changed("bookings", "A", {"status": "cancelled"})),
        "wrong": Effects(Effect.changed("bookings", "B", {"status": "cancelled"})),
        "slip": Effects(Effect.changed("bookings", "A", {"status": lambda status: 1 / 0})),
        "asks": Effects(),
    }
    cancel = (partial(shop.cancel, "A"),)
    plans = {"right": cancel, "wrong": cancel, "slip": cancel, "asks": ()}
    found = audit(
        shop,
        plans,
        expected=lambda task: expected[task.id],
        asks_words=lambda task: task.id == "asks",
    )
    faults = dict(zip(plans, found.frame()["faults"], strict=True))
    assert faults["right"] == faults["asks"] == ()
    assert "gold does not pass: 1 missing, 1 collateral" in faults["wrong"][0]
    assert faults["slip"] == ("the check failed: ZeroDivisionError: division by zero",)
    assert found.free == ()  # who says nothing does not pass what asks for words


def test_a_plan_that_cannot_be_made_is_a_broken_case_and_no_crash(shop):
    def gold(task):
        raise KeyError(task.id)

    found = audit_cases([Task("a"), Task("<b>")], DictWorld(shop.state), gold)
    assert found.broken == ("a", "<b>")
    assert (
        found.summary
        == "An agent that does nothing passes 0 of 0 cases. 2 broken cases are in no rate."
    )
    assert "<b>" not in found._repr_html_()
    assert "no gold plan: KeyError" in found._repr_html_()


def test_rates_are_shown_with_and_without_the_free_and_never_of_the_broken(shop):
    plans = {"real": [partial(shop.cancel, "A")], "free": [], "broken": [partial(shop.cancel, "Z")]}
    found = audit(shop, plans)
    passed = {"real": [True, False, None, False], "free": [True] * 4, "broken": [True] * 4}
    rates = found.pass_rates(passed)
    assert rates.to_dict("index") == {
        "all": {"cases": 2, "trials": 8, "passed": 5, "unscored": 1, "rate": 0.625},
        "without the free": {"cases": 1, "trials": 4, "passed": 1, "unscored": 1, "rate": 0.25},
        "free": {"cases": 1, "trials": 4, "passed": 4, "unscored": 0, "rate": 1.0},
    }
    assert found.pass_rates({})["rate"].tolist() == [None, None, None]


def test_progress_is_told_case_by_case_and_the_world_is_put_back_when_it_raises(shop):
    seen = []

    def stop(done, of):
        seen.append((done, of))
        if done == 2:
            raise KeyboardInterrupt

    plans = {name: [partial(shop.cancel, name)] for name in ("A", "B")}
    world = DictWorld(shop.state)
    start = world.snapshot()
    with pytest.raises(KeyboardInterrupt):
        audit_cases(
            [Task(name) for name in plans], world, lambda task: plans[task.id], progress=stop
        )
    assert seen == [(1, 2), (2, 2)]
    assert shop.state == start
