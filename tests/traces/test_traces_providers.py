"""Forms of providers and of chat frameworks: what their odd corners are read as."""

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.traces import Trace, Traces, read_traces, traces_frame

SHOP = ("user", "Is the shop open?")


def read(folder: Path, *records: Any, name: str = "file.jsonl") -> Traces:
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return read_traces(path)


def said(trace: Trace) -> list[tuple[str, str]]:
    """Who said what; a call as the name of its tool, a result with a mark where it failed."""
    lines: list[tuple[str, str]] = []
    for step in trace.steps:
        failed = " (failed)" if step.data.get("error") is True else ""
        who = step.actor if step.kind in ("message", "tool.result") else step.kind
        lines.append((who, step.content + failed))
    return lines


# the inputs of ../shared/data/traces-in, with the right values of its README

RIGHT = {
    "llm_log_messages_response.jsonl": (
        "openai",
        [
            [SHOP, ("assistant", "Until six.")],
            [("user", "And on Sunday?"), ("assistant", "It is closed.")],
        ],
    ),
    "openai_batch_output.jsonl": ("openai", [[("assistant", "Noon.")]]),
    "responses_items.json": (
        "openai-items",
        [
            [
                ("user", "What time is it?"),
                ("thinking", "[reasoning]"),
                ("tool.call", "clock"),
                ("tool", "noon"),
                ("assistant", "Noon."),
                ("user", "Thanks"),
                ("assistant", "Welcome."),
            ]
        ],
    ),
    "vercel_uimessages.json": (
        "vercel",
        [
            [
                ("user", "Weather in Rome?"),
                ("tool.call", "getWeather"),
                ("tool", '{"temp": 20}'),
                ("assistant", "20 degrees."),
            ]
        ],
    ),
    "gemini_list.json": (
        "gemini",
        [
            [
                ("user", "Time?"),
                ("tool.call", "clock"),
                ("tool", '{"t": "noon"}'),
                ("assistant", "Noon."),
            ]
        ],
    ),
    "langchain_role_messages.json": (
        "chat",
        [[("user", "Time?"), ("tool.call", "clock"), ("tool", "noon")]],
    ),
    "sharegpt.json": (
        "sharegpt",
        [[("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello")]],
    ),
    "preference.jsonl": ("preference", [[("user", "hi"), ("assistant", "hello")]]),
    "prompt_completion.jsonl": (
        "table",
        [
            [SHOP, ("assistant", "Until six.")],
            [("user", "Sunday?"), ("assistant", "Closed.")],
        ],
    ),
}
RIGHT["vercel_chat_object.json"] = RIGHT["vercel_uimessages.json"]
RIGHT["input_output_rows.jsonl"] = RIGHT["prompt_completion.jsonl"]


@pytest.mark.parametrize("name", RIGHT)
def test_a_file_that_was_misread_is_read_as_its_form_says(data_dir, name):
    path = data_dir / "traces-in" / name
    if not path.exists():
        pytest.skip(f"there is no {path}")
    traces = read_traces(path)
    form, right = RIGHT[name]
    assert (traces.report.format, traces.report.problems) == (form, ())
    assert [said(trace) for trace in traces] == right
    for trace in traces:
        assert all(trace.result_of(call) for call in trace.calls)


# OpenAI


