"""OTLP as JSON, in the spellings of its vocabularies: one conversation, read to the same steps."""

import json
from pathlib import Path

import pytest

from toolkit.traces import read_traces, traces_frame

START = 1_767_603_600
ASK = "Weather in Rome?"
RESULT = "20 degrees"


def attribute(key: str, value: object) -> dict:
    match value:
        case bool():
            held: dict = {"boolValue": value}
        case int():
            held = {"intValue": str(value)}
        case float():
            held = {"doubleValue": value}
        case list():
            held = {"arrayValue": {"values": [attribute("", item)["value"] for item in value]}}
        case dict():
            held = {"kvlistValue": {"values": [attribute(k, v) for k, v in value.items()]}}
        case _:
            held = {"stringValue": str(value)}
    return {"key": key, "value": held}


def span(id_: str, at: float, name: str, fields: dict, parent: str = "01", **more: object) -> dict:
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": id_,
        "parentSpanId": parent,
        "name": name,
        "startTimeUnixNano": str(int((START + at) * 10**9)),
        "endTimeUnixNano": str(int((START + at + 1) * 10**9)),
        "attributes": [attribute(key, value) for key, value in fields.items()],
        **more,
    }


def event(name: str, **fields: object) -> dict:
    named = {key.replace("__", "."): value for key, value in fields.items()}
    return {"name": name, "attributes": [attribute(key, value) for key, value in named.items()]}


def document(spans: list[dict]) -> dict:
    resource = {"attributes": [attribute("service.name", "shop")]}
    return {
        "resourceSpans": [
            {"resource": resource, "scopeSpans": [{"scope": {"name": "s"}, "spans": spans}]}
        ]
    }


def parts(role: str, *listed: dict) -> dict:
    return {"role": role, "parts": list(listed)}


CALL = {"type": "tool_call", "id": "c1", "name": "getWeather", "arguments": {"city": "Rome"}}
NEW = [
    parts("user", {"type": "text", "content": ASK}),
    parts("assistant", CALL),
    parts("tool", {"type": "tool_call_response", "id": "c1", "response": RESULT}),
    parts("assistant", {"type": "text", "content": "20 degrees."}),
]
FUNCTION = {"name": "getWeather", "arguments": '{"city": "Rome"}'}
OPENAI = [
    {"role": "user", "content": ASK},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c1", "type": "function", "function": FUNCTION}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": RESULT},
    {"role": "assistant", "content": "20 degrees."},
]
ROOT = span(
    "01",
    0,
    "invoke_agent guide",
    {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "guide"},
    "",
)
TOOL = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "getWeather",
    "gen_ai.tool.call.id": "c1",
    "gen_ai.tool.call.arguments": '{"city": "Rome"}',
    "gen_ai.tool.call.result": RESULT,
}
USED = {
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 3,
}


def genai_as_text() -> list[dict]:
    chat = {"gen_ai.operation.name": "chat", **USED}
    calls = []
    for number, at in ((1, 1), (3, 5)):
        given = {"gen_ai.input.messages": json.dumps(NEW[:number])}
        said = {"gen_ai.output.messages": json.dumps([NEW[number]])}
        calls.append(span(f"a{at}", at, "chat m", chat | given | said))
    return [ROOT, *calls, span("03", 3, "execute_tool getWeather", TOOL)]


def genai_as_values() -> list[dict]:
    chat = {"gen_ai.operation.name": "chat", **USED}
    calls = []
    for number, at in ((1, 1), (3, 5)):
        messages = {"gen_ai.input.messages": NEW[:number], "gen_ai.output.messages": [NEW[number]]}
        calls.append(span(f"a{at}", at, "chat m", chat | messages))
    tool = TOOL | {"gen_ai.tool.call.arguments": {"city": "Rome"}}
    return [ROOT, *calls, span("03", 3, "execute_tool getWeather", tool)]


