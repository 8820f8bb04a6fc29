"""gate: bounds decide; what is missing, unread or judged by nobody trusted is broken."""

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import yaml
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from toolkit.cli import app
from toolkit.evals import (
    Experiment,
    GatePolicy,
    Label,
    LabelStore,
    Score,
    TrialResult,
    Verdict,
    VerdictStore,
    align,
    gate,
    trusted,
)
from toolkit.evals.experiments.decision import EXIT_CODES
from toolkit.evals.experiments.gate_files import gate_files
from toolkit.records import RecordError

ROOT = Path(__file__).parents[2]
JUDGE = "0123456789abcdef"


def made_of(n_passed, n_cases=200, name="agent", **fields) -> Experiment:
    results = []
    for case in range(n_cases):
        passed = case < n_passed
        results.append(TrialResult(str(case), 0, "scored", passed=passed))
    return Experiment(name, results, **{"planned": n_cases, **fields})


def judged(n_passed=190, n_cases=200, judge=JUDGE) -> Experiment:
    results = []
    for case in range(n_cases):
        scores = (Score("polite", case < n_passed, "as read", judge), Score("solved", True))
        results.append(TrialResult(str(case), 0, "scored", scores, passed=case < n_passed))
    return Experiment("judged", results, planned=n_cases)


def alignment_of(n=120, wrong=0, judge=JUDGE):
    labels, verdicts = labels_and_verdicts(n, wrong, judge)
    return align(labels, verdicts)


def labels_and_verdicts(n, wrong, judge):
    labels = []
    verdicts = []
    for number in range(n):
        truth = "pass" if number % 2 else "fail"
        other = "fail" if number % 2 else "pass"
        labels.append(Label(f"t{number}", "ada", truth, "as read"))
        said = other if number < wrong else truth
        verdicts.append(Verdict(f"t{number}", said, "so", "", "live", judge))
    return labels, verdicts


@pytest.mark.parametrize(
    ("n_passed", "outcome", "code"),
    [(195, "pass", 0), (150, "fail", 1), (182, "inconclusive", 2), (172, "inconclusive", 2)],
)
def test_the_bounds_of_the_interval_decide_and_not_the_point_estimate(n_passed, outcome, code):
    decision = gate(made_of(n_passed), GatePolicy(min_pass_rate=0.9))
    assert (decision.outcome, decision.exit_code) == (outcome, code)


@pytest.mark.parametrize(
    "experiment",
    [
        Experiment("none", (), planned=0),
        Experiment("none ran", [TrialResult("a", 0, "not run")], planned=5),
        Experiment("all errored", [TrialResult("a", 0, "errored", why="boom")], planned=1),
        made_of(1, 1, broken={"0"}),
    ],
    ids=lambda experiment: experiment.name,
)
def test_no_case_and_no_result_are_broken_and_neither_pass_nor_fail(experiment):
    decision = gate(experiment, GatePolicy(min_pass_rate=0.1))
    assert (decision.outcome, decision.exit_code) == ("broken", 3)


def test_what_is_unscored_counts_as_not_passed_and_has_a_bound_of_its_own():
    results = [TrialResult(str(n), 0, "scored", passed=True) for n in range(150)]
    results += [TrialResult(str(n), 0, "unscored", why="timed out") for n in range(150, 200)]
    experiment = Experiment("half dumb", results, planned=200)
    assert experiment.rate(unscored="exclude").value == 1.0
    assert gate(experiment, GatePolicy(min_pass_rate=0.9)).outcome == "fail"
    assert gate(experiment, GatePolicy(max_unscored=0.3)).outcome == "pass"
    assert gate(experiment, GatePolicy(max_unscored=0.2)).outcome == "fail"


def test_free_cases_cannot_lift_a_rate_that_is_asked_for_without_them():
    free = {str(case) for case in range(150)}
    experiment = made_of(150, 200, free=free)
    assert gate(experiment, GatePolicy(min_pass_rate=0.6)).outcome == "pass"
    assert gate(experiment, GatePolicy(min_pass_rate_without_free=0.6)).outcome == "fail"


def test_each_bound_is_checked_and_the_gravest_outcome_decides():
    results = []
    for case in range(100):
        for trial in range(4):
            scores = (Score("polite", True), Score("words", 12))
            passed = case % 10 > 0
            results.append(
                TrialResult(str(case), trial, "scored", scores, passed=passed, cost_usd=0.01)
            )
    experiment = Experiment("many", results, planned=400)
    bounds = {"min_pass_rate": 0.8, "min_pass_hat": {4: 0.8}, "min_scores": {"polite": 0.9}}
    assert gate(experiment, GatePolicy(**bounds, max_cost_usd=5)).outcome == "pass"
    assert gate(experiment, GatePolicy(**bounds, max_cost_usd=3)).outcome == "fail"
    assert gate(experiment, GatePolicy(min_pass_hat={5: 0.1})).outcome == "broken"
    assert gate(experiment, GatePolicy(min_scores={"words": 0.1})).outcome == "broken"
    assert gate(experiment, GatePolicy(min_scores={"kind": 0.1})).outcome == "broken"


