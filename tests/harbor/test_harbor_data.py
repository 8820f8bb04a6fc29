"""The generated files: reproducible to the byte, honest, and each failure where the truth says it
is.
"""

from collections import Counter
from hashlib import sha256

import pytest
from generate import generate
from harbor_signs import CHECKS, replayed, said
from scipy.stats import binom

from toolkit.evals import align
from toolkit.harbor import (
    FAILURE_MODES,
    RATERS,
    Truth,
    judge_policy,
    load_labels,
    load_traces,
    load_truth,
    situations,
)
from toolkit.harbor.files import DATA, LABELS, TRACES, TRUTH
from toolkit.models import Request

FILES = (TRACES, TRUTH, LABELS)


@pytest.fixture(scope="module")
def traces():
    return {trace.id: trace for trace in load_traces()}


@pytest.fixture(scope="module")
def truth():
    return load_truth()


def digests(folder):
    return {name: sha256((folder / name).read_bytes()).hexdigest() for name in FILES}


async def test_a_second_generation_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        await generate(tmp_path / name, n=24, seed=seed)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert not set(digests(tmp_path / "one").values()) & set(digests(tmp_path / "other").values())


async def test_the_committed_files_are_what_the_command_writes_today(tmp_path):
    await generate(tmp_path)
    assert digests(tmp_path) == digests(DATA)


async def test_more_traces_than_there_are_words_for_is_refused():
    with pytest.raises(ValueError, match="ask for fewer traces"):
        await generate("nowhere", n=20_000)


def test_the_three_hundred_traces_cover_all_situations_and_every_mode_ten_times(traces, truth):
    assert len(traces) == len(truth) == 300
    assert {one.situation for one in truth} == set(situations())
    modes = Counter(one.failure for one in truth)
    assert 0.55 <= modes.pop(None) / 300 <= 0.65
    assert set(modes) == set(FAILURE_MODES)
    assert min(modes.values()) >= 10


def test_the_files_stay_small_enough_for_a_clone():
    assert (DATA / TRACES).stat().st_size < 3_000_000


def test_no_two_traces_have_the_same_words(traces):
    words = [trace.text("user", "assistant") for trace in traces.values()]
    assert len(words) == len(set(words))


def test_each_tool_call_in_the_traces_really_happened_in_the_world(traces, truth):
    for one in truth:
        assert replayed(traces[one.trace_id], situations()[one.situation]), one


def test_each_planted_failure_shows_in_its_trace_and_no_other_does(traces, truth):
    for one in truth:
        trace, situation = traces[one.trace_id], situations()[one.situation]
        shown = {mode for mode, check in CHECKS.items() if check(trace, situation)}
        assert shown == ({one.failure} - {None}), (one, said(trace))


def test_the_truth_leaks_nowhere_into_the_traces(traces, truth):
    text = (DATA / TRACES).read_text()
    for word in (*FAILURE_MODES, *situations(), "planted", "failure", "phrasing"):
        assert word not in text, word
    assert {trace.source for trace in traces.values()} == {"simulated"}
    assert {trace.meta["outcome"] for trace in traces.values()} == {"complete"}
    failed = [one.failure is not None for one in truth]
    assert 40 < sum(failed[:150]) < 80, "the order of the file gives the failures away"


def within(hits: int, n: int, rate: float) -> bool:
    low, high = binom.interval(0.999, n, rate)
    return low <= hits <= high


def test_the_raters_err_at_the_rates_that_are_documented_and_say_that_they_are_simulated(truth):
    labels, planted = load_labels(), {one.trace_id: one.failure for one in truth}
    assert len(labels) == 600
    assert {label.rater_kind for label in labels} == {"simulated"}
    for rater in RATERS:
        mine = [label for label in labels if label.rater == rater.name]
        bad = [label.verdict for label in mine if planted[label.trace_id]]
        good = [label.verdict for label in mine if not planted[label.trace_id]]
        assert within(bad.count("fail"), len(bad), rater.sensitivity)
        assert within(good.count("pass"), len(good), rater.specificity)


def test_the_reasons_are_varied_and_every_slot_in_them_is_filled():
    reasons = [label.why for label in load_labels()]
    assert len(set(reasons)) >= 120
    assert not any("{" in why or "None" in why for why in reasons)
    half = len(reasons) // 2
    assert all(one != other for one, other in zip(reasons[:half], reasons[half:], strict=True))


def ask(policy, **parts):
    return policy(Request(({"role": "user", "content": parts.pop("text", "hm")},), **parts)).data


@pytest.mark.parametrize(("tpr", "tnr"), [(0.9, 0.85), (0.7, 0.6)])
def test_the_simulated_judge_errs_at_its_known_rates(truth, tpr, tnr):
    policy = judge_policy(truth, tpr, tnr)
    verdicts = [ask(policy, metadata={"user_id": one.trace_id})["verdict"] for one in truth]
    found = align(["fail" if one.failure else "pass" for one in truth], verdicts)
    good = sum(one.failure is None for one in truth)
    assert within(round(found.tpr * good), good, tpr)
    assert within(round(found.tnr * (300 - good)), 300 - good, tnr)


def test_a_judge_with_perfect_rates_never_errs_and_names_the_failure(truth):
    policy = judge_policy(truth, 1, 1)
    for one in truth:
        said = ask(policy, text=f"Please judge.\nTrace {one.trace_id}\n<trace>")
        assert said["verdict"] == ("fail" if one.failure else "pass")
        assert not one.failure or FAILURE_MODES[one.failure] in said["critique"]


def test_the_judge_errs_on_the_same_traces_in_any_order_and_on_others_with_another_seed(truth):
    def verdicts(policy, order):
        return {
            one.trace_id: ask(policy, metadata={"user_id": one.trace_id})["verdict"]
            for one in order
        }

    first = verdicts(judge_policy(truth), truth)
    assert verdicts(judge_policy(truth), truth[::-1]) == first
    assert verdicts(judge_policy(truth, seed=1), truth) != first


def test_the_judge_refuses_a_trace_that_it_has_no_truth_for_and_rates_that_are_none(truth):
    assert judge_policy([Truth("t", None, "grey-sky")])(
        Request(({"role": "user", "content": "Trace u"},))
    ).stopped
    with pytest.raises(ValueError, match="tpr is a probability"):
        judge_policy(truth, tpr=1.2)
    with pytest.raises(ValueError, match="'a fail' is no failure of Harbor's"):
        judge_policy([Truth("t", "a fail", "")])


def test_data_that_is_not_there_is_named_with_the_folder_where_it_should_be(tmp_path):
    for load in (load_traces, load_truth, load_labels):
        with pytest.raises(FileNotFoundError, match="come with the package"):
            load(tmp_path)
