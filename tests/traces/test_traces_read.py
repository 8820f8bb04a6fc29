"""read_traces and write_traces: what is kept, what is skipped, and what the report says about it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.records import RecordError
from toolkit.traces import SkippedRecords, Step, Trace, read_traces, write_traces

CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "find", "arguments": '{"day": "Monday"}'},
}
CHAT = {
    "id": "a",
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Is a bike free?", "timestamp": "2026-01-02T00:00:00Z"},
        {"role": "assistant", "content": None, "tool_calls": [CALL], "timestamp": 1767312001},
        {"role": "tool", "tool_call_id": "c1", "content": "two are"},
        {"role": "assistant", "content": "Two are.", "timestamp": 1767312002000},
    ],
    "shop": "north",
}


def saved(folder: Path, content: object, name: str = "file.json") -> Path:
    """Write text, bytes, or anything else as JSON."""
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(st.text(), json_values, max_size=3)
steps = st.builds(
    Step,
    id=st.text(),
    kind=st.text(),
    actor=st.text(),
    content=st.text(),
    time=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    data=mappings,
)
some_traces = st.lists(
    st.builds(
        Trace,
        id=st.text(min_size=1),
        steps=st.lists(steps, max_size=3).map(tuple),
        meta=mappings,
        source=st.sampled_from(["live", "tape", "simulated", "imported"]),
    ),
    unique_by=lambda trace: trace.id,
    min_size=1,
    max_size=4,
)


@given(traces=some_traces)
def test_what_was_written_is_read_back_the_same(tmp_path_factory, traces):
    path = tmp_path_factory.mktemp("round") / "traces.jsonl"
    write_traces(path, traces)
    again = read_traces(path)
    assert list(again) == traces
    assert again.report.format == "fieldbook"
    assert again.report.problems == ()


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path):
    path = tmp_path / "traces.jsonl"
    write_traces(path, [Trace("old", ())])
    with pytest.raises(ValueError, match=r"'new'.*serialize"):
        write_traces(path, [Trace("new", (), {"bad": object()})])
    with pytest.raises(ValueError, match="'x'"):
        write_traces(path, [Trace("x", ()), Trace("x", ())])
    assert [trace.id for trace in read_traces(path)] == ["old"]
    assert [file.name for file in tmp_path.iterdir()] == ["traces.jsonl"]


def test_unknown_fields_of_our_own_format_go_to_meta_and_data(tmp_path):
    step = {"id": "s", "kind": "message", "actor": "user", "content": "hi", "mood": "good"}
    path = saved(
        tmp_path, lines({"id": "a", "steps": [step], "shop": "north", "source": "simulated"})
    )
    traces = read_traces(path)
    assert traces[0].meta == {"shop": "north"}
    assert traces[0].steps[0].data == {"mood": "good"}
    assert traces[0].source == "simulated"
    assert traces.report.unknown_fields == ("shop",)


@pytest.mark.parametrize(
    "content",
    [
        lines(CHAT),
        [CHAT],
        CHAT,
        json.dumps([CHAT], indent=2),
        json.dumps(CHAT, indent=2),
        "\ufeff" + lines(CHAT),
    ],
    ids=["jsonl", "array", "object", "pretty array", "pretty object", "byte order mark"],
)
def test_a_chat_is_read_in_each_layout(tmp_path, content):
    traces = read_traces(saved(tmp_path, content))
    assert (traces.report.format, len(traces)) == ("chat", 1)
    assert "decided from the content" in traces.report.decided
    trace = traces[0]
    assert [step.kind for step in trace.steps] == [
        "message",
        "message",
        "tool.call",
        "tool.result",
        "message",
    ]
    call = trace.calls[0]
    assert call.content == "find"
    assert call.data == {"call_id": "c1", "name": "find", "arguments": {"day": "Monday"}}
    assert trace.result_of(call).content == "two are"
    assert [trace.steps[n].time for n in (1, 2, 4)] == [1767312000.0, 1767312001.0, 1767312002.0]
    assert trace.meta == {"shop": "north"}
    assert traces.report.unknown_fields == ("shop",)


def test_a_bare_list_of_messages_is_one_conversation_and_a_gap_is_counted(tmp_path):
    whole = read_traces(saved(tmp_path, CHAT["messages"], "talk.json"))
    assert [trace.id for trace in whole] == ["talk-1"]
    assert len(whole[0].steps) == 5
    broken = [*CHAT["messages"][:4], {"role": 5}, CHAT["messages"][4]]
    with pytest.warns(SkippedRecords):
        gappy = read_traces(saved(tmp_path, broken))
    assert len(gappy[0].steps) == 5
    assert gappy[0].meta == {"messages_skipped": 1}
    assert (gappy.report.problems[0].record, "role" in gappy.report.problems[0].why) == (5, True)


def test_odd_chat_messages_keep_what_they_say(tmp_path):
    parts = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "x"}}]
    cut = {"id": "c9", "function": {"name": "find", "arguments": '{"day": '}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": "I look.", "tool_calls": [cut]},
        {"role": "assistant", "function_call": {"name": "old", "arguments": "{}"}},
        {"role": "function", "name": "old", "content": "an answer"},
        {"role": "assistant", "content": None, "refusal": "I would rather not."},
        {"role": "tool", "tool_call_id": "nobody", "content": "stray"},
    ]
    trace = read_traces(saved(tmp_path, {"messages": messages}))[0]
    first, picture, look, cut_call, old, answer, refusal, stray = trace.steps
    assert (first.actor, first.data["role"]) == ("system", "developer")
    assert (picture.content, picture.data["parts"]) == ("Look\n[image]", parts)
    assert (look.kind, cut_call.data["arguments"]) == ("message", '{"day": ')
    assert trace.result_of(old) == answer
    assert trace.result_of(cut_call) is None
    assert refusal.content == "I would rather not."
    assert stray.data["call_id"] == "nobody"


def test_a_call_id_used_twice_still_leads_to_its_own_result(tmp_path):
    messages = []
    for answer in ("first", "second"):
        messages.append({"role": "assistant", "tool_calls": [CALL]})
        messages.append({"role": "tool", "tool_call_id": "c1", "content": answer})
    trace = read_traces(saved(tmp_path, {"messages": messages}))[0]
    assert [trace.result_of(call).content for call in trace.calls] == ["first", "second"]
    assert trace.calls[1].data["original_call_id"] == "c1"


MESSAGES = [
    {"role": "user", "content": "Is a bike free?"},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "I should look.", "signature": "x"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "t1", "name": "find", "input": {"day": "Monday"}},
        ],
    },
    {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "t1",
                "content": [{"type": "text", "text": "no"}],
                "is_error": True,
            }
        ],
    },
]
REPLY = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "None is."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 3},
}


@pytest.mark.parametrize(
    "record",
    [
        {"id": "a", "system": "Be kind.", "messages": [*MESSAGES, REPLY]},
        {
            "id": "a",
            "request": {"system": [{"type": "text", "text": "Be kind."}], "messages": MESSAGES},
            "response": REPLY,
        },
    ],
    ids=["one list", "request and response"],
)
def test_messages_api_records_become_steps(tmp_path, record):
    traces = read_traces(saved(tmp_path, lines(record)))
    assert traces.report.format == "anthropic"
    trace = traces[0]
    kinds = ["message", "message", "thinking", "message", "tool.call", "tool.result", "message"]
    assert [step.kind for step in trace.steps] == kinds
    result = trace.result_of(trace.calls[0])
    assert (result.actor, result.content, result.data["error"], result.data["name"]) == (
        "tool",
        "no",
        True,
        "find",
    )
    last = trace.steps[-1]
    assert (last.id, last.data["usage"]["output_tokens"], last.data["stop_reason"]) == (
        "msg_1",
        3,
        "end_turn",
    )
    assert traces.report.unknown_fields == ()


def test_a_request_that_failed_says_so_in_the_trace(tmp_path):
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    trace = read_traces(
        saved(tmp_path, lines({"request": {"messages": MESSAGES[:1]}, "response": error}))
    )[0]
    assert trace.steps[-1].content == "Overloaded"
    assert trace.steps[-1].data["parts"] == [error["error"]]


def test_a_bad_line_is_named_and_the_others_are_kept(tmp_path):
    good = [json.dumps({**CHAT, "id": f"t{n}"}).encode() for n in range(6)]
    text = [
        good[0],
        b"",
        b'{"id": "torn", "messages": [',
        good[1],
        good[2].replace(b"Two", b"\xff"),
        b"null",
    ]
    text += [good[3].replace(b'"role"', b'"rule"'), good[4], good[5][:-30]]
    with pytest.warns(SkippedRecords, match="5 of 8 records") as caught:
        traces = read_traces(saved(tmp_path, b"\r\n".join(text)))
    assert len(caught) == 1
    assert [trace.id for trace in traces] == ["t0", "t1", "t4"]
    named = [(p.record, p.line, p.id, p.field) for p in traces.report.problems]
    assert named == [
        (2, 3, "torn", None),
        (4, 5, "t2", None),
        (5, 6, None, None),
        (6, 7, "t3", "messages.0.role"),
        (8, 9, "t5", None),
    ]
    assert "UTF-8" in traces.report.problems[1].why
    assert "null" in traces.report.problems[2].why


def test_an_id_that_comes_again_gets_a_suffix_and_a_note(tmp_path):
    traces = read_traces(saved(tmp_path, [CHAT, CHAT, {**CHAT, "id": "a-2"}]))
    assert [trace.id for trace in traces] == ["a", "a-2", "a-2-2"]
    assert len(traces.report.notes) == 2
    assert "record 2" in traces.report.notes[0]


@pytest.mark.parametrize(
    "content",
    [
        "",
        " \n",
        "[]",
        "hello",
        "Well, hello\nthere",
        '{"weather": 3}',
        b"\xff\xfeh\0i\0",
    ],
)
def test_a_file_without_traces_gives_an_error_that_helps(tmp_path, content):
    with pytest.raises(RecordError, match=r"file.json") as caught:
        read_traces(saved(tmp_path, content))
    assert "UTF-8" in str(caught.value) or "--input" in str(caught.value)


def test_no_file_and_no_such_format_are_plain_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_traces(tmp_path / "none.jsonl")
    with pytest.raises(ValueError, match="tau-bench"):
        read_traces(saved(tmp_path, [CHAT]), format="tau")


def test_json_that_is_hard_on_the_reader_is_one_problem_each(tmp_path):
    deep = '{"id": "deep", "messages": ' + "[" * 100_000 + "]" * 100_000 + "}"
    huge = '{"id": "huge", "messages": [], "n": ' + "9" * 5_000 + "}"
    half = '{"id": "half", "messages": [{"role": "user", "content": "\\ud83d"}], "score": NaN}'
    with pytest.warns(SkippedRecords):
        traces = read_traces(saved(tmp_path, f"{lines(CHAT)}{deep}\n{huge}\n{half}\n"))
    assert [problem.id for problem in traces.report.problems] == ["deep", "huge"]
    assert traces[1].text() == "\ufffd"
    assert traces[1].meta == {"score": None}
    write_traces(tmp_path / "out.jsonl", traces)


def test_a_table_is_found_by_the_names_of_its_columns(tmp_path):
    text = 'Trace_ID,Question,Answer,stars\na,"Open,\ntoday?",Yes.,5\n'
    text += 'b,"bro"ken,No.,1\nc,x,y\n,Late?,No.,2\nd,Far?,No.,3\n'
    with pytest.warns(SkippedRecords, match="3 of 5"):
        traces = read_traces(saved(tmp_path, text, "rows.csv"))
    assert traces.report.format == "table"
    assert [(t.id, t.text("user"), t.text("assistant"), t.meta) for t in traces] == [
        ("a", "Open,\ntoday?", "Yes.", {"stars": "5"}),
        ("d", "Far?", "No.", {"stars": "3"}),
    ]
    assert [(p.record, p.line, p.id) for p in traces.report.problems] == [
        (2, 4, None),
        (3, 5, "c"),
        (4, 6, None),
    ]


def test_a_table_with_other_columns_shows_the_call_to_use(tmp_path):
    with pytest.raises(
        RecordError, match=r"text, category\. Name those.* view \S+ --input text"
    ) as caught:
        read_traces(saved(tmp_path, "text,category\nhello,greeting\n", "rows.csv"))
    assert caught.value.file.endswith("rows.csv")


def test_a_hostile_trace_is_escaped_wherever_it_is_shown(tmp_path):
    evil = "<img src=x onerror=alert(1)>"
    messages = [
        {"role": evil, "content": evil, evil: 1},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": evil, "function": {"name": evil, "arguments": json.dumps({evil: evil})}}
            ],
        },
        {"role": "tool", "tool_call_id": evil, "content": evil},
        {"role": "user", "content": evil},
    ]
    record = {"id": evil, "messages": messages, evil: evil}
    with pytest.warns(SkippedRecords):
        traces = read_traces(
            saved(
                tmp_path, lines(record, record, {"id": evil, "messages": evil}), f"{evil[:11]}.json"
            )
        )
    for html in (traces._repr_html_(), traces.report._repr_html_(), traces[0]._repr_html_()):
        assert "<img" not in html
        assert "&lt;img" in html


def test_an_id_in_broken_bytes_can_still_be_shown(tmp_path):
    with pytest.warns(SkippedRecords):
        traces = read_traces(
            saved(tmp_path, lines(CHAT).encode() + b'{"id": "a\xe9", "messages": []}\n\0\0\0')
        )
    assert [problem.id for problem in traces.report.problems] == ["a\ufffd", None]
    assert traces._repr_html_().encode()


def test_the_html_of_many_calls_looks_each_result_up_once_and_keeps_strange_ids_apart():
    class Counted(dict):
        looked = 0

        def get(self, *arguments):
            Counted.looked += 1
            return super().get(*arguments)

    ids = [*range(300), "7", ["a", "list"], None]
    steps = []
    for number, id in enumerate(ids):
        steps.append(Step(f"c{number}", "tool.call", "assistant", "find", data=Counted(call_id=id)))
        steps.append(
            Step(f"r{number}", "tool.result", "tool", f"answer {number}.", data=Counted(call_id=id))
        )
    shown = Trace("t", steps)._repr_html_()
    assert Counted.looked < 20 * len(steps)
    assert [shown.count(f"answer {number}.") for number in range(len(ids))] == [1] * len(ids)
    assert shown.count("no result") == 1