def test_a_baseline_wants_a_margin_and_a_margin_a_baseline():
    old, new = made_of(180, name="old"), made_of(184, name="new")
    asks = GatePolicy(margin=0.1)
    assert gate(new, asks, old).outcome == "pass"
    assert gate(made_of(120), asks, old).outcome == "fail"
    assert gate(old, asks, new).outcome == "pass"
    assert gate(old, GatePolicy(margin=0.01), new).outcome == "inconclusive"
    assert gate(new, asks).outcome == "broken"
    assert gate(new, GatePolicy(min_pass_rate=0.5), old).outcome == "broken"
    apart = Experiment("apart", [TrialResult("z", 0, "scored", passed=True)], planned=1)
    assert gate(new, asks, apart).outcome == "broken"
    better = GatePolicy(better=True)
    assert gate(new, better, made_of(120)).outcome == "pass"
    assert gate(made_of(120), better, new).outcome == "fail"
    assert gate(new, better, new).outcome == "inconclusive"


def test_a_judge_that_is_not_trusted_is_refused():
    policy = GatePolicy(min_pass_rate=0.5)
    good = {"polite": trusted(alignment_of())}
    assert gate(judged(), policy, trust=good).outcome == "pass"
    nothing = gate(judged(), policy)
    assert nothing.outcome == "broken"
    assert f"nothing shows that judge {JUDGE} may score" in str(nothing)
    bad = gate(judged(), policy, trust={"polite": trusted(alignment_of(wrong=60))})
    assert bad.outcome == "broken"
    assert "not trusted" in str(bad)
    other = gate(judged(judge="f" * 16), policy, trust=good)
    assert other.outcome == "broken"
    assert f"judge {'f' * 16} scored, and judge {JUDGE} is trusted" in str(other)


def test_a_judge_that_the_policy_does_not_go_by_needs_no_trust():
    assert gate(judged(), GatePolicy(min_scores={"solved": 0.9})).outcome == "pass"
    assert gate(judged(), GatePolicy(min_scores={"polite": 0.5})).outcome == "broken"


def test_a_judge_of_your_own_is_named_in_the_conditions():
    experiment = made_of(195, conditions={"judges": {"passed by mine": "my judge"}})
    assert gate(experiment, GatePolicy(min_pass_rate=0.5)).outcome == "broken"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("min_pass_rat: 0.9\n", r"policy\.yaml:1.*known are name, min_pass_rate"),
        ("name: x\nmin_pass_rate: high\n", r"policy\.yaml:2: field min_pass_rate"),
        ("min_pass_rate: 90\n", "a share of 1"),
        ("name: nothing\n", "asks for nothing"),
        ("margin: 0\n", "no sample shows a margin of 0"),
        ("min_pass_rate: [\n", "not YAML"),
        ("", "not a mapping"),
        (
            "judges:\n  polite:\n    label: x\n",
            r"known are labels, verdicts, school|Field required",
        ),
    ],
)
def test_a_policy_that_does_not_load_names_its_line_and_is_a_broken_gate(tmp_path, text, why):
    policy = tmp_path / "policy.yaml"
    policy.write_text(text)
    with pytest.raises(RecordError, match=why):
        GatePolicy.load(policy)
    experiment = tmp_path / "experiment.jsonl"
    made_of(195).save(experiment)
    assert gate_files(experiment, policy).outcome == "broken"


def test_a_policy_in_a_file_is_the_policy(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "name: release\nmin_pass_rate: 0.8\nmin_pass_hat: {4: 0.5}\nmin_scores: {polite: 0.9}\n"
        "margin: 0.05\nmax_unscored: 0.02\nmax_cost_usd: 5\nbetter: true\n"
    )
    assert GatePolicy.load(policy) == GatePolicy(
        name="release",
        min_pass_rate=0.8,
        min_pass_hat={4: 0.5},
        min_scores={"polite": 0.9},
        margin=0.05,
        max_unscored=0.02,
        max_cost_usd=5.0,
        better=True,
    )


def test_labels_and_verdicts_beside_the_policy_show_that_the_judge_is_trusted(tmp_path):
    labels, verdicts = labels_and_verdicts(120, 0, JUDGE)
    store = LabelStore(tmp_path / "labels.jsonl", make=True)
    for label in labels:
        store.add(label)
    kept = VerdictStore(tmp_path / "verdicts.jsonl")
    for verdict in verdicts:
        kept.keep(verdict)
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "min_pass_rate: 0.8\njudges:\n  polite: {labels: labels.jsonl, verdicts: verdicts.jsonl}\n"
    )
    experiment = tmp_path / "experiment.jsonl"
    judged().save(experiment)
    assert gate_files(experiment, policy).outcome == "pass"
    judged(judge="f" * 16).save(experiment)
    decision = gate_files(experiment, policy)
    assert decision.outcome == "broken"
    assert "a changed judge is judged anew" in str(decision)


