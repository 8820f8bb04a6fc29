"""Rounds: build, check, judge, until all criteria of a contract hold or the rounds are used up."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from toolkit.harness.answers import Assessment, Build, HandOff, Notes
from toolkit.harness.checks import run_checks
from toolkit.harness.contract import Contract
from toolkit.harness.contract_checks import TextFile
from toolkit.harness.outcome import Stop
from toolkit.harness.roles import Place, Role, Step
from toolkit.harness.site import Site
from toolkit.harness.sprints import Approach, Sprint, refine_or_pivot
from toolkit.harness.verify import CriterionVerdict, all_pass, decide_verdicts
from toolkit.harness.workspace import WorkspaceError, clip
from toolkit.sessions import Run


@dataclass(frozen=True, slots=True)
class Findings:
    """What a round has shown."""

    refused: str
    """Why what the Generator wrote was not taken; empty where it was."""
    objections: dict[str, tuple[str, ...]]
    """Of the roles beside the three, by their names."""
    verdicts: tuple[CriterionVerdict, ...]

    @property
    def open(self) -> frozenset[str]:
        """The criteria that do not pass, and the roles that object."""
        criteria = {word.criterion for word in self.verdicts if word.verdict != "pass"}
        return frozenset(criteria | self.objections.keys())


async def build_until_it_passes(site: Site, sprint: Sprint, contract: Contract) -> int:
    """The number of the round after which all holds. Raises Stop where there is none."""
    open_so_far: list[frozenset[str]] = []
    rounds = site.turns.budget.rounds
    for number in range(1, rounds + 1):
        place = Place(number, sprint.folder)
        findings = await _round(site, contract, place)
        if all_pass(contract, findings.verdicts) and not findings.objections:
            _keep(site, place, findings, None)
            return number
        open_so_far.append(findings.open)
        approach = refine_or_pivot(open_so_far)
        _keep(site, place, findings, approach)
        if approach == "pivot":
            open_so_far.clear()
            site.workspace.begin_again()
    raise Stop("failed", f"{rounds} rounds are used up and criteria are open")


async def _round(site: Site, contract: Contract, place: Place) -> Findings:
    objections: dict[str, tuple[str, ...]] = {}
    await _hear(site, "before_build", contract, place, objections)
    refused = await _build(site, contract, place)
    await _hear(site, "after_build", contract, place, objections)
    verdicts = await _judge(site, contract, place)
    await _hear(site, "judge", contract, place, objections)
    return Findings(refused, objections, verdicts)


async def _hear(
    site: Site, step: Step, contract: Contract, place: Place, objections: dict[str, tuple[str, ...]]
) -> None:
    """Ask the roles beside the three at `step`, and add what they object."""
    for role in site.crew.others(step):
        objected = await hear_one(site, role, step, contract, place)
        if objected:
            objections[role.name] = objections.get(role.name, ()) + objected


async def hear_one(
    site: Site, role: Role, step: Step, contract: Contract | None, place: Place
) -> tuple[str, ...]:
    """What one role beside the three objects. Its files and its answer are kept."""
    async with site.turns.turn(role) as run:
        if contract:
            site.workspace.freeze(contract, place.folder)
        notes = await site.turns.ask(role, step, place, Notes, run)
        name = f"{place.folder}notes/{role.name}-{step}-{place.number}"
        site.workspace.write(f"{name}.json", notes.model_dump(mode="json"))
        objections = notes.objections
        refused = _write(site, role, notes.files, name)
        if refused:
            objections += (refused,)
        for file in notes.files:
            await _log_file(run, file, place.number, refused)
        await run.write(" ".join(objections) or "No objection.")
    return objections


def _write(site: Site, role: Role, files: tuple[TextFile, ...], folder: str) -> str:
    """Write what a role answers to where its tools let it. Returns why it was refused; empty where
    it was not.
    """
    try:
        if "write" in role.tools:
            site.workspace.lay(files)
        elif files:
            site.workspace.lay_beside(folder, files)
    except WorkspaceError as error:
        return str(error)
    return ""


async def _build(site: Site, contract: Contract, place: Place) -> str:
    """Write what the Generator answers. Returns why it was refused, which it can mend; empty where
    it was not.
    """
    generator = site.crew.at("build")
    async with site.turns.turn(generator) as run:
        site.workspace.freeze(contract, place.folder)
        build = await site.turns.ask(generator, "build", place, Build, run)
        refused = _write(site, generator, build.files, "")
        for file in build.files:
            await _log_file(run, file, place.number, refused)
        _note_progress(site, place, build.handoff)
        await run.write(_in_words(build.handoff))
    return refused


def _note_progress(site: Site, place: Place, handoff: HandOff) -> None:
    notes = site.workspace.read("progress.md")
    notes += f"## {place.folder}Round {place.number}\n{_in_words(handoff)}\n"
    site.workspace.write("progress.md", notes)
    site.workspace.write("handoff.json", handoff.model_dump())


def _in_words(handoff: HandOff) -> str:
    lines = [f"- {name}: {text.strip()}\n" for name, text in handoff.model_dump().items()]
    return "".join(lines)


async def _judge(site: Site, contract: Contract, place: Place) -> tuple[CriterionVerdict, ...]:
    """Run the checks, hear the Evaluator, and decide."""
    evaluator = site.crew.at("judge")
    async with site.turns.turn(evaluator) as run:
        site.workspace.freeze(contract, place.folder)
        results, check_events = await run_checks(site, contract, place, run)
        judged = await site.turns.ask(evaluator, "judge", place, Assessment, run)
        is_changed = site.workspace.is_changed
        verdicts = decide_verdicts(contract, results, judged.verdicts, is_changed)
        rounds = site.turns.so_far.rounds + 1
        site.turns.so_far = replace(site.turns.so_far, rounds=rounds, verdicts=verdicts)
        for verdict in verdicts:
            origin = {
                "round": place.number,
                "check_event": check_events[verdict.criterion],
                "contract": contract.sha256,
            }
            await run.append("verdict", asdict(verdict) | origin)
        await run.write(_open_criteria(verdicts) or "All criteria hold.")
    return verdicts


def _keep(site: Site, place: Place, findings: Findings, approach: Approach | None) -> None:
    """Write the findings for whoever builds next, with how to go on.

    The files of their evidence are in the events alone: no question may change with them.
    """
    record: dict[str, Any] = asdict(findings)
    for verdict in record["verdicts"]:
        del verdict["evidence"]
    record["approach"] = approach
    site.workspace.write(f"{place.folder}findings/round-{place.number}.json", record)


async def _log_file(run: Run, file: TextFile, number: int, refused: str) -> None:
    """Append the writing of a file as a call of a tool, which is what it is to a reader."""
    arguments = {
        "path": file.path,
        "content": clip(file.content),
        "round": number,
    }
    call_id = await run.call_tool("write_file", arguments)
    result = refused or f"{len(file.content)} characters written"
    await run.tool_result(call_id, result, bool(refused))


def _open_criteria(verdicts: tuple[CriterionVerdict, ...]) -> str:
    """A sentence for each criterion that does not pass."""
    sentences = []
    for verdict in verdicts:
        if verdict.verdict != "pass":
            sentences.append(f"{verdict.criterion}: {verdict.why}.")
    return " ".join(sentences)
