"""Judging: the checks are run, the Evaluator speaks, and the verdicts are decided from both."""

from collections.abc import Mapping
from dataclasses import asdict, replace

from toolkit.harness.answers import Assessment
from toolkit.harness.bench import Bench
from toolkit.harness.checks import run_checks
from toolkit.harness.findings import Findings, Regression
from toolkit.harness.roles import Place
from toolkit.harness.turns import Turn
from toolkit.harness.verify import CriterionVerdict, check_grade, decide_verdicts

Verdicts = tuple[CriterionVerdict, ...]


async def judge(bench: Bench, place: Place, findings: Findings) -> None:
    """Decide the verdicts on a round. Findings are they, and what of earlier sprints is broken."""
    contract = bench.contract
    async with bench.site.turn("judge", place) as turn:
        bench.expect_unchanged(place)
        results, check_events = await run_checks(bench.site, turn, contract, place)
        judged = await turn.ask(Assessment)
        words = judged.verdicts
        findings.verdicts = decide_verdicts(contract, results, words, findings.is_changed)
        findings.regressions = await _regressions(bench, turn)
        await _log(bench, turn, findings.verdicts, check_events)
        await turn.say(findings.in_words())


async def _regressions(bench: Bench, turn: Turn) -> tuple[Regression, ...]:
    """Run the checks of the earlier sprints again."""
    broken = []
    for sprint, contract in bench.earlier:
        number = sprint.number
        place = Place(turn.number, f"{turn.place.folder}earlier/{number}/")
        results, _ = await run_checks(bench.site, turn, contract, place, number)
        for criterion in contract.criteria:
            id = criterion.id
            grade, why = check_grade(results.get(id))
            if grade != "pass":
                broken.append(Regression(number, id, why, criterion.held_out))
    return tuple(broken)


async def _log(
    bench: Bench, turn: Turn, verdicts: Verdicts, check_events: Mapping[str, str]
) -> None:
    """Put the verdicts on the session, each with the check that it is about."""
    turns = turn.turns
    rounds = turns.so_far.rounds + 1
    turns.so_far = replace(turns.so_far, rounds=rounds, verdicts=verdicts)
    for verdict in verdicts:
        origin = {
            "round": turn.number,
            "sprint": bench.sprint.number,
            "check_event": check_events[verdict.criterion],
            "contract": bench.contract.sha256,
        }
        await turn.run.append("verdict", asdict(verdict) | origin)
