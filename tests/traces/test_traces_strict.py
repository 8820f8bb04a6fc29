"""What a hostile or an odd value must not do: end the reading, hang it, or go without a word."""

import json
from pathlib import Path
from typing import Any

import pandas
import pytest

from tests.opcodes import counted
from toolkit.render import markdown, tag
from toolkit.traces import Step, Trace, Traces, read_traces, traces_frame
from toolkit.traces.audit import passed_over, values_of
from toolkit.traces.decode import decode_at
from toolkit.traces.formats.claude_lines import typed_command
from toolkit.traces.formats.inspect_events import referred
from toolkit.traces.ids import Taken
from toolkit.traces.line import overlap
from toolkit.traces.page import trace_html
from toolkit.traces.times import epoch_s
from toolkit.traces.viewer import viewer

HUGE = 10**400
Json = dict[str, Any]


def attribute(name: str, value: Any) -> Json:
    kind = "stringValue" if isinstance(value, str) else "intValue"
    return {"key": name, "value": {kind: str(value)}}


def span(number: int, attributes: Json, parent: str = "", **more: Any) -> Json:
    start = 1_700_000_000_000_000_000 + number * 10**9
    return {
        "traceId": "t",
        "spanId": f"{number:04x}",
        "parentSpanId": parent,
        "name": f"span {number}",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 5 * 10**8),
        "attributes": [attribute(name, value) for name, value in attributes.items()],
        **more,
    }


def call(
    number: int, asked: list[Json], answered: list[Json], more: Json, parent: str = ""
) -> Json:
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps(answered),
    }
    return span(number, said | more, parent)


def read_spans(tmp_path: Path, spans: list[Json]) -> Traces:
    path = tmp_path / "spans.json"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}))
    return read_traces(path)


def read_lines(tmp_path: Path, lines: list[Json]) -> Traces:
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return read_traces(path)


def test_a_picture_whose_address_begins_in_capitals_is_a_link_and_no_crash() -> None:
    html = markdown("![tram](HTTPS://a.b/c.png)")
    assert 'href="HTTPS://a.b/c.png"' in html
    assert tag("a", "tram", href="Mailto:a@b.c")


def test_a_link_in_capitals_that_runs_something_is_none() -> None:
    with pytest.raises(ValueError, match="no link"):
        tag("a", "tram", href="JavaScript:alert(1)")


@pytest.mark.parametrize(
    "read",
    [
        lambda: epoch_s("2024-01-01 00:00" + " " * 200_000 + "x"),
        lambda: typed_command("<command-name>" * 100_000),
        lambda: decode_at("[" * 20_000 + '"' + '\\"' * 100_000, 0).value,
    ],
    ids=["time", "command", "open text"],
)
@pytest.mark.timeout(
    60
)  # no instruction is counted inside a pattern; one gone astray takes minutes
def test_no_pattern_goes_astray_in_a_long_text(read: Any) -> None:
    assert read() is None


def test_words_that_come_again_and_again_are_compared_in_one_pass() -> None:
    costs = []
    for n in (500, 2000):
        with counted() as opcodes:
            assert overlap([1] * n + [2], [1] * n) == 0
        costs.append(opcodes.count)
    assert costs[1] < 1.1 * 4 * costs[0]


def test_the_thousandth_record_of_one_id_costs_no_more_than_the_first() -> None:
    costs = []
    for n in (1000, 4000):
        taken = Taken()
        with counted() as opcodes:
            names = [taken.unused("a") for _ in range(n)]
        costs.append(opcodes.count)
        assert names[:3] == ["a", "a-2", "a-3"]
        assert names[-1] == f"a-{n}"
    assert costs[1] < 1.1 * 4 * costs[0]


def test_a_suffix_that_a_record_has_itself_is_passed_over() -> None:
    taken = Taken()
    assert [taken.unused(name) for name in ("a-2", "a", "a", "a")] == ["a-2", "a", "a-3", "a-4"]


@pytest.mark.parametrize(
    ("known", "keys", "n"),
    [([1, 2, 3], [2, 3, 4], 2), ([1, 1, 2], [1, 2, 5], 2), ([1, 2], [3], 0), ([1], [1, 1], 1)],
)
def test_a_history_that_was_cut_off_goes_on_where_it_overlaps(
    known: list[int], keys: list[int], n: int
) -> None:
    assert overlap(known, keys) == n


@pytest.mark.parametrize("field", ["call_id", "unread", "not_finite"])
@pytest.mark.parametrize("value", [[1], {"a": 1}, 5, "words"], ids=str)
def test_a_trace_of_ours_with_an_odd_field_is_read_with_it(
    tmp_path: Path, field: str, value: Any
) -> None:
    steps = [
        {"id": "s1", "kind": "tool.call", "actor": "assistant", "content": "clock"},
        {"id": "s2", "kind": "tool.result", "actor": "tool", "content": "noon"},
    ]
    for step in steps:
        step["data"] = {field: value}  # type: ignore[assignment]
    (trace,) = read_lines(tmp_path, [{"id": "a", "steps": steps}])
    assert [step.data[field] for step in trace.steps] == [value, value]


