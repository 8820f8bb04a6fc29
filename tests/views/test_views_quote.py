"""What a label points at and is tagged with, in the panels, without a browser."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ipywidgets import Widget

from toolkit.evals import Codebook, Label, LabelStore
from toolkit.evals.labels.spelled import QUOTE_CHARS
from toolkit.traces import Step, Trace, step_anchor
from toolkit.views import AdjudicationPanel, AnnotationPanel, CodingPanel
from toolkit.views.panels.quotefield import QuoteField

TRACE = Trace(
    "t1",
    (
        Step("s1", "message", "user", "May I cancel?"),
        Step("s2", "message", "assistant", "No, *never*, as our rules say."),
    ),
)
OTHER = Trace("t2", (Step("s1", "message", "user", "Hello"),))
MARK = '<mark class="quote">never</mark>'
GONE = Label("t1", "ada", "fail", "Rude.", step="s2", quote="<b>not there</b>")


@pytest.fixture(autouse=True)
def _no_widgets_left_over():
    yield
    Widget.close_all()


@pytest.fixture
def store(tmp_path):
    return LabelStore(tmp_path / "labels.jsonl", make=True)


def shown() -> str:
    """The HTML of all that is shown."""
    states = Widget.get_manager_state()["state"].values()
    return "\n".join(
        state["state"].get("value") or "" for state in states if "HTML" in state["model_name"]
    )


def select(panel: AnnotationPanel, number: str, words: str) -> None:
    """What the browser does with words that are selected."""
    panel.step.number.value = number
    panel.step.words.words.value = words


def save(panel: AnnotationPanel, store: LabelStore) -> Label:
    panel.reason.value = "It invents a rule."
    panel.verdicts["fail"].click()
    return store.labels()[-1]


def test_selected_words_are_a_chip_and_are_saved_with_their_step(store):
    panel = AnnotationPanel([TRACE, OTHER], store, "ada")
    select(panel, "2", " No,\n never ")
    assert f'href="#{step_anchor(TRACE, "s2")}">“No, never”</a>' in shown()
    label = save(panel, store)
    assert (label.step, label.quote) == ("s2", "No, never")
    assert panel.step.quote is None


def test_undo_gives_the_quote_back_and_the_trace_that_is_shown_again_marks_it(store):
    panel = AnnotationPanel([TRACE, OTHER], store, "ada")
    select(panel, "2", "never")
    save(panel, store)
    assert MARK not in shown()
    panel.undo.click()
    assert (panel.step.step, panel.step.quote) == ("s2", "never")
    assert MARK in shown()


def test_the_x_drops_the_words_alone_and_takes_their_mark_off(store):
    store.add(Label("t1", "ada", "fail", "Rude.", step="s2", quote="never"))
    panel = AnnotationPanel([TRACE], store, "ada")
    assert "mark.quote{background:none" not in shown()
    panel.step.words.drop.click()
    assert (panel.step.step, panel.step.quote) == ("s2", None)
    unmarked = f"#{step_anchor(TRACE, 's2')} mark.quote{{background:none;color:inherit}}"
    assert unmarked in shown()
    panel.next.click()
    panel.verdicts["fail"].click()
    assert store.labels()[0].quote is None


def test_another_step_has_other_words(store):
    panel = AnnotationPanel([TRACE], store, "ada")
    select(panel, "2", "never")
    panel.step.number.value = "1"
    assert (panel.step.step, panel.step.quote) == ("s1", None)
    select(panel, "2", "never")
    panel.step.unset.click()
    assert (panel.step.step, panel.step.quote) == (None, None)


def test_words_that_are_not_saved_hold_the_panel_in_place(store):
    store.add(Label("t1", "ada", "fail", "Rude.", step="s2"))
    panel = AnnotationPanel([OTHER, TRACE], store, "ada")
    panel.next.click()
    select(panel, "2", "never")
    panel.previous.click()
    assert panel.trace.id == "t1"
    assert "words" in panel.message
    panel.verdicts["fail"].click()
    assert store.labels()[-1].quote == "never"


def test_a_quote_that_the_step_does_not_have_is_a_chip_without_a_mark(store):
    store.add(GONE)
    panel = AnnotationPanel([TRACE], store, "ada")
    assert panel.step.quote == GONE.quote
    assert "“&lt;b&gt;not there&lt;/b&gt;”" in shown()
    assert "<mark" not in shown()
    store.add(Label("t2", "ada", "fail", "Rude.", step="gone", quote="never"))
    AnnotationPanel([OTHER], store, "ada")
    assert "“never”</span>" in shown()


def test_words_that_are_too_long_are_refused_and_nothing_is_quoted(store):
    panel = AnnotationPanel([TRACE], store, "ada")
    select(panel, "2", "a" * (QUOTE_CHARS + 1))
    assert panel.step.quote is None
    assert "select less" in panel.message


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=80))
def test_no_quote_adds_a_tag_to_its_chip(words):
    field = QuoteField(words, print, print)
    field.show("t1-1")
    chip = field.children[1].value.split("</style>")[-1]
    assert chip.count("<") == 4
    assert bool(field.quote) == bool(words.split())
    field.close()


def test_what_raters_quote_is_linked_in_their_cards_and_marked_in_the_trace(tmp_path):
    files = []
    for rater, verdict, quote in (("ada", "fail", "never"), ("bo", "pass", "<i>gone</i>")):
        file = LabelStore(tmp_path / f"{rater}.jsonl", make=True)
        file.add(Label("t1", rater, verdict, "So.", step="s2", quote=quote))
        files.append(file)
    AdjudicationPanel([TRACE], files, tmp_path / "final.jsonl", "cy")
    link = f'<a href="#{step_anchor(TRACE, "s2")}">step 2</a>'
    assert shown().count(link) == 2
    assert "“&lt;i&gt;gone&lt;/i&gt;”" in shown()
    assert MARK in shown()


def test_a_reason_that_is_coded_begins_at_its_step_with_the_words_marked(tmp_path):
    label = Label("t1", "bo", "fail", "Rude.", step="s2", quote="never")
    CodingPanel(Codebook(tmp_path / "codes.jsonl", [label]), [TRACE], by="ada")
    anchor = step_anchor(TRACE, "s2")
    assert (
        f'which goes wrong at <a href="#{anchor}">step 2</a> <a class="fieldbook-quoted"' in shown()
    )
    assert MARK in shown()
    assert f"#{anchor}{{outline:" in shown()


def test_tags_are_off_unless_they_are_asked_for_and_are_saved_beside_the_verdict(store):
    without = AnnotationPanel([TRACE], store, "ada")
    assert not {"3", "4"} & set(without.key_layer.caps.values())
    panel = AnnotationPanel([TRACE, OTHER], store, "ada", tags=["tone", "policy"])
    assert {"3", "4"} <= set(panel.key_layer.caps.values())
    assert panel.key_layer.help["4"] == "tag: policy"
    assert panel.tags.chips["policy"].description == "policy (4)"
    panel.tags.chips["policy"].value = True
    assert save(panel, store).tags == ("policy",)
    assert panel.tags.chosen == ()
    panel.previous.click()
    assert panel.tags.chosen == ("policy",)


def test_a_tag_on_disk_that_the_panel_does_not_offer_is_shown_and_kept(store):
    store.add(Label("t1", "ada", "fail", "Rude.", tags=["old <b>"]))
    panel = AnnotationPanel([TRACE], store, "ada", tags=["tone"])
    panel.tags.chips["tone"].value = True
    assert save(panel, store).tags == ("tone", "old <b>")


def test_a_tag_that_is_not_saved_holds_the_panel_in_place(store):
    panel = AnnotationPanel([TRACE, OTHER], store, "ada", tags=["tone"])
    panel.tags.chips["tone"].value = True
    panel.next.click()
    assert (panel.trace.id, "not saved yet" in panel.message) == ("t1", True)


def test_the_head_says_how_the_file_is_read_with_its_whole_path(store):
    AnnotationPanel([TRACE], store, "ada")
    html = shown()
    assert ">labels.jsonl<" in html
    assert json.dumps(str(store.path))[1:-1] in html
