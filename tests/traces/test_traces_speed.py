"""What keeps the reading of a large file quick, counted in instructions, and what that may not
cost: a form, a loss or an object that is not met any more.
"""

import gc
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.bench.reading import chat_lines, otlp_lines
from tests.opcodes import counted
from toolkit.traces import read_traces
from toolkit.traces.audit import passed_over, values_in
from toolkit.traces.formats import known_formats
from toolkit.traces.formats.form import PARTS, names_in
from toolkit.traces.garbage import uncollected_garbage
from toolkit.traces.places import CONVERTED, MOST_PLACES, places_of
from toolkit.traces.recognise import Recogniser, fits
from toolkit.traces.scan import scan

Json = dict[str, Any]
SAMPLES = sorted(Path(__file__).with_name("samples").glob("*.json*"))
SIGNED = [form for form in known_formats().values() if form.signs is not None]
MESSAGES: list[Any] = [
    {"role": "user", "content": "Is a bike free?"},
    {"role": "user", "content": [{"type": "text", "text": "Is a bike free?"}]},
    {"role": "user", "content": [{"type": "input_text", "text": "Is a bike free?"}]},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "find"}]},
    {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c"}]},
    {"role": "user", "parts": [{"text": "Is a bike free?"}]},
    {"role": "user", "parts": [{"type": "text", "text": "Is a bike free?"}]},
    {"role": "assistant", "content": "", "toolInvocations": []},
    {"type": "human", "content": "Is a bike free?"},
    {"type": "function_call", "name": "find", "call_id": "c"},
    {"source": "user", "type": "TextMessage", "content": "Is a bike free?"},
    [{"type": "human", "content": "Is a bike free?"}],
    '{"role": "user", "content": "Is a bike free?"}',
]
BESIDE: list[Json] = [
    {},
    {"system": "Be brief."},
    {"object": "response"},
    {"finishReason": "stop", "response": {"messages": [{"role": "assistant", "content": "Two."}]}},
    {"contents": [{"parts": [{"text": "Is a bike free?"}]}]},
    {"candidates": []},
    {"request": {"messages": []}},
    {"body": {"input": "hi"}, "url": "/v1/responses"},
    {"full_response": {"candidates": []}},
    {"full_request": {"contents": [{"parts": [{"text": "hi"}]}]}},
    {"response": {"content": [{"type": "text", "text": "Two."}], "usage": {}}},
    {"custom_id": "a", "result": {"type": "succeeded"}},
    {"agent_states": {}},
    {"chat_history": [{"role": "user", "name": "a", "content": "hi"}]},
    {"output": [{"type": "reasoning"}]},
    {"content": [{"type": "text", "text": "Two."}], "stop_reason": "end_turn"},
]


def assert_is_asked(record: Json) -> None:
    for form in SIGNED:
        if not record.keys().isdisjoint(form.fields) and fits(form, record):
            assert Recogniser({form.name: form}).form_of(record) is form, form.name


@pytest.mark.parametrize("message", MESSAGES, ids=range(len(MESSAGES)))
def test_a_form_is_asked_for_each_record_that_it_knows(message: Any) -> None:
    first: Json = {"role": "system", "content": "Be brief."}
    for beside, messages in product(BESIDE, ([message], [first, message], [message, first])):
        assert_is_asked({"messages": messages, **beside})


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_form_is_asked_for_each_sample_that_it_knows(path: Path) -> None:
    for record in scan(path.read_bytes()):
        if isinstance(record.value, dict):
            assert_is_asked(record.value)


def test_what_is_no_list_of_objects_has_no_names() -> None:
    assert names_in('[{"role": "user"}]') is None
    assert names_in([{"role": "user"}, []]) is None
    assert names_in([{"role": "user", "content": []}]) == {"role", "content", PARTS}


def test_a_loss_is_named_where_a_file_has_more_places_than_are_remembered() -> None:
    converted = frozenset({"kept.elsewhere"})
    record = {f"field {n}": {"mood": f"dark {n}"} for n in range(2 * MOST_PLACES)}
    record["kept"] = {"elsewhere": "in another shape", "role": "user", "mood": "calm"}
    names = set(passed_over([record], values_in([]), converted))
    assert len(names) == 2 * MOST_PLACES + 1
    assert {"kept.mood", f"field {2 * MOST_PLACES - 1}.mood"} <= names
    assert places_of(converted).n_known <= MOST_PLACES


def test_what_has_a_converted_name_is_looked_for_only_where_it_is_a_sentence() -> None:
    for name in CONVERTED:
        record = {"a": {name: "function"}, "b": {name: "The tandem is lost."}}
        assert set(passed_over([record], values_in([]), frozenset())) == {f"b.{name}"}


def cost_of_a_record(folder: Path, content: str, n: int) -> float:
    """The instructions that another record costs, beside those of the first ones."""
    lines = content.splitlines()
    costs: list[int] = []
    for n_lines in (n, n, 2 * n):  # the first time, for what is made once
        path = folder / "traces.jsonl"
        path.write_text("\n".join(lines[:n_lines]), encoding="utf-8")
        with counted() as opcodes:
            read_traces(path)
        costs.append(opcodes.count)
    return (costs[2] - costs[1]) / n


def test_a_conversation_of_five_messages_costs_under_ten_thousand_instructions(tmp_path) -> None:
    assert cost_of_a_record(tmp_path, chat_lines(30_000), 10) < 10_000


def test_a_span_that_repeats_five_messages_costs_under_sixteen_thousand_instructions(
    tmp_path,
) -> None:
    assert cost_of_a_record(tmp_path, otlp_lines(60_000), 10) < 16_000


def test_what_was_made_meanwhile_is_old_and_is_collected_all_the_same() -> None:
    assert gc.isenabled()
    looked: list[Json] = []

    def note(phase: str, about: Json) -> None:
        if phase == "stop":
            looked.append(about)

    gc.collect()
    gc.callbacks.append(note)
    try:
        with uncollected_garbage():
            records = [json.loads('{"a": [[]]}') for _ in range(10_000)]
            circle: list[Any] = []
            circle.append(circle)
            del circle
        held = [[] for _ in range(100)]
        assert not looked
        gc.collect()
        assert looked[-1]["collected"] >= 1
    finally:
        gc.callbacks.remove(note)
    assert len(records) == 10_000
    assert len(held) == 100
