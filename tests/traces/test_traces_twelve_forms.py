"""One conversation, written by hand in each form, reads back to equal steps, tokens and times.

A person asks the desk of a shop, which looks in a list, asks for a price, fails, and answers: three
replies of a model, two calls, one of which fails. What a form has no field for stands in `LACKS`.
"""

from pathlib import Path
from typing import Any

import pytest

from toolkit.traces import Trace, read_traces, traces_frame

FILES = sorted(Path(__file__).with_name("twelve").iterdir())
TEN = 1795946400.0
"""2026-11-29T10:00:00Z"""
RIGHT = {
    "system prompt": ["You are the desk of a bike shop."],
    "thoughts": ["The list first, then the price."],
    "steps": [
        ("message", "user", "Is a bike free on Monday, and what does it cost?"),
        ("tool.call", "assistant", "find"),
        ("tool.result", "tool", "two are free"),
        ("tool.call", "assistant", "price"),
        ("tool.result", "tool", "there is no bike 54"),
        ("message", "assistant", "Two are free. I cannot see the price."),
    ],
    "arguments": [{"day": "Monday"}, {"bike": 54}],
    "results of the calls": ["two are free", "there is no bike 54"],
    "call ids": ["c1", "c2"],
    "failures": [False, True],
    "successes": [True, False],
    "times": [TEN, TEN + 2, TEN + 4, TEN + 7],
    "times of results": [TEN + 3, TEN + 5],
    "time of the answer": TEN + 7,
    "model": "m-1",
    "tokens": (390, 60),
    "tokens of the last reply": (160, 20),
    "cached tokens": 290,
    "reasoning tokens": 12,
    "cost": 0.005,
    "duration": 7.0,
}
ONE_EXCHANGE = {"times", "times of results", "tokens", "cached tokens", "reasoning tokens"}
ONE_EXCHANGE |= {"cost", "duration"}
"""What one request with its response says of its last reply alone, or not at all."""
TIMES = {"times", "times of results", "time of the answer", "duration"}
USAGE = {"tokens", "tokens of the last reply", "cached tokens", "reasoning tokens", "cost"}
OUTCOMES = {"failures", "successes"}
"""Whether a call failed, and whether one went well: a form may say the one and not the other."""
LACKS: dict[str, set[str]] = {
    "openai": ONE_EXCHANGE | OUTCOMES,
    "openai-responses": ONE_EXCHANGE | OUTCOMES,
    "openai-items": TIMES | USAGE | OUTCOMES | {"model"},
    "anthropic": ONE_EXCHANGE | {"time of the answer"},
    "gemini": ONE_EXCHANGE,
    "claude-code": {"system prompt", "reasoning tokens", "cost"},
    "vercel": {"times of results", "cost"},
    "langchain": TIMES | {"cost"},
    "sharegpt": TIMES | USAGE | {"thoughts", "call ids", "model"} | OUTCOMES,
    "atif": {"times of results", "reasoning tokens"} | OUTCOMES,
    "otlp": {"reasoning tokens", "cost"},
    "phoenix": {"thoughts"},
    "openai-agents": {"cost"},
    "langfuse": {"successes"},
    "inspect": {
        "times",
        "times of results",
        "time of the answer",
        "cost",
        "tokens of the last reply",
    },
    "chat": set(),
}
"""The facts that a form has no field for."""


def facts(trace: Trace) -> dict[str, Any]:
    """What a trace says of the conversation, under the names of `RIGHT`."""
    row = traces_frame([trace]).astype(object).where(lambda frame: frame.notna(), None).iloc[0]
    said = [step for step in trace.steps if step.actor != "system" and step.kind != "thinking"]
    results = [step for step in said if step.kind == "tool.result"]
    others = [step for step in said if step.kind != "tool.result"]
    answers = [trace.result_of(call) for call in trace.calls]
    usages = [step.data.get("usage", {}) for step in trace.steps]
    models = [trace.meta.get("model"), *(step.data.get("model") for step in trace.steps)]
    last = next((usage for usage in reversed(usages) if usage), {})
    return {
        "system prompt": [step.content for step in trace.steps if step.actor == "system"],
        "thoughts": [step.content for step in trace.steps if step.kind == "thinking"],
        "steps": [(step.kind, step.actor, step.content) for step in said],
        "arguments": [call.data["arguments"] for call in trace.calls],
        "results of the calls": [answer and answer.content for answer in answers],
        "call ids": [call.data["call_id"] for call in trace.calls],
        "failures": [result.data["error"] is True for result in results],
        "successes": [result.data["error"] is False for result in results],
        "times": [step.time for step in others],
        "times of results": [step.time for step in results],
        "time of the answer": trace.steps[-1].time,
        "model": next((model for model in models if model), None),
        "tokens": (row["input_tokens"], row["output_tokens"]),
        "tokens of the last reply": (last.get("input_tokens"), last.get("output_tokens")),
        "cached tokens": total(trace, usages, "cached_tokens"),
        "reasoning tokens": total(trace, usages, "reasoning_tokens"),
        "cost": row["cost_usd"] and round(row["cost_usd"], 6),
        "duration": row["duration_s"],
    }


def total(trace: Trace, usages: list[dict[str, Any]], name: str) -> int:
    return trace.meta.get(name) or sum(usage.get(name, 0) for usage in usages)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_conversation_reads_back_the_same_from_each_form(path):
    traces = read_traces(path)
    assert (traces.report.format, traces.report.problems) == (path.stem, ())
    [trace] = traces
    read = facts(trace)
    lacks = LACKS[path.stem]
    assert {name: read[name] for name in RIGHT if name not in lacks} == {
        name: right for name, right in RIGHT.items() if name not in lacks
    }
    for name in lacks:
        assert read[name] != RIGHT[name], f"{path.stem} has {name} after all"
    assert trace.id == "bikes" or path.stem in ("openai-items", "otlp")


def test_there_are_twelve_forms_and_each_fact_is_in_one_of_them():
    assert len(FILES) >= 12
    for name in RIGHT:
        carrying = [path.stem for path in FILES if name not in LACKS[path.stem]]
        assert carrying, name
