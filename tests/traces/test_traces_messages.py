"""One reader of chat messages, whatever the spelling; an odd field costs that field and no more."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.records import RecordError
from toolkit.traces import read_traces, traces_frame
from toolkit.traces.messages import UNREAD, Transcript
from toolkit.traces.replies import reply_messages

# The same conversation in each dialect: the user asks, the model thinks, calls and answers.
ASKED = "What time is it in Rome?"
THOUGHT = "I look at the clock."
CITY = {"city": "Rome"}
CONVERSATION = [
    ("message", "user", ASKED),
    ("thinking", "assistant", THOUGHT),
    ("tool.call", "assistant", "clock"),
    ("tool.result", "tool", "noon"),
    ("message", "assistant", "Noon."),
]

USER = {"role": "user", "content": ASKED}
NOON = {"role": "assistant", "content": "Noon."}

DIALECTS = {
    "OpenAI chat": [
        USER,
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": THOUGHT,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "clock", "arguments": json.dumps(CITY)},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
        NOON,
    ],
    "OpenAI, a custom tool, doubly encoded": [
        USER,
        {
            "role": "assistant",
            "reasoning": THOUGHT,
            "tool_calls": [
                None,
                {
                    "id": "c1",
                    "type": "custom",
                    "custom": {"name": "clock", "input": json.dumps(json.dumps(CITY))},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "noon"}]},
        NOON,
    ],
    "OpenAI, before there were several calls": [
        USER,
        {
            "role": "assistant",
            "thinking": THOUGHT,
            "function_call": {"name": "clock", "arguments": json.dumps(CITY)},
        },
        {"role": "function", "name": "clock", "content": "noon"},
        NOON,
    ],
    "OpenAI Responses": [
        {"role": "user", "content": [{"type": "input_text", "text": ASKED}]},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": THOUGHT}]},
        {
            "type": "function_call",
            "id": "f",
            "call_id": "c1",
            "name": "clock",
            "arguments": json.dumps(CITY),
        },
        {"type": "function_call_output", "call_id": "c1", "output": "noon"},
        {
            "type": "message",
            "id": "m",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Noon.", "annotations": []}],
        },
    ],
    "Anthropic": [
        USER,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": THOUGHT, "signature": "x"},
                {"type": "tool_use", "id": "c1", "name": "clock", "input": CITY},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "noon"}],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "Noon."}]},
    ],
    "Bedrock": [
        {"role": "user", "content": [{"text": ASKED}]},
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": "x"}}},
                {"toolUse": {"toolUseId": "c1", "name": "clock", "input": CITY}},
            ],
        },
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "noon"}]}}],
        },
        {"role": "assistant", "content": [{"text": "Noon."}]},
    ],
    "Gemini": [
        {"role": "user", "parts": [{"text": ASKED}]},
        {
            "role": "model",
            "parts": [
                {"text": THOUGHT, "thought": True},
                {"functionCall": {"name": "clock", "args": CITY}, "thoughtSignature": "x"},
            ],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "clock", "response": {"output": "noon"}}}],
        },
        {"role": "model", "parts": [{"text": "Noon."}]},
    ],
    "LangChain": [
        {"type": "human", "content": ASKED},
        {
            "type": "ai",
            "content": [{"type": "reasoning", "reasoning": THOUGHT}],
            "tool_calls": [{"name": "clock", "args": CITY, "id": "c1", "type": "tool_call"}],
        },
        {"type": "tool", "content": "noon", "tool_call_id": "c1", "status": "success"},
        {"type": "AIMessageChunk", "content": "Noon."},
    ],
    "LangChain, serialised": [
        {"type": "human", "data": {"content": ASKED}},
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "schema", "messages", "AIMessage"],
            "kwargs": {
                "content": "",
                "reasoning_content": THOUGHT,
                "additional_kwargs": {
                    "tool_calls": [
                        {"id": "c1", "function": {"name": "clock", "arguments": json.dumps(CITY)}}
                    ]
                },
            },
        },
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "schema", "messages", "ToolMessage"],
            "kwargs": {"content": "noon", "tool_call_id": "c1"},
        },
        {"type": "ai", "data": {"content": "Noon.", "tool_calls": []}},
    ],
    "Vercel UIMessages": [
        {"id": "m1", "role": "user", "parts": [{"type": "text", "text": ASKED}]},
        {
            "id": "m2",
            "role": "assistant",
            "parts": [
                {"type": "step-start"},
                {"type": "reasoning", "text": THOUGHT, "state": "done"},
                {
                    "type": "tool-clock",
                    "toolCallId": "c1",
                    "state": "output-available",
                    "input": CITY,
                    "output": "noon",
                },
                {"type": "step-start"},
                {"type": "text", "text": "Noon.", "state": "done"},
            ],
        },
    ],
    "Vercel UIMessages of version 4": [
        {"role": "user", "content": ASKED, "parts": [{"type": "text", "text": ASKED}]},
        {
            "role": "assistant",
            "content": "",
            "reasoning": THOUGHT,
            "toolInvocations": [
                {
                    "state": "result",
                    "toolCallId": "c1",
                    "toolName": "clock",
                    "args": CITY,
                    "result": "noon",
                }
            ],
        },
        NOON,
    ],
    "Vercel ModelMessages": [
        USER,
        {
            "role": "assistant",
            "content": [
                {"type": "reasoning", "text": THOUGHT},
                {"type": "tool-call", "toolCallId": "c1", "toolName": "clock", "input": CITY},
            ],
        },
        {
            "role": "tool",
            "content": [
                {
                    "type": "tool-result",
                    "toolCallId": "c1",
                    "toolName": "clock",
                    "output": {"type": "text", "value": "noon"},
                }
            ],
        },
        NOON,
    ],
    "AG-UI": [
        {"id": "m1", **USER},
        {
            "id": "m2",
            "role": "assistant",
            "content": "",
            "reasoning": THOUGHT,
            "toolCalls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "clock", "arguments": json.dumps(CITY)},
                }
            ],
        },
        {"id": "m3", "role": "tool", "content": "noon", "toolCallId": "c1"},
        {"id": "m4", **NOON},
    ],
    "OpenTelemetry": [
        {"role": "user", "parts": [{"type": "text", "content": ASKED}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": THOUGHT},
                {"type": "tool_call", "id": "c1", "name": "clock", "arguments": CITY},
            ],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "c1", "response": "noon"}],
        },
        {"role": "assistant", "parts": [{"type": "text", "content": "Noon."}]},
    ],
    "Inspect": [
        USER,
        {
            "role": "assistant",
            "content": [{"type": "reasoning", "reasoning": THOUGHT}],
            "tool_calls": [{"id": "c1", "function": "clock", "arguments": CITY}],
        },
        {"role": "tool", "tool_call_id": "c1", "function": "clock", "content": "noon"},
        NOON,
    ],
    "tau2": [
        USER,
        {
            "role": "assistant",
            "content": None,
            "thinking": THOUGHT,
            "tool_calls": [{"id": "c1", "name": "clock", "arguments": CITY}],
        },
        {"role": "tool", "id": "c1", "content": "noon"},
        NOON,
    ],
    "other words for the roles": [
        {"from": "human", "value": ASKED},
        {
            "author": {"role": "bot"},
            "content": {"content_type": "thoughts", "parts": [{"type": "think", "think": THOUGHT}]},
            "tool_calls": json.dumps([{"name": "clock", "parameters": CITY}]),
        },
        {"role": "observation", "text": "noon"},
        {"from": "gpt", "value": "Noon."},
    ],
}


def read(*messages: object) -> Transcript:
    transcript = Transcript()
    transcript.read_all(messages)
    return transcript


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_conversation_has_the_same_steps_in_each_dialect(dialect):
    steps = read(*DIALECTS[dialect]).steps
    assert [(step.kind, step.actor, step.content) for step in steps] == CONVERSATION
    call, result = steps[2:4]
    assert (call.data["name"], call.data["arguments"]) == ("clock", CITY)
    assert result.data["call_id"] == call.data["call_id"]
    assert result.data["name"] == "clock"
    assert not result.data["error"]
    assert all(UNREAD not in step.data for step in steps)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dialect_is_read_from_a_file(tmp_path, dialect):
    path = tmp_path / "chat.jsonl"
    path.write_text(json.dumps({"threadId": "t1", "messages": DIALECTS[dialect]}))
    [trace] = read_traces(path, format="chat")
    assert trace.id == "t1"
    assert [(step.kind, step.actor, step.content) for step in trace.steps] == CONVERSATION


FAILURES = {
    "Anthropic": {"type": "tool_result", "tool_use_id": "c", "content": "no clock"}
    | {"is_error": True},
    "Bedrock": {"toolResult": {"toolUseId": "c", "content": [{"text": "no clock"}]}}
    | {"status": "error"},
    "MCP": {"type": "tool_result", "tool_use_id": "c"}
    | {"content": {"content": [{"type": "text", "text": "no clock"}], "isError": True}},
    "a server's tool": {"type": "web_search_tool_result", "tool_use_id": "c"}
    | {"content": {"type": "web_search_tool_result_error", "message": "no clock"}},
    "Vercel 5": {"type": "tool-result", "toolCallId": "c", "toolName": "clock"}
    | {"output": {"type": "error-text", "value": "no clock"}},
    "Vercel's error": {"type": "tool-error", "toolCallId": "c", "toolName": "clock"}
    | {"error": "no clock"},
}


@pytest.mark.parametrize("dialect", FAILURES)
def test_a_result_that_failed_says_so_and_says_why(dialect):
    call = {"type": "tool_use", "id": "c", "name": "clock", "input": {}}
    result = read({"role": "assistant", "content": [call, FAILURES[dialect]]}).steps[1]
    assert (result.kind, result.content) == ("tool.result", "no clock")
    assert (result.data["call_id"], result.data["error"]) == ("c", True)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "tool", "tool_call_id": "c", "content": "no clock", "status": "error"},
        {"role": "tool", "tool_call_id": "c", "content": "", "error": {"message": "no clock"}},
        {"role": "tool", "tool_call_id": "c", "error": "no clock"},
        {"role": "tool", "toolCallId": "c", "content": "no clock", "error": True},
        {
            "role": "assistant",
            "parts": [
                {
                    "type": "tool-clock",
                    "toolCallId": "c",
                    "state": "output-error",
                    "errorText": "no clock",
                }
            ],
        },
    ],
)
def test_a_message_of_a_tool_that_failed_says_so_and_says_why(message):
    result = read(message).steps[-1]
    assert (result.kind, result.content) == ("tool.result", "no clock")
    assert (result.data["call_id"], result.data["error"]) == ("c", True)


def test_a_call_that_never_came_back_has_no_result():
    part = {"type": "tool-clock", "toolCallId": "c", "state": "input-available", "input": CITY}
    [call] = read({"role": "assistant", "parts": [part]}).steps
    assert (call.kind, call.data["arguments"], call.data["state"]) == (
        "tool.call",
        CITY,
        "input-available",
    )


def test_hosted_tools_are_calls_with_their_answer():
    search = {"type": "web_search_call", "id": "w", "status": "completed"}
    search["action"] = {"type": "search", "query": "clock"}
    code = {"type": "code_interpreter_call", "id": "k", "code": "1 + 1"}
    code["outputs"] = [{"type": "logs", "logs": "2"}]
    code["container_id"] = "x"
    steps = read(USER, search, code).steps
    assert [(step.kind, step.content) for step in steps[1:]] == [
        ("tool.call", "web_search"),
        ("tool.call", "code_interpreter"),
        ("tool.result", "2"),
    ]
    assert steps[1].data["arguments"] == {"type": "search", "query": "clock"}
    assert steps[2].data["arguments"] == "1 + 1"


def test_results_out_of_order_and_before_their_call_are_paired():
    calls = [{"id": id_, "name": "clock", "args": {}} for id_ in ("a", "b")]
    answers = [{"role": "tool", "tool_call_id": id_, "content": id_} for id_ in ("b", "early", "a")]
    late = {"role": "assistant", "tool_calls": [{"id": "early", "name": "clock", "args": {}}]}
    transcript = read({"role": "assistant", "tool_calls": calls}, *answers, late)
    trace = transcript.trace("t", {})
    assert [trace.result_of(call).content for call in trace.calls] == ["a", "b", "early"]


def test_names_of_tools_pair_where_there_are_no_ids():
    def call(name: str) -> dict:
        return {"functionCall": {"name": name, "args": {}}}

    def answer(name: str, words: str) -> dict:
        return {"functionResponse": {"name": name, "response": words}}

    parts = [call("clock"), call("map"), call("clock")]
    answers = [answer("map", "here"), answer("clock", "noon"), answer("clock", "one")]
    messages = [{"role": "model", "parts": parts}, {"role": "user", "parts": answers}]
    trace = read(*messages).trace("t", {})
    assert [trace.result_of(made).content for made in trace.calls] == ["noon", "here", "one"]


PICTURE = "data:image/png;base64,iVBORw0KGgo="
PICTURES = {
    "OpenAI": {"type": "image_url", "image_url": {"url": PICTURE}},
    "OpenAI Responses": {"type": "input_image", "image_url": PICTURE},
    "Anthropic": {"type": "image", "source": {"type": "base64", "media_type": "image/png"}},
    "Gemini": {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
    "Vercel UIMessages": {"type": "file", "mediaType": "image/png", "url": PICTURE},
    "OpenTelemetry": {"type": "blob", "mime_type": "image/png", "content": "iVBORw0KGgo="},
}


@pytest.mark.parametrize("dialect", PICTURES)
def test_a_picture_stays_in_the_parts_and_the_words_name_it(dialect):
    parts = [{"type": "text", "text": "Look:"}, PICTURES[dialect]]
    [step] = read({"role": "user", "content": parts}).steps
    assert (step.content, step.data["parts"]) == ("Look:\n[image]", parts)


def test_a_picture_that_a_tool_gives_stays_in_the_parts_of_the_result():
    call = {"type": "tool_use", "id": "c", "name": "screenshot", "input": {}}
    shown = [{"type": "text", "text": "done"}, PICTURES["Anthropic"]]
    result = {"type": "tool_result", "tool_use_id": "c", "content": shown}
    step = read({"role": "user", "content": [call, result]}).steps[-1]
    assert (step.content, step.data["parts"]) == ("done\n[image]", shown)


def test_what_a_server_found_shows_its_title_and_address():
    found = {"type": "web_search_result", "url": "https://e.x", "title": "Clock"}
    result = {"type": "web_search_tool_result", "tool_use_id": "c", "content": [found]}
    step = read({"role": "assistant", "content": [result]}).steps[0]
    assert (step.content, step.data["parts"]) == ("Clock https://e.x", [found])
    source = {"type": "source-url", "sourceId": "1", "url": "https://e.x", "title": "Clock"}
    [step] = read({"role": "assistant", "parts": [source]}).steps
    assert step.content == "Clock https://e.x"
    report = {"type": "file", "mediaType": "application/pdf", "filename": "a.pdf", "url": "x"}
    [step] = read({"role": "user", "parts": [report]}).steps
    assert step.content == "[file a.pdf]"


def test_a_name_of_an_assistant_is_an_agent_on_every_step_of_its_message():
    planner = {
        "role": "assistant",
        "name": "planner",
        "content": "I plan.",
        "tool_calls": [{"id": "c", "name": "clock", "args": {}}],
    }
    user, said, call = read({**USER, "name": "manager"}, planner).steps
    assert (user.data, said.data) == ({"name": "manager"}, {"agent": "planner"})
    assert (call.data["agent"], call.data["name"]) == ("planner", "clock")


def test_a_form_says_which_agent_and_which_branch():
    transcript = Transcript()
    transcript.read_all([USER, NOON], agent="helper", branch="task-1")
    transcript.read(NOON)
    about = [(step.data.get("agent"), step.data.get("branch")) for step in transcript.steps]
    assert about == [("helper", "task-1"), ("helper", "task-1"), (None, None)]


def test_usage_model_and_time_stand_on_the_first_step_of_a_reply():
    reply = {
        "role": "assistant",
        "reasoning": THOUGHT,
        "content": "Noon.",
        "model": "m",
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 1000, "output_tokens": 2},
        "createdAt": "2026-01-05T09:00:00Z",
        "cost": 0.25,
    }
    thought, said = read(reply).steps
    assert thought.data["model"] == "m"
    assert thought.data["usage"] == {
        "input_tokens": 1005,
        "cached_tokens": 1000,
        "output_tokens": 2,
        "cost_usd": 0.25,
    }
    assert (thought.time, said.time, said.data) == (1767603600.0, 1767603600.0, {})


def test_a_reply_over_several_messages_counts_once():
    def piece(id_: str, words: str, n_output: int, n_input: int = 10) -> dict:
        usage = {"input_tokens": n_input, "output_tokens": n_output}
        return {"id": id_, "role": "assistant", "content": words, "usage": usage}

    transcript = read(piece("m1", "I look.", 1), piece("m1", "Noon.", 7), piece("m2", "Bye.", 3))
    [row] = traces_frame([transcript.trace("t", {})]).to_dict("records")
    assert (row["input_tokens"], row["output_tokens"]) == (20, 10)
    # the id of a conversation, on each of its messages, is that of no reply
    transcript = read(piece("t", "I look.", 7), piece("t", "Noon.", 7, n_input=30))
    [row] = traces_frame([transcript.trace("t", {})]).to_dict("records")
    assert (row["input_tokens"], row["output_tokens"]) == (40, 14)


@pytest.mark.parametrize("written", ["01/05/2026 09:00", 12.5, "soon"])
def test_a_time_that_is_no_moment_stays_in_the_data(written):
    [step] = read({**USER, "timestamp": written, "created_at": 1767603600}).steps
    assert (step.time, step.data["timestamp"]) == (1767603600.0, written)


ODD = {
    "a call without a name": {"role": "assistant", "content": "ok", "tool_calls": [{"id": "c"}]},
    "a call that is a number": {"role": "assistant", "content": "ok", "tool_calls": [7]},
    "calls that are a number": {"role": "assistant", "content": "ok", "tool_calls": 7},
    "a role that is a number": {"role": 7, "content": "ok"},
    "no role": {"content": "ok"},
    "a text": "ok",
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_field_costs_itself_and_is_named_in_the_report(tmp_path, odd):
    path = tmp_path / "chat.json"
    path.write_text(json.dumps({"id": "t", "messages": [USER, ODD[odd], None, NOON]}))
    traces = read_traces(path, format="chat")
    assert [step.content for step in traces[0].steps] == [ASKED, "ok", "Noon."]
    assert UNREAD in traces[0].steps[1].data
    named = str(traces.report.notes) + str(traces.report.warnings)
    assert "data['unread']" in named


@pytest.mark.parametrize("messages", [["hi", "ho"], [7], [[[]]], [{"colour": "red"}]])
def test_a_list_without_a_message_is_no_conversation(messages):
    with pytest.raises(RecordError, match="no message"):
        read(*messages)


names = st.sampled_from(
    "role type content parts tool_calls toolCalls function_call functionCall tool_call_id id name"
    " arguments args input output result error state text thinking reasoning usage model timestamp"
    " response_metadata additional_kwargs kwargs lc data message".split()
)
words = st.sampled_from(
    "user assistant tool model human text tool_use tool_result tool-call tool-result thinking"
    " function_call function_call_output image {} [] {".split()
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=15,
)


@given(message=st.dictionaries(names, values, max_size=6))
def test_any_object_after_a_message_is_read_and_hurts_no_other(message):
    steps = read(USER, message, NOON).steps
    assert (steps[0].content, steps[-1].content) == (ASKED, "Noon.")
    assert len(steps) > 2
    assert len({step.id for step in steps}) == len(steps)
    for step in steps:
        assert isinstance(step.content, str)
        assert step.actor


RESPONSES = {
    "a text": "Noon.",
    "a message": NOON,
    "OpenAI chat": {"choices": [{"index": 0, "message": NOON, "finish_reason": "stop"}]},
    "OpenAI completions": {"choices": [{"text": "Noon.", "index": 0}]},
    "OpenAI Responses": {"output": [{"type": "message", **NOON}]},
    "a batch": {"status_code": 200, "body": {"choices": [{"message": NOON}]}},
    "Anthropic": {"type": "message", "role": "assistant", "content": [{"text": "Noon."}]},
    "Gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": "Noon."}]}}]},
    "Ollama": {"message": NOON, "done": True},
    "words alone": {"content": "Noon."},
    "an error": {"error": {"type": "overloaded", "message": "Noon."}},
}


@pytest.mark.parametrize("api", RESPONSES)
def test_the_reply_beside_the_messages_is_read_whatever_the_api(tmp_path, api):
    response = RESPONSES[api]
    if isinstance(response, dict):
        response = {**response, "model": "m", "usage": {"prompt_tokens": 5}}
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"id": "t", "messages": [USER], "response": response, "cost": 0.5}))
    [trace] = read_traces(path, format="chat")
    assert [(step.actor, step.content) for step in trace.steps] == [
        ("user", ASKED),
        ("assistant", "Noon."),
    ]
    [row] = traces_frame([trace]).to_dict("records")
    assert row["cost_usd"] == 0.5
    if isinstance(response, dict):
        assert (row["model"], row["input_tokens"]) == ("m", 5)


def test_a_reply_that_is_the_last_message_too_is_read_once(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"id": "t", "messages": [USER, NOON], "response": NOON}))
    [trace] = read_traces(path)
    assert [step.content for step in trace.steps] == [ASKED, "Noon."]


@pytest.mark.parametrize("value", [None, "", 7, [], {}, [7], {"score": 1}, {"output": {"a": 1}}])
def test_what_is_no_reply_stays_in_meta(value):
    assert reply_messages(value) == []


def test_totals_in_a_record_have_our_names(tmp_path):
    record = {
        "id": "a",
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
        "cost": 0.004,
        "duration_ms": 1500,
        "model_name": "m",
        "messages": [USER, NOON],
    }
    path = tmp_path / "log.json"
    path.write_text(json.dumps(record))
    [trace] = read_traces(path)
    stated = {"model": "m", "input_tokens": 10, "output_tokens": 2, "cost_usd": 0.004}
    assert trace.meta.items() >= (stated | {"duration_s": 1.5}).items()
    assert trace.meta["usage"] == record["usage"]
