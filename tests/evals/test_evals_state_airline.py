"""tau-bench's airline: its published rewards and the known faults of its tasks are the oracle.

The Agentic Benchmark Checklist (arXiv 2507.02825) publishes that an agent which does nothing passes
38% of it.
"""

from collections import Counter, defaultdict

import pytest

from tests.evals.airline import WRITES, Airline, load, plan_of
from toolkit.evals import DictWorld, StateRules, audit_cases, diff_state, measure_tools


@pytest.fixture(scope="module")
def published(data_dir):
    folder = data_dir / "tau-bench-airline"
    if not folder.is_dir():
        pytest.skip(f"there is no folder tau-bench-airline in {data_dir}")
    return load(folder)


@pytest.fixture(scope="module")
def airline(published):
    _, _, flights, state = published
    return Airline(state, flights)


@pytest.fixture(scope="module")
def audit(published, airline):
    return audited(published, airline)


def audited(published, airline, **options):
    tasks, *_ = published
    return audit_cases(
        tasks,
        DictWorld(airline.state),
        gold=lambda task: plan_of(airline, task.actions),
        asks_words=lambda task: bool(task.outputs),
        **options,
    )


def make(calls):
    """Make calls as tau-bench does: what a tool refuses changes nothing, and the next follows."""
    for call in calls:
        try:
            call()
        except Exception:
            continue


def test_the_state_is_judged_as_in_every_published_reward(published, airline):
    tasks, trials, *_ = published
    world = DictWorld(airline.state)
    before = world.snapshot()
    gold = {}
    for task in tasks:
        make(plan_of(airline, task.actions))
        gold[task.id] = world.snapshot()
        world.restore(before)
    verdicts = Counter()
    for trial in trials:
        if trial.state_hash:  # the others are rewarded for words
            make(plan_of(airline, trial.actions))
            matches = diff_state(before, world, gold[trial.task]).matches
            world.restore(before)
            verdicts[matches, trial.reward == 1] += 1
    assert set(verdicts) == {(True, True), (False, False)}
    assert verdicts.total() == 182


def test_the_audit_prints_what_is_known_of_the_gold_plans(audit):
    assert audit.table()["cases"].tolist() == [0, 0, 20, 19, 15, 5, 10]
    assert audit.table()["of"].tolist() == [50, 50, 50, 50, 50, 15, 30]
    assert audit.summary.startswith("An agent that does nothing passes 19 of 50 cases (38%).")


def test_two_of_the_plans_that_depend_on_their_order_do_not_once_lists_are_bags(
    published, airline, audit
):
    by_order = audit.order_dependent
    as_bags = audited(published, airline, rules=StateRules(bags="*")).order_dependent
    assert len(by_order) == 5
    assert set(as_bags) < set(by_order)
    assert len(as_bags) == 3


def test_gold_states_that_tau_bench_hashes_alike_are_alike(published, airline):
    """Its hashes are of data that it has changed since, but equal ones still mean equal states."""
    tasks, trials, *_ = published
    hashes = {trial.task: trial.state_hash for trial in trials if trial.state_hash}
    world = DictWorld(airline.state)
    before = world.snapshot()
    idle = set()
    for task in tasks:
        make(plan_of(airline, task.actions))
        if task.id in hashes and diff_state(before, world).unchanged:
            idle.add(task.id)
        world.restore(before)
    (commonest, number), *_ = Counter(hashes.values()).most_common(1)
    assert (number, idle) == (19, {id_ for id_, value in hashes.items() if value == commonest})


def test_the_pass_rate_is_shown_with_and_without_the_free_cases(published, audit):
    _, trials, *_ = published
    passed = defaultdict(list)
    for trial in trials:
        passed[str(trial.task)].append(trial.reward == 1)
    rates = audit.pass_rates(passed)
    assert rates["rate"].astype(float).round(3).to_dict() == {
        "all": 0.42,
        "without the free": 0.234,
        "free": 0.724,
    }
    assert rates["cases"].tolist() == [50, 31, 19]


def test_tools_that_are_thought_to_be_safe_to_repeat_are_measured(published, airline):
    tasks, *_ = published
    calls = defaultdict(list)
    for task in tasks:
        if sum(name in WRITES for name, _ in task.actions) == 1:
            (call,) = [each for each in task.actions if each[0] in WRITES]
            calls[call[0]] += plan_of(airline, [call])
    declared = dict.fromkeys(calls, "idempotent write")
    found = measure_tools(declared, calls, DictWorld(airline.state))
    assert {"cancel_reservation", "send_certificate", "book_reservation"} <= set(found.untrue)
    assert "update_reservation_passengers" not in found.untrue
