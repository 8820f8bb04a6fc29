"""What is nested too deeply costs its place in a record, and no more."""

import json

import pytest

from toolkit.traces import SkippedRecords, read_traces, write_traces
from toolkit.traces.decode import CUT, MOST_LEVELS, TooDeep, decode_at, shallow

FIRST = {"id": "first", "messages": [{"role": "user", "content": "hi"}]}
LAST = {"id": "last", "messages": [{"role": "user", "content": "ho"}]}


def nested(levels: int) -> str:
    return "[" * levels + '"]{"' + "]" * levels


def chat(arguments: str) -> str:
    call = f'{{"id": "c", "name": "find", "args": {arguments}}}'
    return f'{{"id": "deep", "messages": [{{"role": "assistant", "tool_calls": [{call}]}}]}}'


@pytest.mark.parametrize("levels", [90, 150, 400, 900, 3000])
def test_deep_arguments_cost_their_depth_and_the_trace_is_read_and_written(tmp_path, levels):
    path = tmp_path / "deep.jsonl"
    written = chat(f'{{"near": 1, "deep": {nested(levels)}, "after": 2}}')
    path.write_text(f"{json.dumps(FIRST)}\n{written}\n{json.dumps(LAST)}\n")
    traces = read_traces(path)
    assert [trace.id for trace in traces] == ["first", "deep", "last"]
    arguments = traces[1].calls[0].data["arguments"]
    assert (arguments["near"], arguments["after"]) == (1, 2)
    is_cut = CUT in json.dumps(arguments)
    assert is_cut == (levels > 150)
    assert is_cut == ("nested too deeply" in str(traces.report.warnings))
    write_traces(tmp_path / "out.jsonl", traces)
    assert list(read_traces(tmp_path / "out.jsonl")) == list(traces)


@pytest.mark.parametrize("levels", [400, 3000])
def test_deep_arguments_in_a_text_stay_text(tmp_path, levels):
    path = tmp_path / "deep.jsonl"
    written = f'{{"deep": {nested(levels)}}}'
    path.write_text(chat(json.dumps(written)))
    [trace] = read_traces(path)
    assert trace.calls[0].data["arguments"] == written


def test_what_was_made_to_break_a_reader_costs_its_record(tmp_path):
    path = tmp_path / "deep.jsonl"
    path.write_text(f"{json.dumps(FIRST)}\n{chat(nested(100_000))}\n{json.dumps(LAST)}\n")
    with pytest.warns(SkippedRecords, match="nested too deeply"):
        traces = read_traces(path)
    assert [trace.id for trace in traces] == ["first", "last"]


def test_what_is_open_at_the_end_is_one_clear_error(tmp_path):
    path = tmp_path / "deep.jsonl"
    path.write_text(f"{json.dumps(FIRST)}\n" + '{"id": "open", "messages": ' + "[" * 10_000)
    with pytest.warns(SkippedRecords, match="1 of 2"):
        traces = read_traces(path)
    assert [problem.why for problem in traces.report.problems] == ["nested too deeply"]


def test_a_value_is_cut_at_the_same_level_in_a_text_and_in_memory():
    text = f'{{"a": {nested(MOST_LEVELS)}, "b": [{{}}]}}'
    value, n_cut = shallow(json.loads(text))
    assert n_cut == 1
    assert value["b"] == [{}]
    decoded = decode_at(chat(nested(3000)) + " rest", 0)
    assert decoded.n_cut == 1
    assert shallow(decoded.value) == (decoded.value, 0)
    assert str(TooDeep()) == "record: nested too deeply"
