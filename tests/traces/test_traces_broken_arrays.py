"""Broken text in the middle of one JSON array costs the broken records, and nothing else."""

import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.traces import SkippedRecords, read_traces


def record(n: int) -> dict:
    call = {"id": f"c{n}", "function": {"name": "find", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": f'say "{{" or [ {n}'},
        {"role": "assistant", "tool_calls": [call, {**call, "id": f"d{n}"}]},
    ]
    return {"id": f"t{n}", "messages": messages, "tags": [{"id": "x"}, {"id": "y"}]}


DAMAGES = {
    "no comma inside": lambda text: text.replace('"messages"', '"a" "messages"', 1),
    "no closing brace": lambda text: text.rstrip()[:-1],
    "a quote lost": lambda text: text.replace('"user"', '"user', 1),
    "a brace too many": lambda text: text.rstrip() + "}",
    "a bracket too many": lambda text: text.rstrip()[:-1] + "]}",
    "an inner value gone": lambda text: text.replace('"find"', "", 1),
    "null": lambda text: "null",
    "text": lambda text: '"a text"',
    "messages of a wrong type": lambda text: '{"id": "odd", "messages": 7}',
    "no messages": lambda text: '{"id": "odd", "note": "none"}',
}


def pieces(count: int, indent: int | None) -> list[str]:
    return [json.dumps(record(n), indent=indent) for n in range(count)]


def array(texts: list[str], pretty: bool) -> str:
    if not pretty:
        return "[" + ", ".join(texts) + "]"
    return (
        "[\n"
        + ",\n".join("\n".join("  " + line for line in text.split("\n")) for text in texts)
        + "\n]\n"
    )


@pytest.mark.parametrize("pretty", [False, True], ids=["one line", "pretty"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("places", [[4, 5, 6], [1, 4, 8], [0], [9]], ids=str)
def test_broken_records_are_the_only_ones_lost(tmp_path, pretty, damage, places):
    texts = pieces(10, 2 if pretty else None)
    for place in places:
        texts[place] = damage(texts[place])
    path = tmp_path / "array.json"
    path.write_text(array(texts, pretty))
    with pytest.warns(SkippedRecords):
        traces = read_traces(path)
    assert [trace.id for trace in traces] == [f"t{n}" for n in range(10) if n not in places]
    assert [problem.record for problem in traces.report.problems] == [place + 1 for place in places]


@pytest.mark.parametrize("pretty", [False, True], ids=["one line", "pretty"])
def test_a_file_cut_short_keeps_what_came_before(tmp_path, pretty):
    text = array(pieces(5, 2 if pretty else None), pretty)
    path = tmp_path / "cut.json"
    start = text.index('"t3"')
    path.write_text(text[: start + 40])
    with pytest.warns(SkippedRecords):
        traces = read_traces(path)
    assert [trace.id for trace in traces] == ["t0", "t1", "t2"]
    assert [(p.record, p.id) for p in traces.report.problems] == [(4, "t3")]
    path.write_text(text.rstrip().removesuffix("]"))
    with pytest.warns(SkippedRecords, match="cut short"):
        assert len(read_traces(path)) == 5


def test_bytes_that_are_no_text_are_their_record_s_problem(tmp_path):
    path = tmp_path / "bytes.json"
    path.write_bytes(array(pieces(4, None), False).encode().replace(b"[ 2", b"\xff"))
    with pytest.warns(SkippedRecords, match="UTF-8"):
        traces = read_traces(path)
    assert [trace.id for trace in traces] == ["t0", "t1", "t3"]
    assert traces.report.problems[0].id == "t2"


@given(
    at=st.integers(2, 1200),
    junk=st.sampled_from(['"', "{", "}", "[", "]", ",", ":", "\\", "x", "\n"]),
    cut=st.integers(0, 3),
)
def test_one_bad_spot_costs_at_most_the_record_it_is_in(tmp_path_factory, at, junk, cut):
    texts = pieces(5, None)
    starts, position = [], 1
    for text in texts:
        starts.append((position, position + len(text)))
        position += len(text) + 2
    text = array(texts, False)
    path = tmp_path_factory.mktemp("spot") / "spot.json"
    path.write_text(text[:at] + junk + text[at + cut :])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkippedRecords)
        ids = {trace.id for trace in read_traces(path)}
    touched = {
        f"t{n}"
        for n, (start, end) in enumerate(starts)
        if start - 2 <= at <= end + 2 or start <= at + cut <= end
    }
    assert ids >= {f"t{n}" for n in range(5)} - touched
