"""Spans of a trace become one conversation: what each call repeats is merged, what leaves it is a branch."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.opcodes import counted
from toolkit.traces.spans import NOTES, Span, trace_of
from toolkit.traces.trace import Trace


def user(words: str) -> dict:
    return {"role": "user", "content": words}


def assistant(words: str | None, *calls: tuple[str, str]) -> dict:
    listed = [
        {"id": id_, "type": "function", "function": {"name": name, "arguments": "{}"}}
        for id_, name in calls
    ]
    return {"role": "assistant", "content": words} | ({"tool_calls": listed} if listed else {})


def answer(call_id: str, words: str) -> dict:
    return {"role": "tool", "tool_call_id": call_id, "content": words}


def model(
    id_: str, at: float, given: list, said: list, parent: str | None = "root", **more
) -> Span:
    return Span(id_, parent, "chat", "model", at, at + 1, list(given), list(said), **more)


def tool(
    id_: str, at: float, name: str, result: object, parent: str | None = "root", **more
) -> Span:
    return Span(id_, parent, name, "tool", at, at + 0.5, arguments={}, result=result, **more)


def agent(id_: str, at: float, end: float, name: str, parent: str | None = None) -> Span:
    return Span(id_, parent, name, "agent", at, end, agent=name)


def said(trace: Trace, branch: str | None = None) -> list[str]:
    return [step.content for step in trace.steps if step.data.get("branch") == branch]


ASK = user("Time?")
LOOK = assistant(None, ("c1", "clock"))
NOON = answer("c1", "noon")
DONE = assistant("Noon.")
CLOCK = [
    model("m1", 1, [ASK], [LOOK], model="m", usage={"input_tokens": 5, "output_tokens": 1}),
    tool("t1", 3, "clock", "noon", call_id="c1", error=False),
    model("m2", 5, [ASK, LOOK, NOON], [DONE], model="m", usage={"input_tokens": 9}),
]


def test_what_each_call_repeats_is_read_once():
    trace = trace_of(CLOCK, "a", {})
    assert [(step.kind, step.content) for step in trace.steps] == [
        ("message", "Time?"),
        ("tool.call", "clock"),
        ("tool.result", "noon"),
        ("message", "Noon."),
    ]
    assert [step.time for step in trace.steps] == [1, 3, 3.5, 6]
    assert [step.data.get("usage", {}).get("input_tokens") for step in trace.steps] == [
        None,
        5,
        None,
        9,
    ]
    assert trace.steps[1].data["duration_s"] == 0.5
    assert trace.result_of(trace.calls[0]).data["error"] is False
    assert trace.meta["model"] == "m"
    assert trace.meta["duration_s"] == 5


@given(st.permutations(CLOCK))
def test_the_order_in_the_file_makes_no_difference(spans):
    copies = [replace(span) for span in spans]
    assert trace_of(copies, "a", {}) == trace_of([replace(span) for span in CLOCK], "a", {})


def test_a_retry_is_a_branch_and_the_answer_that_went_on_is_the_main_line():
    spans = [
        model("m1", 1, [ASK], [assistant("One.")]),
        model("m2", 3, [ASK], [assistant("Two.")]),
        model("m3", 5, [ASK, assistant("Two."), user("Sure?")], [assistant("Yes.")]),
    ]
    trace = trace_of(spans, "a", {})
    assert said(trace) == ["Time?", "Two.", "Sure?", "Yes."]
    assert said(trace, "branch-1") == ["One."]
    assert "1 branch leaves the main line" in trace.meta[NOTES]


def test_a_sub_agent_is_a_branch_under_its_name():
    spans = [
        agent("root", 0, 20, "planner"),
        model("m1", 1, [user("Plan it.")], [assistant(None, ("c1", "research"))]),
        tool("t1", 3, "research", "Rome", call_id="c1"),
        agent("sub", 4, 9, "researcher", "t1"),
        model("m2", 5, [user("Find the city.")], [assistant("It is Rome.")], "sub"),
        model(
            "m3",
            11,
            [user("Plan it."), assistant(None, ("c1", "research")), answer("c1", "Rome")],
            [assistant("Go to Rome.")],
        ),
    ]
    trace = trace_of(spans, "a", {})
    assert said(trace) == ["Plan it.", "research", "Rome", "Go to Rome."]
    assert said(trace, "branch-1") == ["Find the city.", "It is Rome."]
    agents = {step.content: step.data.get("agent") for step in trace.steps}
    assert agents["It is Rome."] == agents["Find the city."] == "researcher"
    assert agents["Go to Rome."] == "planner"


def test_a_history_that_was_compacted_is_a_branch_and_nothing_of_it_is_lost():
    spans = [
        model("m1", 1, [ASK], [assistant("Noon.")]),
        model("m2", 3, [user("Summary: it is noon."), user("And now?")], [assistant("One.")]),
    ]
    trace = trace_of(spans, "a", {})
    words = said(trace) + said(trace, "branch-1")
    assert sorted(words) == sorted(["Time?", "Noon.", "Summary: it is noon.", "And now?", "One."])


def test_a_history_cut_off_at_its_beginning_goes_on():
    known = [ASK, assistant("Noon."), user("Sure?"), assistant("Yes.")]
    spans = [
        model("m1", 1, known[:1], known[1:2]),
        model("m2", 3, known[:3], known[3:]),
        model("m3", 5, [*known[1:], user("Thanks.")], [assistant("Bye.")]),
    ]
    trace = trace_of(spans, "a", {})
    assert said(trace) == ["Time?", "Noon.", "Sure?", "Yes.", "Thanks.", "Bye."]


def test_a_call_that_is_given_only_the_new_results_goes_on():
    spans = [model("m1", 1, [ASK], [LOOK]), model("m2", 3, [NOON], [DONE])]
    assert said(trace_of(spans, "a", {})) == ["Time?", "clock", "noon", "Noon."]


def test_a_tool_without_a_call_of_a_model_is_a_call_all_the_same():
    spans = [model("m1", 1, [ASK], [DONE]), tool("t1", 0.2, "clock", {"hour": 12})]
    trace = trace_of(spans, "a", {})
    assert [(step.kind, step.content) for step in trace.steps] == [
        ("tool.call", "clock"),
        ("tool.result", '{"hour": 12}'),
        ("message", "Time?"),
        ("message", "Noon."),
    ]
    assert trace.result_of(trace.calls[0]) is not None


def test_a_tool_that_failed_says_why():
    failed = replace(tool("t1", 3, "clock", None, call_id="c1"), error=True, why="no clock here")
    trace = trace_of([CLOCK[0], failed], "a", {})
    result = trace.result_of(trace.calls[0])
    assert (result.content, result.data["error"]) == ("no clock here", True)


def test_parallel_calls_without_ids_are_matched_by_name_and_arguments():
    calls = [{"function": {"name": "find", "arguments": f'{{"n": {n}}}'}} for n in (1, 2)]
    both = {"role": "assistant", "content": None, "tool_calls": calls}
    spans = [model("m1", 1, [ASK], [both])]
    for n in (2, 1):
        spans.append(replace(tool(f"t{n}", 4 - n, "find", f"item {n}"), arguments={"n": n}))
    trace = trace_of(spans, "a", {})
    answers = {call.data["arguments"]["n"]: trace.result_of(call).content for call in trace.calls}
    assert answers == {1: "item 1", 2: "item 2"}


def test_spans_that_come_twice_lost_parents_and_clocks_that_disagree_are_borne_and_named():
    late = [replace(span, parent="gone") for span in CLOCK[1:]]
    early_root = agent("root", 2, 9, "shop")
    trace = trace_of([early_root, *CLOCK[:1], *CLOCK[:1], *late], "a", {})
    assert said(trace) == ["Time?", "clock", "noon", "Noon."]
    assert trace.meta[NOTES][:3] == [
        "1 span came twice: it is read once",
        "2 spans have a parent that is not in the file",
        "1 span starts before its parent: clocks disagree",
    ]


def test_a_ring_of_parents_ends():
    spans = [replace(CLOCK[0], id="a", parent="b"), Span("b", "a", "loop", "agent", 0, 9)]
    assert said(trace_of(spans, "a", {})) == ["Time?", "clock"]


def test_a_call_seen_by_two_instruments_counts_once():
    outer = model("outer", 1, [ASK], [DONE], None, usage={"input_tokens": 5})
    inner = model("inner", 1.1, [ASK], [DONE], "outer", usage={"input_tokens": 5})
    trace = trace_of([outer, inner], "a", {})
    assert said(trace) == ["Time?", "Noon."]
    assert [step.data["usage"] for step in trace.steps if "usage" in step.data] == [
        {"input_tokens": 5}
    ]


def test_without_spans_of_models_the_outermost_words_are_the_conversation():
    root = Span("root", None, "run", "other", 0, 5, [ASK], [DONE])
    inner = Span("inner", "root", "step", "other", 1, 4, [user("formatted")], [])
    trace = trace_of([root, inner, tool("t1", 2, "clock", "noon")], "a", {})
    assert said(trace) == ["Time?", "clock", "noon", "Noon."]


def test_a_model_that_failed_says_so():
    failed = replace(model("m1", 1, [ASK], []), error=True, why="overloaded")
    trace = trace_of([failed, model("m2", 3, [ASK], [DONE])], "a", {})
    assert [(step.kind, step.content) for step in trace.steps] == [
        ("message", "Time?"),
        ("error", "overloaded"),
        ("message", "Noon."),
    ]


def test_a_word_of_the_system_in_the_middle_stays_there():
    note = {"role": "system", "content": "It is late."}
    spans = [
        model("m1", 1, [{"role": "system", "content": "Be brief."}, ASK], [DONE]),
        model(
            "m2",
            3,
            [{"role": "system", "content": "Be brief."}, ASK, DONE, user("Sure?"), note],
            [assistant("Yes.")],
        ),
    ]
    assert said(trace_of(spans, "a", {})) == [
        "Be brief.",
        "Time?",
        "Noon.",
        "Sure?",
        "It is late.",
        "Yes.",
    ]


def test_what_the_root_answered_is_the_last_step_where_no_call_says_it():
    root = Span(
        "root", None, "desk", "agent", 0, 9, [ASK], [assistant("It is noon, dear.")], agent="desk"
    )
    trace = trace_of([root, *CLOCK], "a", {})
    assert trace.steps[-1].content == "It is noon, dear."
    assert trace.steps[-1].time == 9
    assert said(trace).count("Time?") == 1


def test_what_the_root_was_asked_and_answered_is_kept_though_longer_words_hold_it():
    root = Span("root", None, "desk", "agent", 0, 9, [user("No")], [assistant("Yes")])
    call = model("m1", 1, [user("Go North.")], [assistant("Yesterday.")])
    assert said(trace_of([root, call], "a", {})) == ["No", "Go North.", "Yesterday.", "Yes"]


def test_the_answer_of_the_root_is_kept_where_only_the_user_said_the_same():
    root = Span("root", None, "desk", "agent", 0, 9, [ASK], [assistant("Noon.")])
    call = model("m1", 1, [ASK, assistant("Is it?"), user("Noon.")], [assistant("So it is.")])
    assert said(trace_of([root, call], "a", {}))[-1] == "Noon."


def test_a_question_inside_of_a_prompt_that_was_made_of_it_is_not_said_twice():
    root = Span("root", None, "desk", "agent", 0, 9, [user("Is a bike free today?")], [DONE])
    call = model("m1", 1, [user("Answer this: Is a bike  free today?")], [DONE])
    steps = said(trace_of([root, call], "a", {}))
    assert steps == ["Answer this: Is a bike  free today?", "Noon."]


def test_thousands_of_calls_without_ids_find_their_runs():
    n_calls = 2000
    calls = [{"function": {"name": "find", "arguments": f'{{"n": {n}}}'}} for n in range(n_calls)]
    spans = [model("m1", 1, [ASK], [{"role": "assistant", "content": None, "tool_calls": calls}])]
    for n in reversed(range(n_calls)):
        spans.append(replace(tool(f"t{n}", 3, "find", f"item {n}"), arguments={"n": n}))
    trace = trace_of(spans, "a", {})
    found = {
        step.data["call_id"]: step.content for step in trace.steps if step.kind == "tool.result"
    }
    assert all(
        found[call.data["call_id"]] == f"item {call.data['arguments']['n']}" for call in trace.calls
    )


def test_thousands_of_calls_with_nothing_in_common_are_branches_in_good_time():
    spans = [
        model(f"m{n}", n, [user(f"Rate {n}.")], [assistant(f"It is {n}.")]) for n in range(3000)
    ]
    trace = trace_of(spans, "a", {})
    assert len(trace.steps) == 6000
    assert trace.meta[NOTES][-1] == "2999 branches leave the main line"


@pytest.mark.parametrize("answer", ["It is so.", "It is {n}."])
@pytest.mark.parametrize("task", ["Go on.", "Rate {n}."])
def test_four_times_as_many_branches_from_one_question_cost_four_times_as_much(task, answer):
    costs = []
    for n_spans in (50, 200):
        spans = []
        for n in range(n_spans):
            asked = [user("Rate these."), user(task.format(n=n))]
            spans.append(model(f"m{n}", n, asked, [assistant(answer.format(n=n))]))
        with counted() as opcodes:
            trace_of(spans, "a", {})
        costs.append(opcodes.count)
    assert costs[1] < 1.3 * 4 * costs[0]


def test_what_an_earlier_trace_used_is_not_counted_again():
    before = DONE | {"usage": {"prompt_tokens": 9, "completion_tokens": 2}}
    spans = [
        model(
            "m1", 1, [ASK, before, user("Sure?")], [assistant("Yes.")], usage={"input_tokens": 20}
        )
    ]
    trace = trace_of(spans, "a", {})
    assert [step.data["usage"] for step in trace.steps if "usage" in step.data] == [
        {"input_tokens": 20}
    ]
    assert trace.steps[1].data["earlier_usage"] == {"input_tokens": 9, "output_tokens": 2}
