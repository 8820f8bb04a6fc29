"""What a notebook shows of results: no repr, nothing hostile, nothing without an end."""

from dataclasses import dataclass, field

import pandas as pd
import pytest

import toolkit.evals
import toolkit.harness
import toolkit.models
import toolkit.sessions
import toolkit.tour
import toolkit.traces
from toolkit.evals import Case, Dataset, Label, Rubric, Verdict, agreement, sample_traces
from toolkit.events import Event
from toolkit.harness import Budget, Outcome
from toolkit.models import Ledger
from toolkit.sessions import MemoryLog, Session, Surface
from toolkit.shown import MOST_CHARS, MOST_ITEMS, Shown
from toolkit.traces import Step, Trace

HOSTILE = '<img src=x onerror="alert(1)">'
ROOMS = (
    toolkit.traces,
    toolkit.models,
    toolkit.sessions,
    toolkit.evals,
    toolkit.harness,
    toolkit.tour,
)
NOT_RESULTS = {"Format", "Judge", "RuleJudge", "Answer", "Request", "ClaudeModel", "ScriptedModel"}
NOT_RESULTS |= {"LoopbackServer", "ToolCall", "Desk", "NatsServer", "Item", "Harness", "Planner"}
NOT_RESULTS |= {"Generator", "Evaluator", "TextFile", "Talk", "ChatModel", "Effect"}
NOT_RESULTS |= {"ExpectedCall", "StateRules", "Sandbox"}
"""What people make and hand over, and what does the work: nobody looks at it as at a result."""


@dataclass
class Result(Shown):
    share: float
    n_items: int
    is_whole: bool
    reason: str | None
    parts: object
    hidden: str = field(default="secret", repr=False)


def shown(value):
    html = value._repr_html_()
    return html[html.index("</style>") :]


def test_a_result_is_a_table_of_its_fields_in_words():
    html = shown(Result(1 / 3, 12_345, True, None, {"first_part": [1, 2.5]}))
    assert "<td>share</td><td>0.3333</td>" in html
    assert "<td>n items</td><td>12,345</td>" in html
    assert "<td>is whole</td><td>yes</td>" in html
    assert "<td>reason</td><td>–</td>" in html
    assert "<td>first part</td><td>1, 2.5</td>" in html
    assert "secret" not in html


def test_what_a_result_holds_is_escaped_and_ends():
    deep = HOSTILE
    for _ in range(2000):
        deep = [deep]
    for parts in (HOSTILE, {HOSTILE: HOSTILE}, [HOSTILE], Result(0, 0, False, HOSTILE, deep)):
        assert "<img" not in shown(Result(0, 0, False, HOSTILE, parts))
    long = shown(Result(0, 0, False, "x" * 10_000, list(range(10_000))))
    assert len(long) < 2 * MOST_CHARS + 1000
    assert f"and {10_000 - MOST_ITEMS:,} more" in long
    named = shown(Result(0, 0, False, "", {f"field{k}": k for k in range(10_000)}))
    assert f"and {10_000 - MOST_ITEMS:,} more" in named
    assert ">none<" in shown(Result(0, 0, False, "", ()))


def classes():
    found = {}
    for room in ROOMS:
        for name in room.__all__:
            value = getattr(room, name)
            if isinstance(value, type) and hasattr(value, "__dataclass_fields__"):
                found[f"{room.__name__}.{name}"] = value
    return found


@pytest.mark.parametrize("name", classes())
def test_a_notebook_shows_no_result_as_its_repr(name):
    if name.rpartition(".")[2] not in NOT_RESULTS:
        assert hasattr(classes()[name], "_repr_html_")


async def test_results_of_each_room_say_what_they_are():
    steps = (Step("a", "message", "user", "May I bring a dog?"),)
    traces = [Trace(f"t{n}", steps) for n in range(3)]
    surface = Surface(Session(MemoryLog(), "s"), "phone")
    reasons = {"reasons": [{"why": "Acts twice."}]}
    dataset = Dataset(
        [Case("c1", "x", trace_id="t1", meta=reasons), Case("c2", "y", meta={"reasons": 3})]
    )
    words = {
        "The phone is away: it has read up to event 0, 0 items.": surface,
        "$0.0000 spent in 0 attempts; $0.0000 count against a cap of $1.0000": Ledger(1),
        "<td>rounds</td><td>4</td>": Budget(),
        "<td>outcome</td><td>halted</td>": Outcome(),
        "dataset: 2 cases": dataset,
        "<td>c1</td><td>t1</td><td>Acts twice.</td>": dataset,
        "Sample of 2: random, seed 0, of 3 traces": sample_traces(traces, 2),
        "May I bring a dog?": sample_traces(traces, 2),
        "<td>why</td><td>a reason</td>": Label("t1", "ada", "fail", "a reason"),
        "<td>critique</td><td>It is long.</td>": Verdict(
            "t1", "fail", "It is long.", "", "live", "ab"
        ),
        "<td>text</td><td>Is it so?</td>": Rubric("r", "Is it so?"),
        "<td>kind</td><td>message</td>": Event("s", "message", "user", {}, "e"),
        "Agreement of": agreement(pd.DataFrame({"a": ["pass", "fail"], "b": ["pass", "pass"]})),
    }
    for expected, result in words.items():
        assert expected in shown(result)
        assert type(result).__name__ + "(" not in shown(result)
