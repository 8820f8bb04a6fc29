"""Rounds: build, check, judge, until all criteria of a contract hold or the rounds are used up."""

from toolkit.harness.bench import Bench
from toolkit.harness.beside import hear_others
from toolkit.harness.building import build
from toolkit.harness.findings import Findings
from toolkit.harness.judging import judge
from toolkit.harness.outcome import Stop
from toolkit.harness.roles import Place, Step
from toolkit.harness.sprints import refine_or_pivot


async def build_until_it_passes(bench: Bench) -> int:
    """The number of the round after which all of a sprint holds. Raises Stop where there is
    none.
    """
    site = bench.site
    rounds = site.turns.budget.rounds
    open_so_far: list[frozenset[str]] = []
    for number in range(1, rounds + 1):
        place = Place(number, bench.sprint.folder)
        findings = await _round(bench, place)
        if findings.passes(bench.contract):
            await _keep(bench, place, findings)
            return number
        open_so_far.append(findings.open)
        findings.approach = refine_or_pivot(open_so_far)
        await _keep(bench, place, findings)
        if findings.approach == "pivot":
            open_so_far.clear()
            site.workspace.begin_again()
    raise Stop("failed", f"{rounds} rounds are used up and criteria are open")


async def _round(bench: Bench, place: Place) -> Findings:
    """Build once, and judge it."""

    async def hear(step: Step) -> None:
        objections = await hear_others(bench.site, step, place, bench.contract)
        findings.object(objections)

    findings = Findings()
    await hear("before_build")
    await build(bench, place, findings)
    await hear("after_build")
    await judge(bench, place, findings)
    await hear("judge")
    return findings


async def _keep(bench: Bench, place: Place, findings: Findings) -> None:
    """Write the findings, for people and for whoever builds next."""
    site = bench.site
    number = place.number
    name = f"{place.folder}findings/round-{number}"
    site.workspace.write(f"{name}.json", findings.record())
    shown = findings.for_generator(bench.contract)
    site.workspace.write(f"{place.folder}shown/findings-{number}.json", shown)
    evaluator = site.crew.at("judge")
    await site.turns.commit(evaluator.name, name)
