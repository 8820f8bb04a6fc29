"""The coding panel without a browser: each click goes through the widget that a person would press."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ipywidgets import Widget

from toolkit.evals import Codebook, Label
from toolkit.traces import Step, Trace
from toolkit.traces.outline import step_anchor
from toolkit.views import CodingPanel, plot_saturation
from toolkit.views.panels.page import widgets_in

HOSTILE = '<img src=x onerror="window.pwned=1">'


def label(n, verdict="fail", why="It is rude.", kind="human"):
    return Label(f"t{n}", "bo", verdict, why, kind, id=f"l{n}")


LABELS = [label(0, "pass", "Fine."), label(1), label(2, why="Too late."), label(3)]


@pytest.fixture(autouse=True)
def _no_widgets_left_over():
    yield
    Widget.close_all()


@pytest.fixture
def book(tmp_path):
    return Codebook(tmp_path / "codes.jsonl", LABELS)


@pytest.fixture
def panel(book):
    return CodingPanel(book, by="ada")


def add(panel, code):
    panel.page.box.value = code
    panel.page.buttons["add"].click()


def coded(book):
    return [(one.label_id, one.code, one.status) for one in book.now.codings]


def shown():
    models = Widget.get_manager_state()["state"].values()
    return "\n".join(
        model["state"].get("value", "") for model in models if model["model_name"] == "HTMLModel"
    )


def test_a_code_is_on_disk_with_who_said_it_and_the_reason_stays_for_more(panel, book):
    assert (panel.label.id, panel.position) == ("l1", "0 of 4 read · 0 codes, 0 failure modes")
    add(panel, "  rude ")
    add(panel, "curt")
    assert coded(book) == [("l1", "rude", "confirmed"), ("l1", "curt", "confirmed")]
    assert {(one.by, one.kind) for one in book.now.codings} == {("ada", "human")}
    assert panel.position == "1 of 4 read · 2 codes, 0 failure modes"
    assert "ada (human)" in shown()
    assert panel.page.box.options == ("curt", "rude")


def test_one_count_says_how_far_the_reading_is_and_the_reason_has_its_number(panel):
    assert "<strong>Reason 1</strong>" in shown()
    panel.page.buttons["next"].click()
    assert "<strong>Reason 2</strong>" in shown()
    assert panel.position.count(" of ") == 1


def test_failed_traces_come_first_and_a_new_panel_opens_at_the_first_unread_one(panel, book):
    assert [one.id for one in (panel.label,)] == ["l1"]
    panel.page.buttons["none"].click()
    again = CodingPanel(book, by="ada")
    assert (again.label.id, again.position) == ("l2", "1 of 4 read · 0 codes, 0 failure modes")
    assert not book.now.confirmed


def test_a_suggestion_is_shown_as_one_and_is_confirmed_or_dismissed_for_this_reason_alone(
    panel, book
):
    book.suggest({"rude": ["l1", "l3"], "late": ["l1"]}, by="clusters")
    panel.page.buttons["next"].click()
    panel.page.buttons["previous"].click()
    assert "suggested · clusters (computed)" in shown()
    panel.page.buttons["confirm"].click()
    panel.page.buttons["dismiss"].click()
    assert sorted(coded(book)) == [
        ("l1", "late", "dismissed"),
        ("l1", "rude", "confirmed"),
        ("l3", "rude", "suggested"),
    ]
    assert "confirmed · ada (human), suggested by clusters (computed)" in shown()
    assert "confirm" not in panel.page.buttons
    panel.page.buttons["undo"].click()
    assert "late" in panel.message
    assert ("l1", "late", "suggested") in coded(book)


def test_the_first_suggestion_of_a_reason_has_keys_and_each_other_one_buttons(panel, book):
    book.suggest({"rude": ["l1"], "late": ["l1"]}, by="clusters")
    panel.page.buttons["next"].click()
    panel.page.buttons["previous"].click()
    assert panel.page.buttons["confirm"].description == "Confirm (C)"
    assert panel.page.buttons["confirm late"].description == "Confirm"
    for act in ("confirm", "dismiss", "confirm"):
        panel.key_layer.press({"act": act, "page": panel.page.number})
    assert sorted(coded(book)) == [("l1", "late", "dismissed"), ("l1", "rude", "confirmed")]
    assert {"C", "X"} <= set(panel.key_layer.help)


def test_codes_are_merged_into_a_mode_that_more_codes_can_join(panel, book):
    add(panel, "rude")
    add(panel, "curt")
    panel.picked.value, panel.mode.value = ("rude",), "tone"
    panel.page.buttons["merge"].click()
    assert panel.message == "Not saved: Say in a sentence what it is."
    assert "fieldbook-missing" in shown()
    assert not book.now.modes
    panel.definition.value = "How it is said."
    panel.page.buttons["merge"].click()
    panel.picked.value, panel.mode.value = ("curt",), " tone "
    panel.page.buttons["merge"].click()
    (mode,) = book.now.modes
    assert (mode.name, mode.definition, mode.codes, mode.by) == (
        "tone",
        "How it is said.",
        ("rude", "curt"),
        "ada",
    )
    panel.page.buttons["undo"].click()
    assert book.now.modes[0].codes == ("rude",)


def test_nothing_chosen_is_nothing_merged(panel, book):
    add(panel, "rude")
    panel.mode.value, panel.definition.value = "tone", "How it is said."
    panel.page.buttons["merge"].click()
    assert "Choose one code" in panel.message
    assert (book.now.modes, panel.definition.value) == ((), "How it is said.")


def missing_beside(field, panel):
    """What the merge form says under one of its fields."""
    rows = widgets_in(panel)
    rows = next(row.children for row in rows if field in getattr(row, "children", ()))
    return rows[rows.index(field) + 1].value


def test_each_field_of_a_merge_says_what_is_missing_in_it_and_nothing_else(panel):
    add(panel, "rude")
    panel.page.buttons["merge"].click()
    assert "Choose one code" in missing_beside(panel.picked, panel)
    assert "a name" in missing_beside(panel.mode, panel)
    assert "in a sentence" in missing_beside(panel.definition, panel)
    panel.picked.value, panel.mode.value = ("rude",), "tone"
    panel.page.buttons["merge"].click()
    assert missing_beside(panel.picked, panel) == missing_beside(panel.mode, panel) == ""
    assert "in a sentence" in missing_beside(panel.definition, panel)


def key(panel, act, why=""):
    panel.key_layer.press({"act": act, "page": panel.page.number, "why": why})


def test_the_codes_used_most_have_the_first_keys_and_say_how_many_reasons_have_them(panel, book):
    book.code("l2", "late", by="bo")
    book.code("l3", "late", by="bo")
    key(panel, "add", "rude")
    chips = [panel.page.buttons[f"code-{digit}"] for digit in (1, 2)]
    assert [chip.description for chip in chips] == ["late · 2 (1)", "rude · on this reason"]
    assert [chip.disabled for chip in chips] == [False, True]
    assert [words for words, _ in panel.picked.options] == ["late · 2", "rude · 1"]
    key(panel, "code-1")
    assert ("l1", "late", "confirmed") in coded(book)
    key(panel, "code-9")
    assert len(coded(book)) == 4


def test_a_key_for_a_code_does_not_lose_the_word_in_the_box(panel, book):
    book.code("l2", "late", by="bo")
    panel.page.buttons["next"].click()
    panel.page.buttons["previous"].click()
    key(panel, "code-1", "half a wo")
    assert "not saved yet" in panel.message
    assert panel.page.box.value == "half a wo"


def test_ctrl_enter_adds_what_is_in_the_box_if_anything_and_goes_on(panel, book):
    key(panel, "add-on", "rude")
    assert (coded(book), panel.label.id) == ([("l1", "rude", "confirmed")], "l2")
    assert "Saved: rude" in panel.message
    key(panel, "add-on")
    assert (coded(book), panel.label.id) == ([("l1", "rude", "confirmed")], "l3")


def test_each_code_has_a_colour_and_no_two_of_the_first_six_the_same(panel):
    for code in "abcdef":
        add(panel, code)
    chips = [line for line in shown().split("<") if line.startswith('span class="fieldbook-chip')]
    assert len({chip.split(">")[0] for chip in chips}) == len("abcdef")


@pytest.mark.parametrize("late", ["add", "none", "next", "undo"])
def test_a_late_click_of_a_page_that_is_gone_does_nothing(panel, book, late):
    add(panel, "rude")
    old = panel.page
    panel.page.buttons["next"].click()
    before = book.path.read_bytes()
    old.box.value = "late"
    old.buttons[late].click()
    assert (book.path.read_bytes(), panel.label.id) == (before, "l2")


@pytest.mark.parametrize("leave", ["next", "previous", "undo", "none", "merge"])
def test_a_word_that_is_not_added_holds_the_page_in_place(panel, book, leave):
    panel.page.box.value = "rude"
    panel.page.buttons[leave].click()
    assert (panel.label.id, panel.page.box.value, coded(book)) == ("l1", "rude", [])
    assert "not saved yet" in panel.message


def test_a_definition_that_is_not_saved_holds_the_page_in_place_too(panel, book):
    panel.definition.value = "How it is said."
    panel.page.buttons["next"].click()
    assert (panel.label.id, panel.definition.value) == ("l1", "How it is said.")
    assert "press Merge" in panel.message


def test_an_empty_code_and_an_undo_of_nothing_write_nothing_and_say_so(panel, book):
    add(panel, "  ")
    assert "not blank" in panel.message
    panel.page.buttons["undo"].click()
    assert "nothing to take back" in panel.message
    assert not book.path.exists()


def test_undo_takes_back_only_what_is_mine(panel, book):
    book.code("l1", "late", by="bo")
    panel.page.buttons["undo"].click()
    assert coded(book) == [("l1", "late", "confirmed")]


def test_a_write_that_fails_says_so_and_keeps_the_word(tmp_path):
    in_the_way = tmp_path / "folder"
    in_the_way.write_text("a file where the folder should be")
    panel = CodingPanel(Codebook(in_the_way / "codes.jsonl", LABELS), by="ada")
    add(panel, "rude")
    assert "Not saved" in panel.message
    assert panel.page.box.value == "rude"
    in_the_way.unlink()
    panel.page.buttons["add"].click()
    assert panel.codebook.now.confirmed[0].code == "rude"


def test_the_trace_stands_below_its_reason(book):
    trace = Trace("t1", (Step("1", "message", "user", "Where is it?"),))
    CodingPanel(book, [trace], by="ada")
    assert "Where is it?" in shown()


def test_without_labels_and_at_either_end_every_button_is_harmless(tmp_path, panel):
    empty = CodingPanel(Codebook(tmp_path / "none.jsonl", []), by="ada")
    for what in list(empty.page.buttons):
        empty.page.buttons[what].click()
    assert (empty.label, empty.position) == (None, "0 of 0 read · 0 codes, 0 failure modes")
    assert not empty.codebook.path.exists()
    panel.page.buttons["previous"].click()
    for _ in range(9):
        panel.page.buttons["next"].click()
    assert panel.label.id == "l0"


def test_nothing_hostile_becomes_markup(tmp_path):
    labels = [Label(HOSTILE, HOSTILE, "fail", HOSTILE, id="l1")]
    book = Codebook(tmp_path / "codes.jsonl", labels)
    book.suggest({HOSTILE: ["l1"]}, by=HOSTILE)
    panel = CodingPanel(
        book, [Trace(HOSTILE, (Step("1", "message", HOSTILE, HOSTILE),))], by=HOSTILE
    )
    panel.page.buttons["confirm"].click()
    assert "&lt;img" in shown()
    assert "<img" not in shown()


def test_a_bad_line_of_the_codebook_is_named(book):
    book.code("l1", "rude", by="ada")
    with book.path.open("a") as file:
        file.write("not json\n")
    assert "codes.jsonl:2" in CodingPanel(book, by="ada").message


def test_a_long_sitting_leaves_no_widgets_behind(panel):
    before = len(Widget.get_manager_state()["state"])
    for _ in range(20):
        panel.page.buttons["next"].click()
        panel.page.buttons["previous"].click()
    assert len(Widget.get_manager_state()["state"]) == before


ACTS = st.one_of(
    st.sampled_from(["next", "previous", "none", "undo", "stray"]), st.tuples(st.sampled_from("ab"))
)


@settings(max_examples=40, deadline=None)
@given(acts=st.lists(ACTS, max_size=15))
def test_every_code_is_on_the_reason_that_was_on_display(acts, tmp_path_factory):
    """Against a plain list of what a person meant; each button is pressed twice, as by a double
    click.
    """
    book = Codebook(tmp_path_factory.mktemp("codes") / "codes.jsonl", LABELS)
    panel, meant = CodingPanel(book, by="ada"), []
    stray = panel.page
    for act in acts:
        page, at = panel.page, panel.label.id
        if act == "stray":
            stray.buttons["none"].click() if stray is not page else None
            continue
        what = act if isinstance(act, str) else "add"
        page.box.value = "" if isinstance(act, str) else act[0]
        page.buttons[what].click()
        page.buttons[what].click()
        meant = meant[:-1] if what == "undo" else meant
        meant += [(at, "" if what == "none" else act[0])] if what in ("add", "none") else []
    assert {(one.label_id, one.code) for one in book.now.codings} == set(meant)
    Widget.close_all()


def words(ax):
    ax.figure.savefig(BytesIO(), format="png")
    texts = [text.get_text() for text in ax.texts]
    return "\n".join([*texts, ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()])


def test_the_saturation_plot_tells_how_much_was_read_and_what_is_simulated(book, tmp_path):
    book.code("l1", "rude", by="ada")
    book.code("l2", "late", by="ada")
    book.code("l3", "late", by="ada")
    told = words(plot_saturation(book))
    assert "the last in trace 2 of 3" in told
    assert "2 codes in 3 of 4 labelled traces · dot: a new code" in told
    assert "simulated" not in told
    simulated = Codebook(tmp_path / "other.jsonl", [label(1, kind="simulated")])
    assert "no codes yet: 0 of 1 labelled traces" in words(plot_saturation(simulated))
    assert "simulated" in words(plot_saturation(simulated))


def test_enter_adds_the_code_of_its_own_page_and_the_message_stands_under_the_box(panel, book):
    panel.key_layer.press({"act": "add", "page": panel.page.number, "why": "rude"})
    panel.key_layer.press(
        {"act": "add", "page": panel.page.number - 1, "why": "of a page that is gone"}
    )
    assert coded(book) == [("l1", "rude", "confirmed")]
    assert "Saved: rude." in panel.page.note.value
    shown_in_order = list(widgets_in(panel.page))
    assert shown_in_order.index(panel.page.note) < shown_in_order.index(panel.picked)
    panel.key_layer.press({"act": "add", "page": panel.page.number, "why": " "})
    assert "Not saved" in panel.page.note.value
    with pytest.raises(ValueError, match="blank"):
        CodingPanel(book, by=" ")


def test_the_form_that_merges_codes_is_folded_away_until_it_is_asked_for(panel):
    add(panel, "rude")
    form = panel.page.children[-1].children[-1].children[-1]
    body = form.children[-1]
    assert body.layout.display == "none"
    form.fold.value = True
    assert body.layout.display is None
    add(panel, "curt")
    again = panel.page.children[-1].children[-1].children[-1]
    assert (again is form, again.fold.value) == (False, True)


def test_a_reason_leads_to_the_step_that_its_label_points_at_and_frames_it(tmp_path):
    trace = Trace("t1", [Step(f"s{n}", "message", "user", "Where is it?") for n in (1, 2)])
    pointing = Label("t1", "bo", "fail", "It never says where.", step="s2")
    astray = Label("t1", "cy", "fail", "Nor when.", step="s9")
    panel = CodingPanel(Codebook(tmp_path / "codes.jsonl", [pointing, astray]), [trace], by="ada")
    anchor = step_anchor(trace, "s2")
    link = f'which goes wrong at <a href="#{anchor}">step 2</a>'
    assert link in shown()
    assert f"<style>#{anchor}{{outline" in shown()
    panel.page.buttons["next"].click()
    assert "goes wrong at" not in shown()


def test_the_keys_of_the_codes_are_one_line_of_the_list(panel):
    assert next(iter(panel.key_layer.help)) == "1 to 9"
    assert not set("123456789") & set(panel.key_layer.help)
