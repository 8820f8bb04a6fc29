"""Small files in the documented shapes of others, each with what a reader of its format would say.

The files are not ours and stay outside the repository: the folder ``traces-in`` is looked for in
FIELDBOOK_DATA, then beside the checkout.
"""

import os
import warnings
from pathlib import Path

import pytest

from toolkit.traces import SkippedRecords, read_traces, traces_frame

BESIDE = Path(__file__).parents[3] / "shared" / "data"
FOLDER = Path(os.environ.get("FIELDBOOK_DATA", BESIDE)) / "traces-in"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the folder traces-in is neither in FIELDBOOK_DATA nor beside"
)

U, A, T, C, R = "user", "assistant", "thinking", "call", "result"
S, K = "system", "tool"

RIGHT = {
    # file: the steps of each trace, then values of the first trace's row
    "agui_events.jsonl": (["r"], [[A]], {}),
    "agui_messages.json": (["t1"], [[U, C, R, A]], {"tool_calls": 1}),
    "anthropic_server_tool.jsonl": (None, None, {"tool_calls": 1}),
    "anthropic_tool_image.jsonl": (None, None, {"tool_calls": 1}),
    "atif.json": (
        ["s1"],
        [[U, T, A, C, R]],
        {
            "input_tokens": 12,
            "output_tokens": 3,
            "cost_usd": 0.001,
            "duration_s": 2.0,
            "model": "m",
        },
    ),
    "autogen_v02.jsonl": (None, [[U, A]], {"messages": 2}),
    "braintrust_export.csv": (
        ["e1"],
        [[U, A]],
        {"input_tokens": 12, "output_tokens": 3, "duration_s": 0.9},
    ),
    "camel_times.jsonl": (None, None, {"duration_s": 9.0}),
    "chat.jsonl.gz": (["g"], None, {"steps": 1}),
    "claude_code_messages_only.jsonl": (None, None, {"output_tokens": 14, "input_tokens": 2220}),
    "claude_code_session.jsonl": (
        ["sess-1"],
        [[U, A, C, R, A]],
        {"duration_s": 4.0, "output_tokens": 14, "model": "claude-x", "tool_errors": 1},
    ),
    "deep_3000.jsonl": (["d"], None, {}),
    "deep_400.jsonl": (None, None, {}),
    "deepeval_cases.json": (None, [[U, C, R, A]], {}),
    "double_encoded.jsonl": (None, None, {"tool_calls": 1}),
    "empty_messages.jsonl": (["a", "b"], None, {"steps": 0}),
    "gemini_list.json": (None, [[U, C, R, A]], {}),
    "human_ai_roles.json": (None, [[U, A]], {"title": "Is the shop open?"}),
    "image_base64.jsonl": (None, None, {}),
    "input_output_rows.jsonl": (None, [[U, A], [U, A]], {}),
    "inspect_log.json": (
        ["q1"],
        [[U, T, A, C, R, A]],
        {
            "input_tokens": 30,
            "output_tokens": 9,
            "duration_s": 2.5,
            "outcome": "C",
            "model": "m",
        },
    ),
    "langchain_role_messages.json": (None, [[U, C, R]], {}),
    "langsmith_runs.jsonl": (["r0"], [[U, C, R, A]], {"duration_s": 5.0}),
    "llm_log_messages_response.jsonl": (
        None,
        [[U, A], [U, A]],
        {"input_tokens": 5, "output_tokens": 2},
    ),
    "messages_as_text.jsonl": (None, [[U, A]], {}),
    "named_agents.jsonl": (None, None, {}),
    "nan_infinity.jsonl": (None, None, {"tool_calls": 1}),
    "null_tool_call.jsonl": (None, [[U, A, C]], {}),
    "openai_batch_output.jsonl": (["q1"], [[A]], {}),
    "openhands_events.json": (None, None, {"duration_s": 3.0, "tool_calls": 1}),
    "otlp_genai.json": (["ab"], None, {"input_tokens": 12, "duration_s": 2.0}),
    "preference.jsonl": (None, [[U, A]], {}),
    "prompt_completion.jsonl": (None, [[U, A], [U, A]], {}),
    "reasoning_content.jsonl": (None, None, {}),
    "responses_items.json": (None, None, {"tool_calls": 1}),
    "sharegpt.json": (["c1"], [[S, U, A]], {}),
    "tau2_results.json": (
        None,
        None,
        {"steps": 5, "tool_calls": 1, "tool_errors": 1, "reward": 1.0, "cost_usd": 0.02}
        | {"duration_s": 60.0, "outcome": "user_stop"},
    ),
    "times.jsonl": (None, None, {}),
    "usage_in_record.jsonl": (None, None, {"cost_usd": 0.004, "duration_s": 1.5}),
    "utf16.json": (["u"], None, {"steps": 1}),
    "vercel_chat_object.json": (None, [[U, C, R, A]], {}),
    "vercel_uimessages.json": (None, [[U, C, R, A]], {}),
    "wrapped_data.json": (["a", "b"], None, {}),
}
"""None where the README says less than that."""