@pytest.mark.parametrize("reward", [HUGE, float("nan"), float("inf")], ids=str)
def test_a_reward_that_is_no_number_breaks_neither_the_page_nor_the_list(reward: float) -> None:
    trace = Trace("a", (), {"reward": reward})
    assert "reward" not in trace_html(trace).partition("more of the record")[0]
    assert '"reward": [null, null]' in viewer([trace, trace], "two").html


@pytest.mark.parametrize(
    "data",
    [
        {"duration_s": HUGE},
        {"usage": {"input_tokens": HUGE, "output_tokens": 1}},
        {"usage": {"cost_usd": HUGE}},
    ],
    ids=["duration", "tokens", "cost"],
)
def test_a_number_without_end_in_a_step_leaves_its_page(data: Json) -> None:
    step = Step("s1", "tool.call", "assistant", "clock", None, data | {"name": "clock"})
    assert "clock" in trace_html(Trace("a", (step,)))


def test_moments_too_far_apart_are_no_duration() -> None:
    first = Step("s1", "message", "user", "hi", -1e308)
    last = Step("s2", "message", "user", "hi", 1e308)
    trace = Trace("a", (first, last))
    assert "hi" in trace_html(trace)
    assert "Infinity" not in viewer([trace, trace], "two").html.partition("rows-data")[2][:2000]


def test_what_only_the_wrapper_of_a_call_counted_is_counted_once(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "Is a bike free?"}]
    answered = [{"role": "assistant", "content": "Two are."}]
    counts = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    model = {"gen_ai.request.model": "m"}
    alone = read_spans(
        tmp_path, [call(0, asked, answered, counts | model), call(1, asked, answered, {}, "0000")]
    )
    row = traces_frame(alone).iloc[0]
    assert (row["input_tokens"], row["output_tokens"], row["model"]) == (10, 5, "m")
    both = read_spans(
        tmp_path, [call(0, asked, answered, counts), call(1, asked, answered, counts, "0000")]
    )
    assert traces_frame(both)["input_tokens"].tolist() == [10]
    assert {"input_tokens": 10, "output_tokens": 5} in [
        kept.get("usage") for kept in both[0].meta["spans"]
    ]


def test_a_message_keeps_its_own_id_whatever_letter_it_begins_with(tmp_path: Path) -> None:
    asked = [{"role": "user", "id": "srv_1", "content": "Is a bike free?"}]
    answered = [{"role": "assistant", "id": "msg_1", "content": "Two are."}]
    (trace,) = read_spans(tmp_path, [call(0, asked, answered, {})])
    assert [step.id for step in trace.steps] == ["srv_1", "msg_1"]


def test_why_a_tool_failed_stays_where_the_model_was_told_something_else(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "What time is it?"}]
    called = {"id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    wants = {"role": "assistant", "content": None, "tool_calls": [called]}
    told = {"role": "tool", "tool_call_id": "c1", "content": "Sorry."}
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "clock"}
    tool |= {"gen_ai.tool.call.id": "c1", "gen_ai.tool.call.result": "none"}
    failed = span(1, tool, status={"code": 2, "message": "timeout after 30 s"})
    answer = [{"role": "assistant", "content": "I cannot tell."}]
    spans = [call(0, asked, [wants], {}), failed, call(2, [*asked, wants, told], answer, {})]
    (trace,) = read_spans(tmp_path, spans)
    (result,) = [step for step in trace.steps if step.kind == "tool.result"]
    assert (result.data["error"], result.data["why"]) == (True, "timeout after 30 s")


def test_one_odd_uuid_costs_a_session_no_line(tmp_path: Path) -> None:
    lines: list[Json] = []
    for uuid, words in ({"a": 1}, "Is a bike free?"), ("u2", "And a tram?"):
        message = {"role": "user", "content": words}
        lines.append({"type": "user", "sessionId": "s", "uuid": uuid, "message": message})
    (trace,) = read_lines(tmp_path, lines)
    assert [step.content for step in trace.steps] == ["Is a bike free?", "And a tram?"]


def test_an_index_of_thousands_of_digits_costs_no_trace(tmp_path: Path) -> None:
    attributes = {
        "openinference.span.kind": "LLM",
        "input.value": "Is a bike free?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Two are.",
        f"llm.output_messages.{'9' * 5000}.message.content": "None is.",
    }
    traces = read_spans(tmp_path, [span(0, attributes)])
    assert not traces.report.problems


