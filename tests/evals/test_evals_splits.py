import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.evals import Label, split_labels

LABELLED = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4),
    st.tuples(st.sampled_from(["pass", "fail"]), st.integers(0, 40)),
    min_size=3,
    max_size=60,
)


def parts_of(split):
    return {
        "train": set(split.ids("train")),
        "dev": set(split.ids("dev")),
        "test": set(split.read_test("a test")),
    }


@given(LABELLED, st.integers(0, 5))
def test_every_trace_is_in_one_part_and_no_group_in_two(tmp_path_factory, drawn, seed):
    labels, groups = (
        {id_: v for id_, (v, _) in drawn.items()},
        {id_: f"g{g}" for id_, (_, g) in drawn.items()},
    )
    reads = tmp_path_factory.mktemp("reads") / "reads.jsonl"
    if len(set(groups.values())) < 3:
        with pytest.raises(ValueError, match="would be empty"):
            split_labels(labels, reads, groups, seed=seed)
        return
    split = split_labels(labels, reads, groups, seed=seed)
    parts = parts_of(split)
    assert sorted(id_ for ids in parts.values() for id_ in ids) == sorted(labels)
    assert Counter(len({name for name, ids in parts.items() if id_ in ids}) for id_ in labels) == {
        1: len(labels)
    }
    for group in set(groups.values()):
        assert (
            len({name for name, ids in parts.items() for id_ in ids if groups[id_] == group}) == 1
        )
    assert (
        split_labels(dict(reversed(labels.items())), reads, groups, seed=seed).parts == split.parts
    )


@given(st.integers(5, 80), st.integers(5, 80), st.integers(0, 99))
def test_each_verdict_is_in_each_part_by_its_share(tmp_path_factory, passes, fails, seed):
    labels = {f"p{n}": "pass" for n in range(passes)} | {f"f{n}": "fail" for n in range(fails)}
    split = split_labels(labels, tmp_path_factory.mktemp("reads") / "reads.jsonl", seed=seed)
    for part, ids in parts_of(split).items():
        share = {"train": 0.4, "dev": 0.3, "test": 0.3}[part]
        for verdict, n in (("pass", passes), ("fail", fails)):
            assert abs(sum(labels[id_] == verdict for id_ in ids) - share * n) <= 1


def test_another_seed_makes_another_split(tmp_path):
    labels = {f"t{n}": "pass" for n in range(30)}
    drawn = {
        tuple(split_labels(labels, tmp_path / "reads.jsonl", seed=seed).ids("train"))
        for seed in range(4)
    }
    assert len(drawn) == 4


def test_each_reading_of_test_is_counted_in_a_file_and_shown(tmp_path):
    labels, reads = {f"t{n}": "pass" for n in range(10)}, tmp_path / "reads.jsonl"
    split = split_labels(labels, reads)
    assert str(split) == "train 4 · dev 3 · test 3 · test has never been read"
    for shown in ("once", "2 times", "3 times"):
        split.read_test("the final figure")
        assert str(split_labels(labels, reads)).endswith(f"test has been read {shown}")
    assert len(reads.read_text().splitlines()) == 4, "what was drawn, and three readings"


def test_a_new_draw_of_the_same_traces_does_not_make_the_readings_forgotten(tmp_path):
    labels, reads = {f"t{n}": "pass" for n in range(10)}, tmp_path / "reads.jsonl"
    first, second = (split_labels(labels, reads, seed=seed) for seed in (0, 1))
    shared = set(first.read_test("a look")) & set(second.read_test("another"))
    assert shared
    assert first.test_reads == second.test_reads == 2


@given(LABELLED, LABELLED)
def test_labels_that_come_later_move_no_trace(tmp_path_factory, drawn, later):
    reads = tmp_path_factory.mktemp("reads") / "reads.jsonl"
    first, every = (
        {id_: verdict for id_, (verdict, _) in some.items()} for some in (drawn, later | drawn)
    )
    before, after = split_labels(first, reads).parts, split_labels(every, reads).parts
    assert {id_: after[id_] for id_ in before} == before
    assert after.keys() == every.keys()
    assert split_labels(first, reads).parts == before, "nor do fewer"