def read(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkippedRecords)
        return read_traces(FOLDER / name)


def shape(step):
    return {"tool.call": C, "tool.result": R, "thinking": T}.get(step.kind, step.actor)


def test_each_file_of_the_folder_has_a_right_reading():
    assert {path.name for path in FOLDER.iterdir()} - {"README.md"} == set(RIGHT)


@pytest.mark.parametrize("name", RIGHT)
def test_a_file_from_elsewhere_is_read_as_its_format_means_it(name):
    ids, steps, row = RIGHT[name]
    traces = read(name)
    assert traces
    if ids is not None:
        assert [trace.id for trace in traces] == ids
    if steps is not None:
        assert [[shape(step) for step in trace.steps] for trace in traces] == steps
    stated = traces_frame(traces).iloc[0]
    assert {column: stated[column] for column in row} == pytest.approx(row)
    for trace in traces:
        for call in trace.calls:
            result = trace.result_of(call)
            assert result is None or result.data["name"] == call.content


def words(name):
    [trace, *_] = read(name)
    return trace


def test_what_the_steps_of_files_from_elsewhere_say():
    assert words("llm_log_messages_response.jsonl").text("assistant") == "Until six."
    assert words("vercel_uimessages.json").calls[0].data["arguments"] == {"city": "Rome"}
    assert words("double_encoded.jsonl").calls[0].data["arguments"] == {"city": "Rome"}
    assert words("openhands_events.json").calls[0].data["arguments"]["command"] == "ls"
    assert words("agui_events.jsonl").text("assistant") == "Hello"
    assert words("deepeval_cases.json").result_of(words("deepeval_cases.json").calls[0])
    assert {step.data.get("agent") for step in words("named_agents.jsonl").steps} >= {
        "planner",
        "coder",
    }
    assert "Clock" in "".join(step.content for step in words("anthropic_server_tool.jsonl").steps)
    assert any(step.kind == "thinking" for step in words("reasoning_content.jsonl").steps)
    for name in ("image_base64.jsonl", "anthropic_tool_image.jsonl"):
        assert any("parts" in step.data for step in words(name).steps)


def test_times_in_every_spelling_are_one_moment_and_an_ambiguous_one_is_none():
    times = {trace.id: trace.steps[0].time for trace in read("times.jsonl")}
    assert times["us_text"] is None
    for name in ("us", "ns", "space", "rfc2822"):
        assert int(times[name]) == 1767603600


def test_what_was_changed_or_is_missing_is_said():
    def remarks(name):
        report = read(name).report
        return " ".join(map(str, (*report.warnings, *report.notes, *report.problems)))

    assert "became null" in remarks("nan_infinity.jsonl")
    assert "without steps" in remarks("empty_messages.jsonl")
    for name in ("deep_400.jsonl", "deep_3000.jsonl"):
        assert "nested too deeply" in remarks(name)


def test_a_trace_that_another_outlives_in_a_file_is_written_too(tmp_path):
    from toolkit.traces import write_traces

    traces = read("deep_400.jsonl")
    write_traces(tmp_path / "out.jsonl", traces)
    assert [trace.id for trace in read_traces(tmp_path / "out.jsonl")] == [t.id for t in traces]


def test_langsmith_states_its_tokens():
    assert traces_frame(read("langsmith_runs.jsonl"))["tokens"].iloc[0] == 40
