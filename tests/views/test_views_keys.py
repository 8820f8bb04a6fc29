"""The key layer without a browser: what its messages do to a panel. test_browser_annotation shows
what it sends.
"""

import pytest
from ipywidgets import Box, Widget

from toolkit.evals.labels.labels import LabelStore
from toolkit.records import RecordError
from toolkit.traces import Step, Trace
from toolkit.views import AnnotationPanel
from toolkit.views.panels import browse, codes, rubric, verdicts
from toolkit.views.panels.keys import Keys

TRACES = [Trace(f"t{i}", (Step("1", "message", "user", f"Question {i}?"),)) for i in range(1, 13)]


@pytest.fixture(autouse=True)
def _no_widgets_left_over():
    yield
    Widget.close_all()


@pytest.fixture
def panel(tmp_path):
    return AnnotationPanel(TRACES, store=tmp_path / "labels.jsonl", rater="ada")


def on_disk(tmp_path) -> list[tuple[str, str, str]]:
    return [
        (label.trace_id, label.verdict, label.why)
        for label in LabelStore(tmp_path / "labels.jsonl", make=True).labels()
    ]


def page_of(panel) -> int:
    """The number of the page on display, which the browser sends along."""
    (page,) = [
        child
        for part in panel.children
        for child in getattr(part, "children", ())
        if hasattr(child, "number")
    ]
    return page.number


def test_a_verdict_key_brings_its_page_and_its_words_in_one_message(panel, tmp_path):
    panel.key_layer.press({"act": "fail", "page": page_of(panel), "why": "Rude."})
    assert on_disk(tmp_path) == [("t1", "fail", "Rude.")]
    assert panel.trace.id == "t2"


def test_a_verdict_that_was_pressed_on_a_page_that_is_gone_counts_for_nothing(panel, tmp_path):
    gone = page_of(panel)
    for _ in range(2):
        panel.key_layer.press({"act": "pass", "page": gone, "why": "Fine."})
    panel.key_layer.press({"act": "pass", "why": "Of no page at all."})
    assert on_disk(tmp_path) == [("t1", "pass", "Fine.")]
    assert (panel.trace.id, panel.reason.value) == ("t2", "")


def test_a_verdict_key_without_words_writes_nothing_and_says_so(panel, tmp_path):
    panel.key_layer.press({"act": "pass", "page": page_of(panel), "why": " "})
    assert on_disk(tmp_path) == []
    assert "say why" in panel.message


def test_ten_arrows_in_a_row_are_ten_steps_and_u_takes_back(panel, tmp_path):
    panel.key_layer.press({"act": "defer", "page": page_of(panel), "why": "Later."})
    for _ in range(10):
        panel.key_layer.press({"act": "next"})
    assert panel.trace.id == "t12"
    panel.key_layer.press({"act": "previous"})
    panel.key_layer.press({"act": "undo", "page": page_of(panel) - 1})
    assert len(on_disk(tmp_path)) == 1, (
        "a second U, pressed before the first was answered, took a label"
    )
    panel.key_layer.press({"act": "undo", "page": page_of(panel)})
    assert (panel.trace.id, on_disk(tmp_path)) == ("t1", [])


def test_what_is_no_act_of_the_panel_does_nothing_and_what_is_no_press_is_refused(panel, tmp_path):
    panel.key_layer.press({"act": "close", "page": page_of(panel), "why": "x"})
    assert (panel.trace.id, on_disk(tmp_path)) == ("t1", [])
    with pytest.raises(RecordError):
        panel.key_layer.press({"page": "1"})


def test_each_button_shows_the_key_that_the_layer_listens_for(panel):
    shown = {"pass": "Pass (1)", "fail": "Fail (2)", "defer": "Defer (D)"}
    assert {verdict: button.description for verdict, button in panel.verdicts.items()} == shown
    keys = {"undo": "U", "previous": "←", "next": "→", "next_error": "E", "open_all": "O"}
    for act, cap in keys.items():
        assert getattr(panel, act).description.endswith(f"({cap})")
    assert set(panel.key_layer.caps.values()) == {"1", "2", "D", "U", "J", "E", "O", "S", "←", "→"}


@pytest.mark.parametrize("module", [browse, codes, rubric, verdicts])
def test_each_key_of_a_panel_is_told_in_words(module):
    assert set(module.KEYS.values()) <= set(module.HELP)


def test_the_list_of_keys_has_those_that_every_panel_has_and_a_key_without_words_by_its_act():
    layer = Keys(Box(), print, {"better": "1", "worse": "2"}, help={"1": "this one is better"})
    assert layer.help["1"] == "this one is better"
    assert layer.help["2"] == "worse"
    assert {"?", "Esc"} <= set(layer.help)


def test_the_message_counts_what_is_saved(panel):
    for n in (1, 2):
        panel.key_layer.press({"act": "pass", "page": page_of(panel), "why": "Fine."})
        assert panel.message.startswith(f"{n} saved.")
