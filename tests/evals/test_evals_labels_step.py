"""A label that points at a step: "it goes wrong here"."""

import pytest

from toolkit.evals import Label, LabelStore, labels_frame, labels_from_frame, merge_labels

ADA = Label("t1", "ada", "fail", "The wrong date.", step="s4")
BO = Label("t1", "bo", "fail", "It never asked.")


def test_the_step_of_a_label_is_stored_and_read_back(tmp_path):
    store = LabelStore(tmp_path / "ada.jsonl", make=True)
    store.add(ADA)
    store.add(BO)
    labels = LabelStore(store.path).labels()
    assert labels == [ADA, BO]
    assert [label.step for label in labels] == ["s4", None]
    assert list(store.frame()["step"].fillna("none")) == ["s4", "none"]


def test_a_file_that_was_written_before_there_were_steps_is_read(tmp_path):
    path = tmp_path / "old.jsonl"
    line = '{"trace_id":"t","rater":"ada","verdict":"pass","why":"Kind.","rater_kind":"human",'
    path.write_text(line + '"id":"a","time":1.0}\n')
    store = LabelStore(path)
    [label] = store.labels()
    assert label.step is None
    assert not store.problems
    assert label == Label("t", "ada", "pass", "Kind.", id="a", time=1.0)


def test_a_label_without_a_step_is_written_as_before(tmp_path):
    store = LabelStore(tmp_path / "bo.jsonl", make=True)
    store.add(BO)
    assert '"step"' not in store.path.read_text()


def test_the_steps_of_several_raters_stand_side_by_side(tmp_path):
    paths = []
    for label in (ADA, BO):
        store = LabelStore(tmp_path / f"{label.rater}.jsonl", make=True)
        store.add(label)
        paths.append(store.path)
    steps = merge_labels(paths, field="step")
    assert steps.loc["t1", "ada"] == "s4"
    assert steps.loc["t1", "bo"] is None


def test_steps_go_to_csv_and_come_back(tmp_path):
    path = tmp_path / "labels.csv"
    labels_frame([ADA, BO]).to_csv(path, index=False)
    assert labels_from_frame(path) == [ADA, BO]
    assert labels_from_frame(labels_frame([ADA, BO])) == [ADA, BO]


@pytest.mark.parametrize("step", ["", "  ", 4])
def test_a_step_that_is_no_id_is_refused(step):
    with pytest.raises(ValueError, match="step is the id of a step"):
        Label("t1", "ada", "fail", "No.", step=step)
