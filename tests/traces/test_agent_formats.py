"""The logs of agents: Codex, OpenHands, AG-UI, SWE-agent, tau2 and AutoGen."""

import json
import re
from pathlib import Path

import pytest

from toolkit.traces import Step, Trace, read_traces, traces_frame
from toolkit.traces.page import page_html
from toolkit.traces.trace import title

SAMPLES = Path(__file__).with_name("samples")


def sample(name: str) -> Trace:
    [trace] = read_traces(SAMPLES / name)
    return trace


def read_json(folder: Path, value: object) -> Trace:
    path = folder / "log.json"
    path.write_text(json.dumps(value))
    [trace] = read_traces(path)
    return trace


def outline(trace: Trace) -> list[tuple[str, str, str]]:
    return [(step.kind, step.actor, step.content) for step in trace.steps]


def outcomes(trace: Trace) -> list[tuple[str, bool | None, str]]:
    """Each call with whether it failed, and its answer."""
    answers = []
    for call in trace.calls:
        result = trace.result_of(call)
        answers.append((call.content, result.data["error"], result.content))
    return answers


def test_codex_takes_the_exit_code_and_the_seconds_of_a_call_from_its_event():
    trace = sample("codex.jsonl")
    assert outcomes(trace) == [
        ("exec_command", True, "no such file"),
        ("apply_patch", False, "Success."),
    ]
    durations = [trace.result_of(call).data["duration_s"] for call in trace.calls]
    assert durations == [1.5, 0.5]


def test_codex_counts_a_reply_once_and_says_each_thing_once():
    trace = sample("codex.jsonl")
    row = traces_frame([trace]).iloc[0]
    assert (row["input_tokens"], row["output_tokens"]) == (200, 20)
    used = [step.data["usage"]["output_tokens"] for step in trace.steps if "usage" in step.data]
    assert used == [9, 11]
    assert trace.text("assistant") == "It is mended."
    assert trace.text("user") == "Mend the lock.\n[image]"


def test_what_codex_puts_before_the_model_is_not_the_users():
    trace = sample("codex.jsonl")
    systems = [step.content for step in trace.steps if step.actor == "system"]
    assert systems[0] == "You mend things."
    assert systems[1].startswith("<environment_context>")
    assert [step.kind for step in trace.steps][-3:] == ["compaction", "message", "turn_aborted"]
    assert (trace.id, trace.meta["model"], trace.meta["cwd"]) == ("0199", "gpt-m", "/shop")


def test_a_codex_event_whose_words_are_in_no_item_is_read(tmp_path):
    lines = [
        {"type": "session_meta", "payload": {"id": "c"}},
        {"type": "event_msg", "payload": {"type": "user_message", "message": "Mend it."}},
        {"type": "event_msg", "payload": {"type": "agent_reasoning", "text": "How?"}},
        {"type": "event_msg", "payload": {"type": "error", "message": "No network."}},
    ]
    trace = read_json(tmp_path, lines)
    assert outline(trace) == [
        ("message", "user", "Mend it."),
        ("thinking", "assistant", "How?"),
        ("error", "system", "No network."),
    ]


def test_an_old_rollout_whose_items_stand_by_themselves_is_one_session(tmp_path):
    coat = {"output": "no such file", "metadata": {"exit_code": 2, "duration_seconds": 0.5}}
    words = {"type": "input_text", "text": "Mend it."}
    arguments = '{"command": ["ls"]}'
    lines = [
        {"id": "o1", "timestamp": "2025-06-01T09:00:00Z", "instructions": "Be brief.", "git": {}},
        {"record_type": "state"},
        {"type": "message", "id": None, "role": "user", "content": [words]},
        {"type": "function_call", "name": "shell", "arguments": arguments, "call_id": "c1"},
        {"type": "function_call_output", "call_id": "c1", "output": json.dumps(coat)},
    ]
    path = tmp_path / "rollout.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    [trace] = read_traces(path)
    assert trace.id == "o1"
    assert outline(trace)[:2] == [
        ("message", "system", "Be brief."),
        ("message", "user", "Mend it."),
    ]
    assert outcomes(trace) == [("shell", True, "no such file")]


