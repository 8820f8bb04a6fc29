"""Rounds: build, check, judge, until all criteria of a contract hold or the rounds are used up."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from toolkit.harness.answers import Assessment, Build, HandOff
from toolkit.harness.beside import hear_others, write_files
from toolkit.harness.checks import run_checks
from toolkit.harness.contract import Contract
from toolkit.harness.findings import Findings, Regression
from toolkit.harness.outcome import Stop
from toolkit.harness.roles import Place, Step
from toolkit.harness.site import Site
from toolkit.harness.sprints import FeatureList, Sprint, refine_or_pivot
from toolkit.harness.turns import Turn
from toolkit.harness.verify import CriterionVerdict, check_grade, decide_verdicts


@dataclass(frozen=True, slots=True)
class Rounds:
    """The rounds of one sprint."""

    site: Site
    sprint: Sprint
    contract: Contract
    features: FeatureList
    earlier: Sequence[tuple[Sprint, Contract]] = ()
    """The sprints that have passed: what they promised must go on holding."""

    async def until_it_passes(self) -> int:
        """The number of the round after which all holds. Raises Stop where there is none."""
        site = self.site
        rounds = site.turns.budget.rounds
        open_so_far: list[frozenset[str]] = []
        for number in range(1, rounds + 1):
            place = Place(number, self.sprint.folder)
            findings = await self._round(place)
            if findings.passes(self.contract):
                await self._keep(place, findings)
                return number
            open_so_far.append(findings.open)
            findings.approach = refine_or_pivot(open_so_far)
            await self._keep(place, findings)
            if findings.approach == "pivot":
                open_so_far.clear()
                site.workspace.begin_again()
        raise Stop("failed", f"{rounds} rounds are used up and criteria are open")

    async def _round(self, place: Place) -> Findings:
        """Build once, and judge it."""
        findings = Findings()
        await self._hear("before_build", place, findings)
        await self._build(place, findings)
        await self._hear("after_build", place, findings)
        await self._judge(place, findings)
        await self._hear("judge", place, findings)
        return findings

    async def _hear(self, step: Step, place: Place, findings: Findings) -> None:
        """Ask the roles beside the three, where there are some at `step`."""
        objections = await hear_others(self.site, step, place, self.contract)
        findings.object(objections)

    def _expect_unchanged(self, place: Place) -> None:
        """Raise ContractError or Stop where the contract or the feature list was edited."""
        self.site.workspace.freeze(self.contract, place.folder)
        self.features.check()

    async def _build(self, place: Place, findings: Findings) -> None:
        """Write what the Generator answers."""
        async with self.site.turn("build", place) as turn:
            self._expect_unchanged(place)
            build = await turn.ask(Build)
            findings.refused = await write_files(turn, build.files, "")
            findings.is_changed = turn.workspace.is_changed
            handoff = build.handoff
            self._note_progress(turn, handoff)
            await turn.say(_in_words(handoff))

    def _note_progress(self, turn: Turn, handoff: HandOff) -> None:
        """Write the hand-off where any role can begin from it."""
        workspace = turn.workspace
        title = f"Round {turn.number}"
        if self.sprint.feature:
            title = f"Sprint {self.sprint.number} ({self.sprint.feature}), round {turn.number}"
        progress = workspace.read("progress.md")
        progress += f"## {title}\n{_in_words(handoff)}\n"
        workspace.write("progress.md", progress)
        workspace.write("handoff.json", handoff.model_dump())

    async def _judge(self, place: Place, findings: Findings) -> None:
        """Run the checks, hear the Evaluator, and decide."""
        contract = self.contract
        async with self.site.turn("judge", place) as turn:
            self._expect_unchanged(place)
            results, check_events = await run_checks(self.site, contract, place, turn.run)
            judged = await turn.ask(Assessment)
            verdicts = decide_verdicts(contract, results, judged.verdicts, findings.is_changed)
            findings.verdicts = verdicts
            findings.regressions = await self._regressions(turn)
            await self._log_verdicts(turn, verdicts, check_events)
            await turn.say(_open_criteria(verdicts) or "All criteria hold.")

    async def _regressions(self, turn: Turn) -> tuple[Regression, ...]:
        """Run the checks of the earlier sprints again."""
        broken = []
        for sprint, contract in self.earlier:
            number = sprint.number
            place = Place(turn.number, f"{turn.place.folder}earlier/{number}/")
            results, _ = await run_checks(self.site, contract, place, turn.run, number)
            for criterion in contract.criteria:
                id = criterion.id
                grade, why = check_grade(results.get(id))
                if grade != "pass":
                    broken.append(Regression(number, id, why, criterion.held_out))
        return tuple(broken)

    async def _log_verdicts(
        self,
        turn: Turn,
        verdicts: tuple[CriterionVerdict, ...],
        check_events: Mapping[str, str],
    ) -> None:
        """Put the verdicts on the session, each with the check that it is about."""
        turns = turn.turns
        rounds = turns.so_far.rounds + 1
        turns.so_far = replace(turns.so_far, rounds=rounds, verdicts=verdicts)
        for verdict in verdicts:
            origin = {
                "round": turn.number,
                "sprint": self.sprint.number,
                "check_event": check_events[verdict.criterion],
                "contract": self.contract.sha256,
            }
            await turn.run.append("verdict", asdict(verdict) | origin)

    async def _keep(self, place: Place, findings: Findings) -> None:
        """Write the findings, for people and for whoever builds next."""
        site = self.site
        folder = place.folder
        number = place.number
        name = f"{folder}findings/round-{number}"
        site.workspace.write(f"{name}.json", findings.record())
        shown = findings.for_generator(self.contract)
        site.workspace.write(f"{folder}shown/findings-{number}.json", shown)
        evaluator = site.crew.at("judge")
        await site.turns.commit(evaluator.name, name)


def _in_words(handoff: HandOff) -> str:
    """The lines of a hand-off."""
    lines = []
    for name, text in handoff.model_dump().items():
        lines.append(f"- {name}: {text.strip()}\n")
    return "".join(lines)


def _open_criteria(verdicts: Sequence[CriterionVerdict]) -> str:
    """A sentence for each criterion that does not pass."""
    sentences = []
    for verdict in verdicts:
        if verdict.verdict != "pass":
            sentences.append(f"{verdict.criterion}: {verdict.why}.")
    return " ".join(sentences)
