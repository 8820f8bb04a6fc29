"""A label that quotes words of a step, and has tags beside its verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.evals import Label, LabelStore, align, labels_frame, labels_from_frame, merge_labels
from toolkit.evals.labels.spelled import QUOTE_CHARS, TAG_CHARS
from toolkit.traces import Step, Trace

ADA = Label(
    "t1", "ada", "fail", "It invents a rule.", step="s4", quote="no  refunds,\n ever", tags=["tone"]
)
BO = Label("t1", "bo", "fail", "It never asked.")
texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=200)


def test_quote_and_tags_are_stored_on_one_line_and_read_back(tmp_path):
    store = LabelStore(tmp_path / "ada.jsonl", make=True)
    store.add(ADA)
    store.add(BO)
    assert [label.quote for label in LabelStore(store.path).labels()] == ["no refunds, ever", None]
    assert LabelStore(store.path).labels() == [ADA, BO]
    frame = store.frame().set_index("rater")
    assert frame.loc["ada", ["quote", "tags"]].tolist() == ["no refunds, ever", "tone"]
    assert frame["tags"].str.get_dummies(", ")["tone"].to_dict() == {"ada": 1, "bo": 0}


def test_a_label_without_quote_and_tags_is_written_as_before_and_an_older_file_is_read(tmp_path):
    store = LabelStore(tmp_path / "bo.jsonl", make=True)
    store.add(BO)
    assert '"quote"' not in store.path.read_text()
    assert '"tags"' not in store.path.read_text()
    (label,) = store.labels()
    assert (label.quote, label.tags) == (None, ())


def test_quotes_and_tags_go_to_csv_and_come_back(tmp_path):
    path = tmp_path / "labels.csv"
    many = Label("t2", "ada", "pass", "Kind.", tags=("tone", "policy, no", "x")[::2])
    labels_frame([ADA, BO, many]).to_csv(path, index=False)
    assert labels_from_frame(path) == [ADA, BO, many]
    assert labels_from_frame(labels_frame([ADA, BO, many])) == [ADA, BO, many]


def test_the_quotes_of_several_raters_stand_side_by_side(tmp_path):
    paths = []
    for label in (ADA, BO):
        store = LabelStore(tmp_path / f"{label.rater}.jsonl", make=True)
        store.add(label)
        paths.append(store.path)
    quotes = merge_labels(paths, field="quote")
    assert quotes.loc["t1"].to_dict() == {"ada": "no refunds, ever", "bo": None}


@given(texts)
def test_any_text_that_is_quoted_is_the_same_on_one_line_after_the_disk(tmp_path_factory, words):
    if not words.strip():
        return
    store = LabelStore(tmp_path_factory.mktemp("labels") / "labels.jsonl", make=True)
    store.add(Label("t", "ada", "fail", "No.", quote=words))
    (label,) = store.labels()
    assert label.quote == " ".join(words.split())


@pytest.mark.parametrize("quote", ["", " \n", 4, "a" * (QUOTE_CHARS + 1)])
def test_a_quote_that_is_no_text_or_too_long_is_refused(quote):
    with pytest.raises(ValueError, match="a label's quote"):
        Label("t1", "ada", "fail", "No.", quote=quote)


@pytest.mark.parametrize("tags", ["tone", ["a, b"], [" "], [4], ["a" * (TAG_CHARS + 1)], ["a\nb"]])
def test_a_tag_that_is_no_word_or_two_is_refused(tags):
    with pytest.raises(ValueError, match=r"\btags?\b"):
        Label("t1", "ada", "fail", "No.", tags=tags)


def test_a_tag_that_is_given_twice_counts_once():
    assert Label("t1", "ada", "fail", "No.", tags=["tone", " tone", "policy"]).tags == (
        "tone",
        "policy",
    )


def test_disagreements_show_the_quote_and_mark_it_in_the_trace():
    traces = [Trace("t1", (Step("s4", "message", "assistant", "There are no refunds, *ever*."),))]
    alignment = align([ADA, Label("t2", "ada", "pass", "Kind.")], {"t1": "pass", "t2": "pass"})
    html = alignment.disagreements(traces)._repr_html_()
    assert "“no refunds, ever”" in html
    assert '<mark class="quote">no refunds, </mark>' in html
    without = align([BO], {"t1": "pass"})
    assert "quote" not in without.pairs