def genai_as_events() -> list[dict]:
    chat = {"gen_ai.operation.name": "chat", **USED}
    asked = event("gen_ai.user.message", content=ASK)
    calls = json.dumps(OPENAI[1]["tool_calls"])
    called = event("gen_ai.assistant.message", tool_calls=calls)
    answered = event("gen_ai.tool.message", id="c1", content=RESULT)
    chosen = event("gen_ai.choice", message=json.dumps({"tool_calls": OPENAI[1]["tool_calls"]}))
    done = event("gen_ai.choice", message=json.dumps({"content": "20 degrees."}))
    return [
        ROOT,
        span("02", 1, "chat m", chat, events=[asked, chosen]),
        span("03", 3, "execute_tool getWeather", TOOL),
        span("04", 5, "chat m", chat, events=[asked, called, answered, done]),
    ]


def openllmetry() -> list[dict]:
    """Numbered attributes, as ``gen_ai.prompt.0.role``."""
    calls = []
    for number, at in ((1, 1), (3, 5)):
        fields: dict = {"llm.request.type": "chat", **USED}
        for prefix, messages in (("prompt", OPENAI[:number]), ("completion", [OPENAI[number]])):
            for place, message in enumerate(messages):
                head = f"gen_ai.{prefix}.{place}"
                fields |= {
                    f"{head}.{name}": message[name]
                    for name in ("role", "content", "tool_call_id")
                    if message.get(name)
                }
                if message.get("tool_calls"):
                    fields |= {f"{head}.tool_calls.0.{name}": FUNCTION[name] for name in FUNCTION}
                    fields[f"{head}.tool_calls.0.id"] = "c1"
        calls.append(span(f"a{at}", at, "openai.chat", fields))
    return [ROOT, *calls, span("03", 3, "getWeather.tool", TOOL)]


def openinference() -> list[dict]:
    calls = []
    for number, at in ((1, 1), (3, 5)):
        fields: dict = {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m",
            "llm.token_count.prompt": 12,
            "llm.token_count.completion": 3,
        }
        for prefix, messages in (("input", OPENAI[:number]), ("output", [OPENAI[number]])):
            for place, message in enumerate(messages):
                head = f"llm.{prefix}_messages.{place}.message"
                fields |= {
                    f"{head}.{name}": message[name]
                    for name in ("role", "content", "tool_call_id")
                    if message.get(name)
                }
                if message.get("tool_calls"):
                    call = f"{head}.tool_calls.0.tool_call"
                    fields |= {f"{call}.function.{name}": FUNCTION[name] for name in FUNCTION}
                    fields[f"{call}.id"] = "c1"
        calls.append(span(f"a{at}", at, "ChatCompletion", fields))
    root = span(
        "01",
        0,
        "agent",
        {"openinference.span.kind": "AGENT", "agent.name": "guide", "input.value": ASK},
        "",
    )
    tool = {
        "openinference.span.kind": "TOOL",
        "tool.name": "getWeather",
        "input.value": '{"city": "Rome"}',
        "input.mime_type": "application/json",
        "output.value": RESULT,
    }
    return [root, *calls, span("03", 3, "getWeather", tool)]


SPELLINGS = (genai_as_text, genai_as_values, genai_as_events, openllmetry, openinference)
WANTED = [
    ("message", "user", ASK, START + 1),
    ("tool.call", "assistant", "getWeather", START + 3),
    ("tool.result", "tool", RESULT, START + 4),
    ("message", "assistant", "20 degrees.", START + 6),
]


@pytest.fixture
def read(tmp_path):
    def read_documents(*documents: dict):
        path = tmp_path / "spans.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in documents))
        return read_traces(path)

    return read_documents


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda spelling: spelling.__name__)
def test_each_vocabulary_is_read_to_the_same_steps(read, spelling):
    [trace] = traces = read(document(spelling()))
    assert traces.report.format == "otlp"
    assert trace.id == "5b8efff798038103d269b633813fc60c"
    assert [(step.kind, step.actor, step.content, step.time) for step in trace.steps] == WANTED
    assert trace.calls[0].data["arguments"] == {"city": "Rome"}
    assert trace.calls[0].data["agent"] == "guide"
    assert trace.result_of(trace.calls[0]) is trace.steps[2]
    usage = [step.data["usage"] for step in trace.steps if "usage" in step.data]
    assert usage == [{"input_tokens": 12, "output_tokens": 3}] * 2
    assert trace.meta["model"] == "m"
    assert trace.meta["resource"] == {"service.name": "shop"}
    row = traces_frame([trace]).iloc[0]
    assert (row.input_tokens, row.output_tokens) == (24, 6)


