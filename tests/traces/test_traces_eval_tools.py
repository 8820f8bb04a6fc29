"""Eval tools and messages tables: promptfoo, DeepEval, OpenAI's Evals, a message a row."""

import json
from pathlib import Path

import pytest

from toolkit.traces import read_traces, traces_frame

SAMPLES = Path(__file__).with_name("samples")


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def shape(trace):
    return [(step.kind, step.actor, step.content) for step in trace.steps]


def test_promptfoo_a_prompt_of_messages_and_its_answer():
    answered, failed = read_traces(SAMPLES / "promptfoo.json")
    assert shape(answered) == [
        ("message", "system", "Be brief."),
        ("message", "user", "Is the shop open at noon?"),
        ("message", "assistant", "Until six."),
    ]
    assert shape(failed)[-1] == ("error", "system", "rate limit")
    frame = traces_frame([answered, failed])
    assert list(frame["outcome"]) == ["pass", "error"]
    row = frame.iloc[0]
    assert (row["input_tokens"], row["output_tokens"], row["cost_usd"]) == (12, 3, 0.001)
    assert row["duration_s"] == 0.9
    kinds = [(score["name"], score["rater_kind"]) for score in answered.meta["scores"]]
    assert kinds == [
        ("contains", "code"),
        ("Tone", "model"),
        ("human", "human"),
        ("Brevity", "code"),
    ]


def test_promptfoo_a_result_a_line_without_ids(tmp_path):
    results = json.loads((SAMPLES / "promptfoo.json").read_text())["results"]["results"]
    for result in results:
        del result["id"]
    traces = read_traces(write(tmp_path / "results.jsonl", *results))
    assert [trace.id for trace in traces] == ["test-0-prompt-0", "test-1-prompt-0"]
    assert traces.report.format == "promptfoo"


def test_promptfoo_version_2_keeps_its_results_one_level_up(tmp_path):
    document = json.loads((SAMPLES / "promptfoo.json").read_text())
    results = document["results"]["results"]
    path = write(tmp_path / "v2.json", {"version": 2, "results": results, "table": {"body": []}})
    assert [trace.id for trace in read_traces(path)] == ["r1", "r2"]


def test_promptfoo_a_conversation_of_several_turns(tmp_path):
    turns = [
        {"role": "user", "content": "Is a bike free?"},
        {"role": "assistant", "content": "Which day?"},
        {"role": "user", "content": "Monday."},
        {"role": "assistant", "content": "Two are."},
    ]
    result = {
        "prompt": {"raw": "Be a customer.", "label": "p"},
        "vars": {},
        "success": True,
        "response": {"output": "Two are.", "metadata": {"messages": turns}},
    }
    [trace] = read_traces(write(tmp_path / "r.jsonl", result))
    assert [step.content for step in trace.steps] == [turn["content"] for turn in turns]


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("llm-rubric", "model"),
        ("not-llm-rubric", "model"),
        ("model-graded-closedqa", "model"),
        ("contains", "code"),
        ("python", "code"),
        ("human", "human"),
    ],
)
def test_promptfoo_who_decides_an_assertion(tmp_path, type_, kind):
    component = {"pass": True, "score": 1, "reason": "x", "assertion": {"type": type_}}
    result = {"prompt": {"raw": "Hi"}, "vars": {}, "success": True, "response": {"output": "Hi"}}
    result["gradingResult"] = {"pass": True, "score": 1, "componentResults": [component]}
    [trace] = read_traces(write(tmp_path / "r.jsonl", result))
    assert [score["rater_kind"] for score in trace.meta["scores"]] == [kind]


def test_deepeval_a_run_of_cases_of_one_turn_and_of_several():
    one_turn, several = read_traces(SAMPLES / "deepeval.json")
    assert [step.kind for step in one_turn.steps] == [
        *("message", "tool.call", "tool.result", "tool.call", "message"),
    ]
    clock, diary = one_turn.calls
    assert one_turn.result_of(clock).content == "noon"
    assert one_turn.result_of(diary) is None
    assert (one_turn.meta["outcome"], one_turn.meta["cost_usd"]) == ("fail", 0.002)
    assert shape(several)[-1] == ("message", "assistant", "The tandem is yours.")
    assert several.meta["outcome"] == "pass"


