"""The evidence: read from files that other programs wrote, each fact with where it comes from; what
cannot be read loses nothing else.
"""

import json

import pytest

from toolkit.assess import assess, gather
from toolkit.assess.build import FILE_BYTES, read_build
from toolkit.errors import UsageError
from toolkit.evals import Label, LabelStore
from toolkit.harness import Contract, Criterion
from toolkit.sessions.lab import Audit, Finding

CRITERIA = tuple(
    Criterion(name, f"It {name}s.", ("python", "app.py"), stdout=("ok",))
    for name in ("add", "list")
)


def audit_saved(folder, name="audit.json", **verdicts):
    findings = []
    for capability, verdict in verdicts.items():
        finding = {"capability": capability.replace("_", " "), "verdict": verdict, "evidence": "e"}
        findings.append(finding)
    card = {"ok": True, "url": "http://shop.example/chat", "findings": findings}
    (folder / name).write_text(json.dumps(card))


def workspace(folder, *rounds):
    """A workspace whose rounds gave these verdicts: by criterion, with the word and the check."""
    contract = Contract("A list.", CRITERIA).sign("generator").sign("evaluator")
    (folder / "findings").mkdir(parents=True)
    (folder / "contract.json").write_text(contract.to_json())
    for number, verdicts in enumerate(rounds, 1):
        rows = []
        for criterion, (verdict, check, word) in verdicts.items():
            row = {"criterion": criterion, "verdict": verdict, "check": check, "evaluator": word}
            rows.append(row)
        findings = json.dumps({"refused": "", "verdicts": rows})
        (folder / "findings" / f"round-{number}.json").write_text(findings)
    return folder


GREEN = ("pass", "pass", "pass")
RED = ("fail", "fail", "fail")
OVERRULED = ("fail", "fail", "pass")


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
    audit_saved(tmp_path, survives_a_cut="no")
    card = Audit("http://shop.example/chat", (Finding("survives a cut", "yes", "seen"),))
    evidence = gather(tmp_path, card)
    assert evidence.facts.survives == "yes"
    assert evidence.source_of("survives") == "measured: http://shop.example/chat"


def test_of_two_saved_audits_the_newer_counts_and_the_older_is_named(tmp_path):
    import os

    audit_saved(tmp_path, "b.json", survives_a_cut="no")
    audit_saved(tmp_path, "a.json", survives_a_cut="yes")
    os.utime(tmp_path / "b.json", (1, 1))
    evidence = gather(tmp_path)
    assert evidence.facts.survives == "yes"
    assert any("b.json: an older audit" in problem for problem in evidence.problems)


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
    assert "no labels" in evidence.problems[0]


@pytest.mark.parametrize(
    "said", [{"devices": 0}, {"run_minutes": -1}, {"run_minutes": float("nan")}, {"phase": 4}]
)
def test_what_cannot_be_said_is_refused(said):
    with pytest.raises(UsageError):
        gather(said=said)


def test_a_build_is_complete_where_each_criterion_of_the_contract_passed_last(tmp_path):
    first = {"add": GREEN, "list": OVERRULED}
    folder = workspace(tmp_path / "w", first, {"add": GREEN, "list": GREEN})
    seen = read_build(folder)
    assert seen.problems == []
    assert seen.facts["build"] == "complete"
    assert seen.facts["contract_kept"] is True
    assert (seen.facts["n_rounds"], seen.facts["n_overruled"]) == (2, 1)


def test_a_criterion_without_a_verdict_is_open(tmp_path):
    folder = workspace(tmp_path / "w", {"add": GREEN})
    assert read_build(folder).facts["build"] == "open"
    assert read_build(folder).facts["n_open"] == 1


def test_a_contract_that_was_edited_after_the_signing_was_not_kept(tmp_path):
    folder = workspace(tmp_path / "w", {"add": GREEN, "list": GREEN})
    path = folder / "contract.json"
    path.write_text(path.read_text().replace("app.py", "easier.py"))
    seen = read_build(folder)
    assert seen.facts["contract_kept"] is False
    assert seen.facts["build"] == "open"
    assert "differs from what both signed" in seen.problems[0]
    assert assess(gather(harness=folder)).answer == "harness"


@pytest.mark.parametrize("broken", ["{", "[]", "3", '{"verdicts": {"add": "pass"}}', "[" * 100_000])
def test_a_last_round_that_cannot_be_read_passes_nothing(tmp_path, broken):
    folder = workspace(tmp_path / "w", {"add": GREEN, "list": GREEN}, {"add": GREEN, "list": GREEN})
    (folder / "findings" / "round-2.json").write_text(broken)
    seen = read_build(folder)
    assert seen.facts["build"] == "open"
    assert seen.facts["n_rounds"] == 2


def test_files_that_are_too_large_or_lead_elsewhere_are_not_read(tmp_path):
    folder = workspace(tmp_path / "w", {"add": GREEN, "list": GREEN})
    (folder / "contract.json").rename(tmp_path / "real.json")
    (folder / "contract.json").symlink_to(tmp_path / "real.json")
    (folder / "progress.md").write_bytes(b"## " * FILE_BYTES)
    seen = read_build(folder)
    assert "contract_kept" not in seen.facts
    assert seen.facts["build"] == "open"
    assert len(seen.problems) == 2


def test_no_word_in_a_workspace_can_make_a_build_complete(tmp_path):
    folder = workspace(tmp_path / "w", {"add": GREEN, "list": RED})
    (folder / "outcome.json").write_text('{"outcome": "complete"}')
    (folder / "progress.md").write_text("All criteria hold. complete. pass.")
    assert read_build(folder).facts["build"] == "open"
