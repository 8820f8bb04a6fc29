"""What Claude.ai and ChatGPT send to who asks for his data: ``conversations.json``."""

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.traces import Trace, Traces, read_traces, traces_frame
from toolkit.traces.formats.threads import in_order

SAMPLES = Path(__file__).with_name("samples")


def read(folder: Path, *conversations: dict[str, Any]) -> Traces:
    path = folder / "conversations.json"
    path.write_text(json.dumps(conversations))
    return read_traces(path)


def said(trace: Trace) -> list[tuple[str, str, str]]:
    return [(step.kind, step.actor, step.content) for step in trace.steps]


def node(parent: str | None, role: str, *parts: Any, **message: Any) -> dict[str, Any]:
    content = {"content_type": "text", "parts": list(parts)}
    author = {"role": role, "name": message.pop("name", None), "metadata": {}}
    fields = {"author": author, "content": content, "recipient": "all", "metadata": {}, **message}
    return {"parent": parent, "children": [], "message": fields}


def test_an_answer_that_was_asked_for_again_is_a_branch_and_stands_before_the_one_that_counts():
    [trace] = read_traces(SAMPLES / "chatgpt.json")
    assert said(trace) == [
        ("message", "user", "Is a tandem free?"),
        ("message", "assistant", "No idea."),
        ("thinking", "assistant", "I count the tandems."),
        ("tool.call", "assistant", "python"),
        ("tool.result", "tool", "2"),
        ("message", "assistant", "Two tandems are free."),
        ("message", "user", "[image]\nThis red kind?"),
    ]
    assert [step.data.get("branch") for step in trace.steps[:3]] == [None, "n2", None]
    assert trace.steps[3].data["arguments"] == "count('tandem')"
    assert trace.steps[4].data["call_id"] == trace.steps[3].data["call_id"]
    assert trace.steps[0].time == 1772442000.5
    [row] = traces_frame([trace]).to_dict("records")
    assert (row["title"], row["model"]) == ("Tandems in March", "gpt-m")


def test_chatgpts_memory_search_and_failures_are_words_and_a_failure_is_one(tmp_path):
    context = {"content_type": "user_editable_context", "user_profile": "I ride."}
    search = {"content_type": "code", "language": "json", "text": '{"q": "oil"}'}
    failure = {"content_type": "system_error", "name": "timeout", "text": "It took too long."}
    mapping = {
        "a": node(None, "user", content=context),
        "b": node("a", "assistant", content=search, recipient="web.run"),
        "c": node("b", "tool", content=failure, name="web.run"),
        "d": node("c", "assistant", {"content_type": "audio_transcription", "text": "Sorry."}),
    }
    [trace] = read(tmp_path, {"id": "t", "mapping": mapping, "current_node": "d"})
    assert [step.content for step in trace.steps] == [
        "I ride.",
        "web.run",
        "It took too long.",
        "Sorry.",
    ]
    assert trace.calls[0].data["arguments"] == {"q": "oil"}
    assert trace.steps[2].data["error"] is True
    assert trace.steps[2].data["name"] == "web.run"


def test_a_conversation_without_words_is_named_and_the_next_one_is_read(tmp_path):
    empty = {"id": "e", "mapping": {"r": {"parent": None, "children": [], "message": None}}}
    fine = {"id": "f", "mapping": {"r": node(None, "user", "hi")}, "current_node": "r"}
    with pytest.warns(UserWarning, match="no node has a message"):
        traces = read(tmp_path, empty, fine)
    assert [trace.id for trace in traces] == ["f"]
    assert traces.report.problems[0].id == "e"


def test_a_conversation_of_claude_ai_has_its_name_thoughts_calls_and_files():
    [trace] = read_traces(SAMPLES / "claude-ai.json")
    assert said(trace) == [
        ("message", "user", "Why does the lock jam?\n[file log.txt]\n[file lock.jpg]"),
        ("thinking", "assistant", "The bolt is bent."),
        ("tool.call", "assistant", "web_search"),
        ("tool.result", "tool", "Oil helps."),
        ("message", "assistant", "Oil the bolt."),
    ]
    pasted = trace.steps[0].data["parts"][1]
    assert pasted["extracted_content"] == "09:01 the bolt stuck"
    assert trace.steps[3].data["call_id"] == trace.steps[2].data["call_id"]
    assert traces_frame([trace])["title"][0] == "The tandem's lock"


def test_a_text_that_says_more_than_its_parts_is_kept(tmp_path):
    part = {"type": "text", "text": "Yes."}
    message = {"uuid": "m", "sender": "assistant", "text": "Yes. And no.", "content": [part]}
    [trace] = read(tmp_path, {"uuid": "c", "name": "", "chat_messages": [message]})
    assert trace.steps[0].content == "Yes."
    assert trace.steps[0].data["stated_text"] == "Yes. And no."


def test_an_edited_question_to_claude_ai_leaves_a_branch(tmp_path):
    def message(uuid: str, parent: str | None, sender: str) -> dict[str, Any]:
        text = f"words of {uuid}"
        return {"uuid": uuid, "parent_message_uuid": parent, "sender": sender, "text": text}

    messages = [
        message("q1", None, "human"),
        message("a1", "q1", "assistant"),
        message("q2", None, "human"),
        message("a2", "q2", "assistant"),
    ]
    [trace] = read(tmp_path, {"uuid": "c", "name": "n", "chat_messages": messages})
    branches = [(step.id, step.data.get("branch")) for step in trace.steps]
    assert branches == [("q1", "q1"), ("a1", "q1"), ("q2", None), ("a2", None)]


def test_a_ring_of_messages_and_a_parent_that_is_gone_lose_no_message():
    parents = {"a": "b", "b": "a", "c": "gone", "d": "c"}
    places = list(in_order(parents, "d"))
    assert sorted(place.id for place in places) == ["a", "b", "c", "d"]
    assert [place.id for place in places if place.branch is None] == ["c", "d"]


def test_a_thread_of_many_messages_is_no_deep_recursion():
    parents = {str(n): str(n - 1) if n else None for n in range(20_000)}
    assert len(list(in_order(parents, "19999"))) == 20_000
