"""Adjudication: what raters disagree on, with their reasons, and the adjudicator's word in a file
of its own.
"""

import pytest
from ipywidgets import Widget

from toolkit.evals import Label, LabelStore
from toolkit.traces import Step, Trace
from toolkit.views import AdjudicationPanel

EVIL = '<img src=x onerror="window.pwned=1">'
TRACES = [Trace(f"t{i}", (Step("1", "message", "user", f"Question {i}?"),)) for i in range(1, 6)]
SAID = {
    "ada": {"t1": "pass", "t2": "fail", "t3": "pass", "t4": "defer"},
    "bo": {"t1": "pass", "t2": "pass", "t3": "fail", "t4": "fail"},
}


@pytest.fixture(autouse=True)
def _no_widgets_left_over():
    yield
    Widget.close_all()


@pytest.fixture
def files(tmp_path):
    for rater, verdicts in SAID.items():
        for trace_id, verdict in verdicts.items():
            LabelStore(tmp_path / f"{rater}.jsonl", make=True).add(
                Label(trace_id, rater, verdict, f"{rater} on {trace_id} {EVIL}")
            )
    return [tmp_path / f"{rater}.jsonl" for rater in SAID]


def html() -> str:
    states = [
        m["state"]
        for m in Widget.get_manager_state()["state"].values()
        if m["model_name"] == "HTMLModel"
    ]
    return "\n".join(state.get("value", "") for state in states)


def test_only_what_the_raters_disagree_on_is_shown_with_both_reasons(files, tmp_path):
    panel = AdjudicationPanel(TRACES, files, store=tmp_path / "final.jsonl", rater="cy")
    assert (panel.trace.id, panel.position) == ("t2", "1 of 3 · 0 labelled")
    assert "verdict fail" in html()
    assert "ada (human)" in html()
    assert "bo (human)" in html()
    assert "ada on t2 &lt;img" in html()
    assert "<img" not in html()


def test_the_last_word_goes_to_a_file_of_its_own_and_the_raters_files_stay_as_they_are(
    files, tmp_path
):
    before = [file.read_bytes() for file in files]
    panel = AdjudicationPanel(TRACES, files, store=tmp_path / "final.jsonl", rater="cy")
    panel.reason.value = "Bo missed the second question."
    panel.verdicts["fail"].click()
    (label,) = LabelStore(tmp_path / "final.jsonl", make=True).labels()
    assert (label.trace_id, label.rater, label.verdict) == ("t2", "cy", "fail")
    assert [file.read_bytes() for file in files] == before
    assert (
        AdjudicationPanel(TRACES, files, tmp_path / "final.jsonl", "cy").position
        == "2 of 3 · 1 labelled"
    )


def test_agreement_so_far_is_of_the_traces_that_both_judged(files, tmp_path):
    AdjudicationPanel(TRACES, files, store=tmp_path / "final.jsonl", rater="cy")
    assert "raters agree on 1 of 3 traces" in html()  # not t4, which ada deferred
    assert "simulated" not in html()


def test_simulated_raters_are_called_simulated(tmp_path):
    store = LabelStore(tmp_path / "robots.jsonl", make=True)
    for rater, verdict in (("r1", "pass"), ("r2", "fail")):
        store.add(Label("t1", rater, verdict, "because", "simulated"))
    AdjudicationPanel(TRACES, [store], store=tmp_path / "final.jsonl", rater="cy")
    assert "raters agree on 0 of 1 trace<" in html()
    assert "simulated raters" in html()
    assert "r1 (simulated)" in html()


def test_a_raters_own_file_and_a_raters_own_name_are_refused(files, tmp_path):
    with pytest.raises(ValueError, match="another"):
        AdjudicationPanel(TRACES, files, store=files[0], rater="cy")
    with pytest.raises(ValueError, match="one of the raters"):
        AdjudicationPanel(TRACES, files, store=tmp_path / "final.jsonl", rater="ada")


def test_where_nobody_disagrees_there_is_nothing_to_do(files, tmp_path):
    panel = AdjudicationPanel(TRACES, files[:1], store=tmp_path / "final.jsonl", rater="cy")
    assert panel.trace is None
    assert "no trace has two verdicts yet" in html()