def test_what_codex_exec_prints_is_read_by_its_items():
    trace = sample("codex-exec.jsonl")
    assert trace.steps[0].kind == "thinking"
    assert outcomes(trace) == [
        ("command_execution", True, "no such file"),
        ("find_lock", False, "In the shed."),
    ]
    assert trace.text("assistant") == "The lock is in the shed."
    row = traces_frame([trace]).iloc[0]
    assert (row["input_tokens"], row["outcome"], trace.id) == (240, "completed", "0199e")


def test_openhands_pairs_a_result_with_the_action_that_caused_it():
    trace = sample("openhands-events.json")
    assert outcomes(trace) == [("run", True, "no such file")]
    assert [step.kind for step in trace.steps] == [
        "message",
        "message",
        "thinking",
        "tool.call",
        "tool.result",
        "compaction",
        "message",
    ]
    row = traces_frame([trace]).iloc[0]
    assert (row["input_tokens"], row["output_tokens"], row["cost_usd"]) == (170, 14, 0.02)


def test_openhands_sdk_tells_failed_calls_and_those_that_no_tool_answers():
    trace = sample("openhands-events.sdk.jsonl")
    assert outcomes(trace) == [
        ("terminal", True, "no such file"),
        ("saw", True, "Tool 'saw' not found"),
    ]
    assert trace.text("user") == "Mend the lock.\n[image]"
    assert trace.meta["other_events"][0]["value"] == "finished"


def test_an_openhands_history_of_pairs_is_a_trace_under_the_id_of_its_task():
    trace = sample("openhands.json")
    assert trace.id == "lock-7"
    assert outcomes(trace) == [("run", True, "command timed out")]


def test_ag_ui_puts_pieces_together_and_keeps_the_state():
    trace = sample("ag-ui.jsonl")
    assert outline(trace) == [
        ("message", "user", "Weather?"),
        ("state", "system", '{"city": "Rome"}'),
        ("thinking", "assistant", "I ask the tool."),
        ("tool.call", "assistant", "getWeather"),
        ("tool.result", "tool", "20"),
        ("state", "system", '[{"op": "add", "path": "/degrees", "value": 20}]'),
        ("message", "assistant", "20 degrees."),
        ("error", "system", "The line broke."),
    ]
    [call] = trace.calls
    assert call.data["arguments"] == {"city": "Rome"}
    assert (trace.id, trace.meta["session"], trace.meta["outcome"]) == ("r1", "t1", "error")


