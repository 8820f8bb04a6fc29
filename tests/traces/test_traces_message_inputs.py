"""The small inputs of issue 10 that are messages, read as their README says."""

import pandas as pd
import pytest

from toolkit.traces import read_traces, traces_frame

WEATHER = [
    ("tool.call", "assistant", "getWeather"),
    ("tool.result", "tool", '{"temp": 20}'),
    ("message", "assistant", "20 degrees."),
]
STEPS = {
    "llm_log_messages_response.jsonl": [
        ("message", "user", "Is the shop open?"),
        ("message", "assistant", "Until six."),
        ("message", "user", "And on Sunday?"),
        ("message", "assistant", "It is closed."),
    ],
    "human_ai_roles.json": [
        ("message", "user", "Is the shop open?"),
        ("message", "assistant", "Until six."),
    ],
    "reasoning_content.jsonl": [
        ("message", "user", "2+2?"),
        ("thinking", "assistant", "I add two and two."),
        ("message", "assistant", "4"),
    ],
    "image_base64.jsonl": [
        ("message", "user", "What is it?\n[image]"),
        ("message", "assistant", "A dot."),
    ],
    "anthropic_tool_image.jsonl": [
        ("message", "user", "Look"),
        ("tool.call", "assistant", "screenshot"),
        ("tool.result", "tool", "done\n[image]"),
        ("message", "user", "What is on it?"),
    ],
    "anthropic_server_tool.jsonl": [
        ("message", "system", "S"),
        ("message", "user", "Search"),
        ("tool.call", "assistant", "web_search"),
        ("tool.result", "tool", "Clock https://e.x"),
        ("message", "assistant", "Found."),
    ],
    "null_tool_call.jsonl": [
        ("message", "user", "go"),
        ("message", "assistant", "ok"),
        ("tool.call", "assistant", "read"),
    ],
    "langchain_role_messages.json": [
        ("message", "user", "Time?"),
        ("tool.call", "assistant", "clock"),
        ("tool.result", "tool", "noon"),
    ],
    "gemini_list.json": [
        ("message", "user", "Time?"),
        ("tool.call", "assistant", "clock"),
        ("tool.result", "tool", '{"t": "noon"}'),
        ("message", "assistant", "Noon."),
    ],
    "vercel_uimessages.json": [("message", "user", "Weather in Rome?"), *WEATHER],
    "vercel_chat_object.json": [("message", "user", "Weather in Rome?"), *WEATHER],
    "agui_messages.json": [
        ("message", "user", "Weather?"),
        WEATHER[0],
        ("tool.result", "tool", "20"),
        WEATHER[2],
    ],
    "claude_code_messages_only.jsonl": [
        ("message", "user", "Fix the clock"),
        ("message", "assistant", "I look first."),
        ("tool.call", "assistant", "Read"),
        ("tool.result", "tool", "no such file"),
        ("message", "assistant", "It is gone."),
    ],
    "messages_as_text.jsonl": [("message", "user", "hi"), ("message", "assistant", "ho")],
    "wrapped_data.json": [("message", "user", "hi"), ("message", "user", "ho")],
    "utf16.json": [("message", "user", "hi")],
    "chat.jsonl.gz": [("message", "user", "hi")],
}


@pytest.mark.parametrize("name", STEPS)
def test_an_input_has_the_steps_that_its_readme_names(data_dir, name):
    traces = read_traces(data_dir / "traces-in" / name)
    steps = [step for trace in traces for step in trace.steps]
    assert [(step.kind, step.actor, step.content) for step in steps] == STEPS[name]
    assert traces.report.problems == ()
    for trace in traces:
        for step in trace.steps:
            if step.kind == "tool.result":
                assert step.data["call_id"] in {call.data["call_id"] for call in trace.calls}


ROWS = {
    "llm_log_messages_response.jsonl": {"input_tokens": 5, "output_tokens": 2, "model": "m"}
    | {"cost_usd": 0.001},
    "usage_in_record.jsonl": {"input_tokens": 10, "output_tokens": 2, "tokens": 12}
    | {"cost_usd": 0.004, "duration_s": 1.5, "model": "m"},
    "claude_code_messages_only.jsonl": {"input_tokens": 2220, "cached_tokens": 2000}
    | {"output_tokens": 14, "model": "claude-x"},
    "camel_times.jsonl": {"duration_s": 9.0, "started": pd.Timestamp("2026-01-05T09:00:00Z")},
    "human_ai_roles.json": {"title": "Is the shop open?"},
    "agui_messages.json": {"id": "t1"},
    "empty_messages.jsonl": {"steps": 0},
}


@pytest.mark.parametrize("name", ROWS)
def test_an_input_has_the_measures_that_its_readme_names(data_dir, name):
    row = traces_frame(read_traces(data_dir / "traces-in" / name)).iloc[0]
    assert {column: row[column] for column in ROWS[name]} == ROWS[name]


def test_the_times_of_the_inputs_are_one_moment(data_dir):
    traces = read_traces(data_dir / "traces-in" / "times.jsonl")
    times = {trace.id: trace.steps[0].time for trace in traces}
    assert times.pop("us_text") is None
    assert len(times) == 11
    assert {int(time) for time in times.values()} == {1767603600}


def test_arguments_agents_and_numbers_of_the_inputs(data_dir):
    folder = data_dir / "traces-in"
    [call] = read_traces(folder / "double_encoded.jsonl")[0].calls
    assert call.data["arguments"] == {"city": "Rome"}
    agents = [
        step.data.get("agent") for step in read_traces(folder / "named_agents.jsonl")[0].steps
    ]
    assert agents == [None, "planner", "coder"]
    traces = read_traces(folder / "nan_infinity.jsonl")
    assert traces[0].calls[0].data["arguments"] == {"x": None, "y": None}
    assert "null" in str(traces.report.warnings)
    traces = read_traces(folder / "empty_messages.jsonl")
    assert "traces without steps" in str(traces.report.warnings)


@pytest.mark.parametrize("name", ["deep_400.jsonl", "deep_3000.jsonl"])
def test_a_deep_input_is_read_but_for_its_depth(data_dir, name):
    traces = read_traces(data_dir / "traces-in" / name)
    assert [step.content for step in traces[0].steps] == ["hi", "f"]
    assert "nested too deeply" in str(traces.report.warnings)