def test_deepeval_cases_in_csv(tmp_path):
    path = tmp_path / "goldens.csv"
    path.write_text(
        "input,actual_output,expected_output,tools_called\n"
        'Time?,Noon.,Noon,"[{""name"": ""clock"", ""output"": ""noon""}]"\n'
    )
    traces = read_traces(path)
    assert traces.report.format == "deepeval"
    assert [step.kind for step in traces[0].steps] == [
        *("message", "tool.call", "tool.result", "message"),
    ]
    assert traces[0].meta["expected_output"] == "Noon"


def test_the_deepeval_cases_among_the_shared_inputs(data_dir):
    path = data_dir / "traces-in" / "deepeval_cases.json"
    if not path.is_file():
        pytest.skip("the shared data has no traces-in")
    [trace] = read_traces(path)
    assert shape(trace) == [
        ("message", "user", "Time?"),
        ("tool.call", "assistant", "clock"),
        ("tool.result", "tool", "noon"),
        ("message", "assistant", "Noon."),
    ]


def test_rows_of_a_messages_table_are_conversations_and_not_one():
    first, second = read_traces(SAMPLES / "message-rows.csv")
    assert (first.id, second.id) == ("talk-1", "talk-2")
    assert [step.content for step in second.steps] == ["Is a bike free?", "Two are."]
    assert list(traces_frame([first, second])["duration_s"]) == [5.0, 5.0]
    assert second.meta["channel"] == "phone"


def test_rows_out_of_order_are_put_in_order_by_position_or_by_time(tmp_path):
    rows = [
        {"chat_id": 7, "role": "assistant", "content": "Two are.", "position": 10},
        {"chat_id": 7, "role": "user", "content": "Is a bike free?", "position": 9},
    ]
    [trace] = read_traces(write(tmp_path / "rows.jsonl", *rows))
    assert [step.actor for step in trace.steps] == ["user", "assistant"]
    assert trace.id == "7"
    rows = [
        {"chat_id": 7, "role": "assistant", "content": "Two are.", "created_at": 1767603660},
        {"chat_id": 7, "role": "user", "content": "Is a bike free?", "created_at": 1767603600},
    ]
    [trace] = read_traces(write(tmp_path / "times.jsonl", *rows))
    assert [step.actor for step in trace.steps] == ["user", "assistant"]


def test_rows_without_a_conversation_are_one_conversation(tmp_path):
    rows = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    [trace] = read_traces(write(tmp_path / "rows.jsonl", *rows))
    assert [step.content for step in trace.steps] == ["Hi", "Hello"]


def test_openais_evals_an_output_is_a_trace_with_its_tokens():
    [trace] = read_traces(SAMPLES / "openai-evals.json")
    assert [step.actor for step in trace.steps] == ["system", "user", "assistant"]
    row = traces_frame([trace]).iloc[0]
    assert (row["input_tokens"], row["output_tokens"], row["outcome"]) == (12, 3, "fail")
    assert (trace.meta["cached_tokens"], trace.meta["model"]) == (4, "small")


def test_fields_of_a_score_that_are_called_as_ours_cost_nothing(tmp_path):
    export = json.loads((SAMPLES / "openai-evals.json").read_text())
    [item] = export["runs"][0]["output_items"]
    item["results"][0] |= {"source": "x", "rater": "y", "comment": "z", "value": 3}
    [trace] = read_traces(write(tmp_path / "eval.json", export))
    score = trace.meta["scores"][0]
    assert (score["name"], score["value"], score["rater_kind"]) == ("exact", 1.0, "code")


@pytest.mark.parametrize(
    ("type_", "kind"),
    [("label-model-grader", "model"), ("score_model", "model"), ("string-check-grader", "code")],
)
def test_openais_evals_write_the_types_of_graders_in_two_ways(tmp_path, type_, kind):
    item = {
        "object": "eval.run.output_item",
        "id": "o1",
        "results": [
            {
                "name": "tone-a2486074-d803-4445-b431-ad2262e85d47",
                "type": type_,
                "passed": True,
                "score": 1.0,
                "reason": "It is kind.",
            }
        ],
        "sample": {"input": [{"role": "developer", "content": "Be kind."}], "output": []},
    }
    [trace] = read_traces(write(tmp_path / "items.jsonl", item))
    [score] = trace.meta["scores"]
    assert (score["name"], score["rater_kind"], score["comment"]) == ("tone", kind, "It is kind.")
