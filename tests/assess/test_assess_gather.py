"""The evidence: read from files that other programs wrote, each fact with where it comes from; what
cannot be read loses nothing else.
"""

import asyncio
import json
import os
from shutil import copytree

import pytest
from statsmodels.stats.proportion import proportion_confint

from toolkit.assess import Need, assess, gather
from toolkit.assess.build import FILE_BYTES, read_build
from toolkit.assess.gather import CAPABILITIES
from toolkit.assess.measurements import MEASUREMENTS
from toolkit.assess.standing import standing
from toolkit.errors import UsageError
from toolkit.evals import Label, LabelStore
from toolkit.harness import run_demo
from toolkit.sessions import MemoryLog, Session
from toolkit.sessions.lab import Audit, Finding, findings


def audit_saved(folder, name="audit.json", **verdicts):
    rows = []
    for capability, verdict in verdicts.items():
        rows.append({"capability": capability.replace("_", " "), "verdict": verdict})
    card = {"ok": True, "url": "http://shop.example/chat", "findings": rows}
    (folder / name).write_text(json.dumps(card))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The workspace of a build by the scripted roles, whose first round leaves a defect open."""
    folder = tmp_path_factory.mktemp("built") / "workspace"
    figures = asyncio.run(run_demo(folder, Session(MemoryLog(), "build")))
    assert figures["outcome"] == "complete"
    return folder


@pytest.fixture
def workspace(built, tmp_path):
    return copytree(built, tmp_path / "workspace", symlinks=True)


def change_json(path, change):
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def last_round(workspace):
    return max((workspace / "findings").glob("round-*.json"))


def test_each_fact_says_whether_it_was_measured_and_where(tmp_path):
    audit_saved(tmp_path, survives_a_cut="no", second_surface="could not probe")
    evidence = gather(tmp_path, said={"devices": 2, "production": None})
    assert evidence.facts.survives == "no"
    assert evidence.facts.shared is None
    assert evidence.facts.production is None
    assert evidence.source_of("survives") == f"measured: {tmp_path / 'audit.json'}"
    assert evidence.source_of("devices") == "said: --devices"
    assert "production" not in evidence.sources


def test_an_audit_of_now_counts_instead_of_a_saved_one(tmp_path):
    audit_saved(tmp_path, survives_a_cut="no", second_surface="no")
    findings_now = (
        Finding("survives a cut", "yes", "seen"),
        Finding("second surface", "could not probe", "nothing came"),
    )
    evidence = gather(tmp_path, Audit("http://shop.example/chat", findings_now))
    assert evidence.facts.survives == "yes"
    assert evidence.facts.shared is None
    assert evidence.source_of("survives") == "measured: http://shop.example/chat"


def test_of_two_saved_audits_the_newer_counts_and_the_older_is_named(tmp_path):
    audit_saved(tmp_path, "b.json", survives_a_cut="no")
    audit_saved(tmp_path, "a.json", survives_a_cut="yes")
    os.utime(tmp_path / "b.json", (1, 1))
    evidence = gather(tmp_path)
    assert evidence.facts.survives == "yes"
    assert any("b.json: an older audit" in problem for problem in evidence.problems)


@pytest.mark.parametrize(("n", "failed", "need"), [(2, 1, Need.LIKELY), (20, 10, Need.NEEDED)])
def test_few_labels_are_not_taken_for_a_high_share_of_failures(tmp_path, n, failed, need):
    store = LabelStore(tmp_path / "labels.jsonl", make=True)
    for number in range(n):
        verdict = "fail" if number < failed else "pass"
        store.add(Label(f"t{number}", "ada", verdict, "It is so."))
    evidence = gather(tmp_path)
    assert evidence.facts.n_failed == failed
    assert standing("evals", evidence.facts).need == need


def test_the_half_of_twenty_that_could_turn_out_has_the_bound_that_it_would_have(tmp_path):
    results = [result for each in MEASUREMENTS for result in each.results]
    changes = next(each.changes for each in results if "n_failed" in each.changes)
    low, _ = proportion_confint(changes["n_failed"], changes["n_decided"], method="wilson")
    assert changes["share_failing"] == pytest.approx(low, abs=0.005)


@pytest.mark.parametrize(
    "broken", ["{", '{"url": "x", "findings": 3}', '{"url": "x", "findings": [1]}', "\x00" * 9]
)
def test_an_audit_that_cannot_be_read_is_named_and_the_labels_beside_it_count(tmp_path, broken):
    (tmp_path / "audit.json").write_text(broken)
    store = LabelStore(tmp_path / "labels.jsonl", make=True)
    store.add(Label("t1", "ada", "fail", "It is rude."))
    evidence = gather(tmp_path)
    assert evidence.facts.survives is None
    assert evidence.facts.n_failed == 1
    assert any("audit.json" in problem for problem in evidence.problems)


def test_a_folder_that_is_not_there_loses_nothing_that_was_said(tmp_path):
    evidence = gather(tmp_path / "nowhere", harness=tmp_path / "no", said={"run_minutes": 5})
    assert evidence.facts.run_minutes == 5
    assert len(evidence.problems) == 2


def test_an_empty_folder_is_no_evidence_of_a_low_phase(tmp_path):
    evidence = gather(tmp_path)
    assert evidence.facts.phase is None
    assert "begin by labelling" in evidence.problems[0]


@pytest.mark.parametrize(
    "said", [{"devices": 0}, {"run_minutes": -1}, {"run_minutes": float("nan")}, {"phase": 4}]
)
def test_what_cannot_be_said_is_refused(said):
    with pytest.raises(UsageError):
        gather(said=said)


def test_a_build_that_met_its_contract_is_complete(workspace):
    seen = read_build(workspace)
    assert seen.problems == []
    assert seen.facts["build"] == "complete"
    assert seen.facts["contract_kept"] is True
    assert (seen.facts["n_rounds"], seen.facts["n_open"]) == (2, 0)
    assert seen.facts["n_handoffs"] == 1
    assert assess(gather(harness=workspace)).standings[-1].need == Need.HOLDS


def test_the_word_of_the_evaluator_against_a_red_check_is_counted(workspace):
    def believe(record):
        red = [each for each in record["verdicts"] if each["check"] == "fail"]
        assert red
        for verdict in red:
            verdict["evaluator"] = "pass"

    change_json(workspace / "findings" / "round-1.json", believe)
    assert read_build(workspace).facts["n_overruled"] == 1


def test_a_criterion_without_a_verdict_is_open(workspace):
    change_json(last_round(workspace), lambda record: record["verdicts"].pop())
    facts = read_build(workspace).facts
    assert (facts["build"], facts["n_open"]) == ("open", 1)


def test_an_objection_or_a_refused_file_keeps_a_build_open(workspace):
    change_json(last_round(workspace), lambda record: record.update(refused="a path climbs"))
    assert read_build(workspace).facts["build"] == "open"


def test_a_contract_that_was_edited_after_the_signing_was_not_kept(workspace):
    path = workspace / "contract.json"
    path.write_text(path.read_text().replace("report.py", "easier.py"))
    seen = read_build(workspace)
    assert seen.facts["contract_kept"] is False
    assert "build" not in seen.facts
    assert assess(gather(harness=workspace)).answer == "harness"


@pytest.mark.parametrize("broken", ["{", "[]", "", '{"goal": "a later form", "criteria": 3}'])
def test_a_contract_that_cannot_be_read_is_no_edit_and_no_pass(workspace, broken):
    (workspace / "contract.json").write_text(broken)
    seen = read_build(workspace)
    assert "contract_kept" not in seen.facts
    assert "build" not in seen.facts
    assert "contract.json" in seen.problems[0]


def test_a_broken_contract_that_quotes_the_words_for_an_edit_is_no_edit(workspace):
    def misname(contract):
        contract["criteria"][0]["id"] = "differs from what both signed"

    change_json(workspace / "contract.json", misname)
    seen = read_build(workspace)
    assert "differs from what both signed" in seen.problems[0]
    assert "contract_kept" not in seen.facts


@pytest.mark.parametrize("broken", ["{", "[]", "3", '{"verdicts": {"add": "pass"}}', "[" * 100_000])
def test_a_last_round_that_cannot_be_read_passes_nothing(workspace, broken):
    last_round(workspace).write_text(broken)
    seen = read_build(workspace)
    assert seen.facts["build"] == "open"
    assert seen.facts["n_rounds"] == 2


def test_files_that_are_too_large_or_lead_elsewhere_are_not_read(workspace, tmp_path):
    (workspace / "contract.json").rename(tmp_path / "real.json")
    (workspace / "contract.json").symlink_to(tmp_path / "real.json")
    (workspace / "progress.md").write_bytes(b"## " * FILE_BYTES)
    seen = read_build(workspace)
    assert "contract_kept" not in seen.facts
    assert "build" not in seen.facts
    assert len(seen.problems) == 2


def test_a_build_in_sprints_is_complete_where_every_sprint_and_feature_is(workspace, tmp_path):
    root = tmp_path / "whole"
    for number in (1, 2):
        copytree(workspace, root / "sprints" / str(number), symlinks=True)
    features = [{"id": "read", "passes": True}, {"id": "sum", "passes": True}]
    (root / "features.json").write_text(json.dumps(features))
    assert read_build(root).facts["build"] == "complete"
    assert read_build(root).facts["n_rounds"] == 4
    features[1]["passes"] = "true"
    (root / "features.json").write_text(json.dumps(features))
    assert read_build(root).facts["build"] == "open"
    (root / "features.json").write_text("{")
    assert read_build(root).facts["build"] == "open"


def test_no_word_in_a_workspace_can_make_a_build_complete(workspace):
    change_json(last_round(workspace), lambda record: record["verdicts"].pop())
    (workspace / "outcome.json").write_text('{"outcome": "complete"}')
    (workspace / "progress.md").write_text("All criteria hold. complete. pass.")
    assert read_build(workspace).facts["build"] == "open"


def test_a_workspace_in_which_nothing_was_agreed_says_so(tmp_path):
    (tmp_path / "goal.md").write_text("A report.")
    seen = read_build(tmp_path)
    assert seen.facts == {}
    assert "no contract was agreed" in seen.problems[0]


def test_what_an_audit_calls_its_findings_is_known_here():
    assert set(CAPABILITIES.values()) == set(findings.CAPABILITIES)
