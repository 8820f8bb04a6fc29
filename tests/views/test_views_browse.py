"""The browser of traces without a browser; that its table works and stays offline,
test_browser_annotation shows.
"""

import json
import re

import pytest
from ipywidgets import Widget

from toolkit.evals import LabelStore
from toolkit.sessions.run_state import STATE_WORDS
from toolkit.traces import Step, Trace, trace_html
from toolkit.views import TraceBrowser

EVIL = '<img src=x onerror="window.pwned=1">'


def trace(name: str, said: str, answer: str = "Yes.", **meta) -> Trace:
    call = Step(
        "c",
        "tool.call",
        "assistant",
        "find",
        data={"call_id": "1", "arguments": {"bike": f"No. {name}"}},
    )
    system = Step("s", "message", "system", "You rent bicycles.")
    return Trace(
        name,
        (
            system,
            Step("u", "message", "user", said),
            call,
            Step("a", "message", "assistant", answer),
        ),
        meta,
    )


TRACES = [
    trace("t1", "Is the Heron free?", outcome="complete", cost_usd=0.25),
    trace("t2", f"My refund {EVIL}", "It is under way.", outcome=EVIL),
    trace("t3", "Is the heron late?", "A refund is."),
]


@pytest.fixture(autouse=True)
def _no_widgets_left_over():
    yield
    Widget.close_all()


def ids(traces: list[Trace]) -> list[str]:
    return [one.id for one in traces]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["t1", "t2", "t3"]),
        ("HERON", ["t1", "t3"]),
        ("refund heron", ["t3"]),
        ("no. t2", ["t2"]),
        ("bicycles", []),
        ("t3", ["t3"]),
    ],
)
def test_a_search_looks_through_every_word_but_the_system_prompt(words, found):
    browser = TraceBrowser(TRACES)
    browser.search.value = "something else"
    browser.search.value = words
    assert ids(browser.found) == found
    assert [
        row[0] for row in json.loads(browser.table.get_state()["_dt_args"]["data_json"])
    ] == found


def test_a_row_that_was_found_shows_the_words_where_they_stand():
    browser = TraceBrowser([trace("t1", "Hello.", f"{'Well. ' * 20}\nA Refund is under way.")])
    browser.search.value = "refund way"
    assert browser.table.df["found"].tolist() == ["A Refund is under way."]
    browser.search.value = ""
    assert "found" not in browser.table.df


def test_long_lines_are_cut_so_that_the_word_is_in_sight():
    browser = TraceBrowser([trace("t1", "Hello.", f"{'Well, ' * 40}a refund {'again ' * 40}")])
    browser.search.value = "refund"
    (line,) = browser.table.df["found"]
    assert line.startswith("…Well, Well, a refund again")
    assert len(line) < 130


def test_a_call_that_was_found_reads_as_words_and_not_as_a_dict():
    browser = TraceBrowser([trace("t1", "Hello.")])
    browser.search.value = "find"
    assert browser.table.df["found"].tolist() == ["find bike: No. t1"]


def test_a_call_that_is_too_deep_to_write_is_searched_as_any_other():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    call = Step("c", "tool.call", "assistant", "find", data={"arguments": {"bike": deep}})
    browser = TraceBrowser([Trace("t1", (call,), {})])
    browser.search.value = "find"
    assert browser.table.df["found"].tolist() == ["find bike: (list: too large to show)"]


def test_a_selection_is_of_the_rows_that_were_found_and_opens_the_newest():
    browser = TraceBrowser(TRACES)
    browser.search.value = "heron"
    browser.table.selected_rows = [1]
    assert (ids(browser.selected), browser.trace.id) == (["t3"], "t3")
    browser.table.selected_rows = [1, 0]
    assert (ids(browser.selected), browser.trace.id) == (["t1", "t3"], "t1")
    browser.search.value = ""
    assert browser.selected == []


def test_the_table_is_lower_only_once_a_trace_is_open():
    browser = TraceBrowser(TRACES)
    assert "fieldbook-opened" not in browser._dom_classes
    browser.table.selected_rows = [1]
    assert "fieldbook-opened" in browser._dom_classes


