"""An export of OpenAI's hosted Evals: a dataset, traces, and the labels of the models that graded."""

import json
from pathlib import Path

import pytest

from toolkit.evals import Dataset
from toolkit.traces import read_traces

EXPORT = Path(__file__).parents[1] / "traces" / "samples" / "openai-evals.json"
SOURCE = "def grade(sample, item):\n    raise SystemExit"


@pytest.fixture
def export():
    return json.loads(EXPORT.read_text())


def test_the_rows_of_an_eval_become_cases():
    dataset = Dataset.load(EXPORT)
    answered, other = dataset
    assert not dataset.problems
    assert (answered.id, answered.input) == ("eval_1-0", ["Is the shop open?"])
    assert answered.expected == "Until six."
    assert other.input == {"question": "Is a bike free?", "answer": "Two are."}
    assert (other.expected, other.source) == ("Two are.", "imported")


def test_a_python_grader_is_kept_as_text_and_never_run():
    case, _ = Dataset.load(EXPORT)
    [grader] = [one for one in case.meta["testing_criteria"] if one["type"] == "python"]
    assert grader["source"] == SOURCE
    [trace] = read_traces(EXPORT)
    assert trace.meta["eval"]["testing_criteria"][2]["source"] == SOURCE


def test_what_models_graded_is_theirs_and_what_code_graded_is_codes():
    [trace] = read_traces(EXPORT)
    scores = {score["name"]: score for score in trace.meta["scores"]}
    assert {name: score["rater_kind"] for name, score in scores.items()} == {
        "exact": "code",
        "tone": "model",
        "own code": "code",
    }
    tone = scores["tone"]
    assert (tone["rater"], tone["verdict"], tone["comment"]) == (
        "judge-1",
        "fail",
        "No greeting: curt.",
    )
    assert trace.meta["outcome"] == "fail"


def test_output_items_one_a_line_are_cases_and_traces_too(tmp_path, export):
    [item] = export["runs"][0]["output_items"]
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps({**item, "id": f"o{n}"}) + "\n" for n in range(2)))
    assert [trace.id for trace in read_traces(path)] == ["o0", "o1"]
    [case] = Dataset.load(path)
    assert case.input == ["Is the shop open?"]


def test_a_file_of_rows_becomes_cases(tmp_path, export):
    path = tmp_path / "file-1.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in export["rows"]))
    assert [case.input["answer"] for case in Dataset.load(path)] == ["Until six.", "Two are."]


def test_a_row_that_repeats_another_is_named(tmp_path, export):
    export["rows"].append(export["rows"][1])
    path = tmp_path / "eval.json"
    path.write_text(json.dumps(export))
    dataset = Dataset.load(path)
    assert len(dataset) == 2
    assert "row 3" in str(dataset.problems[0])


def test_an_eval_without_outputs_says_what_reads_it(tmp_path, export):
    path = tmp_path / "eval.json"
    path.write_text(json.dumps({**export, "runs": []}))
    with pytest.warns(UserWarning, match=r"Dataset\.load"):
        assert read_traces(path) == []
    assert len(Dataset.load(path)) == 2


def test_the_cases_of_an_export_are_saved_and_read_as_any_others(tmp_path):
    dataset = Dataset.load(EXPORT)
    dataset.save(tmp_path / "cases.jsonl")
    assert list(Dataset.load(tmp_path / "cases.jsonl")) == list(dataset)
