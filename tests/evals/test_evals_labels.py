import json
import math
import os
import signal
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.evals import Label, LabelStore, merge_labels

WRITER = """
import sys
from toolkit.evals import Label, LabelStore
store = LabelStore(sys.argv[1], make=True)
for n in range(100_000):
    store.add(Label(f"t{n}", "ana", "fail", "too short"))
    print(f"t{n}", flush=True)
"""

ADD = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from(["ana", "bo"]),
    st.sampled_from(["pass", "fail", "defer"]),
)
UNDO = st.sampled_from(["ana", "bo", None])


@settings(max_examples=40, deadline=None)
@given(st.lists(ADD | UNDO, max_size=14), st.integers(0, 14))
def test_any_mix_of_add_and_undo_leaves_what_a_plain_list_leaves(actions, reopened_at):
    with TemporaryDirectory() as folder:
        path, plain = Path(folder) / "labels.jsonl", []
        store = LabelStore(path, make=True)
        for n, action in enumerate(actions):
            if n == reopened_at:
                store = LabelStore(path, make=True)
            if isinstance(action, tuple):
                label = Label(*action, why=f"reason {n}")
                store.add(label)
                plain.append(label)
            else:
                expected = next(
                    (one for one in reversed(plain) if action in (None, one.rater)), None
                )
                assert store.undo(action) == expected
                plain = [one for one in plain if one is not expected]
        current = {(one.trace_id, one.rater): one for one in plain}
        assert {(one.trace_id, one.rater): one for one in store.labels()} == current
        assert sorted(store.frame()["why"]) == sorted(one.why for one in current.values())
        assert not store.problems


def test_a_label_that_would_never_count_is_refused_and_not_written(tmp_path):
    store, label = (
        LabelStore(tmp_path / "labels.jsonl", make=True),
        Label("t1", "ana", "pass", "kind"),
    )
    store.add(label)
    store.add(label)
    for other in (replace(label, trace_id="t2"), replace(label, verdict="fail")):
        with pytest.raises(ValueError, match="an id of its own"):
            store.add(other)
    assert store.undo() == label
    with pytest.raises(ValueError, match="an id of its own"):
        store.add(label)
    again = Label("t1", "ana", "pass", "kind")
    store.add(again)
    assert store.labels() == [again]
    for name in ("id", "time"):
        with pytest.raises(ValueError, match=f"{name}.* (nan|None)"):
            Label("t1", "ana", "pass", "kind", **{name: math.nan})


def test_two_files_that_differ_in_a_label_of_one_id_are_not_merged_in_silence(tmp_path):
    label = Label("t1", "ana", "pass", "kind")
    stores = [
        LabelStore(tmp_path / name, make=True) for name in ("a.jsonl", "b.jsonl", "copy.jsonl")
    ]
    for store, one in zip(stores, (label, replace(label, verdict="fail"), label), strict=True):
        store.add(one)
    with pytest.raises(ValueError, match="another label of t1"):
        merge_labels(stores)
    assert merge_labels(stores[::2]).loc["t1", "ana"] == "pass"


def test_undo_of_a_second_thought_brings_the_first_one_back(tmp_path):
    store = LabelStore(tmp_path / "labels.jsonl", make=True)
    store.add(Label("t1", "ana", "pass", "kind"))
    store.add(Label("t1", "ana", "fail", "wrong amount"))
    size = store.path.stat().st_size
    assert store.undo("ana").why == "wrong amount"
    assert [label.why for label in store.labels()] == ["kind"]
    assert store.path.stat().st_size > size  # nothing is rewritten


def test_kill_9_between_adds_loses_no_acknowledged_label(tmp_path):
    path = tmp_path / "labels.jsonl"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        acknowledged = [writer.stdout.readline().strip() for _ in range(40)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += writer.stdout.read().split("\n")[:-1]
    store = LabelStore(path, make=True)
    found = [label.trace_id for label in store.labels()]
    assert set(acknowledged) <= set(found)
    assert len(found) - len(acknowledged) <= 1  # on disk, killed before it could say so
    store.add(Label("after", "ana", "pass", "goes on"))
    assert store.labels()[-1].trace_id == "after"
    assert not store.problems


@pytest.mark.parametrize("why", ["", "  \n", None])
@pytest.mark.parametrize("verdict", ["pass", "fail", "defer"])
def test_a_verdict_without_a_reason_is_refused(verdict, why):
    with pytest.raises(ValueError, match="say why"):
        Label("t1", "ana", verdict, why)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("t1", "ana", "good", "w"), "verdict"),
        (("", "ana", "pass", "w"), "trace_id"),
        (("t1", " ", "pass", "w"), "rater"),
        (("t1", "ana", "pass", "w", "robot"), "rater_kind"),
    ],
)
def test_a_label_that_means_nothing_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        Label(*arguments)


