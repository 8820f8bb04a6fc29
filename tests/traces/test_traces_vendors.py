"""Vendors' own packages write one conversation, without a network, and it reads back to the same steps.

They are not installed with the others: ``uv sync --group vendors``. Without them these tests are skipped.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.traces import Trace, read_traces

pytestmark = [
    pytest.mark.vendors,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
ASK = "Is the tandem free?"
ARGUMENTS = '{"kind": "tandem"}'
FOUND = "TA-7 is free"
DONE = "Yes, it is."
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "find_bike", "arguments": ARGUMENTS},
}
HISTORY = [
    {"role": "user", "content": ASK},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": FOUND},
    {"role": "assistant", "content": DONE},
]


def check(trace: Trace) -> None:
    """The conversation, with its call, its tokens, its model and its times."""
    assert [(step.kind, step.actor, step.content) for step in trace.steps] == [
        ("message", "user", ASK),
        ("tool.call", "assistant", "find_bike"),
        ("tool.result", "tool", FOUND),
        ("message", "assistant", DONE),
    ]
    [call] = trace.calls
    assert call.data["arguments"] == {"kind": "tandem"}
    assert trace.result_of(call) is trace.steps[2]
    usage = [step.data["usage"] for step in trace.steps if "usage" in step.data]
    assert [each["input_tokens"] for each in usage] == [21, 34]
    assert [each["output_tokens"] for each in usage] == [4, 4]
    assert trace.meta["model"] == "model-1"
    times = [step.time for step in trace.steps]
    assert None not in times
    assert times == sorted(times)


def part(message: dict[str, Any]) -> dict[str, Any]:
    """A message as the GenAI conventions have it."""
    if message["role"] == "tool":
        parts = [{"type": "tool_call_response", "id": "call_1", "response": FOUND}]
    elif "tool_calls" in message:
        parts = [
            {
                "type": "tool_call",
                "id": "call_1",
                "name": "find_bike",
                "arguments": json.loads(ARGUMENTS),
            }
        ]
    else:
        parts = [{"type": "text", "content": message["content"]}]
    return {"role": message["role"], "parts": parts}


def genai_spans(tracer: Any) -> None:
    with tracer.start_as_current_span(
        "invoke_agent", attributes={"gen_ai.operation.name": "invoke_agent"}
    ):
        for n_given, n_input in ((1, 21), (3, 34)):
            attributes = {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "model-1",
                "gen_ai.usage.input_tokens": n_input,
                "gen_ai.usage.output_tokens": 4,
                "gen_ai.input.messages": json.dumps([part(each) for each in HISTORY[:n_given]]),
                "gen_ai.output.messages": json.dumps([part(HISTORY[n_given])]),
            }
            with tracer.start_as_current_span("chat model-1", attributes=attributes):
                pass
            if n_given == 1:
                tool = {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": "find_bike",
                    "gen_ai.tool.call.id": "call_1",
                    "gen_ai.tool.call.result": FOUND,
                }
                with tracer.start_as_current_span("execute_tool find_bike", attributes=tool):
                    pass


def test_opentelemetry_writes_otlp_as_json(tmp_path):
    pytest.importorskip("opentelemetry.exporter.otlp.json.file")
    from opentelemetry.exporter.otlp.json.file import FileSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    path = tmp_path / "spans.jsonl"
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(path)))
    genai_spans(provider.get_tracer("shop"))
    provider.shutdown()
    [trace] = traces = read_traces(path)
    assert traces.report.format == "otlp"
    check(trace)


def test_opentelemetry_prints_its_spans(tmp_path):
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    path = tmp_path / "spans.json"
    with path.open("w") as file:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=file)))
        genai_spans(provider.get_tracer("shop"))
        provider.shutdown()
    [trace] = traces = read_traces(path)
    assert traces.report.format == "opentelemetry-sdk"
    check(trace)


def test_openinference_names_the_attributes(tmp_path):
    pytest.importorskip("openinference.instrumentation")
    pytest.importorskip("opentelemetry.exporter.otlp.json.file")
    from openinference.instrumentation import (
        OITracer,
        TraceConfig,
        get_llm_attributes,
        get_span_kind_attributes,
        get_tool_attributes,
    )
    from opentelemetry.exporter.otlp.json.file import FileSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    path = tmp_path / "spans.jsonl"
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(path)))
    tracer = OITracer(provider.get_tracer("shop"), TraceConfig())
    with tracer.start_as_current_span("desk", openinference_span_kind="agent") as root:
        root.set_input(ASK)
        for n_given, n_input in ((1, 21), (3, 34)):
            with tracer.start_as_current_span(
                "ChatCompletion", openinference_span_kind="llm"
            ) as span:
                counts = {"prompt": n_input, "completion": 4}
                attributes = get_llm_attributes(
                    model_name="model-1",
                    input_messages=HISTORY[:n_given],
                    output_messages=[HISTORY[n_given]],
                    token_count=counts,
                )
                span.set_attributes(attributes)
            if n_given == 1:
                with tracer.start_as_current_span(
                    "find_bike", attributes=get_span_kind_attributes("tool")
                ) as span:
                    span.set_attributes(get_tool_attributes(name="find_bike", parameters=ARGUMENTS))
                    span.set_attribute("output.value", FOUND)
        root.set_output(DONE)
    provider.shutdown()
    [trace] = read_traces(path)
    check(trace)
    assert trace.calls[0].data["agent"] == "desk"


def test_langsmith_posts_its_runs(tmp_path):
    langsmith = pytest.importorskip("langsmith")
    requests = pytest.importorskip("requests")
    runs: dict[str, dict[str, Any]] = {}

    class Server(requests.Session):
        """A LangSmith that keeps what it is sent: a run, and later what it came to."""

        def request(self, method: str, url: str, **sent: Any) -> Any:
            response = requests.Response()
            response.status_code = 200
            response._content = b"{}"
            if "/runs" in url and sent.get("data"):
                run = json.loads(sent["data"])
                id_ = run.get("id") or url.rsplit("/", 1)[1]
                stated = {name: value for name, value in run.items() if value is not None}
                runs.setdefault(id_, {"id": id_}).update(stated)
            return response

    from langsmith.run_trees import RunTree

    client = langsmith.Client(
        "http://127.0.0.1:9", api_key="none", session=Server(), auto_batch_tracing=False, info={}
    )
    root = RunTree(name="desk", run_type="chain", inputs={"messages": HISTORY[:1]}, client=client)
    root.post()
    for n_given, n_input in ((1, 21), (3, 34)):
        model = root.create_child(
            name="ChatModel",
            run_type="llm",
            inputs={"messages": HISTORY[:n_given]},
            extra={"metadata": {"ls_model_name": "model-1"}},
        )
        model.post()
        usage = {"input_tokens": n_input, "output_tokens": 4, "total_tokens": n_input + 4}
        model.end(outputs={"messages": [HISTORY[n_given]], "usage_metadata": usage})
        model.patch()
        if n_given == 1:
            tool = root.create_child(
                name="find_bike", run_type="tool", inputs=json.loads(ARGUMENTS)
            )
            tool.post()
            tool.end(outputs={"output": FOUND})
            tool.patch()
    root.end(outputs={"output": DONE})
    root.patch()
    path: Path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps(run) + "\n" for run in runs.values()))
    [trace] = traces = read_traces(path)
    assert traces.report.format == "langsmith"
    check(trace)
