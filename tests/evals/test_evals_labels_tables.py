"""Labels from and to tables and CSV files, and stores that are not there."""

import numpy as np
import pandas as pd
import pytest

from toolkit.evals import Label, LabelStore, labels_frame, labels_from_frame

SHEET = pd.DataFrame(
    {
        "trace": ["007", "8", "9"],
        "who": ["ada", "ada", "bo"],
        "ok": ["PASS", "FAIL", "PASS"],
        "note": ["Kind.", "Wrong amount.", "Fine."],
    }
)
COLUMNS = {"trace_id": "trace", "rater": "who", "verdict": "ok", "why": "note"}
WORDS = {"PASS": "pass", "FAIL": "fail"}


def read(frame, verdicts=WORDS, kind="human"):
    return labels_from_frame(frame, verdicts, rater_kind=kind, **COLUMNS)


def verdicts_of(labels):
    return [label.verdict for label in labels]


def test_a_table_becomes_labels_by_a_table_of_words(tmp_path):
    labels = read(SHEET)
    assert [label.trace_id for label in labels] == ["007", "8", "9"]
    assert verdicts_of(labels) == ["pass", "fail", "pass"]
    SHEET.to_csv(tmp_path / "sheet.csv", index=False)
    from_csv = read(tmp_path / "sheet.csv")
    assert [(one.trace_id, one.rater, one.verdict, one.why) for one in from_csv] == [
        (one.trace_id, one.rater, one.verdict, one.why) for one in labels
    ]


@pytest.mark.parametrize(
    "cells", [[1, 0, 1], [1.0, 0.0, 1.0], ["1", "0", "1"], np.array([1, 0, 1])]
)
def test_a_number_is_looked_up_by_its_text(cells):
    assert verdicts_of(read(SHEET.assign(ok=cells), {1: "pass", 0: "fail"})) == [
        "pass",
        "fail",
        "pass",
    ]


def test_truth_values_and_ids_that_are_numbers():
    sheet = SHEET.assign(ok=[True, False, True], trace=[7.0, 8.0, 9.0])
    labels = read(sheet, {True: "pass", False: "fail"})
    assert verdicts_of(labels) == ["pass", "fail", "pass"]
    assert [label.trace_id for label in labels] == ["7", "8", "9"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"note": ["Kind.", " ", None]}, "'note' is blank in row 2, 3"),
        ({"trace": ["7", None, "9"]}, "'trace' is blank in row 2"),
        ({"ok": ["PASS", "maybe", "maybe"]}, "'maybe' in row 2, 3: say what it means in verdicts="),
        ({"ok": ["PASS", None, "FAIL"]}, "holds nothing in row 2"),
        ({"trace": ["7", "7", "9"]}, "rows 1 and 2 are two labels of trace 7 by ada: keep one"),
    ],
)
def test_rows_that_cannot_be_labels_are_named(change, problem):
    with pytest.raises(ValueError, match=problem):
        read(SHEET.assign(**change))


def test_two_raters_on_a_trace_are_two_labels_and_a_missing_rater_says_what_to_do():
    assert len(read(SHEET.assign(trace=["7", "8", "8"]))) == 3
    with pytest.raises(ValueError, match=r"rater= its name, or add it with frame\.assign"):
        labels_from_frame(SHEET.drop(columns="who"), WORDS, trace_id="trace", rater_kind="human")
    with pytest.raises(ValueError, match="say who rated"):
        read(SHEET, kind=None)


def test_labels_go_to_csv_and_come_back_the_same(tmp_path):
    labels = [
        Label("007", "ada", "defer", "Which bike?", time=12.25),
        Label("8", "bot", "fail", 'It says "no",\nand no more.', "model", id="x1"),
    ]
    labels_frame(labels).to_csv(tmp_path / "labels.csv", index=False)
    assert labels_from_frame(tmp_path / "labels.csv") == labels
    assert labels_from_frame(labels_frame(labels)) == labels
    assert labels_from_frame(labels_frame([])) == []


def test_a_store_that_is_not_there_is_made_only_where_it_is_asked_for(tmp_path):
    path = tmp_path / "typo.jsonl"
    with pytest.raises(FileNotFoundError, match=r"typo\.jsonl is not there.*make=True"):
        LabelStore(path)
    store = LabelStore(path, make=True)
    assert store.labels() == []
    assert not path.exists()
    store.add(Label("t1", "ada", "pass", "Kind."))
    assert LabelStore(path).labels() == store.labels()