def test_a_trace_that_is_open_with_no_row_selected_is_named():
    browser = TraceBrowser(TRACES)
    browser.table.selected_rows = [1]
    browser.table.selected_rows = []
    assert browser.message == "0 of 3 selected; t2 stays open"


def test_the_selection_goes_to_a_panel_whose_labels_are_kept(tmp_path):
    browser = TraceBrowser(TRACES, store=tmp_path / "labels.jsonl", rater="ada")
    browser.label.click()
    assert "no row is selected" in json.dumps(Widget.get_manager_state())
    browser.table.selected_rows = [0, 2]
    browser.label.click()
    (panel,) = browser.children[-1].children
    assert (panel.trace.id, panel.position) == ("t1", "1 of 2 · 0 labelled")
    panel.reason.value = "Fine."
    panel.verdicts["pass"].click()
    assert [label.rater for label in LabelStore(tmp_path / "labels.jsonl", make=True).labels()] == [
        "ada"
    ]


def test_without_a_label_file_the_button_is_dead():
    browser = TraceBrowser(TRACES)
    assert browser.label.disabled
    browser.table.selected_rows = [0]
    browser.label.click()
    assert browser.children[-1].children == ()


def test_nothing_of_a_hostile_trace_becomes_markup():
    browser = TraceBrowser(TRACES)
    browser.show("t2")
    state = json.dumps([model["state"] for model in Widget.get_manager_state()["state"].values()])
    assert state.count("&lt;img src=x") >= 2
    assert "<img src=x" not in state


def test_what_a_trace_does_not_say_is_blank_and_a_column_that_nobody_fills_is_left_out():
    table = TraceBrowser(TRACES).table
    rows = json.loads(table.get_state()["_dt_args"]["data_json"])
    columns = re.findall(r"<th>(.+?)</th>", table.get_state()["_dt_args"]["table_html"])
    assert columns[: len(rows[0])] == ["id", "title", "cost ($)", "outcome"]
    costs = [row[2] for row in rows]
    assert costs == ["0.25", "", ""]
    assert "duration" not in table.get_state()["_dt_args"]["table_html"]


def test_a_run_that_was_cancelled_is_stopped_here_as_on_the_page_of_its_session():
    traces = [trace("t1", "Hello?", outcome="cancelled"), trace("t2", "Hello?", outcome="complete")]
    rows = json.loads(TraceBrowser(traces).table.get_state()["_dt_args"]["data_json"])
    assert [row[-1] for row in rows] == ["stopped", "complete"]
    assert ">stopped<" in str(trace_html(traces[0]))
    assert STATE_WORDS["cancelled"] == "stopped"


def test_fields_of_the_sources_own_are_columns_beside_the_title():
    traces = []
    for n in range(3):
        meta = {
            "task_id": n,
            "trial": n > 1,
            "session": f"s{n}",
            "copy": f"t{n}",
            "nested": {"a": 1},
        }
        meta |= {"<img src=x>": "hostile", f"field{'x' * 50}": 1, "note": "<img src=x>" + "y" * n}
        traces.append(Trace(f"t{n}", (Step("u", "message", "user", f"Hello {n}"),), meta))
    arguments = TraceBrowser(traces).table.get_state()["_dt_args"]
    columns = re.findall(r"<th>(\w+)</th>", arguments["table_html"])
    rows = json.loads(arguments["data_json"])
    assert columns[: len(rows[0])] == ["id", "title", "task_id", "trial", "note"]
    assert [row[2] for row in rows] == ["0", "1", "2"]
    assert "<img src=x" not in json.dumps(arguments)


def test_of_many_fields_of_the_sources_own_the_first_few_are_columns():
    fields = {f"field{n}": n for n in range(2000)}
    traces = [Trace(f"t{n}", (), dict.fromkeys(fields, n)) for n in range(2)]
    html = TraceBrowser(traces).table.get_state()["_dt_args"]["table_html"]
    assert ">field0<" in html
    assert ">field6<" not in html


