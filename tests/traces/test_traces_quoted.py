"""A text that an export wrote as JSON, in quotes, is the text; and it is read once."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.traces import Trace, read_traces

ASKED = 'Is the "Rose" free?'
ANSWERED = "It is."
QUOTED = (json.dumps(ASKED), json.dumps(ANSWERED))
TWICE = (json.dumps(QUOTED[0]), json.dumps(QUOTED[1]))
LANGFUSE = {"id": "t1", "timestamp": "2026-03-02T09:00:00Z", "sessionId": "s", "userId": "u"}
OBSERVATION = {
    "id": "o1",
    "traceId": "t1",
    "type": "GENERATION",
    "startTime": "2026-03-02T09:00:00Z",
}
BRAINTRUST = {
    "id": "b1",
    "span_id": "b1",
    "root_span_id": "b1",
    "span_attributes": {"type": "task"},
}
PHOENIX = {
    "context": {"trace_id": "t1", "span_id": "a"},
    "span_kind": "CHAIN",
    "name": "run",
    "start_time": "2026-03-02T09:00:00Z",
}


def said(trace: Trace) -> list[str]:
    return [step.content for step in trace.steps]


def read(folder: Path, record: dict[str, Any], suffix: str) -> Trace:
    path = folder / f"export.{suffix}"
    if suffix == "json":
        path.write_text(json.dumps([record]))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(record))
            writer.writeheader()
            writer.writerow({name: cell(value) for name, value in record.items()})
    traces = read_traces(path)
    assert (len(traces), traces.report.not_understood) == (1, ())
    return traces[0]


def cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("suffix", ["json", "csv"])
@pytest.mark.parametrize("words", [QUOTED, TWICE], ids=["quoted", "quoted twice"])
@pytest.mark.parametrize("fields", [LANGFUSE, BRAINTRUST, {"id": "r1"}], ids=lambda f: f["id"])
def test_quoted_words_of_a_row_are_the_words(tmp_path, fields, words, suffix):
    asked, answered = words
    trace = read(tmp_path, {**fields, "input": asked, "output": answered}, suffix)
    assert said(trace) == [ASKED, ANSWERED]


def test_words_that_are_quoted_in_a_trace_and_plain_in_its_observation_are_said_once(tmp_path):
    asked, answered = QUOTED
    observation = {**OBSERVATION, "input": ASKED, "output": ANSWERED}
    record = {**LANGFUSE, "input": asked, "output": answered, "observations": [observation]}
    assert said(read(tmp_path, record, "json")) == [ASKED, ANSWERED]


def test_quoted_values_of_a_phoenix_span_are_the_words(tmp_path):
    asked, answered = QUOTED
    attributes = {"input": {"value": asked}, "output": {"value": answered}}
    trace = read(tmp_path, {**PHOENIX, "attributes": attributes}, "json")
    assert said(trace) == [ASKED, ANSWERED]


def test_words_with_a_quote_of_somebody_else_keep_their_quotes(tmp_path):
    said_so = '"It is," he said, "free."'
    trace = read(tmp_path, {"id": "r1", "input": said_so, "output": "Good."}, "json")
    assert said(trace) == [said_so, "Good."]


def test_what_stands_beside_the_messages_of_a_cell_is_kept(tmp_path):
    asked = {"messages": [{"role": "user", "content": "hi"}], "top_k": 3}
    trace = read(tmp_path, {"id": "r1", "input": asked, "output": "Good."}, "csv")
    assert (said(trace), trace.meta["input"]) == (["hi", "Good."], {"top_k": 3})