def test_bad_lines_are_named_and_the_others_count(tmp_path):
    path = tmp_path / "labels.jsonl"
    store = LabelStore(path, make=True)
    store.add(Label("t1", "ana", "pass", "kind"))
    with path.open("a") as file:
        file.write(
            'not json\n{"trace_id":"t2","rater":"ana","verdict":"fail","why":" ","rater_kind":"human","id":"a"}\n[1]\n'
        )
    store.add(Label("t3", "ana", "fail", "rude"))
    assert [label.trace_id for label in store.labels()] == ["t1", "t3"]
    assert [(problem.file, problem.line) for problem in store.problems] == [
        (str(path), n) for n in (2, 3, 4)
    ]
    assert "say why" in str(store.problems[1])


def test_an_empty_store_has_a_frame_with_columns_and_nothing_to_undo(tmp_path):
    store = LabelStore(tmp_path / "none.jsonl", make=True)
    assert list(store.frame()) == [
        "trace_id",
        "rater",
        "verdict",
        "why",
        "rater_kind",
        "step",
        "quote",
        "tags",
        "time",
    ]
    assert store.undo() is None
    assert not store.path.exists()


@pytest.mark.parametrize("left_out", ["rater_kind", "id"])
def test_a_stored_label_that_leaves_out_who_rated_or_its_id_is_a_problem_and_no_human_label(
    tmp_path, left_out
):
    path = tmp_path / "labels.jsonl"
    LabelStore(path, make=True).add(Label("t1", "ana", "pass", "kind"))
    line = {
        "trace_id": "t2",
        "rater": "bot",
        "verdict": "fail",
        "why": "w",
        "rater_kind": "model",
        "id": "a",
    }
    del line[left_out]
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
    store = LabelStore(path, make=True)
    assert [label.trace_id for label in store.labels()] == ["t1"]
    (problem,) = store.problems
    assert (problem.line, left_out in problem.why) == (2, True)


def test_a_file_each_is_merged_into_a_table_of_traces_and_raters(tmp_path):
    ada, bo = (
        LabelStore(tmp_path / "ada.jsonl", make=True),
        LabelStore(tmp_path / "bo.jsonl", make=True),
    )
    ada.add(Label("t1", "ada", "pass", "kind", id="a1"))
    ada.add(Label("t2", "ada", "defer", "which bike?", id="a2"))
    bo.add(Label("t1", "bo", "pass", "hm", id="b0"))
    bo.add(Label("t1", "bo", "fail", "rude", id="b1"))
    bo.add(Label("t3", "bo", "pass", "fine", id="b3"))
    table = merge_labels([ada, bo.path])
    assert (list(table.index), list(table.columns)) == (["t1", "t2", "t3"], ["ada", "bo"])
    assert table.to_numpy().tolist() == [["pass", "fail"], [None, None], [None, "pass"]]
    assert merge_labels([ada, bo], "id").to_numpy().tolist() == [
        ["a1", "b1"],
        ["a2", None],
        [None, "b3"],
    ]
    assert merge_labels([ada, bo], "why").loc["t2", "ada"] == "which bike?"
    assert merge_labels([ada, bo, ada]).equals(table)


def test_one_rater_with_two_words_on_a_trace_in_two_files_is_an_error(tmp_path):
    one, two = (
        LabelStore(tmp_path / "one.jsonl", make=True),
        LabelStore(tmp_path / "two.jsonl", make=True),
    )
    one.add(Label("t1", "ada", "pass", "kind"))
    two.add(Label("t1", "ada", "fail", "rude"))
    with pytest.raises(ValueError, match=r"two\.jsonl: ada has another label of t1"):
        merge_labels([one, two])


