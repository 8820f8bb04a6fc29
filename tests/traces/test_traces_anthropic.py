"""Anthropic's Messages API: what a log keeps of a request and its response."""

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.traces import Traces, read_traces, traces_frame

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Is a bike free?"}]}
CONTENT = [
    {"type": "text", "text": "I look."},
    {"type": "tool_use", "id": "t1", "name": "find", "input": {"day": "Monday"}},
]
USAGE = {"input_tokens": 5, "output_tokens": 2}
BODY = {"id": "msg_1", "content": CONTENT, "stop_reason": "tool_use", "usage": USAGE, "model": "m"}
REPLY = ["I look.", "find"]


def read(folder: Path, record: Any) -> Traces:
    path = folder / "log.jsonl"
    path.write_text(json.dumps(record) + "\n")
    return read_traces(path)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"request": ASKED, "response": BODY}, ["Is a bike free?", *REPLY]),
        ({**ASKED, "response": BODY}, ["Is a bike free?", *REPLY]),
        ({"request": ASKED, "response": {"content": CONTENT}}, ["Is a bike free?", *REPLY]),
        ({"response": BODY}, REPLY),
        ({"response": BODY, "latency": 3, "stage": "triage"}, REPLY),
        (BODY, REPLY),
        ({"id": "r1", "response": {"type": "message", "role": "assistant", **BODY}}, REPLY),
    ],
    ids=["exchange", "flat", "bare content", "response", "beside", "body", "with its role"],
)
def test_a_response_that_says_neither_its_type_nor_a_role_becomes_steps(tmp_path, record, words):
    traces = read(tmp_path, record)
    [trace] = traces
    assert [step.content for step in trace.steps] == words
    assert traces.report.format == "anthropic" or "stop_reason" not in json.dumps(record)
    assert (traces.report.problems, traces.report.not_understood) == ((), ())
    if "usage" in json.dumps(record):
        assert traces_frame([trace])["input_tokens"][0] == 5


ERROR = {"type": "error", "error": {"type": "invalid_request", "message": "too long"}}


@pytest.mark.parametrize(
    "line",
    [
        {"custom_id": "q", "result": {"type": "errored", "error": ERROR}},
        {"custom_id": "q", "result": {"type": "errored", "error": ERROR}, "error": None},
        {"custom_id": "q", "result": {"type": "errored"}, "error": ERROR},
        {"custom_id": "q", "result": {"type": "errored", "error": ERROR}, "error": {"n": "x"}},
    ],
)
def test_a_batchs_failed_line_is_anthropics_whatever_stands_beside_it(tmp_path, line):
    traces = read(tmp_path, line)
    assert traces.report.format == "anthropic"
    assert traces[0].meta["outcome"] == "errored"
    assert [step.content for step in traces[0].steps] == ["too long"]
    assert traces.report.not_understood == ()


def test_a_failed_line_of_a_batch_of_openais_stays_openais(tmp_path):
    line = {"custom_id": "q", "response": None, "error": {"code": "x", "message": "too long"}}
    assert read(tmp_path, line).report.format == "openai"