def test_ag_ui_reads_each_run_of_a_file_and_a_snapshot_adds_what_is_new(tmp_path):
    hello = {"id": "m1", "role": "user", "content": "Hello"}
    events = [
        {"type": "RUN_STARTED", "threadId": "t", "runId": "r1"},
        {"type": "MESSAGES_SNAPSHOT", "messages": [hello]},
        {"type": "TEXT_MESSAGE_START", "messageId": "m2"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m2", "delta": "Hi."},
        {"type": "MESSAGES_SNAPSHOT", "messages": [hello, {"id": "m2", "role": "assistant"}]},
        {"type": "RUN_STARTED", "threadId": "t", "runId": "r2"},
        {"type": "TEXT_MESSAGE_CHUNK", "messageId": "m3", "delta": "Bye."},
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    traces = read_traces(path)
    assert [(trace.id, trace.text()) for trace in traces] == [
        ("r1", "Hello\n\nHi."),
        ("r2", "Bye."),
    ]


def test_swe_agent_reads_thoughts_actions_and_observations_after_the_prompts():
    trace = sample("swe-agent.traj")
    assert outcomes(trace) == [("open", True, "File lock.py not found"), ("submit", None, "")]
    assert trace.text("assistant") == "I open it.\n\nDone."
    stated = {name: trace.meta[name] for name in ("outcome", "cost_usd", "input_tokens")}
    assert stated == {"outcome": "submitted", "cost_usd": 0.3, "input_tokens": 900}


def test_a_command_in_the_words_of_mini_swe_agent_is_a_call():
    trace = sample("swe-agent.mini.json")
    [call] = trace.calls
    assert call.data["arguments"] == {"command": "ls"}
    assert trace.result_of(call).data["error"] is True
    row = traces_frame([trace]).iloc[0]
    assert (row["cost_usd"], row["outcome"], row["duration_s"]) == (0.04, "Submitted", 1.5)


def test_an_observation_of_mini_swe_agent_among_the_users_words_is_a_result(tmp_path):
    trace = read_json(
        tmp_path,
        {
            "info": {"exit_status": "Submitted", "model_stats": {"api_calls": 1}},
            "messages": [
                {"role": "user", "content": "Mend it."},
                {"role": "assistant", "content": "I look.", "extra": {"actions": ["ls"]}},
                {"role": "user", "content": "<returncode>0</returncode>\na.py"},
            ],
        },
    )
    assert outcomes(trace) == [("bash", False, "<returncode>0</returncode>\na.py")]
    assert trace.text("user") == "Mend it."


def test_tau2_counts_what_the_agent_used_and_keeps_scores_by_their_rater():
    trace = sample("tau2.jsonl")
    assert outcomes(trace) == [
        ("cancel", True, "Error: not found"),
        ("check_status", False, "offline"),
    ]
    assert [call.actor for call in trace.calls] == ["assistant", "user"]
    row = traces_frame([trace]).iloc[0]
    assert (row["input_tokens"], row["cost_usd"], row["outcome"]) == (50, 0.02, "user_stop")
    assert trace.meta["reward"] == 0.0
    kinds = [(score["name"], score["rater_kind"]) for score in trace.meta["scores"]]
    assert kinds == [("reward", "code"), ("It says that the order is gone.", "model")]


def test_autogen_names_who_speaks_whatever_role_the_log_gives():
    trace = sample("autogen.json")
    agents = [step.data.get("agent") for step in trace.steps]
    assert agents == ["user_proxy", "solver", None, "solver", "computer", "solver"]
    assert trace.text("user") == "Add 2 and 2."
    assert outcomes(trace) == [("add", None, "4")]
    assert trace.steps[4].data["error"] is True


def test_autogen_events_of_the_second_generation_are_one_conversation():
    trace = sample("autogen-messages.jsonl")
    assert outcomes(trace) == [("add", True, "b is missing")]
    assert [step.kind for step in trace.steps] == [
        "message",
        "thinking",
        "tool.call",
        "tool.result",
        "message",
        "stop",
    ]
    assert trace.steps[4].data["parts"][1]["type"] == "image"


def test_the_thread_of_a_team_is_read_from_its_manager():
    trace = sample("autogen.team.json")
    assert outline(trace) == [
        ("message", "user", "Add 2 and 2."),
        ("message", "assistant", "Four."),
    ]


def test_files_whose_records_name_no_trace_are_a_trace_each(tmp_path):
    for name in ("a", "b"):
        event = {"type": "TextMessage", "source": "user", "content": name}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(event) + "\n" + json.dumps(event))
    traces = read_traces(tmp_path)
    assert [(trace.id, len(trace.steps)) for trace in traces] == [("a-1", 2), ("b-1", 2)]


INPUTS = {
    "openhands_events.json": (
        [
            ("message", "user", "Fix it"),
            ("thinking", "assistant", "Look"),
            ("tool.call", "assistant", "run"),
            ("tool.result", "tool", "a.py"),
            ("message", "assistant", "Done"),
        ],
        {"duration_s": 3.0, "tool_errors": 0},
    ),
    "tau2_results.json": (
        [
            ("message", "assistant", "Hi! How can I help?"),
            ("message", "user", "Cancel order 5"),
            ("tool.call", "assistant", "cancel"),
            ("tool.result", "tool", "Error: not found"),
            ("message", "assistant", "I cannot find it."),
        ],
        {"cost_usd": 0.02, "duration_s": 60, "outcome": "user_stop", "tool_errors": 1},
    ),
    "agui_events.jsonl": ([("message", "assistant", "Hello")], {"id": "r"}),
    "agui_messages.json": (
        [
            ("message", "user", "Weather?"),
            ("tool.call", "assistant", "getWeather"),
            ("tool.result", "tool", "20"),
            ("message", "assistant", "20 degrees."),
        ],
        {"id": "t1"},
    ),
    "autogen_v02.jsonl": ([("message", "user", "Solve"), ("message", "assistant", "4")], {}),
}


@pytest.mark.parametrize("name", INPUTS)
def test_the_inputs_are_read_as_their_readme_says(data_dir, name):
    [trace] = read_traces(data_dir / "traces-in" / name)
    steps, row = INPUTS[name]
    assert outline(trace) == steps
    columns = traces_frame([trace]).iloc[0]
    assert {field: columns[field] for field in row} == row


def test_the_failing_steps_of_who_and_when_are_kept_as_labels_of_people(data_dir):
    traces = read_traces(data_dir / "steps" / "who-and-when" / "machine-made.jsonl")
    assert len(traces) == 126
    n_other_agents = 0
    for trace in traces:
        [mistake] = trace.meta["scores"]
        [step] = [step for step in trace.steps if step.id == mistake["step"]]
        n_other_agents += step.data["agent"] != mistake["value"]
        assert mistake["rater_kind"] == "human"
    assert n_other_agents == 3  # so it stands in the data


def test_a_failed_run_of_who_and_when_is_named_by_its_task_and_points_to_the_mistake(tmp_path):
    messages = [
        {"name": "Planner", "role": "assistant", "content": ""},
        {"name": "Coder", "role": "user", "content": "It is 7."},
        {"name": "Planner", "role": "assistant", "content": "Agreed."},
    ]
    record = {
        "question": "How many bikes?",
        "question_ID": "q-1",
        "is_correct": False,
        "history": messages,
        "mistake_step": "1",
        "mistake_agent": "Coder",
        "mistake_reason": "It never counted.",
    }
    trace = read_json(tmp_path, record)
    assert title(trace) == "How many bikes?"
    assert "question" not in trace.meta
    [mistake] = trace.meta["scores"]
    assert {step.id: step.content for step in trace.steps}[mistake["step"]] == "It is 7."
    head = page_html(trace).split('class="bar"')[0]
    [box] = re.findall('<div class="wrong failed">.*?It never counted', head)
    assert "The mistake, as its source names it: step" in box
    assert "Coder" in box
    assert head.split("more of the record")[0].count("It never counted") == 1


def test_a_mistake_on_a_result_is_named_and_marked_where_its_call_stands():
    steps = [
        Step("s1", "message", "user", "How many bikes?"),
        Step("s2", "tool.call", "assistant", "count", data={"call_id": "c1"}),
        Step("s3", "tool.result", "tool", "7", data={"call_id": "c1"}),
    ]
    mistake = {"name": "mistake", "value": "count", "step": "s3", "comment": "It never counted."}
    page = page_html(Trace("t", tuple(steps), {"scores": [mistake]}), anchors="t0")
    head, body = page.split('<div class="steps">')
    [box] = re.findall('<div class="wrong failed">.*?It never counted', head)
    assert '<a href="#t0-2">2</a>' in box
    [tick] = re.findall('<a [^>]*class="tick [^"]*failed[^>]*>', head)
    assert "the mistake, as its source names it" in tick
    assert 'href="#t0-2" class="next-error"' in head
    assert re.findall('class="step ([^"]*mistake)" id="(.+?)"', body) == [("tool mistake", "t0-2")]


def test_a_message_that_failed_is_called_by_who_wrote_it():
    failed = Step("s1", "message", "user", "exit code 1", data={"error": True, "agent": "Terminal"})
    page = page_html(Trace("t", (failed,)))
    assert "<bdi><code>message of user</code></bdi> failed at step" in page
