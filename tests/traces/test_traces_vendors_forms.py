"""LangSmith, Braintrust and Langfuse: the shapes in which their exports come."""

import json
from pathlib import Path

import pytest

from toolkit.traces import read_traces, traces_frame

SAMPLES = Path(__file__).with_name("samples")
WANTED = [
    ("system", "You are brief."),
    ("user", "Is the tandem free on Friday?"),
    ("assistant", "find_bike"),
    ("tool", "TA-7 is free"),
    ("assistant", "Yes, the tandem is free."),
]


@pytest.fixture
def read(tmp_path):
    def read_records(*records: object):
        path = tmp_path / "export.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return read_traces(path)

    return read_records


def sample(name: str) -> list[dict]:
    return [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]


def said(trace) -> list[tuple[str, str]]:
    return [(step.actor, step.content) for step in trace.steps]


@pytest.mark.parametrize("name", ["langsmith.jsonl", "braintrust.jsonl", "langfuse.json"])
def test_a_sample_is_the_conversation_with_its_tokens_and_times(name):
    [trace] = read_traces(SAMPLES / name)
    assert said(trace) == WANTED
    [call] = trace.calls
    assert call.data["arguments"] == {"kind": "tandem"}
    assert trace.result_of(call).content == "TA-7 is free"
    row = traces_frame([trace]).iloc[0]
    assert (row.input_tokens, row.output_tokens, row.duration_s) == (21, 4, 6.0)
    assert trace.meta["model"] == "model-1"
    assert trace.meta["session"] == "chat-9"
    assert trace.meta["tags"] == ["beta"]


def without(run: dict, *names: str) -> dict:
    return {name: value for name, value in run.items() if name not in names}


def test_langsmith_the_dotted_order_alone_is_the_tree(read):
    runs = [without(run, "trace_id", "parent_run_id") for run in sample("langsmith.jsonl")]
    [trace] = read(*reversed(runs))
    assert said(trace) == WANTED
    assert trace.id == "r0"


def test_langsmith_runs_inside_a_run_or_a_page_come_out(read):
    root, *children = sample("langsmith.jsonl")
    nested = root | {
        "child_runs": [
            without(child, "trace_id", "dotted_order", "parent_run_id") for child in children
        ]
    }
    for record in (nested, {"runs": [nested]}, {"data": [root, *children]}):
        [trace] = read(record)
        assert said(trace) == WANTED


def test_langsmith_a_run_that_failed_says_why(read):
    root, call, tool = sample("langsmith.jsonl")
    [trace] = read(root, call, tool | {"outputs": None, "error": "ValueError('no such kind')"})
    result = trace.result_of(trace.calls[0])
    assert (result.data["error"], result.content) == (True, "ValueError('no such kind')")


def test_langsmith_feedback_of_a_person_stays_a_persons(read):
    given = [
        {"key": "right", "score": 1, "comment": "Yes.", "feedback_source": {"type": "app"}},
        {"key": "right", "score": 0, "feedback_source": {"type": "model"}},
        {"key": "length", "score": 12, "feedback_source": {"type": "api"}},
    ]
    [trace] = read(without(sample("langsmith.jsonl")[0], "feedback_stats") | {"feedback": given})
    kinds = [(score["name"], score["value"], score["rater_kind"]) for score in trace.meta["scores"]]
    assert kinds == [("right", 1, "human"), ("right", 0, "model"), ("length", 12, "code")]


def test_the_small_langsmith_runs_are_read(data_dir):
    [trace] = read_traces(data_dir / "traces-in" / "langsmith_runs.jsonl")
    assert (trace.id, [step.content for step in trace.steps]) == (
        "r0",
        ["Time?", "clock", "noon", "Noon."],
    )
    assert trace.result_of(trace.calls[0]).data["error"] is False
    assert trace.meta["total_tokens"] == 40
    assert traces_frame([trace]).iloc[0].duration_s == 5.0


def test_braintrust_a_file_of_roots_says_what_is_missing(read):
    root = sample("braintrust.jsonl")[0]
    root["metrics"] |= {"llm_calls": 2}
    [trace] = read(root)
    assert said(trace) == [WANTED[1], WANTED[-1]]
    assert any("Logs (spans)" in note for note in trace.meta["import_notes"])


def test_braintrust_scores_and_what_was_expected_are_kept(read):
    [trace] = read(*sample("braintrust.jsonl"))
    assert [(score["name"], score["value"]) for score in trace.meta["scores"]] == [("exact", 0)]
    assert trace.meta["spans"][0]["expected"] == "It is free."


def test_langfuse_rows_of_the_blob_export_are_read_as_their_traces(read):
    [trace] = read_traces(SAMPLES / "langfuse.blob.jsonl")
    assert (trace.id, said(trace)) == ("t0", [WANTED[1], WANTED[-1]])
    assert traces_frame([trace]).iloc[0].cost_usd == 0.001
    assert trace.meta["session"] == "chat-9"


def test_langfuse_a_page_of_the_api_is_its_traces(read):
    trace = json.loads((SAMPLES / "langfuse.json").read_text())
    pages = read({"data": [trace, trace | {"id": "t1", "observations": []}], "meta": {"page": 1}})
    assert [each.id for each in pages] == ["t0", "t1"]
    assert said(pages[0]) == WANTED
    assert said(pages[1]) == [WANTED[1], WANTED[-1]]


def test_langfuse_scores_keep_who_rated(read):
    record = json.loads((SAMPLES / "langfuse.json").read_text())
    record["scores"] += [
        {"name": "safe", "stringValue": "yes", "source": "EVAL"},
        {"name": "words", "value": 5, "source": "API"},
    ]
    [trace] = read(record)
    kinds = [(score["name"], score["value"], score["rater_kind"]) for score in trace.meta["scores"]]
    assert kinds == [("helpful", 1, "human"), ("safe", "yes", "model"), ("words", 5, "code")]
