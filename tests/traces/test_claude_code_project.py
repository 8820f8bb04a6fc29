"""A project folder of Claude Code: sessions, and the files beside them that name them."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from toolkit.records import RecordError
from toolkit.traces import Traces, read_traces, traces_frame

INDEX = "sessions-index.json"


def line(kind: str, uuid: str, session: str = "s1", **fields: Any) -> dict[str, Any]:
    message = {"role": kind, "content": f"words of {uuid}"}
    return {"type": kind, "uuid": uuid, "sessionId": session, "message": message, **fields}


def write(folder: Path, name: str, *records: dict[str, Any]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def read(folder: Path) -> Traces:
    """The traces of a folder that is read without a warning."""
    with warnings.catch_warnings(action="error"):
        return read_traces(folder)


def index(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "entries": list(entries), "originalPath": "/shop"}


def test_the_index_of_a_project_names_its_sessions_and_is_not_skipped(tmp_path):
    write(tmp_path, "s1.jsonl", line("user", "u1"), line("assistant", "u2"))
    entry = {"sessionId": "s1", "summary": "The tandem's lock", "messageCount": 2}
    other = {"sessionId": "gone", "firstPrompt": "hi", "messageCount": 9}
    write(tmp_path, INDEX, index(entry, other))
    traces = read(tmp_path)
    report = traces.report
    assert (len(traces), report.problems, report.not_understood) == (1, (), ())
    assert traces_frame(traces)["title"][0] == "The tandem's lock"
    assert "messageCount" in traces[0].meta["other_lines"]["session-index"][0]
    assert any("1 record of it belong to no trace that was given" in note for note in report.notes)


@pytest.mark.parametrize("folder", ["s1/subagents", "s1/subagents/workflows/w1", "."])
def test_the_file_beside_a_sub_agent_gives_it_its_name(tmp_path, folder):
    write(tmp_path, "s1.jsonl", line("user", "u1"))
    own = line("user", "v1", isSidechain=True, agentId="a7")
    write(tmp_path, f"{folder}/agent-a7.jsonl", own)
    about = {"agentType": "Explore", "description": "Find the log", "spawnDepth": 1}
    write(tmp_path, f"{folder}/agent-a7.meta.json", about)
    traces = read(tmp_path)
    assert [step.data.get("agent") for step in traces[0].steps] == [None, "Explore: Find the log"]
    assert (len(traces), traces.report.problems, traces.report.not_understood) == (1, (), ())


def test_a_sub_agent_follows_the_call_that_the_file_beside_it_names(tmp_path):
    calls = [
        {"type": "tool_use", "id": id_, "name": "Task", "input": {"prompt": "Look."}}
        for id_ in ("c1", "c2")
    ]
    message = {"role": "assistant", "content": calls}
    write(tmp_path, "s1.jsonl", line("user", "u1"), line("assistant", "u2", message=message))
    for agent, call in (("a7", "c2"), ("a8", "c1")):
        own = line("user", f"of {agent}", isSidechain=True, agentId=agent)
        about = {"agentType": agent, "toolUseId": call}
        write(tmp_path, f"s1/subagents/agent-{agent}.jsonl", own)
        write(tmp_path, f"s1/subagents/agent-{agent}.meta.json", about)
    [trace] = read(tmp_path)
    assert [step.data.get("agent") for step in trace.steps] == [None, None, None, "a8", "a7"]


def test_an_index_alone_is_refused_with_what_to_do(tmp_path):
    write(tmp_path, INDEX, index({"sessionId": "s1", "firstPrompt": "hi"}))
    with pytest.raises(RecordError, match="give the folder"):
        read_traces(tmp_path / INDEX)


def test_a_session_that_cannot_be_read_is_named_also_beside_an_index(tmp_path):
    write(tmp_path, INDEX, index({"sessionId": "s1", "summary": "The tandem's lock"}))
    (tmp_path / "s1.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecordError, match=r"s1\.jsonl"):
        read_traces(tmp_path)


def test_other_files_named_like_a_companion_are_still_named(tmp_path):
    write(tmp_path, "s1.jsonl", line("user", "u1"))
    write(tmp_path, "notes.json", {"entries": [{"sessionId": 3}]})
    write(tmp_path, "agent-a.meta.json", {"colour": "red"})
    with pytest.warns(UserWarning, match="skipped"):
        traces = read_traces(tmp_path)
    assert len(traces.report.problems) == 2


@pytest.mark.parametrize(
    ("lines", "title"),
    [
        ([{"type": "summary", "summary": "Ours", "leafUuid": "u1"}], "Ours"),
        (
            [
                {"type": "summary", "summary": "Theirs", "leafUuid": "x9"},
                {"type": "summary", "summary": "Ours", "leafUuid": "u1"},
                {"type": "summary", "summary": "Also theirs", "leafUuid": "x8"},
            ],
            "Ours",
        ),
        (
            [
                {"type": "summary", "summary": "Theirs", "leafUuid": "x9"},
                {"type": "summary", "summary": "Also theirs", "leafUuid": "x8"},
            ],
            "words of u1",
        ),
        (
            [
                {"type": "summary", "summary": "Ours", "leafUuid": "u1"},
                {"type": "ai-title", "aiTitle": "The lock", "sessionId": "s1"},
                {"type": "custom-title", "customTitle": "Lock!", "sessionId": "s1"},
                {"type": "ai-title", "aiTitle": "The lock again", "sessionId": "s1"},
            ],
            "Lock!",
        ),
    ],
    ids=["the only one", "of this session", "of other sessions", "the user's own"],
)
def test_the_summary_of_a_session_is_the_title_of_its_trace(tmp_path, lines, title):
    write(tmp_path, "s1.jsonl", *lines, line("user", "u1"))
    [trace] = read(tmp_path)
    assert traces_frame([trace])["title"][0] == title
    assert title in repr(trace)
    assert title in trace._repr_html_()


def run(number: int, **fields: Any) -> list[dict[str, Any]]:
    usage = {"input_tokens": 10 * number, "output_tokens": number}
    result = {"type": "result", "subtype": "success", "session_id": "s1", "result": ""}
    result |= {"uuid": f"r{number}", "total_cost_usd": 0.25 * number, "usage": usage}
    result |= {"duration_ms": 1000, "num_turns": number, **fields}
    return [line("user", f"q{number}"), line("assistant", f"a{number}"), result]


def models(input_tokens, output_tokens):
    return {"modelUsage": {"m": {"inputTokens": input_tokens, "outputTokens": output_tokens}}}


@pytest.mark.parametrize(
    ("first", "second", "cost_usd"),
    [
        (models(10, 1), models(30, 3), 0.5),  # its totals hold those of the first run
        (models(10, 1), models(20, 2), 0.75),  # its totals are its own usage
        ({"total_cost_usd": 0.75}, {}, 1.25),  # a cost that falls is that of a new process
    ],
    ids=["of one process", "of two processes", "of which the second costs less"],
)
def test_the_cost_of_two_printed_runs_is_counted_once(tmp_path, first, second, cost_usd):
    write(tmp_path, "run.jsonl", *run(1, **first), *run(2, **second))
    traces = read_traces(tmp_path)
    [row] = traces_frame(traces).to_dict("records")
    stated = (row["cost_usd"], row["input_tokens"], row["output_tokens"], row["duration_s"])
    assert stated == (cost_usd, 30, 3, 2.0)
    assert [fields["num_turns"] for fields in traces[0].meta["runs"]] == [1, 2]
    assert traces.report.notes == ()
    assert traces.report.not_understood == ()


def test_a_cost_that_may_hold_an_earlier_one_is_not_stated_but_bounded(tmp_path):
    write(tmp_path, "run.jsonl", *run(1), *run(2))
    traces = read_traces(tmp_path)
    assert "cost_usd" not in traces[0].meta
    assert traces[0].meta["input_tokens"] == 30
    [note] = traces.report.notes
    assert "between 0.5000 and 0.7500 USD" in note


def test_a_run_that_states_no_cost_takes_none_from_the_run_before_it(tmp_path):
    write(tmp_path, "run.jsonl", *run(2), *run(1, total_cost_usd=None))
    traces = read_traces(tmp_path)
    assert traces[0].meta["cost_usd"] == 0.5
    assert traces.report.notes == ()


def test_what_one_printed_run_states_is_meta_as_it_was(tmp_path):
    write(tmp_path, "run.jsonl", *run(2))
    traces = read_traces(tmp_path)
    assert (traces[0].meta["num_turns"], traces[0].meta["cost_usd"]) == (2, 0.5)
    assert "runs" not in traces[0].meta
    assert traces.report.notes == ()
