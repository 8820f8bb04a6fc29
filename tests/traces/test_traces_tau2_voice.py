"""A voice simulation of tau2-bench: ticks in which both sides may speak at once."""

import json
from pathlib import Path
from typing import Any

from toolkit.traces import Traces, read_traces

CALL = {"id": "c1", "name": "find", "arguments": {"day": "Monday"}, "requestor": "assistant"}
RESULT = {"id": "c1", "role": "tool", "content": "two", "requestor": "assistant", "error": False}


def chunk(role: str, words: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": words, "contains_speech": words is not None, **fields}


def tick(number: int, agent: str | None = None, user: str | None = None, **fields: Any):
    moment = f"2026-03-02T09:00:{number:02}"
    chunks = {"agent_chunk": chunk("assistant", agent), "user_chunk": chunk("user", user)}
    return {"tick_id": number, "timestamp": moment, **chunks, **fields}


def read(folder: Path, *ticks: dict[str, Any]) -> Traces:
    simulation = {"id": "s1", "task_id": "4", "termination_reason": "user_stop", "mode": "voice"}
    path = folder / "results.json"
    path.write_text(json.dumps({"simulations": [{**simulation, "messages": [], "ticks": ticks}]}))
    return read_traces(path)


def test_what_is_said_over_several_ticks_is_an_utterance_and_calls_are_paired(tmp_path):
    traces = read(
        tmp_path,
        tick(0, "Hello, "),
        tick(1, "how can", "Is a "),
        tick(2, " I help?", "bike free?"),
        tick(3),
        tick(4, agent_tool_calls=[CALL], agent_tool_results=[RESULT]),
        tick(5, "Two are."),
    )
    [trace] = traces
    assert traces.report.not_understood == ()
    assert [(step.kind, step.actor, step.content) for step in trace.steps] == [
        ("message", "assistant", "Hello, how can I help?"),
        ("message", "user", "Is a bike free?"),
        ("tool.call", "assistant", "find"),
        ("tool.result", "tool", "two"),
        ("message", "assistant", "Two are."),
    ]
    assert trace.steps[3].data["call_id"] == "c1"
    assert trace.steps[1].time == trace.steps[0].time + 1
    assert (trace.meta["outcome"], "ticks" in trace.meta) == ("user_stop", False)


def test_speech_without_a_script_is_named_as_such(tmp_path):
    sound = chunk("user", "UklGRg==", is_audio=True)
    silent = tick(1, user_chunk=sound, agent_chunk=None)
    traces = read(tmp_path, tick(0, "Hello?"), silent)
    assert [step.content for step in traces[0].steps] == ["Hello?", "[speech]"]
    lost = [remark.what for remark in traces.report.not_understood]
    assert "ticks.*.user_chunk.content" in lost


def test_two_utterances_without_a_pause_are_two_messages_and_what_was_heard_is_kept(tmp_path):
    first = chunk("user", "Yes.", utterance_ids=["u1"])
    second = chunk("user", "No.", utterance_ids=["u2"])
    [trace] = read(
        tmp_path,
        tick(0, user_chunk=first, user_transcript="Yes"),
        tick(1, user_chunk=second, user_transcript="Know"),
    )
    assert [step.content for step in trace.steps] == ["Yes.", "No."]
    assert [step.data["heard"] for step in trace.steps] == [["Yes"], ["Know"]]
