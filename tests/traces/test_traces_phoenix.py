"""Phoenix's spans, as its API gives them and as its DataFrame is saved."""

import json
from pathlib import Path

import pandas as pd
import pytest

from toolkit.traces import read_traces

SAMPLES = Path(__file__).with_name("samples")
SPANS = [json.loads(line) for line in (SAMPLES / "phoenix.jsonl").read_text().splitlines()]
WANTED = [
    ("system", "You are brief."),
    ("user", "Is the tandem free on Friday?"),
    ("assistant", "find_bike"),
    ("tool", "TA-7 is free"),
    ("assistant", "Yes, the tandem is free."),
]


def message(role: str, content: str) -> dict:
    return {"message.role": role, "message.content": content}


CALL = {
    "tool_call.id": "call_1",
    "tool_call.function.name": "find_bike",
    "tool_call.function.arguments": '{"kind": "tandem"}',
}


def said(trace) -> list[tuple[str, str]]:
    return [(step.actor, step.content) for step in trace.steps]


def rows() -> list[dict]:
    """The spans as rows of Phoenix's DataFrame."""
    table = []
    for span in SPANS:
        row = {
            name: span[name]
            for name in ("name", "span_kind", "parent_id", "start_time", "end_time", "status_code")
        }
        row |= {f"context.{name}": value for name, value in span["context"].items()}
        for name, value in span["attributes"].items():
            if "messages" not in name:
                row[f"attributes.{name}"] = value
        table.append(row)
    asked = [message("system", "You are brief."), message("user", "Is the tandem free on Friday?")]
    table[1]["attributes.llm.input_messages"] = asked
    table[1]["attributes.llm.output_messages"] = [
        {"message.role": "assistant", "message.tool_calls": [CALL]}
    ]
    return table


def test_spans_of_the_api_are_the_conversation():
    [trace] = read_traces(SAMPLES / "phoenix.jsonl")
    assert said(trace) == WANTED
    assert trace.result_of(trace.calls[0]).data["error"] is False
    [score] = trace.meta["scores"]
    assert (score["name"], score["value"], score["rater_kind"]) == ("helpful", 1.0, "human")
    assert score["comment"] == "Right bike."


def test_a_page_of_the_api_is_its_spans(tmp_path):
    path = tmp_path / "page.json"
    path.write_text(json.dumps({"data": SPANS, "next_cursor": None}))
    [trace] = read_traces(path)
    assert said(trace) == WANTED


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_saved_dataframe_is_read(tmp_path, ending):
    path = tmp_path / f"spans.{ending}"
    frame = pd.DataFrame(rows())
    if ending == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    [trace] = read_traces(path)
    assert said(trace) == WANTED
    assert trace.calls[0].data["arguments"] == {"kind": "tandem"}


def test_nested_attributes_are_read_as_flat_ones(tmp_path):
    nested = {
        "openinference": {"span": {"kind": "LLM"}},
        "llm": {
            "model_name": "model-1",
            "input_messages": [{"message": {"role": "user", "content": "Is it open?"}}],
            "output_messages": [{"message": {"role": "assistant", "content": "Until six."}}],
        },
    }
    path = tmp_path / "spans.jsonl"
    path.write_text(json.dumps(SPANS[1] | {"attributes": nested, "parent_id": None}))
    [trace] = read_traces(path)
    assert said(trace) == [("user", "Is it open?"), ("assistant", "Until six.")]
    assert trace.meta["model"] == "model-1"


def test_what_the_sdk_prints_is_read_under_its_own_name():
    traces = read_traces(SAMPLES / "opentelemetry-sdk.json")
    assert traces.report.format == "opentelemetry-sdk"
    assert said(traces[0]) == [("user", "Is the tandem free?"), ("assistant", "It is.")]