def test_spans_of_a_trace_may_lie_over_several_exports_in_any_order(read):
    spans = genai_as_text()
    [whole] = read(document(spans))
    [scattered] = read(*(document([one]) for one in reversed(spans)))
    assert scattered == whole


def test_what_was_repaired_stands_in_the_report(read):
    spans = genai_as_text()
    late = spans[2] | {"parentSpanId": "gone"}
    report = read(document([*spans[:2], spans[1], late])).report
    assert [note.split("): ")[1] for note in report.notes] == [
        "1 span came twice: it is read once",
        "1 span has a parent that is not in the file",
    ]


def test_two_traces_in_one_export_are_two(read):
    other = [one | {"traceId": "ff"} for one in genai_as_text()]
    mixed = [one for pair in zip(genai_as_text(), other, strict=True) for one in pair]
    assert [trace.id for trace in read(document(mixed))] == [genai_as_text()[0]["traceId"], "ff"]


def test_an_exception_and_a_failed_tool_say_why(read):
    failed = span(
        "03", 3, "execute_tool getWeather", {k: v for k, v in TOOL.items() if "result" not in k}
    )
    failed |= {
        "status": {"code": 2},
        "events": [event("exception", exception__message="no such city")],
    }
    [trace] = read(document([*genai_as_text()[:2], failed]))
    result = trace.result_of(trace.calls[0])
    assert (result.content, result.data["error"]) == ("no such city", True)


def test_what_no_step_says_stays_in_meta(read):
    extra = span(
        "02",
        1,
        "chat m",
        {"shop.aisle": 7, "gen_ai.conversation.id": "s1"},
        links=[{"traceId": "ee"}],
    )
    [trace] = read(document([ROOT, extra]))
    kept = next(fields for fields in trace.meta["spans"] if fields["id"] == "02")
    assert kept["attributes"]["shop.aisle"] == 7
    assert kept["links"] == [{"traceId": "ee"}]
    assert trace.meta["session"] == "s1"


def test_an_evaluation_is_a_score_of_the_trace(read):
    fields = {"gen_ai.evaluation.name": "polite", "gen_ai.evaluation.score.value": 0.9}
    judged = event(
        "gen_ai.evaluation.result", **{name.replace(".", "__"): fields[name] for name in fields}
    )
    [trace] = read(document([ROOT, span("02", 1, "chat m", USED, events=[judged])]))
    [score] = trace.meta["scores"]
    assert (score["name"], score["value"], score["rater_kind"]) == ("polite", 0.9, "code")


def test_reasoning_is_a_step_and_a_part_of_another_type_is_kept(read):
    thought = parts(
        "assistant", {"type": "reasoning", "content": "hm"}, {"type": "text", "content": "Hello."}
    )
    blob = parts("user", {"type": "blob", "mime_type": "image/png", "content": "aGk="})
    fields = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": [blob],
        "gen_ai.output.messages": [thought],
    }
    [trace] = read(document([span("02", 1, "chat m", fields, "")]))
    assert [step.kind for step in trace.steps] == ["message", "thinking", "message"]
    assert trace.steps[0].data["parts"] == [blob["parts"][0]]


def test_the_small_document_is_read(data_dir: Path):
    [trace] = read_traces(data_dir / "traces-in" / "otlp_genai.json")
    assert (trace.id, trace.text("user")) == ("ab", "Time?")
    row = traces_frame([trace]).iloc[0]
    assert (row.input_tokens, row.duration_s) == (12, 2.0)