def test_later_labels_are_shared_out_too_and_a_changed_verdict_moves_nothing(tmp_path):
    reads, labels = tmp_path / "reads.jsonl", {f"t{n}": "pass" for n in range(10)}
    before = split_labels(labels, reads).parts
    more = labels | {f"u{n}": "fail" for n in range(10)} | {"t0": "fail"}
    split = split_labels(more, reads)
    assert Counter(split.parts.values()) == {"train": 8, "dev": 6, "test": 6}
    assert {id_: split.parts[id_] for id_ in labels} == before


def test_a_group_that_was_drawn_apart_is_refused(tmp_path):
    labels = {f"t{n}": "pass" for n in range(10)}
    split_labels(labels, tmp_path / "reads.jsonl")
    with pytest.raises(ValueError, match=r"group 'g\d' is in .* and"):
        split_labels(labels, tmp_path / "reads.jsonl", {f"t{n}": f"g{n % 4}" for n in range(10)})


def test_test_is_not_to_be_had_without_being_counted_nor_without_a_reason(tmp_path):
    split = split_labels({f"t{n}": "pass" for n in range(10)}, tmp_path / "reads.jsonl")
    with pytest.raises(ValueError, match="which counts"):
        split.ids("test")
    with pytest.raises(ValueError, match="say why"):
        split.read_test(" ")
    assert split.test_reads == 0


def test_what_cannot_be_split_says_why(tmp_path):
    labels = {f"t{n}": "pass" for n in range(10)}
    with pytest.raises(ValueError, match="no group for 't9'"):
        split_labels(labels, tmp_path / "reads", {f"t{n}": "g" for n in range(9)})
    with pytest.raises(ValueError, match="there are 1 groups"):
        split_labels(labels, tmp_path / "reads", dict.fromkeys(labels, "g"))


def test_a_part_that_there_is_not_and_labels_that_are_a_list_are_named(tmp_path):
    split = split_labels({f"t{n}": "pass" for n in range(6)}, tmp_path / "reads.jsonl")
    with pytest.raises(ValueError, match="no part 'tset'"):
        split.ids("tset")
    with pytest.raises(ValueError, match="read_test"):
        split.ids("test")
    with pytest.raises(TypeError, match=r"one\.trace_id: one\.verdict"):
        split_labels([Label("t1", "ada", "pass", "kind")], tmp_path / "reads.jsonl")


class Meeting(dict):
    """Shares at which two draws wait for each other, after each has read what was drawn before."""

    def __init__(self, shares, barrier):
        super().__init__(shares)
        self.barrier = barrier

    def __getitem__(self, part):
        with suppress(threading.BrokenBarrierError):
            self.barrier.wait()
        return super().__getitem__(part)


def test_two_draws_at_once_put_no_trace_in_two_parts(tmp_path):
    barrier = threading.Barrier(2, timeout=2)
    shares = Meeting({"train": 0.4, "dev": 0.3, "test": 0.3}, barrier)
    first = {f"t{n}": "pass" if n % 3 else "fail" for n in range(30)}
    second = {f"t{n}": "fail" if n % 4 else "pass" for n in range(5, 30)}
    with ThreadPoolExecutor(2) as pool:
        drawn = [
            pool.submit(split_labels, labels, tmp_path / "reads.jsonl", shares=shares)
            for labels in (first, second)
        ]
        one, two = (future.result(timeout=30) for future in drawn)
    assert {id_ for id_ in second if one.parts[id_] != two.parts[id_]} == set()


def test_a_file_of_draws_that_another_program_saved_is_read(tmp_path):
    path, labels = (
        tmp_path / "reads.jsonl",
        {f"t{n}": "pass" if n % 3 else "fail" for n in range(30)},
    )
    drawn = split_labels(labels, path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n"))
    again = split_labels(labels | {"t99": "pass"}, path)
    assert {id_: again.parts[id_] for id_ in labels} == drawn.parts
    drawn.read_test("the end")
    assert again.test_reads == 1