def test_a_reply_has_its_tokens_and_the_cost_of_the_record_is_the_trace_s(tmp_path):
    record = {
        "id": "log-1",
        "cost": 0.004,
        "latency_ms": 1500,
        "messages": [{"role": "user", "content": "Is the shop open?"}],
        "response": {
            "model": "m",
            "created": 1764410400,
            "choices": [{"message": {"role": "assistant", "content": "Until six."}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2},
        },
    }
    [trace] = read(tmp_path, record)
    row = traces_frame([trace]).iloc[0]
    assert (row.input_tokens, row.output_tokens, row.cost_usd) == (5, 2, 0.004)
    assert row.duration_s == 1.5
    assert trace.meta["model"] == "m"
    assert trace.steps[-1].time == 1764410400


def test_the_first_of_several_choices_is_the_reply_and_the_others_stay_with_it(tmp_path):
    choices = [{"message": {"role": "assistant", "content": words}} for words in ("Yes.", "No.")]
    [trace] = read(tmp_path, {"id": "a", "choices": choices, "object": "chat.completion"})
    assert said(trace) == [("assistant", "Yes.")]
    assert trace.steps[0].data["other_choices"] == choices[1:]


def test_a_line_of_a_batch_is_what_it_was_asked_or_answered_or_why_it_failed(tmp_path):
    asked = {
        "custom_id": "q1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": [{"role": "user", "content": "Is the shop open?"}]},
    }
    answered = {
        "id": "b2",
        "custom_id": "q2",
        "response": {
            "status_code": 200,
            "body": {"object": "response", "output": [message_item("Until six.")]},
        },
        "error": None,
    }
    refused = {
        "id": "b3",
        "custom_id": "q3",
        "response": {"status_code": 400, "body": {"error": {"message": "no such model"}}},
        "error": None,
    }
    by_id: dict[str, Trace] = {}
    for record in (asked, answered, refused):
        [trace] = read(tmp_path, record)
        by_id[trace.id] = trace
    assert said(by_id["q1"]) == [SHOP]
    assert said(by_id["q2"]) == [("assistant", "Until six.")]
    assert said(by_id["q3"]) == [("error", "no such model")]
    assert by_id["q3"].steps[0].data["error"] == {"message": "no such model"}


def message_item(words: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": words, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content}


def test_tools_that_openai_runs_are_calls_and_an_unknown_item_is_an_event(tmp_path):
    items = [
        {"role": "user", "content": "Is the shop open?"},
        {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "shop"}},
        {"type": "mcp_call", "id": "m1", "name": "hours", "arguments": "{}", "error": "down"},
        {"type": "custom_tool_call", "call_id": "c1", "name": "note", "input": "open at nine"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "kept"},
        {"type": "compaction", "id": "k1", "encrypted_content": "gAAA"},
        message_item("Until six."),
    ]
    [trace] = read(tmp_path, {"id": "r1", "items": items, "shop": "north"})
    assert said(trace) == [
        SHOP,
        ("tool.call", "web_search"),
        ("tool.call", "hours"),
        ("tool", "down (failed)"),
        ("tool.call", "note"),
        ("tool", "kept"),
        ("compaction", ""),
        ("assistant", "Until six."),
    ]
    arguments = [call.data["arguments"] for call in trace.calls]
    assert arguments == [{"type": "search", "query": "shop"}, {}, "open at nine"]
    assert trace.steps[6].data == {"encrypted_content": "gAAA"}
    assert trace.meta == {"shop": "north"}


def test_a_span_that_holds_the_id_of_a_reply_alone_is_named(tmp_path):
    head = {"object": "trace", "id": "t1", "workflow_name": "desk", "group_id": "chat-7"}
    traces = read(
        tmp_path,
        span("s1", {"type": "response", "response_id": "resp_1", "usage": None}),
        span("s2", {"type": "function", "name": "find", "input": "{}", "output": "two"}),
        head,
    )
    [trace] = traces
    assert traces.report.format == "openai-agents"
    assert [line for line in said(trace) if line[1]] == [("tool.call", "find"), ("tool", "two")]
    assert "only the ids of the replies: 1" in str(trace.meta["import_notes"])
    assert (trace.id, trace.meta["session"]) == ("t1", "chat-7")


def span(id_: str, data: dict[str, Any]) -> dict[str, Any]:
    start, end = "2026-11-29T10:00:00+00:00", "2026-11-29T10:00:01+00:00"
    place = {"object": "trace.span", "id": id_, "trace_id": "t1", "parent_id": None}
    return {**place, "started_at": start, "ended_at": end, "span_data": data, "error": None}


