"""The phase of a folder: counted in its files, and never in what somebody says of them."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import UsageError
from toolkit.evals import (
    Codebook,
    Dataset,
    Experiment,
    FailureMode,
    Label,
    LabelStore,
    Score,
    TrialResult,
    Verdict,
    VerdictStore,
    assess_maturity,
    promote,
)
from toolkit.evals.experiments.maturity import Maturity, maturity_checks
from toolkit.evals.experiments.practice import Practice
from toolkit.traces import Step, Trace

JUDGE = "0123456789abcdef"


def add_labels(folder, n=20, kind="human", failing=10):
    store = LabelStore(folder / "labels.jsonl", make=True)
    for number in range(n):
        verdict = "fail" if number < failing else "pass"
        store.add(Label(f"t{number}", "ada", verdict, "It is rude.", kind, id=f"l{number}"))
    return store


def add_codebook(folder, store, n_coded=20):
    book = Codebook(folder / "codes.jsonl", store)
    for label in store.labels()[:n_coded]:
        book.code(label.id, "rude", by="ada")
    book.merge(FailureMode("rude", "Is not polite.", ("rude",), by="ada"))


def add_experiment(folder, name="first.jsonl", cases=("c1", "c2"), version=""):
    scores = (Score("polite", True, "", version),)
    results = [TrialResult(case, 0, "scored", scores, True, f"run-{case}") for case in cases]
    Experiment(name, tuple(results), planned=len(results)).save(folder / name)


def add_policy(folder):
    (folder / "policy.yaml").write_text("name: ours\nmin_pass_rate: 0.1\n")


def add_case(folder):
    trace = Trace("t0", [Step("s1", "message", "user", "Hello?")], {}, "imported")
    label = Label("t0", "ada", "fail", "It is rude.")
    case = promote(trace, [label], by="ada")
    Dataset([case]).save(folder / "cases.jsonl")
    return case


def test_each_phase_is_reached_by_its_files_and_not_before(tmp_path):
    assert assess_maturity(tmp_path).phase == 0
    store = add_labels(tmp_path)
    assert assess_maturity(tmp_path).phase == 1
    add_codebook(tmp_path, store)
    assert [check.name for check in assess_maturity(tmp_path).missing] == [
        "what scores is measured"
    ]
    add_experiment(tmp_path)
    assert assess_maturity(tmp_path).phase == 2
    add_policy(tmp_path)
    assert assess_maturity(tmp_path).phase == 3
    case = add_case(tmp_path)
    add_experiment(tmp_path, "second.jsonl", ("c1", "c2", case.id))
    found = assess_maturity(tmp_path)
    assert (found.phase, found.missing, found.problems) == (4, (), ())
    assert found.practice.n_cycles == 1


def test_a_cycle_needs_a_case_that_was_promoted(tmp_path):
    add_experiment(tmp_path)
    add_experiment(tmp_path, "second.jsonl", ("c1", "c2", "made-up"))
    assert assess_maturity(tmp_path).practice.n_cycles == 0


def test_simulated_labels_are_not_peoples_and_where_they_count_it_is_said(tmp_path):
    add_labels(tmp_path, kind="simulated")
    found = assess_maturity(tmp_path)
    assert found.phase == 0
    assert found.practice.n_failed == 0
    assert "20 more by simulated raters" in found.checks[0].found
    counted = assess_maturity(tmp_path, count_simulated=True)
    assert counted.phase == 1
    assert "this says nothing about people" in str(counted)
    add_labels(tmp_path / "models", kind="model")
    assert assess_maturity(tmp_path / "models", count_simulated=True).phase == 0


def judged(folder, n, wrong=0):
    store = VerdictStore(folder / "verdicts.jsonl")
    for number in range(n):
        says = "fail" if number < n // 2 else "pass"
        if number < wrong:
            says = "pass"
        store.keep(Verdict(f"t{number}", says, "seen", "", "imported", JUDGE))


@pytest.mark.parametrize(("n", "wrong", "met"), [(100, 0, True), (20, 0, False), (100, 20, False)])
def test_a_judge_counts_by_its_lower_bounds_and_not_by_its_rates(tmp_path, n, wrong, met):
    add_labels(tmp_path, n, failing=n // 2)
    judged(tmp_path, n, wrong)
    checks = {check.name: check for check in assess_maturity(tmp_path).checks}
    assert checks["what scores is measured"].met is met
    assert JUDGE in checks["what scores is measured"].found


def test_a_judge_that_scores_and_that_nobody_measured_is_weak(tmp_path):
    add_experiment(tmp_path, version=JUDGE)
    found = assess_maturity(tmp_path)
    assert found.practice.weak_judges == (JUDGE,)
    assert found.practice.n_code_scores == 0


def test_codes_have_settled_only_where_new_traces_bring_no_new_ones(tmp_path):
    store = add_labels(tmp_path)
    book = Codebook(tmp_path / "codes.jsonl", store)
    for label in store.labels():
        book.code(label.id, f"code {label.id}", by="ada")
    checks = {check.name: check for check in assess_maturity(tmp_path).checks}
    assert not checks["codes have settled"].met
    assert checks["codes have settled"].found == "20 traces coded, 10 new codes in the last 10"


def test_a_file_that_cannot_be_read_is_named_and_the_rest_counts(tmp_path):
    add_labels(tmp_path)
    add_experiment(tmp_path)
    with (tmp_path / "labels.jsonl").open("a") as file:
        file.write("{no json\n")
    (tmp_path / "broken.jsonl").write_text('{"name": "x", "planned": "many"}\n')
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\n")
    found = assess_maturity(tmp_path)
    assert found.practice.n_reasons == 20
    assert found.practice.n_trials == 2
    named = " ".join(found.problems)
    assert "labels.jsonl" in named
    assert "broken.jsonl" in named


def test_a_policy_that_is_broken_on_every_experiment_is_no_gate(tmp_path):
    add_experiment(tmp_path)
    (tmp_path / "policy.yaml").write_text("better: true\n")
    checks = {check.name: check for check in assess_maturity(tmp_path).checks}
    assert not checks["gate"].met


def test_links_and_hidden_folders_are_not_followed(tmp_path):
    add_labels(tmp_path / "real")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "out").symlink_to(tmp_path / "real")
    add_labels(folder / ".hidden")
    assert assess_maturity(folder).practice.n_files == 0


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        assess_maturity(tmp_path / "nowhere")


def test_it_is_shown_and_is_json(tmp_path):
    add_labels(tmp_path)
    found = assess_maturity(tmp_path)
    assert "<td>reasons</td>" in found._repr_html_()
    assert json.loads(json.dumps(found.to_dict()))["phase"] == 1


COUNTS = ["n_reasons", "n_modes", "n_coded", "n_code_scores", "n_trials", "n_promoted", "n_cycles"]
PRACTICES = st.builds(
    Practice,
    n_new_codes=st.sampled_from([None, 0, 1, 2, 9]),
    weak_judges=st.sampled_from([(), (JUDGE,)]),
    **{name: st.integers(0, 40) for name in COUNTS},
)


def phase_of(practice):
    return Maturity("folder", tuple(maturity_checks(practice)), practice).phase


@given(PRACTICES, st.sampled_from(COUNTS), st.integers(0, 40))
def test_more_of_anything_never_lowers_the_phase(practice, name, more):
    grown = replace(practice, **{name: getattr(practice, name) + more})
    assert phase_of(grown) >= phase_of(practice)
