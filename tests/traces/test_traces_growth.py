"""Four times as much of a form costs four times as much to read, however its parts hang together.

What is counted are instructions, so that a busy machine makes no difference.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.opcodes import counted
from toolkit.traces import read_traces
from toolkit.traces.formats.otlp import FORMAT as OTLP
from toolkit.traces.formats.span_rows import OPERATION
from toolkit.traces.pieces import append, joined
from toolkit.traces.relaxed import proper_json

Json = dict[str, Any]
START_NS = 1_764_410_400_000_000_000
N = 25
"""Of what there is few; where it is quadratic with a small factor, it takes more to show."""


def said(words: str) -> Json:
    return {"role": "user", "parts": [{"type": "text", "content": words}]}


def span(number: int, parent: str = "", operation: str = "chat", *asked: str, **more: str) -> Json:
    attributes = {"gen_ai.operation.name": operation, "gen_ai.request.model": "m", **more}
    if operation == "chat":
        history = [said(words) for words in asked or (f"Rate {number}.",)]
        answer = {**said(f"It is {number}."), "role": "assistant"}
        attributes["gen_ai.input.messages"] = json.dumps(history)
        attributes["gen_ai.output.messages"] = json.dumps([answer])
    return {
        "traceId": "t",
        "spanId": f"s{number}",
        "parentSpanId": parent,
        "name": f"span {number}",
        "startTimeUnixNano": str(START_NS + number * 10**9),
        "endTimeUnixNano": str(START_NS + (number + 1) * 10**9),
        "attributes": [
            {"key": key, "value": {"stringValue": text}} for key, text in attributes.items()
        ],
    }


def spans(*listed: Json) -> list[Json]:
    return [{"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": list(listed)}]}]}]


def agents_in_agents(n: int) -> list[Json]:
    chain = [span(k, f"s{k - 1}" if k else "", "invoke_agent") for k in range(n)]
    return spans(*chain, span(n, f"s{n - 1}"))


def lost_parents(n: int) -> list[Json]:
    return spans(*(span(k, f"gone{k}") for k in range(n)))


def cut_histories(n: int) -> list[Json]:
    questions = [f"Question {k}." for k in range(n)]
    return spans(*(span(k, "", "chat", "Go.", *questions[max(0, k - 3) : k + 1]) for k in range(n)))


def same_question(n: int) -> list[Json]:
    return spans(*(span(k, "", "chat", "Go on.") for k in range(n)))


def tool_runs(n: int) -> list[Json]:
    named = {"gen_ai.tool.name": "find", "gen_ai.tool.call.result": "two"}
    return spans(span(0), *(span(k, "s0", "execute_tool", **named) for k in range(1, n)))


def runs_in_runs(n: int) -> list[Json]:
    runs = []
    for k in range(n):
        run = {"id": f"r{k}", "trace_id": "t", "parent_run_id": f"r{k - 1}" if k else None}
        run |= {"name": "x", "run_type": "chain" if k < n - 1 else "llm"}
        run |= {"start_time": "2026-11-29T10:00:00Z", "end_time": "2026-11-29T10:00:01Z"}
        run |= {"inputs": {"messages": [{"role": "user", "content": f"Rate {k}."}]}}
        runs.append(run | {"outputs": {"content": "It is."}})
    return runs


def session_lines(n: int, parent: Callable[[int], str | None], **more: Any) -> list[Json]:
    lines = []
    for k in range(n):
        line = {"uuid": f"u{k}", "parentUuid": parent(k), "sessionId": "s", "type": "user", **more}
        line |= {"timestamp": "2026-11-29T10:00:00Z"}
        lines.append(line | {"message": {"role": "user", "content": f"Rate {k}."}})
    return lines


def forks(n: int) -> list[Json]:
    return session_lines(n, lambda k: "u0" if k else None)


def lines_without_parents(n: int) -> list[Json]:
    return session_lines(n, lambda k: f"gone{k}", isSidechain=True)


def one_id_for_all_calls(n: int) -> list[Json]:
    function = {"name": "find", "arguments": "{}"}
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": function}]}
    answer = {"role": "tool", "tool_call_id": "c", "content": "two"}
    return [{"id": "a", "messages": [call, answer] * n}]


def fields_that_are_lost(n: int) -> list[Json]:
    lost = [{"usage": {f"key{k}": f"a value of which nothing is left {k}"}} for k in range(n)]
    messages = [{"role": "user", "content": f"Rate {k}.", f"field{k}": k} for k in range(n)]
    return [{"id": "a", "messages": messages, "lost": lost}]


@pytest.mark.parametrize(
    ("shape", "n_few"),
    [
        (agents_in_agents, 2 * N),
        (runs_in_runs, 2 * N),
        (lost_parents, N),
        (cut_histories, N),
        (same_question, N),
        (tool_runs, N),
        (forks, 2 * N),
        (lines_without_parents, 2 * N),
        (one_id_for_all_calls, 2 * N),
        (fields_that_are_lost, 2 * N),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_four_times_as_much_of_a_form_costs_four_times_as_much(
    tmp_path: Path, shape: Callable[[int], list[Json]], n_few: int
) -> None:
    costs = []
    for n in (n_few, 4 * n_few):
        path = tmp_path / f"{n}.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in shape(n)))
        with counted() as opcodes:
            (trace,) = read_traces(path)
        costs.append(opcodes.count)
        assert trace.steps
    assert costs[1] < 1.1 * 4 * costs[0]


def test_files_whose_lines_name_no_session_are_each_looked_at_once(tmp_path: Path) -> None:
    costs = []
    for n in (2 * N, 8 * N):
        folder = tmp_path / str(n)
        folder.mkdir()
        for k in range(n):
            (line,) = session_lines(1, lambda _: None)
            del line["sessionId"]
            (folder / f"{k:03}.jsonl").write_text(json.dumps(line))
        paths = sorted(folder.iterdir())
        with counted() as opcodes:
            assert len(read_traces(paths)) == n
        costs.append(opcodes.count)
    assert costs[1] < 1.1 * 4 * costs[0]


class Compared(dict[str, Any]):
    """An object whose comparisons are counted, as those of Python's own objects are not."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return dict.__eq__(self, other)


