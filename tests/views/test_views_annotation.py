"""The annotation panel without a browser: each click goes through the widget that a person would
press.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ipywidgets import Widget

from toolkit.evals import Verdict
from toolkit.evals.labels.labels import Label, LabelStore
from toolkit.traces import Step, Trace, step_anchor
from toolkit.views import AnnotationPanel
from toolkit.views.panels.page import widgets_in
from toolkit.views.panels.phrases import PhraseChips


def some_traces(n: int) -> list[Trace]:
    return [
        Trace(
            f"t{i}",
            (
                Step("1", "message", "user", f"Question {i}?"),
                Step("2", "message", "assistant", "Yes."),
            ),
        )
        for i in range(1, n + 1)
    ]


def press(panel: AnnotationPanel, verdict: str, why: str) -> None:
    panel.reason.value = why
    panel.verdicts[verdict].click()


def on_disk(store: Path) -> list[tuple[str, str, str]]:
    return [
        (label.trace_id, label.verdict, label.why)
        for label in LabelStore(store, make=True).labels()
    ]


@pytest.fixture(autouse=True)
def _no_widgets_left_over():
    yield
    Widget.close_all()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "labels.jsonl"


def test_a_verdict_with_a_reason_is_on_disk_and_the_panel_moves_on(store):
    panel = AnnotationPanel(some_traces(3), store=store, rater="ada")
    assert panel.position == "1 of 3 · 0 labelled"
    press(panel, "fail", "  It never answers the question. ")
    (label,) = LabelStore(store, make=True).labels()
    assert (label.trace_id, label.rater, label.verdict, label.rater_kind) == (
        "t1",
        "ada",
        "fail",
        "human",
    )
    assert label.why == "It never answers the question."
    assert panel.position == "2 of 3 · 1 labelled"
    assert panel.reason.value == ""


def test_words_that_no_file_can_hold_stay_in_the_box_and_the_panel_says_so(store):
    panel = AnnotationPanel(some_traces(2), store=store, rater="ada")
    press(panel, "pass", "half a smile: \ud83d")
    assert "Not saved" in panel.message
    assert (panel.trace.id, panel.reason.value) == ("t1", "half a smile: \ud83d")
    press(panel, "pass", "a whole one")
    assert on_disk(store) == [("t1", "pass", "a whole one")]


@pytest.mark.parametrize("verdict", ["pass", "fail", "defer"])
@pytest.mark.parametrize("nothing", ["", "  \n "])
def test_a_verdict_without_a_reason_writes_nothing_and_says_so(store, verdict, nothing):
    panel = AnnotationPanel(some_traces(2), store=store)
    press(panel, verdict, nothing)
    assert not store.exists()
    assert panel.trace.id == "t1"
    assert "say why" in panel.message


def test_two_click_messages_in_a_row_make_one_label(store):
    panel = AnnotationPanel(some_traces(3), store=store)
    panel.reason.value = "Fine."
    button = panel.verdicts["pass"]
    button.click()
    button.click()
    assert on_disk(store) == [("t1", "pass", "Fine.")]
    assert len(store.read_text().splitlines()) == 1
    assert panel.trace.id == "t2"


def test_a_second_click_that_lands_on_the_next_trace_finds_no_reason(store):
    panel = AnnotationPanel(some_traces(3), store=store)
    press(panel, "pass", "Fine.")
    panel.verdicts["pass"].click()
    assert on_disk(store) == [("t1", "pass", "Fine.")]
    assert panel.trace.id == "t2"


def test_a_late_click_counts_for_nothing_even_when_the_next_reason_is_typed_already(store):
    panel = AnnotationPanel(some_traces(3), store=store)
    late = panel.verdicts["fail"]
    press(panel, "pass", "Fine.")
    panel.reason.value = "Half a thou"
    late.click()
    assert on_disk(store) == [("t1", "pass", "Fine.")]
    assert panel.reason.value == "Half a thou"


def test_words_that_arrive_late_do_not_reach_the_next_trace(store):
    panel = AnnotationPanel(some_traces(3), store=store)
    old_box = panel.reason
    press(panel, "pass", "Fine.")
    old_box.value = "Fine, and more."
    assert panel.reason.value == ""


ACTS = st.one_of(
    st.sampled_from(["previous", "next", "undo", "stray click", "new panel"]),
    st.tuples(
        st.sampled_from(["pass", "fail", "defer"]), st.sampled_from(["", "because", "other words"])
    ),
)


@settings(max_examples=60, deadline=None)
@given(acts=st.lists(ACTS, max_size=25))
def test_every_label_is_of_the_trace_that_was_on_display(acts, tmp_path_factory):
    """Against a model: a plain list of what a person meant. Each verdict button is pressed twice."""
    store = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    panel, meant = AnnotationPanel(some_traces(4), store=store), []
    stray = panel.verdicts["fail"]
    for act in acts:
        if act == "new panel":
            panel = AnnotationPanel(some_traces(4), store=store)
        elif act == "stray click":
            stray.click() if stray is not panel.verdicts["fail"] else None
        elif act == "undo":
            panel.reason.value = ""
            panel.undo.click()
            meant = meant[:-1]
        elif isinstance(act, str):
            panel.reason.value = ""
            getattr(panel, act).click()
        else:
            verdict, why = act
            shown, button, panel.reason.value = panel.trace.id, panel.verdicts[verdict], why
            standing = {trace_id: (said, because) for trace_id, said, because in meant}
            if why and standing.get(shown) != (verdict, why):
                meant.append((shown, verdict, why))
            button.click()
            button.click()
    latest = {trace_id: (verdict, why) for trace_id, verdict, why in meant}
    assert {trace_id: (verdict, why) for trace_id, verdict, why in on_disk(store)} == latest
    assert panel.position.startswith(f"{panel.trace.id[1:]} of 4 · {len(latest)} labelled")
    Widget.close_all()


def test_a_new_panel_on_the_same_store_opens_at_the_first_trace_without_a_label(store):
    panel = AnnotationPanel(some_traces(4), store=store, rater="ada")
    press(panel, "pass", "Fine.")
    panel.next.click()
    press(panel, "fail", "Rude.")
    again = AnnotationPanel(some_traces(4), store=store, rater="ada")
    assert (again.trace.id, again.position) == ("t2", "2 of 4 · 2 labelled")


def test_each_rater_has_a_position_of_their_own(store):
    press(AnnotationPanel(some_traces(2), store=store, rater="ada"), "pass", "Fine.")
    assert (
        AnnotationPanel(some_traces(2), store=store, rater="bo").position == "1 of 2 · 0 labelled"
    )


def test_how_many_others_labelled_a_trace_is_said_once_ones_own_label_is_saved(store):
    for rater in ("bo", "cy"):
        press(AnnotationPanel(some_traces(1), store=store, rater=rater), "fail", "Wrong.")
    panel = AnnotationPanel(some_traces(2), store=store, rater="ada")
    shown = f"{panel.message}{panel.page.note.value}"
    assert not re.search("other rater|bo|cy|fail|Wrong", shown)
    press(panel, "pass", "Fine.")
    assert panel.message.endswith("t1 is a pass. 2 other raters labelled it too.")
    press(panel, "pass", "Fine too.")
    assert "other rater" not in panel.message


def test_the_rater_is_the_user_of_the_environment_unless_named(store, monkeypatch):
    monkeypatch.setenv("LOGNAME", "grace")
    assert AnnotationPanel(some_traces(1), store=store).rater == "grace"
    assert AnnotationPanel(some_traces(1), store=store, rater="ada").rater == "ada"


def test_deferred_traces_are_counted_by_name_and_come_back_first(store):
    panel = AnnotationPanel(some_traces(2), store=store)
    press(panel, "defer", "Which booking is meant?")
    press(panel, "pass", "Fine.")
    assert panel.position == "2 of 2 · 2 labelled (1 deferred)"
    assert "Deferred: t1" in panel.message
    again = AnnotationPanel(some_traces(2), store=store)
    assert (again.trace.id, again.reason.value) == ("t1", "Which booking is meant?")


def test_a_write_that_fails_says_so_and_keeps_the_words_and_the_place(tmp_path):
    in_the_way = tmp_path / "folder"
    in_the_way.write_text("a file where the folder should be")
    panel = AnnotationPanel(some_traces(2), store=in_the_way / "labels.jsonl")
    press(panel, "pass", "Fine.")
    assert "Not saved" in panel.message
    assert (panel.trace.id, panel.reason.value, panel.position) == (
        "t1",
        "Fine.",
        "1 of 2 · 0 labelled",
    )
    in_the_way.unlink()
    panel.verdicts["pass"].click()
    assert on_disk(in_the_way / "labels.jsonl") == [("t1", "pass", "Fine.")]


def test_undo_takes_back_the_last_label_and_gives_its_reason_back_to_the_box(store):
    panel = AnnotationPanel(some_traces(3), store=store)
    press(panel, "pass", "Fine.")
    press(panel, "fail", "Rude.")
    button = panel.undo
    button.click()
    assert on_disk(store) == [("t1", "pass", "Fine.")]
    assert (panel.trace.id, panel.reason.value) == ("t2", "Rude.")
    button.click()
    assert on_disk(store) == [("t1", "pass", "Fine.")], "a double click on Undo took two labels"


def test_undo_leaves_alone_what_is_not_in_the_list_and_what_is_not_mine(store):
    LabelStore(store, make=True).add(Label("elsewhere", "ada", "pass", "Fine."))
    LabelStore(store, make=True).add(Label("t1", "bo", "pass", "Fine."))
    panel = AnnotationPanel(some_traces(1), store=store, rater="ada")
    panel.undo.click()
    assert "not in this list" in panel.message
    assert len(on_disk(store)) == 2


def test_undo_of_nothing_says_so(store):
    panel = AnnotationPanel(some_traces(1), store=store)
    panel.undo.click()
    assert "no label of yours" in panel.message


@pytest.mark.parametrize("leave", ["previous", "next", "undo"])
def test_words_that_are_not_saved_hold_the_panel_in_place(store, leave):
    panel = AnnotationPanel(some_traces(3), store=store)
    panel.next.click()
    panel.reason.value = "Half a thought"
    getattr(panel, leave).click()
    assert (panel.trace.id, panel.reason.value) == ("t2", "Half a thought")
    assert "not saved yet" in panel.message


def test_jump_shows_the_trace_with_that_id_or_says_that_there_is_none(store):
    panel = AnnotationPanel(some_traces(20), store=store)
    panel.jump.value = " t17 "
    assert (panel.position, panel.jump.value) == ("17 of 20 · 0 labelled", "")
    panel.jump.value = "t99"
    assert panel.trace.id == "t17"
    assert "t99" in panel.message


def test_a_new_verdict_on_a_labelled_trace_replaces_the_old_one(store):
    panel = AnnotationPanel(some_traces(2), store=store)
    press(panel, "pass", "Fine.")
    panel.previous.click()
    assert panel.reason.value == "Fine."
    panel.verdicts["fail"].click()
    assert on_disk(store) == [("t1", "fail", "Fine.")]


def test_the_same_verdict_with_the_same_reason_is_not_written_twice(store):
    panel = AnnotationPanel(some_traces(1), store=store)
    press(panel, "pass", "Fine.")
    before = store.read_bytes()
    panel.verdicts["pass"].click()
    assert store.read_bytes() == before


def test_an_empty_list_says_so_and_every_button_is_harmless(store):
    panel = AnnotationPanel([], store=store)
    assert panel.trace is None
    assert panel.position == "0 of 0 · 0 labelled"
    for button in (panel.previous, panel.next, panel.undo, *panel.verdicts.values()):
        button.click()
    panel.jump.value = "t1"
    assert "list is empty" in json.dumps(Widget.get_manager_state())
    assert not store.exists()


def test_a_trace_listed_twice_is_shown_once_and_two_traces_with_one_id_are_refused(store):
    one, two = some_traces(2)
    assert AnnotationPanel([one, two, one], store=store).position == "1 of 2 · 0 labelled"
    with pytest.raises(ValueError, match="'t1'"):
        AnnotationPanel([one, Trace("t1", two.steps)], store=store)


def test_a_bad_line_of_the_store_is_named_and_the_good_ones_count(store):
    LabelStore(store, make=True).add(Label("t1", "ada", "pass", "Fine."))
    with store.open("a") as file:
        file.write("not json\n")
    panel = AnnotationPanel(some_traces(2), store=store, rater="ada")
    assert panel.position == "2 of 2 · 1 labelled"
    assert "labels.jsonl:2" in panel.message


def test_nothing_of_a_hostile_trace_or_rater_becomes_markup(store):
    hostile = '<img src=x onerror="window.pwned=1">'
    steps = (Step("1", "message", hostile, hostile), Step("2", "tool.call", "assistant", hostile))
    panel = AnnotationPanel([Trace(hostile, steps)], store=store, rater=hostile)
    press(panel, "fail", hostile)
    values = [
        model["state"].get("value", "")
        for model in Widget.get_manager_state()["state"].values()
        if model["model_name"] == "HTMLModel"
    ]
    assert any("&lt;img" in value for value in values)
    assert not any("<img" in value for value in values)


def test_a_long_sitting_leaves_no_widgets_behind(store):
    panel = AnnotationPanel(some_traces(30), store=store)
    before = len(Widget.get_manager_state()["state"])
    for _ in range(29):
        press(panel, "pass", "Fine.")
    assert len(Widget.get_manager_state()["state"]) == before


def test_the_judge_is_not_heard_before_the_label_is_on_disk(store):
    evil = "<img onerror=alert(1)>"
    heard = [
        Verdict("t1", "fail", f"Too short. {evil}", "", "simulated", "j1"),
        Verdict("t2", None, "", "no verdict came", "simulated", "j1"),
    ]
    panel = AnnotationPanel(some_traces(2), store=store, judge=heard)
    state = json.dumps(Widget.get_manager_state()).replace(str(store.parent), "")
    assert "judge" not in state.lower()
    press(panel, "pass", "Fine.")
    assert "The judge says fail" in panel.message
    shown = json.dumps(Widget.get_manager_state())
    assert "no verdict came" not in shown
    panel.previous.click()
    shown = json.dumps(Widget.get_manager_state())
    assert "The judge says: fail" in shown
    assert "Too short. &lt;img" in shown
    panel.next.click()
    press(panel, "fail", "Rude.")
    assert "nothing that counts" in panel.message
    assert "no verdict came" in json.dumps(Widget.get_manager_state())


def test_every_button_has_a_word_a_tooltip_and_an_icon(store):
    panel = AnnotationPanel(some_traces(2), store=store)
    for button in (panel.previous, panel.next, panel.undo, *panel.verdicts.values()):
        assert button.description
        assert button.tooltip
        assert button.icon


def test_the_door_is_light_until_the_panel_is_asked_for():
    code = (
        "import sys, toolkit.views; print('ipywidgets' in sys.modules, 'matplotlib' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert told.stdout.split() == ["False", "False"]


def test_a_blank_rater_is_refused(store):
    with pytest.raises(ValueError, match="blank"):
        AnnotationPanel(some_traces(1), store=store, rater=" ")


def test_a_store_may_be_given_for_its_file(store):
    press(
        AnnotationPanel(some_traces(2), store=LabelStore(store, make=True), rater="ada"),
        "pass",
        "Fine.",
    )
    assert on_disk(store) == [("t1", "pass", "Fine.")]


def test_two_undos_take_two_and_a_refilled_box_counts_as_unsaved_only_once_changed(store):
    panel = AnnotationPanel(some_traces(3), store=store)
    press(panel, "pass", "Fine.")
    press(panel, "fail", "Rude.")
    panel.undo.click()
    panel.reason.value = "Rude, and late."
    panel.undo.click()
    assert "not saved yet" in panel.message
    panel.reason.value = "Rude."
    panel.undo.click()
    assert (on_disk(store), panel.trace.id, panel.reason.value) == ([], "t1", "Fine.")
    panel.next.click()
    assert panel.trace.id == "t2"


def step_of(store: Path) -> list[tuple[str, str | None]]:
    labels = LabelStore(store, make=True).labels()
    return [(label.trace_id, label.step) for label in labels]


def test_a_label_points_at_the_step_of_the_number_and_undo_gives_it_back(store):
    panel = AnnotationPanel(some_traces(2), store=store)
    panel.step.number.value = "2"
    press(panel, "fail", "Rude.")
    assert step_of(store) == [("t1", "2")]
    assert panel.step.step is None
    panel.undo.click()
    assert (panel.step.number.value, panel.step.step) == ("2", "2")
    panel.step.unset.click()
    assert panel.step.step is None
    press(panel, "fail", "Rude.")
    assert step_of(store) == [("t1", None)]


def test_the_chosen_step_is_named_and_framed_in_the_trace(store):
    panel = AnnotationPanel(some_traces(1), store=store)
    framed = f"#{step_anchor(panel.trace, '2')}{{outline:"
    assert framed not in json.dumps(Widget.get_manager_state())
    panel.step.number.value = "2"
    shown = json.dumps(Widget.get_manager_state())
    assert framed in shown
    assert "assistant: Yes." in shown


@pytest.mark.parametrize("number", ["0", "3", "-1", "two", "1.0", "²", "9" * 5000])
def test_a_number_that_is_no_steps_is_refused(store, number):
    panel = AnnotationPanel(some_traces(1), store=store)
    panel.step.number.value = number
    assert (panel.step.number.value, panel.step.step) == ("", None)
    assert "1 to 2" in panel.message


def test_another_step_replaces_a_label_and_the_same_one_is_not_written_twice(store):
    panel = AnnotationPanel(some_traces(1), store=store)
    panel.step.number.value = "1"
    press(panel, "fail", "Rude.")
    before = store.read_bytes()
    panel.verdicts["fail"].click()
    assert store.read_bytes() == before
    panel.step.number.value = "2"
    panel.verdicts["fail"].click()
    assert step_of(store) == [("t1", "2")]


def test_a_step_that_is_not_saved_holds_the_panel_in_place(store):
    panel = AnnotationPanel(some_traces(2), store=store)
    panel.step.number.value = "2"
    panel.next.click()
    assert panel.trace.id == "t1"
    assert "not saved yet" in panel.message
    panel.step.unset.click()
    panel.next.click()
    assert panel.trace.id == "t2"


def chips(panel: AnnotationPanel) -> Widget:
    (chips,) = [widget for widget in widgets_in(panel) if isinstance(widget, PhraseChips)]
    return chips


def test_words_used_before_are_chips_with_counts_that_add_to_the_reason(store):
    panel = AnnotationPanel(some_traces(4), store=store)
    assert chips(panel).options == ()
    press(panel, "fail", "Gives up early; rude.")
    press(panel, "fail", "gives up early")
    assert chips(panel).options == (("gives up early · 2", "gives up early"), ("rude · 1", "rude"))
    panel.reason.value = "Too long"
    for phrase in ("rude", "rude", "gives up early"):
        chips(panel).value = phrase
    assert panel.reason.value == "Too long; rude; gives up early"
    panel.verdicts["fail"].click()
    assert on_disk(store)[-1] == ("t3", "fail", "Too long; rude; gives up early")


def test_a_chip_of_a_page_that_is_gone_adds_nothing_to_the_next_reason(store):
    panel = AnnotationPanel(some_traces(3), store=store)
    press(panel, "fail", "Rude.")
    late = chips(panel)
    press(panel, "fail", "Late.")
    late.value = "Rude"
    assert panel.reason.value == ""


def test_the_next_error_has_a_button_where_a_step_failed(store):
    data = {"call_id": "1"}
    call = Step("c", "tool.call", "assistant", "find", data=data)
    result = Step("r", "tool.result", "tool", "Gone.", data=data | {"error": True})
    panel = AnnotationPanel([*some_traces(1), Trace("t2", (call, result))], store=store)
    assert panel.next_error.disabled
    panel.next.click()
    assert not panel.next_error.disabled


def test_a_step_on_disk_that_the_trace_does_not_have_is_shown_and_kept(store):
    label = Label("t1", "ada", "fail", "Rude.", step="gone <b>")
    LabelStore(store, make=True).add(label)
    panel = AnnotationPanel(some_traces(1), store=store, rater="ada")
    assert "step gone &lt;b&gt;, which this trace does not have" in json.dumps(
        Widget.get_manager_state()
    )
    press(panel, "fail", "Rude, and late.")
    assert step_of(store) == [("t1", "gone <b>")]
    panel.step.unset.click()
    panel.verdicts["fail"].click()
    assert step_of(store) == [("t1", None)]
