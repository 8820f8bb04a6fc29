"""Claude Code sessions: replies over several lines, sub-agents, and what is not the user's."""

import json
from pathlib import Path

import pytest

from tests.traces.claude_session import SESSION, session, sub_agent, write_session
from toolkit.traces import read_traces, traces_frame

SAMPLES = Path(__file__).with_name("samples")


def read_lines(folder: Path, *lines: dict):
    path = folder / "session.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    [trace] = read_traces(path)
    return trace


def line(kind: str, uuid: str, parent: str | None, content: object = None, **more) -> dict:
    record = {"type": kind, "uuid": uuid, "parentUuid": parent, "sessionId": "s", **more}
    if content is not None:
        record["message"] = {"role": kind, "content": content}
    return record


def outline(trace) -> list[tuple[str, str, str]]:
    return [(step.kind, step.actor, step.content) for step in trace.steps]


def test_a_reply_over_several_lines_is_counted_once_and_its_last_usage_counts():
    [trace] = read_traces(SAMPLES / "claude-code.jsonl")
    used = [step.data["usage"] for step in trace.steps if "usage" in step.data]
    assert [usage["output_tokens"] for usage in used] == [21, 8]
    assert used[0]["input_tokens"] == 9 + 100 + 10
    assert used[0]["cached_tokens"] == 100


def test_a_failed_call_says_why_and_its_result_is_paired():
    [trace] = read_traces(SAMPLES / "claude-code.jsonl")
    [call] = trace.calls
    result = trace.result_of(call)
    assert (result.content, result.data["error"]) == ("no such file", True)


def test_a_compaction_is_a_step_and_its_summary_is_not_the_users():
    [trace] = read_traces(SAMPLES / "claude-code.jsonl")
    compactions = [step.content for step in trace.steps if step.kind == "compaction"]
    assert compactions == ["Conversation compacted", "So far: the log is missing."]
    assert "So far" not in trace.text("user")


def test_meta_holds_the_session_its_summary_and_lines_that_are_no_steps():
    [trace] = read_traces(SAMPLES / "claude-code.jsonl")
    assert trace.id == trace.meta["session"] == "7c1e"
    assert trace.meta["summary"] == "The lock of the tandem"
    assert trace.meta["model"] == "claude-m"
    assert list(trace.meta["other_lines"]) == ["file-history-snapshot"]


def test_the_steps_of_a_sub_agent_stand_behind_its_call_under_its_name():
    [trace] = read_traces(SAMPLES / "claude-code.subagents.jsonl")
    agents = [step.data.get("agent") for step in trace.steps]
    assert agents == [None, None, "Explore", "Explore", "Explore", "Explore", None, None]
    assert {step.data.get("branch") for step in trace.steps} == {None, "a77"}
    assert trace.text("user") == "How many bikes are out?"
    assert trace.steps[6].data["duration_s"] == 4.0


def test_a_sub_agent_that_no_result_names_is_tied_by_its_prompt(tmp_path):
    call = {"type": "tool_use", "id": "t", "name": "Task", "input": {"prompt": "Count."}}
    trace = read_lines(
        tmp_path,
        line("user", "v1", None, "Count.", isSidechain=True),
        line("assistant", "v2", "v1", "Seven.", isSidechain=True),
        line("user", "u1", None, "How many?"),
        line("assistant", "u2", "u1", [call]),
    )
    assert [step.content for step in trace.steps] == ["How many?", "Task", "Count.", "Seven."]
    assert [step.data.get("branch") for step in trace.steps] == [None, None, "v1", "v1"]


def test_a_file_of_a_sub_agent_alone_is_a_trace_of_its_own(tmp_path):
    trace = read_lines(
        tmp_path,
        line("user", "v1", None, "Count.", isSidechain=True, agentId="a7"),
        line("assistant", "v2", "v1", "Seven.", isSidechain=True, agentId="a7"),
    )
    assert trace.id == "agent-a7"
    assert outline(trace)[0] == ("message", "user", "Count.")


def test_what_is_printed_is_read_with_its_cost_and_its_sub_agent():
    [trace] = read_traces(SAMPLES / "claude-code.stream.jsonl")
    stated = {name: trace.meta[name] for name in ("cost_usd", "duration_s", "outcome", "num_turns")}
    assert stated == {"cost_usd": 0.02, "duration_s": 9.5, "outcome": "success", "num_turns": 3}
    assert [step.data.get("agent") for step in trace.steps][2:4] == ["Explore", "Explore"]
    assert trace.steps[-1].content == "Seven are out."
    assert len(trace.steps) == 6  # the result repeats the last words


@pytest.mark.parametrize(("is_error", "kind"), [(False, "message"), (True, "error")])
def test_a_result_alone_is_one_step(tmp_path, is_error, kind):
    printed = {
        "type": "result",
        "subtype": "success",
        "is_error": is_error,
        "result": "Seven are out.",
        "session_id": "s",
        "uuid": "r",
        "total_cost_usd": 0.5,
    }
    trace = read_lines(tmp_path, printed)
    assert outline(trace) == [(kind, "assistant", "Seven are out.")]
    assert trace.meta["cost_usd"] == 0.5


def test_a_line_that_a_resumed_session_repeats_is_read_once(tmp_path):
    first = line("user", "u1", None, "Is it open?")
    trace = read_lines(tmp_path, first, line("assistant", "u2", "u1", "Yes."), first)
    assert [step.content for step in trace.steps] == ["Is it open?", "Yes."]


