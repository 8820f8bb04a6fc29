"""Calibration: an evaluator gates where its lower bound holds, and no longer once it has changed."""

from dataclasses import replace

import pytest

from toolkit.errors import UsageError
from toolkit.evals import RATES, Label
from toolkit.harness import calibrate
from toolkit.harness.experiments import (
    Artefact,
    Certificate,
    Findings,
    LabelledArtefact,
    Review,
    SimulatedEvaluator,
    recalibrate,
    simulated_labels,
)

SIMULATED_LABELS = replace(RATES, human=False)
SHARP = {"works": 0.97, "looks": 0.97}
BLUNT = {"works": 0.97, "looks": 0.5}
LABELLED = simulated_labels(120, ["works", "looks"])


class Scripted:
    """An evaluator of one's own: it says of each artefact what its script says."""

    source = "imported"

    def __init__(self, script, **parts):
        self.script = script
        self.parts = {"rubric": "r", "few_shots": "f", "prompt": "p", "model": "m"} | parts

    def worst_case_usd(self, artefact):
        return 0.0

    async def __call__(self, artefact):
        return self.script[artefact.id]


def labelled(id_, verdict, why="because"):
    label = Label(id_, "ann", verdict, why)
    return LabelledArtefact(Artefact(id_, "a build"), {"works": label})


async def calibrated(tnr=BLUNT, **changes):
    evaluator = SimulatedEvaluator(LABELLED, SHARP, tnr, **changes)
    return evaluator, await calibrate(evaluator, LABELLED, SIMULATED_LABELS)


async def test_an_evaluator_gates_on_the_criteria_whose_lower_bounds_hold_and_on_no_other():
    evaluator, calibration = await calibrated()
    assert calibration.gates == ("works",)
    certificate = calibration.certificate
    passed = Review(True, "it runs")
    assert certificate.decide(evaluator, "works", passed).passed is True
    refused = certificate.decide(evaluator, "looks", passed)
    assert refused.passed is None
    assert "not trusted: tnr" in refused.why
    assert certificate.decide(evaluator, "speed", passed).passed is None


async def test_simulated_labels_let_no_evaluator_gate_where_people_are_asked_for():
    evaluator = SimulatedEvaluator(LABELLED, SHARP, SHARP)
    calibration = await calibrate(evaluator, LABELLED)
    assert calibration.gates == ()
    assert "simulated labels" in calibration.title
    assert "human" not in calibration.title.lower()


@pytest.mark.parametrize(
    ("part", "word"),
    [
        ("rubric", "another rubric"),
        ("few_shots", "another set of few-shots"),
        ("prompt", "another prompt"),
        ("model", "another model"),
    ],
)
async def test_a_change_of_any_part_voids_the_calibration_and_its_name_is_said(part, word):
    evaluator, calibration = await calibrated()
    changed = replace(evaluator, **{part: "something else"})
    certificate = Certificate.from_json(calibration.certificate.to_json())
    assert certificate.void(evaluator) == ""
    assert certificate.void(changed).startswith("void: ")
    assert word in certificate.void(changed)
    decision = certificate.decide(changed, "works", Review(True, "it runs"))
    assert decision.passed is None
    assert word in decision.why


async def test_a_script_that_stands_in_for_a_model_is_another_model():
    script = {"a": Findings({"works": Review(True)})}
    calibration = await calibrate(Scripted(script), [labelled("a", "pass")], cap_usd=1.0)
    simulated = Scripted(script)
    simulated.source = "simulated"
    assert "another model" in calibration.certificate.void(simulated)


async def test_a_verdict_that_is_missing_is_unscored_and_shown_with_the_evidence_that_there_is():
    script = {
        "a": Findings({"works": Review(True, "it runs", ("exit code 0", "<b>log</b>"))}),
        "b": Findings({}),
    }
    rows = [labelled("a", "fail", "it <i>hangs</i>"), labelled("b", "pass"), labelled("c", "pass")]
    calibration = await calibrate(Scripted(script), rows, cap_usd=1.0)
    works = calibration.criteria["works"]
    assert (works.alignment.n, works.alignment.n_unparsed) == (1, 2)
    html = calibration._repr_html_()
    assert "exit code 0" in html
    assert "&lt;b&gt;log" in html
    assert "it &lt;i&gt;hangs" in html
    assert "it gave no verdict on this criterion" in html
    assert "KeyError" in html


async def test_evidence_without_end_is_cut():
    pieces = tuple("x" * 10_000 for _ in range(1_000))
    script = {"a": Findings({"works": Review(True, "y" * 10_000, pieces)})}
    calibration = await calibrate(Scripted(script), [labelled("a", "fail")], cap_usd=1.0)
    assert len(calibration._repr_html_()) < 20_000


async def test_an_artefact_that_the_evaluator_was_shown_with_its_answer_is_in_no_number():
    script = {
        "a": Findings({"works": Review(True)}, was_shown=True),
        "b": Findings({"works": Review(True)}),
    }
    rows = [labelled("a", "pass"), labelled("b", "pass")]
    calibration = await calibrate(Scripted(script), rows, cap_usd=1.0)
    assert calibration.criteria["works"].alignment.n == 1
    assert calibration.criteria["works"].alignment.n_examples == 1


async def test_a_model_that_grew_worse_loses_its_gate_and_what_moved_is_said():
    evaluator, before = await calibrated(SHARP)
    worse = replace(evaluator, model="simulated-2", tnr={"works": 0.97, "looks": 0.4})
    moved = await recalibrate(before, worse, LABELLED, SIMULATED_LABELS)
    changes = {change.criterion: change for change in moved.changes}
    assert moved.changed_parts == ("model",)
    assert changes["looks"].moved
    assert not changes["works"].moved
    assert "gates no more" in str(changes["looks"])
    assert "simulated" in str(moved)


async def test_another_set_of_labels_is_refused_where_two_versions_are_compared():
    evaluator, before = await calibrated()
    others = simulated_labels(120, ["works", "looks"], seed=1)
    with pytest.raises(ValueError, match="different labels"):
        await recalibrate(before, replace(evaluator, labelled=others), others, SIMULATED_LABELS)


async def test_the_cap_leaves_artefacts_out_and_counts_them():
    class Dear(Scripted):
        def worst_case_usd(self, artefact):
            return 0.4

    script = {id_: Findings({"works": Review(True)}, 0.4) for id_ in "abc"}
    rows = [labelled(id_, "pass") for id_ in "abc"]
    calibration = await calibrate(Dear(script), rows, cap_usd=1.0)
    assert calibration.n_not_asked == 1
    assert calibration.criteria["works"].alignment.n == 2


async def test_an_evaluator_without_its_parts_is_refused():
    evaluator = Scripted({})
    evaluator.parts = {"prompt": "p"}
    with pytest.raises(UsageError, match="few_shots"):
        await calibrate(evaluator, [labelled("a", "pass")], cap_usd=1.0)


def test_a_label_of_another_artefact_is_refused():
    with pytest.raises(ValueError, match="not of 'b'"):
        LabelledArtefact(Artefact("b", ""), {"works": Label("a", "ann", "pass", "because")})
