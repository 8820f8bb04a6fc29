import json

import pytest

from toolkit.evals import Case, Dataset, Label, promote
from toolkit.traces import Step, Trace

TRACE = Trace(
    "t1",
    [
        Step("1", "message", "system", "be kind"),
        Step("2", "message", "user", "move my booking"),
        Step("3", "message", "assistant", "to when?"),
        Step("4", "message", "ana", "to Friday"),
        Step("5", "message", "assistant", "done"),
    ],
    source="simulated",
)
LABELS = [Label("t1", "bo", "fail", "moved to Thursday", "simulated")]


def test_a_promoted_case_says_where_it_came_from_and_survives_a_file(tmp_path):
    case = promote(TRACE, LABELS, by="cy", expected="Friday", meta={"topic": 3})
    assert case.input == ["move my booking", "to Friday"]
    assert (case.trace_id, case.label_ids, case.source) == ("t1", (LABELS[0].id,), "simulated")
    assert (case.promoted_by, case.expected, case.meta["topic"]) == ("cy", "Friday", 3)
    assert case.meta["reasons"][0]["why"] == "moved to Thursday"
    dataset = Dataset([case], "moves")
    dataset.save(tmp_path / "deep" / "moves.jsonl")
    again = Dataset.load(tmp_path / "deep" / "moves.jsonl")
    assert (again.cases, again.name, again.problems) == ([case], "moves", ())


def test_a_case_is_added_once():
    dataset = Dataset([Case("a", "hello")])
    for twin in (Case("a", "other"), Case("b", "hello"), promote(TRACE, LABELS, "cy")):
        if twin.trace_id:
            dataset.add(twin)
            twin = promote(TRACE, LABELS, "dee")
        with pytest.raises(ValueError, match="duplicate"):
            dataset.add(twin)
    assert len(dataset) == 2


@pytest.mark.parametrize(
    ("trace", "labels", "by", "said"),
    [
        (TRACE, [], "cy", "no label"),
        (TRACE, [Label("t2", "bo", "fail", "w")], "cy", "labels of t2"),
        (TRACE, LABELS, " ", "name of who"),
        (Trace("t1", TRACE.steps[:1]), LABELS, "cy", "no user speaks"),
    ],
)
def test_a_case_without_provenance_is_refused(trace, labels, by, said):
    with pytest.raises(ValueError, match=said):
        promote(trace, labels, by)


def test_bad_lines_are_reported_the_rest_is_kept_and_saving_would_not_drop_them(tmp_path):
    path = tmp_path / "cases.jsonl"
    path.write_text(
        '{"id":"a","input":1}\n{"id":"b"}\n{"id":"a","input":2}\n\n{"id":"c","input":3}'
    )
    dataset = Dataset.load(path)
    assert [case.id for case in dataset] == ["a", "c"]
    assert [problem.line for problem in dataset.problems] == [2, 3]
    with pytest.raises(ValueError, match=r"cases\.jsonl:2"):
        dataset.save(path)


def test_a_case_is_added_without_a_comparison_with_all_those_before():
    class Counted(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other):
            Counted.compared += 1
            return str.__eq__(self, other)

    dataset = Dataset(Case(f"c{n}", Counted(n)) for n in range(200))
    assert len(dataset) == 200
    assert Counted.compared < 400


def test_a_save_that_fails_leaves_the_file_and_no_draft(tmp_path):
    path = tmp_path / "cases.jsonl"
    Dataset([Case("a", "first")]).save(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"surrogates|utf-8"):
        Dataset([Case("b", chr(0xD800))]).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_cases_that_another_program_saved_are_all_read(tmp_path, mark, end):
    path = tmp_path / "cases.jsonl"
    lines = [json.dumps({"id": f"c{n}", "input": f"Hello {n}"}).encode() for n in range(3)]
    path.write_bytes(mark + (end or b"\n").join(lines) + end)
    dataset = Dataset.load(path)
    assert [case.id for case in dataset] == ["c0", "c1", "c2"]
    assert dataset.problems == ()


def test_a_dataset_that_somebody_else_saved_meanwhile_is_not_written_over(tmp_path):
    path = tmp_path / "cases.jsonl"
    Dataset([Case("c1", "Hello")]).save(path)
    mine, theirs = Dataset.load(path), Dataset.load(path)
    theirs.add(Case("c2", "Good day"))
    theirs.save(path)
    mine.add(Case("c3", "Good night"))
    with pytest.raises(ValueError, match="changed since it was loaded"):
        mine.save(path)
    assert [case.id for case in Dataset.load(path)] == ["c1", "c2"]
    theirs.add(Case("c4", "Bye"))
    theirs.save(path)
    assert len(Dataset.load(path)) == 3