def test_thousands_of_rows_are_all_there_and_a_search_leaves_no_widgets_behind():
    browser = TraceBrowser([trace(f"t{n}", "Hello") for n in range(3000)])
    assert len(json.loads(browser.table.get_state()["_dt_args"]["data_json"])) == 3000
    before = len(Widget.get_manager_state()["state"])
    browser.search.value = "t29"
    assert len(browser.found) == 111
    assert len(Widget.get_manager_state()["state"]) == before


def test_no_trace_at_all_is_an_empty_table():
    browser = TraceBrowser([])
    assert (browser.found, browser.selected, browser.trace) == ([], [], None)


def test_what_every_trace_says_alike_is_hidden_and_named():
    browser = TraceBrowser(TRACES)
    state = json.dumps(Widget.get_manager_state())
    assert "columns that say the same everywhere are hidden</summary>" in state
    assert "steps 4, messages 3, tool calls 1" in state
    arguments = browser.table.get_state()["_dt_args"]
    assert "tool calls" not in arguments["table_html"]
    assert [len(row) for row in json.loads(arguments["data_json"])] == [4, 4, 4]


def test_tokens_are_one_column_of_numbers_that_can_be_read():
    used = [Trace(f"t{n}", (), {"input_tokens": n, "output_tokens": 1}) for n in (9_000, 41_000)]
    browser = TraceBrowser(used)
    arguments = browser.table.get_state()["_dt_args"]
    assert re.findall("<th>(.*tokens.*?)</th>", arguments["table_html"])[:1] == ["tokens"]
    assert "input" not in arguments["table_html"]
    assert [row[-1] for row in json.loads(arguments["data_json"])] == ["9,001", "41,001"]


def test_a_single_trace_hides_nothing_for_it_says_nothing_alike():
    browser = TraceBrowser(TRACES[:1])
    assert "tool calls" in browser.table.get_state()["_dt_args"]["table_html"]


def failing(name: str, n_errors: int, **meta) -> Trace:
    steps = [Step("u", "message", "user", "Hello?")]
    for n in range(n_errors):
        data = {"call_id": str(n)}
        steps.append(Step(f"c{n}", "tool.call", "assistant", "find", data=data))
        steps.append(Step(f"r{n}", "tool.result", "tool", "Gone.", data=data | {"error": True}))
    return Trace(name, tuple(steps), meta)


def test_failed_ones_come_first_on_a_click_and_go_back_on_another():
    traces = [
        failing("fine", 0),
        failing("one error", 1),
        failing("two errors", 2, outcome="complete"),
        failing("lost", 0, outcome="failed"),
        failing("nothing", 1, reward=0.0),
    ]
    browser = TraceBrowser(traces)
    browser.failures_first.value = True
    assert ids(browser.found) == ["nothing", "lost", "two errors", "one error", "fine"]
    assert browser.message == "5 of 5 traces, 4 with a failure, which come first"
    browser.table.selected_rows = [0]
    assert browser.trace.id == "nothing"
    browser.failures_first.value = False
    assert ids(browser.found) == ids(traces)


def test_the_words_of_the_search_are_marked_in_the_trace_that_is_open():
    browser = TraceBrowser(TRACES)
    browser.search.value = "heron"
    browser.table.selected_rows = [0]
    assert "<mark>Heron</mark>" in json.dumps(Widget.get_manager_state())
    browser.search.value = ""
    assert "<mark>" not in json.dumps(Widget.get_manager_state())


def test_words_in_the_panel_beneath_hold_it_in_place(tmp_path):
    browser = TraceBrowser(TRACES, store=tmp_path / "labels.jsonl", rater="ada")
    browser.table.selected_rows = [0]
    browser.label.click()
    (panel,) = browser.children[-1].children
    panel.reason.value = "Half a thought"
    browser.label.click()
    assert browser.children[-1].children == (panel,)
    assert "not saved yet" in browser.message
