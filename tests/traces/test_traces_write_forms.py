"""Traces written in the forms of other programs come back equal; other programs find what they know."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from toolkit.cli import app
from toolkit.errors import UsageError
from toolkit.traces import Step, Trace, Traces, read_traces, write_traces

FORMS = ("fieldbook", "chat", "atif", "otlp")
HARBOR = Path(__file__).parents[2] / "data" / "harbor" / "traces.jsonl"


@pytest.fixture(scope="module")
def harbor() -> Traces:
    return read_traces(HARBOR)


@pytest.fixture
def written(tmp_path):
    def write_records(traces: list[Trace], form: str) -> list[dict]:
        path = tmp_path / f"{form}.jsonl"
        write_traces(path, traces, form=form)
        return [json.loads(line) for line in path.read_text().splitlines()]

    return write_records


@pytest.mark.parametrize("form", FORMS)
def test_all_of_harbors_traces_come_back_equal(harbor, tmp_path, form):
    path = tmp_path / "out.jsonl"
    write_traces(path, harbor, form=form)
    back = read_traces(path)
    assert back.report.format == form
    assert len(back) == 300
    assert [before.id for before, after in zip(harbor, back, strict=True) if before != after] == []


TIMES = st.none() | st.floats(1.6e9, 1.9e9)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.sampled_from(["clock", "find"])
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | WORDS
DATA = st.dictionaries(
    st.sampled_from(["branch", "agent", "mood", "usage", "model", "duration_s", "error"]),
    SCALARS,
    max_size=3,
)
CALLS = st.fixed_dictionaries(
    {
        "call_id": st.sampled_from(["c1", "c2"]),
        "name": NAMES,
        "arguments": st.dictionaries(WORDS, SCALARS, max_size=2),
    }
)
RESULTS = st.fixed_dictionaries(
    {"call_id": st.sampled_from(["c1", "c2", "c3"]), "error": st.none() | st.booleans()}
)
KINDS = st.sampled_from(["message", "thinking", "error", "model.usage"])
ACTORS = st.sampled_from(["system", "user", "assistant", "planner"])
STEPS = st.one_of(
    st.builds(Step, WORDS, KINDS, ACTORS, WORDS, TIMES, DATA),
    st.builds(Step, WORDS, st.just("tool.call"), st.just("assistant"), NAMES, TIMES, CALLS),
    st.builds(Step, WORDS, st.just("tool.result"), st.just("tool"), WORDS, TIMES, RESULTS),
)
METAS = st.dictionaries(
    st.sampled_from(["model", "session", "spans", "extra", "agent", "fieldbook"]),
    SCALARS,
    max_size=3,
)
TRACES = st.builds(
    Trace,
    st.text("abc", min_size=1),
    st.lists(STEPS, max_size=8),
    METAS,
    st.sampled_from(["live", "tape", "simulated", "imported"]),
)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60)
@given(trace=TRACES)
def test_any_trace_comes_back_equal(tmp_path_factory, form, trace):
    path = tmp_path_factory.mktemp("out") / "out.jsonl"
    write_traces(path, [trace], form=form)
    [back] = read_traces(path, format=form)
    assert back == trace


CONVERSATION = Trace(
    "t1",
    (
        Step("s1", "message", "user", "Time?", 1767603600.0),
        Step(
            "s2",
            "thinking",
            "assistant",
            "hm",
            1767603602.0,
            {"usage": {"input_tokens": 12, "output_tokens": 3}, "model": "m"},
        ),
        Step("s3", "message", "assistant", "I ask.", 1767603602.0),
        Step(
            "s4",
            "tool.call",
            "assistant",
            "clock",
            1767603602.5,
            {"call_id": "c1", "name": "clock", "arguments": {"zone": "UTC"}},
        ),
        Step(
            "s5",
            "tool.result",
            "tool",
            "noon",
            1767603603.0,
            {"call_id": "c1", "name": "clock", "error": False},
        ),
        Step("s6", "message", "assistant", "Noon.", 1767603605.0),
    ),
    {"session": "chat-9"},
)


def test_chat_is_what_other_programs_call_messages(written):
    [record] = written([CONVERSATION], "chat")
    assert [message["role"] for message in record["messages"]] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    spoken = record["messages"][1]
    assert (spoken["content"], spoken["reasoning_content"]) == ("I ask.", "hm")
    assert spoken["tool_calls"][0]["function"] == {"name": "clock", "arguments": '{"zone": "UTC"}'}
    assert record["messages"][2] == {"role": "tool", "tool_call_id": "c1", "content": "noon"}


def test_atif_has_a_call_and_what_was_observed_in_one_step(written):
    [record] = written([CONVERSATION], "atif")
    assert [step["step_id"] for step in record["steps"]] == [1, 2, 3]
    step = record["steps"][1]
    assert step["tool_calls"] == [
        {"tool_call_id": "c1", "function_name": "clock", "arguments": {"zone": "UTC"}}
    ]
    assert step["observation"]["results"] == [{"source_call_id": "c1", "content": "noon"}]
    assert step["metrics"] == {"prompt_tokens": 12, "completion_tokens": 3}
    assert record["final_metrics"]["total_prompt_tokens"] == 12


def test_otlp_has_a_span_for_each_call_with_the_history_before_it(written):
    [record] = written([CONVERSATION], "otlp")
    spans = record["resourceSpans"][0]["scopeSpans"][0]["spans"]
    fields = [
        {pair["key"]: next(iter(pair["value"].values())) for pair in span["attributes"]}
        for span in spans
    ]
    operations = [each["gen_ai.operation.name"] for each in fields]
    assert operations == ["invoke_agent", "chat", "execute_tool", "chat"]
    assert len(json.loads(fields[3]["gen_ai.input.messages"])) == 3
    assert fields[1]["gen_ai.usage.input_tokens"] == "12"
    assert all(len(span["traceId"]) == 32 and len(span["spanId"]) == 16 for span in spans)


@pytest.mark.parametrize("form", ["chat", "atif", "otlp"])
def test_without_the_extension_the_conversation_is_still_read(written, tmp_path, form):
    records = written([CONVERSATION], form)
    text = json.dumps(records[0]).replace('"fieldbook"', '"gone"')
    path = tmp_path / "bare.json"
    path.write_text(text)
    [trace] = read_traces(path)
    assert [(step.kind, step.content) for step in trace.steps] == [
        (step.kind, step.content) for step in CONVERSATION.steps
    ]
    assert trace.calls[0].data["arguments"] == {"zone": "UTC"}


def test_a_file_that_was_changed_by_hand_is_read_by_its_own_fields(written, tmp_path):
    [record] = written([CONVERSATION], "chat")
    record["messages"].append({"role": "user", "content": "Thanks."})
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(record))
    [trace] = read_traces(path)
    assert trace.steps[-1].content == "Thanks."


@pytest.mark.parametrize(
    "extension",
    [
        {"n_read": 1, "steps": [7]},
        {"n_read": 1, "steps": [{"at": "x"}], "id": 1, "source": "made up", "meta": 3},
        "words",
    ],
)
def test_an_extension_that_says_nonsense_costs_itself_only(tmp_path, extension):
    path = tmp_path / "odd.json"
    path.write_text(
        json.dumps(
            {"id": "a", "messages": [{"role": "user", "content": "Time?"}], "fieldbook": extension}
        )
    )
    [trace] = read_traces(path)
    assert trace.text() == "Time?"
    assert trace.meta["fieldbook"] == extension


def test_a_form_that_is_none_is_named(tmp_path):
    with pytest.raises(UsageError, match="fieldbook, chat, atif, otlp"):
        write_traces(tmp_path / "out", [CONVERSATION], form="yaml")


def test_the_small_atif_document_is_read(data_dir):
    [trace] = read_traces(data_dir / "traces-in" / "atif.json")
    assert (trace.id, trace.meta["model"]) == ("s1", "m")
    assert [step.kind for step in trace.steps] == [
        "message",
        "thinking",
        "message",
        "tool.call",
        "tool.result",
    ]
    assert (trace.meta["input_tokens"], trace.meta["output_tokens"], trace.meta["cost_usd"]) == (
        12,
        3,
        0.001,
    )
    assert trace.steps[-1].time - trace.steps[0].time == 2.0
    assert trace.result_of(trace.calls[0]).content == "noon"


def test_a_sub_agents_trajectory_stands_where_it_was_called(written):
    [trace] = read_traces(Path(__file__).with_name("samples") / "atif.json")
    inside = [step for step in trace.steps if step.data.get("branch") == "t1"]
    assert [step.content for step in inside] == ["Find a tandem.", "TA-7"]
    assert {step.data["agent"] for step in inside} == {"finder"}
    assert trace.steps[-1].content == "Yes, the tandem is free."
    assert replace(trace, steps=trace.steps).meta["final_metrics"] == {"total_steps": 4}


def test_the_command_writes_the_form_that_is_asked_for(tmp_path):
    out = tmp_path / "out.jsonl"
    sample = Path(__file__).with_name("samples") / "otlp.json"
    done = CliRunner().invoke(app, ["import", str(sample), "--to", str(out), "--form", "atif"])
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text())["schema_version"] == "ATIF-v1.7"
    assert [trace.steps for trace in read_traces(out)] == [
        trace.steps for trace in read_traces(sample)
    ]
