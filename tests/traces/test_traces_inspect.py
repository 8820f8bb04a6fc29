"""Inspect's logs: a document, an archive, the journal of a run that died."""

import json
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from toolkit.records import RecordError
from toolkit.traces import read_traces, traces_frame
from toolkit.traces.archive import Archive

SAMPLE = Path(__file__).with_name("samples") / "inspect.json"
KINDS = ["message", "message", "thinking", "message"] + ["tool.call"] * 2
KINDS += ["tool.result"] * 2 + ["message"]


@pytest.fixture
def log():
    return json.loads(SAMPLE.read_text())


def write_eval(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in members.items():
            archive.writestr(name, value if isinstance(value, str) else json.dumps(value))
    return path


def zstandard_zip(path, members):
    """An archive whose members are compressed with zstandard, which zipfile cannot write."""
    zstandard = pytest.importorskip("zstandard")
    body = b""
    directory = b""
    for name, value in members.items():
        content = json.dumps(value).encode()
        packed = zstandard.compress(content)
        sizes = struct.pack("<LLLH", zlib.crc32(content), len(packed), len(content), len(name))
        head = struct.pack("<HHHHH", 63, 0, 93, 0, 0)
        offset = len(body)
        body += b"PK\3\4" + head + sizes + b"\0\0" + name.encode() + packed
        tail = struct.pack("<HHHHLL", 0, 0, 0, 0, 0, offset)
        directory += b"PK\1\2" + b"\x3f\0" + head + sizes + tail + name.encode()
    counts = struct.pack("<HHHHLLH", 0, 0, len(members), len(members), len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\5\6" + counts)
    return path


def members_of(log):
    header = {name: value for name, value in log.items() if name != "samples"}
    sample = log["samples"][0]
    return {
        "_journal/start.json": {"version": 2, "eval": log["eval"], "plan": log["plan"]},
        "samples/hours-1_epoch_1.json": sample,
        "summaries.json": [
            {"id": "hours-1", "epoch": 1, "input": sample["input"], "target": "yes"}
        ],
        "reductions.json": [],
        "header.json": header,
    }


def test_a_sample_is_read_with_its_times_its_usage_and_its_scores():
    [trace] = read_traces(SAMPLE)
    assert [step.kind for step in trace.steps] == KINDS
    assert [step.time for step in trace.steps if step.time] == [
        1767603600,
        *[1767603602] * 4,
        1767603603,
        1767603604,
    ]
    clock, diary = trace.calls
    assert (clock.data["arguments"], trace.result_of(clock).content) == ({"zone": "UTC"}, "noon")
    failed = trace.result_of(diary)
    assert (failed.data["error"], failed.content) == (True, "the diary took too long")
    assert trace.result_of(clock).data["error"] is False
    assert trace.steps[-1].data["usage"] == {
        "input_tokens": 130,
        "cached_tokens": 100,
        "output_tokens": 5,
    }
    kinds = {score["name"]: score["rater_kind"] for score in trace.meta["scores"]}
    assert kinds == {"includes": "code", "model_graded_qa": "model"}
    [row] = traces_frame([trace]).to_dict("records")
    assert (row["input_tokens"], row["output_tokens"], row["cost_usd"]) == (142, 12, 0.002)
    assert row["outcome"] == "includes C, model_graded_qa P"


def test_an_archive_is_read_as_the_document_is(tmp_path, log):
    archive = write_eval(tmp_path / "log.eval", members_of(log))
    traces = read_traces(archive)
    [of_document] = read_traces(SAMPLE)
    assert traces[0].steps == of_document.steps
    assert traces[0].meta == of_document.meta
    assert (traces.report.format, len(traces)) == ("inspect", 1)


def test_members_that_are_compressed_with_zstandard_are_read(tmp_path, log):
    archive = zstandard_zip(tmp_path / "log.eval", members_of(log))
    assert read_traces(archive)[0].steps == read_traces(SAMPLE)[0].steps


def test_a_damaged_member_is_named(tmp_path, log):
    path = zstandard_zip(tmp_path / "log.eval", {"header.json": log})
    content = bytearray(path.read_bytes())
    content[14] ^= 1  # of the checksum, in the member's header and in the directory
    at = content.index(b"PK\1\2") + 16
    content[at] ^= 1
    path.write_bytes(bytes(content))
    with Archive(path) as archive, pytest.raises(RecordError, match="checksum"):
        archive.read("header.json")


def test_without_zstandard_it_says_what_to_install(tmp_path, log, monkeypatch):
    path = zstandard_zip(tmp_path / "log.eval", members_of(log))
    if hasattr(zipfile, "ZIP_ZSTANDARD"):
        pytest.skip("this Python's zipfile reads zstandard by itself")
    monkeypatch.setattr("toolkit.traces.packed.find_spec", lambda name: None)
    with pytest.raises(RecordError, match=r"pip install 'fieldbook\[inspect\]'"):
        read_traces(path)


def test_a_run_that_died_is_read_from_its_journal(tmp_path, log):
    sample = log["samples"][0]
    summary = {"id": "hours-2", "epoch": 1, "input": "And on Sunday?", "target": "no"}
    summary["scores"] = {"includes": {"value": "I"}}
    first = {"id": "hours-1", "epoch": 1, "input": "Is it open?", "target": "yes"}
    members = {
        "_journal/start.json": {"version": 2, "eval": log["eval"], "plan": {}},
        "samples/hours-1_epoch_1.json": sample,
        "_journal/summaries/1.json": [first],
        "_journal/summaries/2.json": [summary],
    }
    whole, unfinished = read_traces(write_eval(tmp_path / "died.eval", members))
    assert [step.kind for step in whole.steps] == KINDS
    assert unfinished.id == "hours-2"
    assert [step.content for step in unfinished.steps] == ["And on Sunday?"]
    assert unfinished.meta["outcome"] == "I"
    assert unfinished.meta["only_summary"] is True
    assert unfinished.meta["log"]["status"] == "started"


def test_a_large_sample_in_chunks_is_joined(tmp_path, log):
    sample = log["samples"][0]
    messages = sample.pop("messages")
    events = sample.pop("events")
    messages[1]["content"] = "attachment://1"
    other = {"role": "user", "content": "of another conversation"}
    folder = "samples/hours-1_epoch_1"
    members = {
        "header.json": {"version": 2, "status": "success", "eval": log["eval"]},
        f"{folder}/sample.json": {**sample, "message_refs": [[0, 2], [3, 7]]},
        f"{folder}/messages/0.json": [*messages[:2], other],
        f"{folder}/messages/3.json": messages[2:],
        f"{folder}/events/0.json": events,
        f"{folder}/events/stats.json": {"chunks": []},
        f"{folder}/metadata.json": {"topic": "chunks"},
        f"{folder}/attachments/0.json": ["unused", "Is the shop open at noon?"],
    }
    [trace] = read_traces(write_eval(tmp_path / "large.eval", members))
    assert trace.steps == read_traces(SAMPLE)[0].steps
    assert trace.meta["metadata"] == {"topic": "chunks"}


def test_a_broken_member_costs_its_own_sample(tmp_path, log):
    members = members_of(log)
    members["samples/hours-2_epoch_1.json"] = '{"id": "hours-2", '
    archive = write_eval(tmp_path / "log.eval", members)
    with pytest.warns(UserWarning, match="1 of 2 records"):
        traces = read_traces(archive)
    [problem] = traces.report.problems
    assert "hours-2_epoch_1.json" in problem.why
    assert len(traces) == 1


def test_a_chunk_that_is_no_list_costs_its_own_sample(tmp_path, log):
    folder = "samples/big_epoch_1"
    members = members_of(log)
    members[f"{folder}/sample.json"] = {"id": "big", "epoch": 1, "input": "Hi", "target": ""}
    members[f"{folder}/messages/0.json"] = 7
    with pytest.warns(UserWarning, match="it is no list"):
        [trace] = read_traces(write_eval(tmp_path / "log.eval", members))
    assert trace.id == "hours-1"


def test_texts_that_stand_among_the_attachments_come_back(tmp_path, log):
    sample = log["samples"][0]
    sample["messages"][4 - 1]["content"] = "attachment://ab12"
    sample["attachments"] = {"ab12": "noon"}
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    assert read_traces(path)[0].steps == read_traces(SAMPLE)[0].steps


def test_epochs_of_a_sample_are_traces_of_their_own(tmp_path, log):
    log["samples"].append({**log["samples"][0], "epoch": 2})
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    assert [trace.id for trace in read_traces(path)] == ["hours-1", "hours-1-epoch-2"]


def test_a_log_without_samples_says_how_its_run_ended(tmp_path, log):
    log |= {"samples": [], "status": "error", "error": {"message": "no key"}}
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    with pytest.warns(UserWarning, match="no samples: status error, no key"):
        read_traces(path)


def test_a_sample_that_failed_ends_in_its_error(tmp_path, log):
    sample = log["samples"][0]
    sample["error"] = {"message": "RuntimeError('no bike')", "traceback": "line 1"}
    del sample["scores"]
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    [trace] = read_traces(path)
    assert (trace.steps[-1].kind, trace.steps[-1].content) == ("error", "RuntimeError('no bike')")
    assert trace.meta["outcome"] == "error"


def test_a_score_that_a_person_edited_is_a_persons(tmp_path, log):
    edit = {"value": "I", "provenance": {"author": "ada", "reason": "It is closed."}}
    log["samples"][0]["scores"] = {"model_graded_qa": {"value": "I", "history": [edit]}}
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    [score] = read_traces(path)[0].meta["scores"]
    assert (score["rater"], score["rater_kind"], score["verdict"]) == ("ada", "human", "fail")


def model_event(span_id, given, reply, **more):
    output = {"choices": [{"message": reply}], "usage": {"input_tokens": 3, "output_tokens": 2}}
    event = {"event": "model", "span_id": span_id, "output": output, **more}
    return event if "input_refs" in more else {**event, "input": given}


def test_what_a_sub_agent_said_in_events_alone_is_a_branch(tmp_path, log):
    asked = {"id": "x1", "role": "user", "content": "Find the diary."}
    call = {"id": "k", "function": "search", "arguments": {"for": "diary"}}
    called = {"id": "x2", "role": "assistant", "content": "", "tool_calls": [call]}
    result = {"id": "x3", "role": "tool", "tool_call_id": "k", "content": "on the desk"}
    done = {"id": "x4", "role": "assistant", "content": "On the desk."}
    judged = {"id": "x5", "role": "assistant", "content": "GRADE: C"}
    sample = log["samples"][0]
    sample["events_data"] = {"messages": [asked, called, result]}
    sample["events"] += [
        {"event": "span_begin", "id": "sp1", "name": "librarian", "type": "agent"},
        {"event": "span_begin", "id": "sp2", "name": "generate", "parent_id": "sp1"},
        model_event("sp2", [asked], called),
        model_event("sp2", [], done, input_refs=[[0, 3]], completed="2026-01-05T09:00:09Z"),
        {"event": "span_begin", "id": "sp3", "name": "scorers"},
        model_event("sp3", [{"id": "x6", "role": "user", "content": "Grade it."}], judged),
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    [trace] = read_traces(path)
    assert trace.steps[:9] == read_traces(SAMPLE)[0].steps
    branch = trace.steps[9:]
    assert [step.content for step in branch] == [
        *("Find the diary.", "search", "on the desk", "On the desk."),
    ]
    assert {step.data["agent"] for step in branch} == {"librarian"}
    assert {step.data["branch"] for step in branch} == {"sp2"}
    assert branch[-1].time == 1767603609
    assert "GRADE" not in trace.text()
    assert "Grade it." in json.dumps(trace.meta["events"])


def test_messages_without_ids_take_no_others_time(tmp_path, log):
    sample = log["samples"][0]
    for message in sample["messages"]:
        del message["id"]
    for event in sample["events"]:
        for choice in event.get("output", {}).get("choices", []):
            del choice["message"]["id"]
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    [trace] = read_traces(path)
    assert all("usage" not in step.data for step in trace.steps)
    assert trace.meta["input_tokens"] == 142


def test_the_log_among_the_shared_inputs(data_dir):
    path = data_dir / "traces-in" / "inspect_log.json"
    if not path.is_file():
        pytest.skip("the shared data has no traces-in")
    [trace] = read_traces(path)
    assert (trace.id, len(trace.steps), len(trace.calls)) == ("q1", 6, 1)
    row = traces_frame([trace]).iloc[0]
    figures = (row["input_tokens"], row["output_tokens"], row["duration_s"], row["outcome"])
    assert figures == (30, 9, 2.5, "C")
    assert trace.meta["model"] == "m"