def test_a_file_that_is_not_there_and_a_line_that_cannot_be_read_lose_no_rater_in_silence(tmp_path):
    store = LabelStore(tmp_path / "ada.jsonl", make=True)
    store.add(Label("t1", "ada", "pass", "kind"))
    with pytest.raises(FileNotFoundError, match="bob"):
        merge_labels([store, tmp_path / "bob.jsonl"])
    with store.path.open("a") as file:
        file.write("not json\n")
    with pytest.warns(UserWarning, match=r"1 lines need a look; first .*ada\.jsonl:2"):
        assert merge_labels([store]).to_numpy().tolist() == [["pass"]]


def test_no_store_at_all_is_an_empty_table():
    assert merge_labels([]).shape == (0, 0)


def test_a_store_is_a_path_and_a_home_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    store = LabelStore("~/ada.jsonl", make=True)
    store.add(Label("t1", "ada", "pass", "kind"))
    assert store.path == tmp_path / "ada.jsonl"
    assert LabelStore(store, make=True).labels() == store.labels()
    assert merge_labels([store, str(store.path)]).shape == (1, 1)
    with pytest.raises(TypeError, match="list of the raters' files"):
        merge_labels(str(store.path))


ACT = st.sampled_from(["add", "add to the other", "undo", "tear", "bad line", "edit", "empty"])


@settings(max_examples=60, deadline=None)
@given(st.lists(ACT, max_size=14))
def test_a_store_that_reads_on_says_what_a_new_one_says_whatever_happens_to_the_file(acts):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "labels.jsonl"
        store, other = LabelStore(path, make=True), LabelStore(path, make=True)
        for n, act in enumerate(acts):
            if act in ("tear", "bad line"):
                with path.open("ab") as file:
                    file.write(b'{"torn' if act == "tear" else b"\nnot json\n")
            elif act == "edit" and path.exists():
                path.write_bytes(path.read_bytes().replace(b"kind", b"a kind word", 1) + b"\n")
            elif act == "empty":
                path.write_bytes(b"")
            elif act == "undo":
                store.undo("ada")
            else:
                (other if act == "add to the other" else store).add(
                    Label(f"t{n % 3}", "ada", "pass", "kind")
                )
            fresh = LabelStore(path, make=True)
            assert store.labels() == fresh.labels()
            assert list(map(str, store.problems)) == list(map(str, fresh.problems))


def line_of(trace_id, rater, verdict, id_, **more):
    """A label's line as another program writes it."""
    kind = {"rater_kind": "human", "time": 1.0}
    return json.dumps(
        {"trace_id": trace_id, "rater": rater, "verdict": verdict, "why": "w", "id": id_}
        | kind
        | more
    )


def file_of(tmp_path, *lines):
    path = tmp_path / "labels.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return LabelStore(path, make=True)


def test_labels_of_two_raters_that_share_an_id_both_count(tmp_path):
    pairs = [(f"t{n}", rater) for rater in ("ada", "ben") for n in range(3)]
    store = file_of(tmp_path, *(line_of(trace, rater, "pass", trace) for trace, rater in pairs))
    assert [(label.trace_id, label.rater) for label in store.labels()] == pairs
    assert store.problems == ()


def test_labels_of_two_traces_that_share_an_id_both_count(tmp_path):
    store = file_of(tmp_path, line_of("t1", "ada", "pass", "1"), line_of("t2", "ada", "fail", "1"))
    assert [label.trace_id for label in store.labels()] == ["t1", "t2"]


def test_a_label_of_the_same_id_with_other_contents_is_named(tmp_path):
    store = file_of(tmp_path, line_of("t1", "ada", "pass", "1"), line_of("t1", "ada", "fail", "1"))
    assert [label.verdict for label in store.labels()] == ["pass"]
    (problem,) = store.problems
    assert (problem.line, problem.field) == (2, "id")
    assert "give this an id of its own" in problem.why


def test_undo_takes_back_one_label_of_a_shared_id_and_not_anothers(tmp_path):
    store = file_of(
        tmp_path, line_of("t1", "ada", "pass", "t1"), line_of("t1", "ben", "fail", "t1")
    )
    assert store.undo("ada").rater == "ada"
    assert [label.rater for label in store.labels()] == ["ben"]
    assert store.undo("ada") is None
    assert store.problems == ()


