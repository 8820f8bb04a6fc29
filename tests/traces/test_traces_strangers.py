"""Files that a stranger has today: read rightly, or refused with one sentence that says what to do."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from toolkit.records import RecordError
from toolkit.traces import Trace, read_traces, traces_frame

SAMPLES = Path(__file__).with_name("samples")
QUESTION = {"role": "user", "content": "Is a bike free?"}
CHAT = {"id": "a", "messages": [QUESTION, {"role": "assistant", "content": "Two are."}]}


def outline(trace: Trace) -> list[tuple[str, str, str]]:
    return [(step.kind, step.actor, step.content) for step in trace.steps]


def sample(name: str) -> tuple[Trace, dict[str, Any]]:
    """The trace of a sample, and its row."""
    traces = read_traces(SAMPLES / name)
    [row] = traces_frame(traces).to_dict("records")
    return traces[0], row


def as_stream(name: str) -> str:
    """The records of a sample as a server sends them."""
    events = []
    for line in (SAMPLES / name).read_text().splitlines():
        kind = json.loads(line).get("type", "chunk")
        events.append(f"event: {kind}\ndata: {line}\n\n: still there\n\n")
    return "".join(events) + "data: [DONE]\n\n"


def test_a_session_of_googles_adk_has_its_agent_its_calls_and_its_usage():
    trace, row = sample("google-adk.json")
    assert outline(trace) == [
        ("message", "user", "Is a bike free?"),
        ("thinking", "assistant", "I should look."),
        ("tool.call", "assistant", "find"),
        ("tool.result", "tool", "two"),
        ("message", "assistant", "Two are free."),
    ]
    assert trace.steps[4].data["agent"] == "shop_agent"
    assert trace.steps[3].data["actions"] == {"stateDelta": {"free": 2}}
    assert (row["input_tokens"], row["output_tokens"], row["model"]) == (50, 11, "gemini-x")
    assert row["duration_s"] == 4.0
    assert trace.meta["session"] == "s-7"


def test_events_of_googles_adk_alone_are_one_session():
    [events] = read_traces(SAMPLES / "google-adk-events.jsonl")
    [session] = read_traces(SAMPLES / "google-adk.json")
    assert outline(events) == outline(session)


def test_an_event_of_googles_adk_that_failed_says_why(tmp_path):
    failed = {"id": "e", "invocationId": "i", "author": "desk", "errorCode": "MAX_TOKENS"}
    path = tmp_path / "session.json"
    path.write_text(json.dumps({"id": "s", "events": [failed]}))
    [trace] = read_traces(path)
    assert outline(trace) == [("error", "assistant", "MAX_TOKENS")]


def test_an_event_of_googles_adk_without_an_author_costs_no_other_event(tmp_path):
    session = json.loads((SAMPLES / "google-adk.json").read_text())
    events = session["events"]
    del events[0]["author"]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    [trace] = read_traces(path)
    assert outline(trace) == outline(sample("google-adk.json")[0])


def test_a_stream_of_googles_adk_that_was_cut_off_ends_with_its_pieces(tmp_path):
    events = []
    for words in ("Two ", "are ", "free."):
        content = {"parts": [{"text": words}]}
        event = {"invocationId": "i", "author": "desk", "partial": True, "content": content}
        events.append(event)
    path = tmp_path / "session.json"
    path.write_text(json.dumps({"id": "s", "events": events}))
    traces = read_traces(path)
    assert outline(traces[0]) == [("message", "assistant", "Two are free.")]
    assert traces.report.not_understood == ()


@pytest.mark.parametrize("odd", [None, {"id": "e", "content": {}}], ids=["null", "no author"])
def test_an_odd_event_in_a_session_of_googles_adk_costs_no_other_one(tmp_path, odd):
    session = json.loads((SAMPLES / "google-adk.json").read_text())
    session["events"].insert(1, odd)
    path = tmp_path / "session.json"
    path.write_text(json.dumps(session))
    [trace] = read_traces(path)
    assert outline(trace) == outline(sample("google-adk.json")[0])


def test_a_stream_of_googles_adk_that_was_cut_off_stands_before_the_next_turn(tmp_path):
    events = []
    for turn, words, is_piece in (("1", "Two ", True), ("1", "are.", True), ("2", "Bye.", False)):
        event = {"invocationId": turn, "author": "desk", "partial": is_piece}
        events.append(event | {"content": {"parts": [{"text": words}]}})
    path = tmp_path / "session.json"
    path.write_text(json.dumps({"id": "s", "events": events}))
    [trace] = read_traces(path)
    assert [step.content for step in trace.steps] == ["Two are.", "Bye."]


def test_a_trace_of_mlflow_is_a_conversation_with_what_people_said_of_it():
    trace, row = sample("mlflow.json")
    assert outline(trace) == [
        ("message", "user", "Is a bike free?"),
        ("tool.call", "assistant", "find"),
        ("tool.result", "tool", "closed"),
        ("message", "assistant", "I cannot look."),
    ]
    assert trace.steps[2].data["error"] is True
    assert (row["input_tokens"], row["output_tokens"], row["model"]) == (42, 7, "gpt-x")
    assert (row["duration_s"], trace.meta["session"]) == (6.0, "s-7")
    [score] = trace.meta["scores"]
    assert (score["name"], score["value"], score["rater_kind"]) == ("helpful", False, "human")
    assert (score["rater"], score["comment"]) == ("ann", "It gave up.")


STREAMS = {
    "anthropic-stream.jsonl": (
        ["I should look.", "One moment.", "find"],
        {"input_tokens": 25, "output_tokens": 31, "model": "claude-x"},
    ),
    "openai-stream.jsonl": (
        ["Two are.", "find"],
        {"input_tokens": 9, "output_tokens": 4, "model": "gpt-x"},
    ),
    "openai-responses-stream.jsonl": (
        ["Be kind.", "Two are."],
        {"input_tokens": 9, "output_tokens": 4, "model": "gpt-x"},
    ),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("as_saved", [False, True], ids=["a record a line", "as it was sent"])
def test_a_stream_that_was_saved_is_the_reply_that_its_pieces_are(tmp_path, name, as_saved):
    words, right = STREAMS[name]
    path = tmp_path / "reply.txt"
    path.write_text(as_stream(name) if as_saved else (SAMPLES / name).read_text())
    traces = read_traces(path)
    [trace] = traces
    assert [step.content for step in trace.steps] == words
    for call in trace.calls:
        assert call.data["arguments"] == {"day": "Monday"}
    [row] = traces_frame(traces).to_dict("records")
    assert {column: row[column] for column in right} == right
    assert (traces.report.problems, traces.report.not_understood) == ((), ())


@pytest.mark.parametrize(
    ("name", "n_lines", "words"),
    [
        ("anthropic-stream.jsonl", 5, "I should look."),
        ("openai-stream.jsonl", 3, "Two are."),
        ("openai-responses-stream.jsonl", 5, "Two are."),
    ],
)
def test_of_a_stream_that_is_cut_off_what_had_come_is_read(tmp_path, name, n_lines, words):
    lines = (SAMPLES / name).read_text().splitlines()
    path = tmp_path / "reply.jsonl"
    path.write_text("\n".join(lines[:n_lines]))
    [trace] = read_traces(path)
    assert trace.steps[-1].content == words


def as_lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def chunk(index: int, **delta: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice], "obfuscation": "Yq"}


def test_the_choices_of_a_stream_are_not_mixed(tmp_path):
    path = tmp_path / "reply.jsonl"
    pieces = [(0, "Two "), (1, "None "), (0, "are."), (1, "is.")]
    path.write_text(as_lines(*(chunk(index, content=words) for index, words in pieces)))
    traces = read_traces(path)
    [step] = traces[0].steps
    [other] = step.data["other_choices"]
    assert (step.content, other["message"]["content"]) == ("Two are.", "None is.")
    assert traces.report.not_understood == ()


def test_the_call_of_an_older_stream_and_its_reasoning_are_put_together(tmp_path):
    path = tmp_path / "reply.jsonl"
    deltas = [{"reasoning_content": "Look, "}, {"reasoning_content": "then."}]
    deltas.append({"function_call": {"name": "find", "arguments": ""}})
    deltas += [{"function_call": {"arguments": piece}} for piece in ('{"day": ', '"Monday"}')]
    path.write_text(as_lines(*(chunk(0, **delta) for delta in deltas)))
    traces = read_traces(path)
    thought, call = traces[0].steps
    assert (thought.kind, thought.content) == ("thinking", "Look, then.")
    assert (call.content, call.data["arguments"]) == ("find", {"day": "Monday"})
    assert traces.report.not_understood == ()


def test_what_azure_sends_first_is_of_the_reply_that_follows(tmp_path):
    first = {"id": "", "object": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    path = tmp_path / "reply.jsonl"
    path.write_text(as_lines(first, chunk(0, content="Two are.")))
    [trace] = read_traces(path)
    assert (trace.id, [step.content for step in trace.steps]) == ("c", ["Two are."])


def events_of_response(*events: tuple[str, dict[str, Any]]) -> str:
    first = {"id": "r", "object": "response", "output": []}
    records = [{"type": "response.created", "response": first}]
    records += [{"type": f"response.{name}", **fields} for name, fields in events]
    return as_lines(*records)


CUT_ITEMS = {
    "function_call_arguments": (
        {"type": "function_call", "call_id": "k", "name": "find", "arguments": ""},
        lambda step: step.data["arguments"],
    ),
    "reasoning_summary_text": ({"type": "reasoning", "summary": []}, lambda step: step.content),
    "refusal": ({"type": "message", "role": "assistant"}, lambda step: step.content),
    "output_text": ({"type": "message", "role": "assistant"}, lambda step: step.content),
    "new_field": (
        {"type": "message", "role": "assistant", "content": "Hi."},
        lambda step: step.data["new_field"],
    ),
}


@pytest.mark.parametrize("kind", CUT_ITEMS)
def test_of_a_response_that_is_cut_off_what_had_come_of_each_item_is_read(tmp_path, kind):
    item, text_of = CUT_ITEMS[kind]
    path = tmp_path / "reply.jsonl"
    events = [("output_item.added", {"output_index": 0, "item": item})]
    for piece in ("I should ", "look"):
        fields = {"output_index": 0, "summary_index": 0, "item_id": "i", "delta": piece}
        events.append((f"{kind}.delta", fields))
    path.write_text(events_of_response(*events))
    traces = read_traces(path)
    [step] = traces[0].steps
    assert text_of(step) == "I should look"
    assert traces.report.not_understood == ()


def test_an_error_ends_a_response_as_its_last_step(tmp_path):
    path = tmp_path / "reply.jsonl"
    error = {"type": "error", "sequence_number": 1, "code": "overloaded", "message": "Too busy."}
    path.write_text(events_of_response() + as_lines(error))
    traces = read_traces(path)
    assert outline(traces[0]) == [("error", "assistant", "Too busy.")]
    assert traces.report.not_understood == ()


def test_a_block_whose_place_is_no_number_is_read(tmp_path):
    path = tmp_path / "reply.jsonl"
    first = {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": []}}
    delta = {"type": "text_delta", "text": "Two are."}
    path.write_text(as_lines(first, {"type": "content_block_delta", "index": [0], "delta": delta}))
    [trace] = read_traces(path)
    assert [step.content for step in trace.steps] == ["Two are."]


def test_the_items_of_a_response_that_is_cut_off_are_in_their_order(tmp_path):
    path = tmp_path / "reply.jsonl"
    events = []
    for number in range(12):
        item = {"type": "message", "role": "assistant", "content": str(number)}
        events.append(("output_item.done", {"output_index": number, "item": item}))
    path.write_text(events_of_response(*events))
    [trace] = read_traces(path)
    assert [step.content for step in trace.steps] == [str(number) for number in range(12)]


def test_spans_of_other_tools_are_one_trace_by_the_usual_names_of_their_fields():
    trace, row = sample("spans.jsonl")
    assert outline(trace) == [
        ("message", "user", "Is a bike free?"),
        ("tool.call", "assistant", "find"),
        ("tool.result", "tool", "closed"),
        ("message", "assistant", "Two are."),
    ]
    assert (trace.steps[1].data["agent"], trace.steps[2].data["error"]) == ("shop", True)
    assert (row["input_tokens"], row["output_tokens"], row["duration_s"]) == (9, 3, 3.0)


def test_spans_in_a_document_are_read_as_those_on_lines_of_their_own(tmp_path):
    spans = [json.loads(line) for line in (SAMPLES / "spans.jsonl").read_text().splitlines()]
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({"exported": "today", "spans": spans}))
    traces = read_traces(path)
    assert outline(traces[0]) == outline(sample("spans.jsonl")[0])
    assert [remark.what for remark in traces.report.not_understood] == ["exported"]


def test_the_calls_of_weave_are_one_trace():
    trace, row = sample("spans.weave.jsonl")
    assert [step.content for step in trace.steps] == ["Is a bike free?", "Two are."]
    assert (row["input_tokens"], row["model"], row["duration_s"]) == (9, "gpt-x", 3.0)


def test_a_span_in_a_document_that_lacks_its_fields_costs_no_other_one(tmp_path):
    spans = [json.loads(line) for line in (SAMPLES / "spans.jsonl").read_text().splitlines()]
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({"spans": [{"name": "begin"}, *spans]}))
    [trace] = read_traces(path)
    assert outline(trace) == outline(sample("spans.jsonl")[0])


def test_what_a_call_of_weave_used_of_two_models_is_added_up(tmp_path):
    call = json.loads((SAMPLES / "spans.weave.jsonl").read_text().splitlines()[-1])
    one = {"prompt_tokens": 9, "completion_tokens": 3}
    call |= {"op_name": "weave:///a/b/op/openai.chat.completions.create:1"}
    call |= {"summary": {"usage": {"gpt-x": one, "gpt-y": one}}}
    path = tmp_path / "calls.jsonl"
    path.write_text(as_lines(call))
    [row] = traces_frame(read_traces(path)).to_dict("records")
    assert (row["input_tokens"], row["output_tokens"]) == (18, 6)


def test_a_text_that_only_begins_as_a_stream_does_is_refused_as_it_is(tmp_path):
    path = tmp_path / "settings.txt"
    path.write_text("id: 5\nname: desk\ndata: none\n")
    with pytest.raises(RecordError, match="it begins with 'id: 5"):
        read_traces(path)


RELAXED = {
    "trailing commas": '[{"id": "a", "messages": [{"role": "user", "content": "Hi, // you,]",},],},]',
    "comments": '{// a chat\n"id": "a", /* one */ "messages": '
    '[{"role": "user", "content": "Hi, // you,]"}]}',
}


@pytest.mark.parametrize("what", RELAXED)
def test_comments_and_trailing_commas_are_left_out_with_a_note(tmp_path, what):
    path = tmp_path / "chat.json"
    path.write_text(RELAXED[what])
    traces = read_traces(path)
    assert [step.content for step in traces[0].steps] == ["Hi, // you,]"]
    assert any("trailing commas" in note for note in traces.report.notes)


def test_what_zstandard_packed_is_read_and_a_bomb_of_it_is_refused(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    compress = zstandard.ZstdCompressor().compress
    path = tmp_path / "chat.ndjson.zst"
    path.write_bytes(compress(json.dumps(CHAT).encode() + b"\n"))
    assert [trace.id for trace in read_traces(tmp_path)] == ["a"]
    path.write_bytes(compress(bytes(90 * 2**20)))
    with pytest.raises(RecordError, match="unpacks to more than"):
        read_traces(path)


FOREIGN = {
    "a pickle": (pickle.dumps(CHAT), "pickle of Python.*: save it as CSV or JSON"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook.*: save it as CSV"),
    "Markdown": (b"## User\n\nIs a bike free?\n", "Markdown: export the conversation as JSON"),
    "a web page": (b"<!DOCTYPE html>\n<html><body>Hi</body></html>\n", "web page: save the data"),
    "a log": (b"2026-11-29 10:00:00: agent=a\n2026-11-29 10:00:05: b\n", "log: have the program"),
    "Slack": (b'[{"type": "message", "user": "U1", "text": "Hi", "ts": "1.2"}]', "Slack: write"),
    "HAR": (b'{"log": {"version": "1.2", "entries": []}}', r"\(HAR\): save the request and"),
    "Intercom": (b'{"type": "conversation", "conversation_parts": {}}', "Intercom: write its"),
    "Zendesk": (b'{"tickets": [{"id": 35, "comments": []}]}', "Zendesk: write its messages"),
    "an eval set of ADK": (b'{"eval_set_id": "e", "eval_cases": []}', "ADK.*: give the sessions"),
    "CrewAI": (b'[{"task_name": "t", "agent": "a", "status": "done"}]', "CrewAI.*OpenTelemetry"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_holds_no_traces_as_it_is_is_refused_with_what_to_do(tmp_path, what):
    content, words = FOREIGN[what]
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=words) as caught:
        read_traces(path)
    assert len(str(caught.value)) - len(str(path)) < 180


def test_what_stands_beside_an_export_holds_no_conversation_and_is_not_skipped(tmp_path):
    (tmp_path / "conversations.json").write_text((SAMPLES / "chatgpt.json").read_text())
    (tmp_path / "user.json").write_text('{"id": "user-1", "email": "ann@example.org"}')
    (tmp_path / "other.json").write_text('{"wind": 3}')
    with pytest.warns(UserWarning, match="1 of 1 records skipped"):
        traces = read_traces(tmp_path)
    assert [Path(problem.file).name for problem in traces.report.problems] == ["other.json"]
    assert traces.report.notes == (f"{tmp_path / 'user.json'}: it holds no conversation",)


def test_a_file_of_that_name_is_skipped_where_no_export_stands_beside_it(tmp_path):
    (tmp_path / "chat.json").write_text(json.dumps(CHAT))
    (tmp_path / "user.json").write_text('{"wind": 3}')
    with pytest.warns(UserWarning, match="skipped"):
        traces = read_traces(tmp_path)
    assert len(traces.report.problems) == 1
