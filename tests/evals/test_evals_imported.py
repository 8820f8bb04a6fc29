"""What people, models and code said of traces in another tool: labels where it is a verdict."""

from pathlib import Path

import pytest

from toolkit.evals import LabelStore, labels_of, scores_of
from toolkit.traces import Step, Trace, read_traces

SAMPLES = Path(__file__).parents[1] / "traces" / "samples"


def entry(name, value, kind="human", rater="ada", **more):
    return {"name": name, "value": value, "rater": rater, "rater_kind": kind, "step": None, **more}


def trace(*entries, id_="t1"):
    return Trace(id_, (Step("s1", "message", "user", "Hi", 5.0),), {"scores": list(entries)})


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("thumbs", 1, "pass"),
        ("user-thumbs", 0, "fail"),
        ("thumbs_up", True, "pass"),
        ("thumbs", -1.0, "fail"),
        ("feedback", "thumbs_up", "pass"),
        ("feedback", "👎", "fail"),
        ("review", "Failed", "fail"),
    ],
)
def test_thumbs_and_plain_words_are_verdicts(name, value, verdict):
    [label] = labels_of([trace(entry(name, value))])
    assert (label.verdict, label.rater, label.rater_kind) == (verdict, "ada", "human")
    assert scores_of([trace(entry(name, value))]).empty


@pytest.mark.parametrize("value", [1, 0.9, True, "C", "good", None, {"a": 1}, [1]])
def test_no_verdict_is_made_up_of_another_value(value):
    exported = [trace(entry("quality", value))]
    assert labels_of(exported) == []
    [row] = scores_of(exported).to_dict("records")
    assert (row["scorer"], row["rater"], row["rater_kind"]) == ("quality", "ada", "human")


def test_you_say_from_which_number_on_it_passes():
    exported = [trace(entry("helpful", 4), id_="a"), trace(entry("helpful", 3.5), id_="b")]
    labels = labels_of(exported, {"helpful": 4})
    assert [(label.trace_id, label.verdict) for label in labels] == [("a", "pass"), ("b", "fail")]
    assert scores_of(exported, {"helpful": 4}).empty


def test_you_say_what_each_value_means_and_one_you_forgot_is_named():
    exported = [trace(entry("tone", "kind")), trace(entry("tone", "curt"), id_="t2")]
    labels = labels_of(exported, {"tone": {"kind": "pass", "curt": "fail"}})
    assert [label.verdict for label in labels] == ["pass", "fail"]
    with pytest.raises(ValueError, match="score 'tone' is 'curt': say what it means"):
        labels_of(exported, {"tone": {"kind": "pass"}})
    with pytest.raises(ValueError, match="no number"):
        labels_of(exported, {"tone": 0.5})
    with pytest.raises(ValueError, match="no score is called 'tune'; there is 'tone'"):
        labels_of(exported, {"tune": 0.5})


def test_code_is_no_rater_whatever_it_says():
    exported = [trace(entry("exact", True, "code", verdict="pass"), entry("thumbs", 1, "code"))]
    assert labels_of(exported) == []
    assert list(scores_of(exported)["rater_kind"]) == ["code", "code"]


def test_the_reason_is_the_comment_or_what_stands_in_the_export():
    with_comment, without = labels_of(
        [trace(entry("thumbs", 1, comment="Kind.")), trace(entry("thumbs", 1), id_="t2")]
    )
    assert with_comment.why == "Kind."
    assert without.why == "thumbs: 1, in the export"


def test_a_label_keeps_its_step_and_its_time():
    [label] = labels_of([trace(entry("thumbs", 0, step="s1", timestamp=1767603600))])
    assert (label.step, label.time) == ("s1", 1767603600)
    [label] = labels_of([trace(entry("thumbs", 0))])
    assert (label.step, label.time) == (None, 5.0)


def test_a_rater_who_gave_several_scores_is_named_with_each():
    exported = [
        trace(entry("tone", "pass"), entry("facts", "fail"), entry("tone", "fail", rater="bo"))
    ]
    labels = labels_of(exported)
    assert [(label.rater, label.verdict) for label in labels] == [
        ("ada (tone)", "pass"),
        ("ada (facts)", "fail"),
        ("bo", "fail"),
    ]


def test_an_export_that_is_read_twice_gives_the_same_labels(tmp_path):
    exported = [trace(entry("thumbs", 1), entry("thumbs", 1, rater="bo"))]
    store = LabelStore(tmp_path / "labels.jsonl", make=True)
    for _ in range(2):
        for label in labels_of(exported):
            store.add(label)
    assert [label.rater for label in store.labels()] == ["ada", "bo"]
    assert not store.problems


def test_what_is_no_entry_is_passed_over():
    hostile = Trace("t", (), {"scores": ["pass", None, {"name": None}, {"rater_kind": "human"}]})
    assert labels_of([hostile, Trace("u", (), {"scores": 3}), Trace("v", ())]) == []
    assert len(scores_of([hostile])) == 2


def test_promptfoo_a_thumb_of_a_person_stays_a_persons():
    labels = labels_of(read_traces(SAMPLES / "promptfoo.json"))
    assert [(label.rater, label.rater_kind, label.verdict, label.why) for label in labels] == [
        ("acme:judge", "model", "pass", "Short and kind"),
        ("unnamed person", "human", "fail", "It forgot Sunday."),
    ]


def test_what_a_model_graded_in_openais_evals_is_a_models_label():
    traces = read_traces(SAMPLES / "openai-evals.json")
    [label] = labels_of(traces)
    assert (label.rater, label.rater_kind, label.verdict) == ("judge-1", "model", "fail")
    assert list(scores_of(traces)["scorer"]) == ["exact", "own code"]


def test_inspects_partial_credit_is_no_verdict():
    traces = read_traces(SAMPLES / "inspect.json")
    assert labels_of(traces) == []
    assert list(scores_of(traces)["value"]) == ["C", "P"]
    [label] = labels_of(traces, {"model_graded_qa": {"C": "pass", "P": "fail", "I": "fail"}})
    assert (label.verdict, label.rater_kind) == ("fail", "model")


def test_deepevals_metrics_are_models_where_a_model_decided():
    traces = read_traces(SAMPLES / "deepeval.json")
    [label] = labels_of(traces)
    assert (label.rater, label.rater_kind, label.verdict) == ("acme-judge", "model", "pass")