def parts_of_machines(n: int) -> Iterator[Json]:
    for k in range(n):
        around = {"document": {}, "resource": Compared(pod=f"pod-{k}"), "scope": {}}
        yield {"resourceSpans": around, "span": span(k, "", "invoke_agent")}


def test_spans_from_many_machines_are_not_compared_with_one_another() -> None:
    costs = []
    for n in (4 * N, 16 * N):
        record = {"records": list(parts_of_machines(n))}
        with counted() as opcodes:
            trace = OTLP.read(record, "t")
        costs.append(opcodes.count)
        assert len(trace.meta["resource"]) == n  # type: ignore[union-attr]
    assert costs[1] < 1.1 * 4 * costs[0]


MANY = 1_000_000
"""So many are looked through at once, and not until the day after, where each costs all others."""


@pytest.mark.parametrize(
    "broken", [b'["' + b'\\"' * MANY, b"[" + b"/* " * MANY], ids=["text", "comment"]
)
def test_json_that_is_cut_off_in_a_text_or_a_comment_is_looked_through_once(broken: bytes) -> None:
    assert proper_json(broken) == broken


def test_the_name_of_an_operation_is_looked_through_once() -> None:
    assert OPERATION.fullmatch("weave:///" + "/op/a" * MANY + ":\n") is None


def test_a_piece_of_a_text_is_not_joined_to_those_before_it_each_time() -> None:
    fields: Json = {"text": ""}
    for _ in range(MANY):
        append(fields, "text", "a piece ")
    assert len(joined(fields)["text"]) == MANY * len("a piece ")