@pytest.mark.parametrize("odd", [{"a": 1}, [1]], ids=str)
def test_one_odd_id_costs_a_run_no_other_event(tmp_path: Path, odd: Any) -> None:
    said = {"type": "TEXT_MESSAGE_CONTENT", "delta": "Two are free."}
    events: list[Json] = [
        {"type": "RUN_STARTED", "threadId": "t", "runId": "r"},
        {"type": "TEXT_MESSAGE_START", "messageId": "m1", "role": "assistant"},
        said | {"messageId": "m1"},
        said | {"messageId": odd},
        {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"},
    ]
    (trace,) = read_lines(tmp_path, events)
    assert trace.text("assistant").count("Two are free.") == 2


@pytest.mark.parametrize("odd", [{"a": 1}, [1]], ids=str)
def test_one_odd_kind_costs_a_conversation_no_other_event(tmp_path: Path, odd: Any) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "Is a bike free?"}]}
    asked = {"id": "e1", "kind": "MessageEvent", "source": "user", "llm_message": message}
    traces = read_lines(tmp_path, [asked, {"id": "e2", "kind": odd, "source": "user"}])
    assert traces[0].text("user") == "Is a bike free?"
    assert len(traces.report.problems) <= 1


def test_a_cell_with_half_a_letter_or_no_number_can_be_shown_and_written(tmp_path: Path) -> None:
    half = r'[{"role": "user", "content": "a\ud800b", "score": NaN}]'
    path = tmp_path / "rows.csv"
    quoted = half.replace('"', '""')
    path.write_text(f'id,input,output\n1,"{quoted}",yes\n')
    (trace,) = read_traces(path)
    assert trace.steps[0].content == "a\ufffdb"
    assert trace.steps[0].data.get("score") is None


def test_an_answer_with_half_a_letter_can_be_shown() -> None:
    data = {"call_id": "c", "name": "clock"}
    words = r'{"time": "\ud800", "words": "' + "long enough " * 9 + '"}'
    asked = Step("s1", "tool.call", "assistant", "clock", None, data)
    answer = Step("s2", "tool.result", "tool", words, None, data)
    assert trace_html(Trace("a", (asked, answer))).encode()


def test_what_the_simulated_user_cost_is_not_the_agents(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "Is a bike free?", "cost": 7.0, "usage": None},
        {"role": "assistant", "content": "Two are.", "cost": 0.5, "usage": {"prompt_tokens": 3}},
    ]
    record = {"id": "a", "task_id": "1", "termination_reason": "user_stop", "messages": messages}
    assert traces_frame(read_lines(tmp_path, [record]))["cost_usd"].tolist() == [0.5]


def test_of_two_columns_of_one_name_neither_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,input,output,output\n1,Is a bike free?,Two are.,None is.\n")
    (from_file,) = read_traces(path)
    frame = pandas.DataFrame([["1", "Is a bike free?", "Two are.", "None is."]])
    frame.columns = ["id", "input", "output", "output"]
    (from_frame,) = read_traces(frame)
    for trace in (from_file, from_frame):
        assert trace.text("assistant") == "Two are."
        assert trace.meta["output-2"] == "None is."


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("status", "remark"), "slow but fine"),
        (("status", "notes"), {"by": ["a slow disk"]}),
        (("kind",), "a kind that nobody has heard of"),
    ],
    ids=str,
)
def test_what_stands_under_the_name_of_a_state_or_a_kind_is_not_lost_without_a_word(
    tmp_path: Path, place: tuple[str, ...], value: Any
) -> None:
    asked = [{"role": "user", "content": "Is a bike free?"}]
    (sent,) = [call(0, asked, [{"role": "assistant", "content": "Two are."}], {})]
    holder = sent.setdefault(place[0], {}) if len(place) > 1 else sent
    holder[place[-1]] = value
    traces = read_spans(tmp_path, [sent])
    kept = json.dumps(traces[0].meta)
    named = str(traces.report)
    assert json.dumps(value) in kept or place[-1] in named


def test_a_sentence_in_a_state_that_a_form_drops_is_named() -> None:
    record = {"status": "down for the night", "state": {"note": "until six in the morning"}}
    kept = values_of([Trace("a", ())])
    dropped = set(passed_over([record], kept, frozenset()))
    assert dropped == {"status", "state.note"}


def test_a_word_that_became_an_actor_or_a_time_is_not_named_as_lost() -> None:
    record = {"role": "human", "status": "ok", "date": "Mon, 05 Jan 2026 09:00:00 GMT"}
    record |= {"usage": {"prompt_tokens": 3}}  # type: ignore[dict-item]
    kept = values_of([Trace("a", ())])
    assert not set(passed_over([record], kept, frozenset()))


def test_ranges_of_a_pool_make_no_more_messages_than_it_has() -> None:
    pool = [{"role": "user", "content": "hi"}] * 1000
    assert len(referred(pool, [[0, 1000]] * 100_000)) == 1000
    assert referred(pool, [[0, 2], [5, 6]]) == [*pool[:2], pool[5]]


def test_one_odd_id_of_a_message_costs_a_sample_no_other(tmp_path: Path) -> None:
    log = json.loads((Path(__file__).parent / "samples" / "inspect.json").read_text())
    for sample in log["samples"]:
        sample["messages"][0]["id"] = ["odd"]
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    traces = read_traces(path)
    assert not traces.report.problems
    assert len(traces) == len(log["samples"])
