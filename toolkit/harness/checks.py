"""Checks: each criterion's check is run on the attempt, and what came of it is kept."""

from dataclasses import asdict
from typing import Any

from toolkit.harness.checking import check_criterion
from toolkit.harness.contract import Contract, Criterion
from toolkit.harness.evidence import CheckResult, EvidenceFolder
from toolkit.harness.roles import Place
from toolkit.harness.site import Site
from toolkit.harness.turns import Turn


async def run_checks(
    site: Site, turn: Turn, contract: Contract, place: Place, regression_of: int | None = None
) -> tuple[dict[str, CheckResult], dict[str, str]]:
    """Run each check on attempt/. Returns results and the ids of their events; round 0 is before
    the build. Where an earlier sprint promised it, `regression_of` is that sprint's number.
    """
    results: dict[str, CheckResult] = {}
    check_events: dict[str, str] = {}
    records: list[dict[str, Any]] = []
    folder = f"{place.folder}evidence/round-{place.number}"
    evidence = EvidenceFolder(site.workspace.path, folder)
    for criterion in contract.criteria:
        checking = check_criterion(
            criterion, contract, site.sandbox, site.workspace.attempt, evidence
        )
        result = await site.turns.bounded(checking)
        results[criterion.id] = result
        record = _check_record(criterion, result)
        records.append(record)
        measured: dict[str, Any] = {
            "round": place.number,
            "seconds": round(result.seconds, 3),
            "evidence": [asdict(file) for file in result.evidence],
        }
        if regression_of is not None:
            measured["regression_of"] = regression_of
        if result.banner:
            measured["banner"] = result.banner
        ack = await turn.run.append("check.result", record | measured)
        check_events[criterion.id] = ack.event.id
    site.workspace.write(f"{place.folder}checks/round-{place.number}.json", records)
    shown = contract.records_for_generator(records)
    site.workspace.write(f"{place.folder}shown/checks-{place.number}.json", shown)
    return results, check_events


def _check_record(criterion: Criterion, result: CheckResult) -> dict[str, Any]:
    """What the folder keeps of a check.

    How long it took, on which machine, and the files of its evidence are not in it: the Evaluator's
    question must not change with them.
    """
    return {
        "criterion": criterion.id,
        "kind": criterion.check.kind,
        "finding": result.grade,
        "why": result.why,
        **result.observed,
    }