def test_the_markdown_is_a_table_in_which_no_name_can_format_or_forge_a_row():
    name = "x | y |\n| all | good | `fine` | pass |\n<img src=x> [a](http://b) \u202e"
    decision = gate(made_of(195, name=name), GatePolicy(name=name, min_pass_rate=0.9))
    tokens = MarkdownIt("commonmark").enable("table").parse(decision.markdown)
    inline = [child.type for token in tokens for child in token.children or ()]
    assert [token.type for token in tokens].count("tr_open") == 2
    assert set(inline) == {"text", "text_special"} or set(inline) == {"text"}
    assert "\u202e" not in decision.markdown
    assert "<img" not in decision._repr_html_()


def test_what_is_simulated_says_so_in_the_decision():
    results = [TrialResult(str(n), 0, "scored", passed=True, source="simulated") for n in range(50)]
    decision = gate(Experiment("script", results, planned=50), GatePolicy(min_pass_rate=0.5))
    assert "The traces are simulated" in str(decision)
    assert decision.to_dict()["simulated"] is True
    assert json.loads(json.dumps(decision.to_dict())) == decision.to_dict()


def test_an_agent_that_is_just_good_enough_passes_the_gate_as_seldom_as_the_bound_says():
    rng = np.random.default_rng(11)
    policy = GatePolicy(min_pass_rate=0.8)
    n_passed = rng.binomial(200, 0.8, size=400)
    outcomes = [gate(made_of(int(n)), policy).outcome for n in np.unique(n_passed)]
    by_count = dict(zip(np.unique(n_passed), outcomes, strict=True))
    passes = np.mean([by_count[n] == "pass" for n in n_passed])
    fails = np.mean([by_count[n] == "fail" for n in n_passed])
    assert passes <= 0.065
    assert fails <= 0.065


def command(*arguments):
    return CliRunner().invoke(app, ["gate", *map(str, arguments)])


def test_the_command_exits_with_0_1_2_or_3(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("min_pass_rate: 0.9\n")
    experiment = tmp_path / "experiment.jsonl"
    for n_passed, code in ((195, 0), (150, 1), (182, 2)):
        made_of(n_passed).save(experiment)
        run = command(experiment, policy)
        assert run.exit_code == code, run.output
        assert "pass rate: wanted lower bound 0.9" in run.output
    Experiment("empty", (), planned=0).save(experiment)
    assert command(experiment, policy).exit_code == 3


def test_whatever_the_command_cannot_read_or_understand_is_exit_3(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("min_pass_rate: 0.9\n")
    experiment = tmp_path / "experiment.jsonl"
    made_of(195).save(experiment)
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_text(experiment.read_text().replace("scored", "won"))
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(bytes(range(256)))
    wrong = [
        (tmp_path / "none.jsonl", policy),
        (experiment, tmp_path / "none.yaml"),
        (experiment, tmp_path),
        (damaged, policy),
        (binary, policy),
        (experiment, policy, "--baseline", tmp_path / "none.jsonl"),
        (experiment, policy, "--summary", tmp_path),
        (experiment, policy, "--basline", experiment),
        (experiment,),
    ]
    for arguments in wrong:
        run = command(*arguments)
        assert run.exit_code == 3, (arguments, run.output)
    assert command("--help").exit_code == 0


def test_the_command_writes_a_summary_and_one_json_object(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("margin: 0.1\n")
    experiment = tmp_path / "experiment.jsonl"
    made_of(195).save(experiment)
    summary = tmp_path / "summary.md"
    summary.write_text("# before\n")
    run = command(experiment, policy, "--baseline", experiment, "--summary", summary, "--json")
    assert run.exit_code == 0
    assert json.loads(run.stdout)["outcome"] == "pass"
    assert summary.read_text().startswith("# before\n## Gate: pass\n")


def test_the_policy_and_the_workflow_of_the_page_are_ones_that_can_be_used(tmp_path):
    page = (ROOT / "notebooks" / "pages" / "gate.md").read_text()
    policy, _, workflow = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "policy.yaml"
    path.write_text(policy)
    rules = GatePolicy.load(path)
    for each in fields(GatePolicy):
        if each.name not in ("name", "better"):
            assert getattr(rules, each.name), each.name
    steps = yaml.safe_load(workflow)["jobs"]["gate"]["steps"]
    (run,) = [step["run"] for step in steps if "fieldbook gate" in step.get("run", "")]
    options = re.findall(r"--\w+", run)
    known = command("--help").output
    assert options == ["--baseline", "--summary"]
    assert all(option in known for option in options)
    for outcome, code in EXIT_CODES.items():
        assert f"| {code} | {outcome} |" in page