def test_a_prompt_that_was_taken_back_is_a_branch_and_parallel_results_are_none(tmp_path):
    call = {"type": "tool_use", "name": "Read", "input": {}}
    answer = {"type": "tool_result", "content": "x"}
    trace = read_lines(
        tmp_path,
        line("user", "u1", None, "Start"),
        line("assistant", "a1", "u1", [{**call, "id": "t1"}]),
        line("assistant", "a2", "a1", [{**call, "id": "t2"}]),
        line("user", "r1", "a1", [{**answer, "tool_use_id": "t1"}]),
        line("user", "r2", "a2", [{**answer, "tool_use_id": "t2"}]),
        line("user", "b1", "r2", "First try"),
        line("assistant", "b2", "b1", "First answer"),
        line("user", "c1", "r2", "Second try"),
        line("assistant", "c2", "c1", "Second answer"),
    )
    branches = {step.content: step.data.get("branch") for step in trace.steps}
    assert branches == {
        "Start": None,
        "Read": None,
        "x": None,
        "First try": "b1",
        "First answer": "b1",
        "Second try": None,
        "Second answer": None,
    }


@pytest.mark.parametrize(
    "words",
    [
        "<local-command-stdout>42</local-command-stdout>",
        "<system-reminder>Be brief.</system-reminder>",
        "Caveat: The messages below were generated by the user while running local commands.",
    ],
)
def test_words_of_the_program_on_a_users_line_are_not_the_users(tmp_path, words):
    trace = read_lines(tmp_path, line("user", "u1", None, words))
    assert outline(trace) == [("message", "system", words)]


def test_what_an_editor_adds_to_a_prompt_stays_beside_the_users_words(tmp_path):
    added = {"type": "text", "text": "<ide_opened_file>The user opened a.py</ide_opened_file>"}
    prompt = {"type": "text", "text": "Mend it."}
    trace = read_lines(tmp_path, line("user", "u1", None, [added, prompt]))
    assert outline(trace) == [("message", "user", "Mend it.")]
    assert trace.steps[0].data["added_by_program"] == [added]


def test_a_slash_command_reads_as_it_was_typed(tmp_path):
    markup = "<command-name>/review</command-name><command-args>the lock</command-args>"
    trace = read_lines(tmp_path, line("user", "u1", None, markup))
    assert outline(trace) == [("message", "user", "/review the lock")]
    assert trace.steps[0].data["command"] == markup


def test_a_prompt_that_waited_and_an_error_of_the_api_are_steps(tmp_path):
    waited = {"type": "queued_command", "prompt": "And the bell?", "commandMode": "prompt"}
    context = {"type": "edited_text_file", "filename": "bell.py"}
    failed = {"formatted": "529 overloaded", "status": 529}
    trace = read_lines(
        tmp_path,
        line("user", "u1", None, "Mend it."),
        line("attachment", "u2", "u1", attachment=waited),
        line("attachment", "u3", "u2", attachment=context),
        line("system", "u4", "u3", subtype="api_error", error=failed, retryAttempt=1),
        line("assistant", "u5", "u4", "API Error", isApiErrorMessage=True),
    )
    assert outline(trace) == [
        ("message", "user", "Mend it."),
        ("message", "user", "And the bell?"),
        ("attachment", "system", "[edited_text_file]"),
        ("error", "system", "529 overloaded"),
        ("error", "assistant", "API Error"),
    ]
    assert trace.steps[2].data["attachment"] == context


def test_an_odd_line_costs_a_field_and_no_more(tmp_path):
    odd = line("user", "u2", "u1", "And the bell?")
    odd["message"]["role"] = 7
    torn = line("assistant", "u3", "u2")
    torn["message"] = "torn"
    trace = read_lines(tmp_path, line("user", "u1", None, "Mend it."), odd, torn)
    assert outline(trace) == [("message", "user", "Mend it."), ("message", "user", "And the bell?")]
    assert trace.meta["other_lines"]["assistant"] == [{"message": "torn"}]


def test_a_long_session_is_read_whole(tmp_path):
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path)
    traces = read_traces(path)
    assert (traces.report.problems, traces.report.not_understood) == ((), ())
    [trace] = traces
    failed = [step.data["name"] for step in trace.steps if step.data.get("error")]
    assert len(trace.steps) > 50
    assert failed == ["Bash", "Grep", "Edit", "Bash"]
    assert [step.kind for step in trace.steps].count("compaction") == 2
    replies = [step for step in trace.steps if "usage" in step.data]
    assert len(replies) == 24  # 18 of the agent, 6 of the sub-agent


def test_a_sub_agents_file_beside_its_session_joins_it(tmp_path):
    beside = tmp_path / SESSION / "subagents" / "agent-a7f3.jsonl"
    beside.parent.mkdir(parents=True)
    beside.write_text("".join(json.dumps(line) + "\n" for line in sub_agent()))
    main = tmp_path / f"{SESSION}.jsonl"
    main.write_text("".join(json.dumps(line) + "\n" for line in session(sub_agent_beside=True)))
    [together] = read_traces(tmp_path)
    write_session(tmp_path / "one.jsonl")
    [alone] = read_traces(tmp_path / "one.jsonl")
    assert outline(together) == outline(alone)


def test_the_session_of_the_inputs_is_read_as_its_readme_says(data_dir):
    [trace] = read_traces(data_dir / "traces-in" / "claude_code_session.jsonl")
    assert (trace.id, len(trace.steps), trace.meta["summary"]) == ("sess-1", 5, "Fix the clock")
    row = traces_frame([trace]).iloc[0]
    assert (row["output_tokens"], row["input_tokens"], row["duration_s"]) == (14, 2220, 4.0)
