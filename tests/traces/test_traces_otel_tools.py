"""OpenTelemetry's spans as Tempo, Grafana, Jaeger and Pydantic AI hand them out."""

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.traces import Trace, read_traces

SAMPLES = Path(__file__).with_name("samples")


def read(folder: Path, document: Any) -> Trace:
    path = folder / "trace.json"
    path.write_text(json.dumps(document))
    [trace] = read_traces(path)
    return trace


def outline(trace: Trace) -> list[tuple[str, str]]:
    return [(step.kind, step.content) for step in trace.steps]


def document(*attributes: dict[str, Any]) -> dict[str, Any]:
    """A document of spans with these attributes, the first of which is around the others."""
    spans = []
    for number, stated in enumerate(attributes):
        pairs = [{"key": name, "value": {"stringValue": text}} for name, text in stated.items()]
        parent = "a0" if number else ""
        span = {"traceId": "t", "spanId": f"a{number}", "parentSpanId": parent, "name": "run"}
        spans.append({**span, "startTimeUnixNano": str(number + 10**18), "attributes": pairs})
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def test_a_trace_of_jaeger_has_its_times_its_failure_and_its_tree():
    [trace] = read_traces(SAMPLES / "jaeger.json")
    assert outline(trace) == [
        ("message", "Is a bike free?"),
        ("tool.call", "find"),
        ("tool.result", "the shop is closed"),
    ]
    call, result = trace.steps[1:]
    assert (call.data["agent"], call.data["duration_s"]) == ("shop", 0.5)
    assert (result.data["error"], result.time) == (True, 1772442001.7)
    assert call.data["usage"] == {"input_tokens": 12, "output_tokens": 5}
    assert (trace.meta["session"], trace.meta["model"]) == ("s7", "m")
    assert trace.meta["resource"] == {"serviceName": "shop-bot", "host.name": "laptop"}


def reply(id_: str, words: str, start_s: int, *references: dict[str, str]) -> dict[str, Any]:
    """A span of Jaeger in which a model says `words`, in a process of its own."""
    spoken = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": words}]}])
    tags = [
        {"key": "gen_ai.operation.name", "value": "chat"},
        {"key": "gen_ai.output.messages", "value": spoken},
    ]
    span = {"traceID": "t", "spanID": id_, "operationName": f"chat {id_}", "tags": tags}
    span |= {"startTime": start_s * 1_000_000, "duration": 1_000_000, "processID": f"of-{id_}"}
    return {**span, "references": list(references)}


def follows(id_: str) -> dict[str, str]:
    return {"refType": "FOLLOWS_FROM", "traceID": "t", "spanID": id_}


def jaeger(*spans: dict[str, Any]) -> dict[str, Any]:
    ids = [span["spanID"] for span in spans]
    processes = {f"of-{id_}": {"serviceName": f"service of {id_}"} for id_ in ids}
    return {"data": [{"traceID": "t", "spans": list(spans), "processes": processes}]}


def test_a_span_of_jaeger_stands_behind_the_one_that_it_follows_from(tmp_path):
    now = 1_772_442_000
    last = reply("c", "Last.", now + 5, follows("b"))
    early = reply("b", "Second.", now - 60, follows("a"))  # its clock is a minute behind
    trace = read(tmp_path, jaeger(last, early, reply("a", "First.", now)))
    assert [step.content for step in trace.steps] == ["First.", "Second.", "Last."]
    assert [step.time for step in trace.steps] == [now + 1, now + 2, now + 6]
    assert trace.meta["import_notes"][0].startswith("1 span moved behind")


def test_jaeger_keeps_which_process_a_span_ran_in_and_what_it_followed_from(tmp_path):
    first = reply("a", "First.", 1_772_442_000)
    second = reply("b", "Second.", 1_772_442_005, follows("a"))
    trace = read(tmp_path, jaeger(first, second))
    kept = {fields["id"]: fields for fields in trace.meta["spans"]}
    assert kept["a"]["process"] == {"serviceName": "service of a"}
    assert kept["b"]["process"] == {"serviceName": "service of b"}
    assert kept["b"]["references"] == [follows("a")]


def test_spans_of_jaeger_that_follow_from_each_other_in_a_ring_are_read(tmp_path):
    first = reply("a", "First.", 1_772_442_000, follows("b"))
    second = reply("b", "Second.", 1_772_442_005, follows("a"))
    trace = read(tmp_path, jaeger(first, second))
    assert sorted(step.content for step in trace.steps) == ["First.", "Second."]


def test_the_run_of_a_pydantic_agent_in_tempos_answer_is_a_conversation():
    [trace] = read_traces(SAMPLES / "otlp.tempo.json")
    assert outline(trace) == [
        ("message", "Is a bike free?"),
        ("tool.call", "find"),
        ("tool.result", "two"),
        ("message", "Two are."),
    ]
    call = trace.steps[1]
    assert (call.data["arguments"], call.data["duration_s"]) == ({"day": "Monday"}, 0.5)
    assert trace.steps[3].data["agent"] == "shop"


CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.input.messages": json.dumps([{"role": "user", "content": "Q?"}]),
    "gen_ai.output.messages": json.dumps([{"role": "assistant", "content": "A."}]),
}
SAID = [("message", "Q?"), ("message", "A.")]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda spans: {"trace": {"resourceSpans": spans}, "metrics": {"inspectedBytes": "9"}},
        lambda spans: {"batches": spans},
        lambda spans: {"trace": {"batches": spans}},
    ],
    ids=["Grafana", "Tempo", "both"],
)
def test_the_spans_in_an_answer_of_tempo_are_read(tmp_path, wrap):
    trace = read(tmp_path, wrap(document(CHAT)["resourceSpans"]))
    assert outline(trace) == SAID
    assert read_traces(tmp_path).report.not_understood == ()


def test_the_history_that_an_agents_span_repeats_is_read_once(tmp_path):
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Q?"}]}]
    messages.append({"role": "assistant", "parts": [{"type": "text", "content": "A."}]})
    run = {"agent_name": "shop", "pydantic_ai.all_messages": json.dumps(messages)}
    assert outline(read(tmp_path, document(run, CHAT))) == SAID
    assert outline(read(tmp_path, document(run))) == SAID


def test_the_events_that_pydantic_ai_writes_into_an_attribute_are_the_messages(tmp_path):
    events = [
        {"event.name": "gen_ai.user.message", "role": "user", "content": "Q?"},
        {"event.name": "gen_ai.choice", "index": 0, "message": {"content": "A."}},
    ]
    chat = {"gen_ai.operation.name": "chat", "events": json.dumps(events)}
    assert outline(read(tmp_path, document(chat))) == SAID


def test_batches_of_something_else_are_not_taken_for_spans(tmp_path):
    record = {"batches": [{"size": 3}], "messages": [{"role": "user", "content": "Q?"}]}
    trace = read(tmp_path, record)
    assert outline(trace) == SAID[:1]
    assert trace.meta["batches"] == [{"size": 3}]