def test_a_retraction_that_names_no_rater_takes_back_the_first_of_a_shared_id_and_is_named(
    tmp_path,
):
    lines = (
        line_of("t1", "ada", "pass", "t1"),
        line_of("t1", "ben", "fail", "t1"),
        '{"retracts": "t1", "time": 2}',
    )
    store = file_of(tmp_path, *lines)
    assert [label.rater for label in store.labels()] == ["ben"]
    assert "2 labels have the id t1" in store.problems[0].why


@pytest.mark.parametrize("points_at", [{"retracts": "t1", "rater": "ben"}, {"retracts": "gone"}])
def test_a_retraction_of_anothers_label_or_of_none_takes_nothing_back_and_is_named(
    tmp_path, points_at
):
    store = file_of(
        tmp_path, line_of("t1", "ada", "pass", "t1"), json.dumps(points_at | {"time": 2})
    )
    assert len(store.labels()) == 1
    assert (store.problems[0].line, store.problems[0].field) == (2, "retracts")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_last_label_counts_and_stays_whatever_ends_its_line(tmp_path, end):
    store = file_of(tmp_path, *(line_of(f"t{n}", "ada", "pass", f"i{n}") for n in range(3)))
    with store.path.open("a", newline="") as file:
        file.write(end)
    assert [label.trace_id for label in store.labels()] == ["t0", "t1", "t2"]
    store.add(Label("t9", "ada", "fail", "late"))
    assert [label.trace_id for label in LabelStore(store.path, make=True).labels()] == [
        "t0",
        "t1",
        "t2",
        "t9",
    ]


def test_a_raters_name_is_one_whatever_blanks_and_bytes_it_is_written_with(tmp_path):
    names = ["Zoë", " Zoë ", unicodedata.normalize("NFD", "Zoë")]
    assert {Label("t1", name, "pass", "w").rater for name in names} == {"Zoë"}
    store = file_of(
        tmp_path, *(line_of("t1", name, "pass", f"i{n}") for n, name in enumerate(names))
    )
    assert len(store.labels()) == 1
    assert store.undo(" Zoë").rater == "Zoë"


def test_a_rater_in_other_letters_is_named_once_in_a_file_and_where_files_are_merged(tmp_path):
    lines = [
        line_of(f"t{n}", rater, "pass", f"i{n}") for n, rater in enumerate(["ada", "Ada", "Ada"])
    ]
    store = file_of(tmp_path, *lines)
    (problem,) = store.problems
    assert (problem.line, problem.field) == (2, "rater")
    one, two = (
        LabelStore(tmp_path / "one.jsonl", make=True),
        LabelStore(tmp_path / "two.jsonl", make=True),
    )
    one.add(Label("t1", "ada", "pass", "kind"))
    two.add(Label("t1", "Ada", "pass", "kind"))
    with pytest.warns(UserWarning, match="'Ada' is 'ada' in other letters"):
        merge_labels([one, two])


def test_a_rater_with_another_apostrophe_is_named(tmp_path):
    lines = [
        line_of(f"t{n}", rater, "pass", f"i{n}") for n, rater in enumerate(["O'Neil", "O’Neil"])
    ]
    assert [problem.field for problem in file_of(tmp_path, *lines).problems] == ["rater"]


def test_scalars_of_a_table_are_what_they_look_like(tmp_path):
    label = Label(np.str_("t1"), np.str_("ada"), np.str_("pass"), np.str_("w"), time=np.int64(3))
    store = LabelStore(tmp_path / "labels.jsonl", make=True)
    store.add(label)
    assert [type(value) for value in (label.trace_id, label.verdict, label.time)] == [str, str, int]
    assert store.labels() == [label]


def test_two_who_undo_at_once_take_back_two_labels(tmp_path):
    store = LabelStore(tmp_path / "labels.jsonl", make=True)
    for n in range(40):
        store.add(Label(f"t{n}", "ada", "pass", "kind"))
    with ThreadPoolExecutor(4) as pool:
        gone = list(
            pool.map(lambda _: LabelStore(store.path, make=True).undo("ada").trace_id, range(20))
        )
    assert len(set(gone)) == 20
    assert len(store.labels()) == 20