# Vercel's SDK, Gemini, LangChain


def test_a_call_without_an_answer_is_a_call_that_never_came_back(tmp_path):
    part = {"type": "tool-find", "toolCallId": "c1", "state": "input-available", "input": {}}
    messages = [
        {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Is the shop open?"}]},
        {"id": "m2", "role": "assistant", "parts": [part]},
    ]
    [trace] = read(tmp_path, {"id": "chat-1", "messages": messages})
    assert said(trace) == [SHOP, ("tool.call", "find")]
    assert trace.result_of(trace.calls[0]) is None


def test_calls_beside_the_words_of_version_four_come_before_them_and_once(tmp_path):
    call = {"state": "result", "toolCallId": "c1", "toolName": "find", "args": {}, "result": "two"}
    old = {"role": "assistant", "content": "Two are.", "toolInvocations": [call]}
    parts = [
        {"type": "tool-invocation", "toolInvocation": call},
        {"type": "text", "text": "Two are."},
    ]
    for message in (old, {**old, "parts": parts}):
        asked = {"role": "user", "content": "Is the shop open?"}
        [trace] = read(tmp_path, {"id": "chat-1", "messages": [asked, message]})
        wanted = [SHOP, ("tool.call", "find"), ("tool", "two"), ("assistant", "Two are.")]
        assert said(trace) == wanted


def test_an_answer_of_a_function_that_gemini_calls_an_error_has_failed(tmp_path):
    call = {"functionCall": {"name": "find", "args": {"day": "Monday"}}}
    answer = {"functionResponse": {"name": "find", "response": {"error": "closed"}}}
    contents = [
        {"parts": [{"text": "Is the shop open?"}]},
        {"role": "model", "parts": [call]},
        {"role": "function", "parts": [answer]},
    ]
    [trace] = read(tmp_path, {"id": "a", "contents": contents})
    assert said(trace) == [SHOP, ("tool.call", "find"), ("tool", "closed (failed)")]
    assert trace.calls[0].data["arguments"] == {"day": "Monday"}


def test_tokens_of_thought_are_counted_in_the_output_of_gemini(tmp_path):
    counts = {"promptTokenCount": 9, "candidatesTokenCount": 4, "thoughtsTokenCount": 6}
    content = {"role": "model", "parts": [{"text": "Until six."}]}
    response = {"candidates": [{"content": content}], "usageMetadata": counts}
    request = {"contents": [{"role": "user", "parts": [{"text": "Is the shop open?"}]}]}
    [trace] = read(tmp_path, {"key": "q1", "request": request, "response": response})
    usage = {"input_tokens": 9, "output_tokens": 10, "reasoning_tokens": 6}
    assert trace.steps[-1].data["usage"] == usage


def test_a_call_that_langchain_could_not_parse_is_a_call_with_its_text(tmp_path):
    kwargs = {
        "content": "",
        "tool_calls": [],
        "invalid_tool_calls": [{"name": "find", "args": "{day", "id": "c1", "error": "no JSON"}],
    }
    path = ["langchain", "schema", "messages", "AIMessageChunk"]
    message = {"lc": 1, "type": "constructor", "id": path, "kwargs": kwargs}
    [trace] = read(tmp_path, {"id": "a", "messages": [[message]]})
    [call] = trace.calls
    assert (call.data["name"], call.data["arguments"]) == ("find", "{day")
    assert said(trace)[1] == ("tool", "no JSON (failed)")


def test_the_states_of_a_thread_are_one_trace(tmp_path):
    messages = [
        {"type": "human", "content": "Is the shop open?", "id": "h1"},
        {"type": "ai", "content": "Until six.", "id": "r1"},
    ]
    states = []
    for thread, n_messages in (("t1", 2), ("t1", 1), ("t2", 1)):
        config = {"configurable": {"thread_id": thread}}
        states.append({"values": {"messages": messages[:n_messages]}, "config": config})
    traces = read(tmp_path, *states)
    assert [(trace.id, len(trace.steps)) for trace in traces] == [("t1", 2), ("t2", 1)]


def test_the_messages_of_a_thread_stand_in_the_order_of_time(tmp_path):
    messages = []
    for id_, role, words, seconds in (("b", "assistant", "Until six.", 2), ("a", *SHOP, 0)):
        content = [{"type": "text", "text": {"value": words, "annotations": []}}]
        place = {"id": id_, "object": "thread.message", "thread_id": "t1"}
        messages.append(
            {**place, "created_at": 1764410400 + seconds, "role": role, "content": content}
        )
    [trace] = read(tmp_path, {"object": "list", "data": messages})
    assert said(trace) == [SHOP, ("assistant", "Until six.")]
    assert (trace.id, trace.steps[1].time) == ("t1", 1764410402)


def test_the_pieces_of_a_stream_of_gemini_are_one_message(tmp_path):
    pieces = []
    for words in ("Until ", "six."):
        content = {"role": "model", "parts": [{"text": words}]}
        pieces.append(
            {"candidates": [{"content": content}], "usageMetadata": {"promptTokenCount": 9}}
        )
    request = {"contents": [{"role": "user", "parts": [{"text": "Is the shop open?"}]}]}
    [trace] = read(tmp_path, {"id": "a", "request": request, "response": pieces})
    assert said(trace) == [SHOP, ("assistant", "Until six.")]
    assert trace.steps[-1].data["usage"] == {"input_tokens": 9}


def test_what_generate_text_returned_is_its_answer_with_model_and_tokens(tmp_path):
    answer = {"role": "assistant", "content": [{"type": "text", "text": "Until six."}]}
    response = {"modelId": "m", "timestamp": "2026-11-29T10:00:02Z", "messages": [answer]}
    usage = {"inputTokens": 9, "outputTokens": 3}
    record = {"text": "Until six.", "finishReason": "stop", "steps": [], "usage": usage}
    [trace] = read(tmp_path, {**record, "response": response})
    assert said(trace) == [("assistant", "Until six.")]
    assert trace.steps[0].data["usage"] == {"input_tokens": 9, "output_tokens": 3}
    assert trace.steps[0].data["model"] == "m"


# data for training


def test_the_answer_that_was_chosen_is_read_and_the_other_stays_in_meta(tmp_path):
    turns = "\n\nHuman: Is the shop open?\n\nAssistant: "
    pairs = [
        {"prompt": "Is the shop open?", "chosen": "Until six.", "rejected": "Who knows."},
        {"chosen": turns + "Until six.", "rejected": turns + "Who knows."},
    ]
    for pair in pairs:
        [trace] = read(tmp_path, pair)
        assert said(trace) == [SHOP, ("assistant", "Until six.")]
        assert trace.meta == {"rejected": pair["rejected"]}


def test_the_answer_of_the_winner_of_an_arena_is_read(tmp_path):
    row = {"question_id": "q1", "model_a": "a", "model_b": "b", "winner": "model_b"}
    for name, words in (("conversation_a", "Who knows."), ("conversation_b", "Until six.")):
        asked = {"role": "user", "content": "Is the shop open?"}
        row[name] = [asked, {"role": "assistant", "content": words}]
    [trace] = read(tmp_path, row)
    assert said(trace) == [SHOP, ("assistant", "Until six.")]
    assert (trace.id, trace.meta["model"]) == ("q1", "b")
    assert trace.meta["conversation_a"][1]["content"] == "Who knows."


def test_an_instruction_and_what_it_is_about_are_what_was_asked(tmp_path):
    row = {"instruction": "Answer briefly.", "input": "Is it open?", "output": "Until six."}
    [trace] = read(tmp_path, row)
    wanted = [("user", "Answer briefly.\n\nIs it open?"), ("assistant", "Until six.")]
    assert said(trace) == wanted
