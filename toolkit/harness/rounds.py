"""Rounds: build, check, judge, until all criteria of a contract hold or the rounds are used up."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from toolkit.harness.answers import Assessment, Build, HandOff
from toolkit.harness.beside import Objections, hear_others, write_files
from toolkit.harness.checks import run_checks
from toolkit.harness.contract import Contract
from toolkit.harness.outcome import Stop
from toolkit.harness.roles import Place
from toolkit.harness.site import Site
from toolkit.harness.sprints import Approach, FeatureList, Sprint, refine_or_pivot
from toolkit.harness.turns import Turn
from toolkit.harness.verify import CriterionVerdict, all_pass, check_grade, decide_verdicts


@dataclass(slots=True)
class Findings:
    """What a round has shown."""

    refused: str = ""
    """Why what the Generator wrote was not taken; empty where it was."""
    is_changed: bool = False
    """Whether anything is built that was not there before the sprint."""
    verdicts: tuple[CriterionVerdict, ...] = ()
    regressions: dict[str, str] = field(default_factory=dict)
    """Criteria of earlier sprints that no longer hold, as ``2/totals``, and why."""
    objections: Objections = field(default_factory=dict)
    """Of the roles beside the three."""

    def passes(self, contract: Contract) -> bool:
        """Whether the sprint has passed: each criterion, now and of before, and nobody objects."""
        is_clear = not self.regressions and not self.objections
        return is_clear and all_pass(contract, self.verdicts)

    @property
    def open(self) -> frozenset[str]:
        """What keeps the sprint from passing."""
        criteria = {word.criterion for word in self.verdicts if word.verdict != "pass"}
        return frozenset(criteria | self.regressions.keys() | self.objections.keys())


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
        rounds = self.site.turns.budget.rounds
        open_so_far: list[frozenset[str]] = []
        for number in range(1, rounds + 1):
            place = Place(number, self.sprint.folder)
            findings = await self._round(place)
            if findings.passes(self.contract):
                await self._keep(place, findings, None)
                return number
            open_so_far.append(findings.open)
            approach = refine_or_pivot(open_so_far)
            await self._keep(place, findings, approach)
            if approach == "pivot":
                open_so_far.clear()
                self.site.workspace.begin_again()
        raise Stop("failed", f"{rounds} rounds are used up and criteria are open")

    async def _round(self, place: Place) -> Findings:
        findings = Findings()
        await self._hear("before_build", place, findings)
        await self._build(place, findings)
        await self._hear("after_build", place, findings)
        await self._judge(place, findings)
        await self._hear("judge", place, findings)
        return findings

    async def _hear(self, step: Any, place: Place, findings: Findings) -> None:
        heard = await hear_others(self.site, step, place, self.contract)
        for role, objections in heard.items():
            findings.objections[role] = findings.objections.get(role, ()) + objections

    async def _build(self, place: Place, findings: Findings) -> None:
        """Write what the Generator answers."""
        async with self.site.turn("build", place) as turn:
            self._stands(place)
            build = await turn.ask(Build)
            workspace = turn.workspace
            findings.refused = await write_files(turn, build.files, "")
            findings.is_changed = workspace.is_changed
            words = _in_words(build.handoff)
            notes = workspace.read("progress.md")
            workspace.write("progress.md", f"{notes}## {self._title(place)}\n{words}\n")
            workspace.write("handoff.json", build.handoff.model_dump())
            await turn.say(words)

    def _stands(self, place: Place) -> None:
        """Raise ContractError or Stop where the contract or the feature list was changed."""
        self.site.workspace.freeze(self.contract, place.folder)
        self.features.check()

    def _title(self, place: Place) -> str:
        if self.sprint.feature:
            return f"Sprint {self.sprint.number} ({self.sprint.feature}), round {place.number}"
        return f"Round {place.number}"

    async def _judge(self, place: Place, findings: Findings) -> None:
        """Run the checks, hear the Evaluator, and decide."""
        async with self.site.turn("judge", place) as turn:
            self._stands(place)
            results, check_events = await run_checks(self.site, self.contract, place, turn.run)
            judged = await turn.ask(Assessment)
            findings.verdicts = decide_verdicts(
                self.contract, results, judged.verdicts, findings.is_changed
            )
            findings.regressions = await self._regressions(turn)
            await self._log_verdicts(turn, findings.verdicts, check_events)
            await turn.say(_open_criteria(findings.verdicts) or "All criteria hold.")

    async def _regressions(self, turn: Turn) -> dict[str, str]:
        """The criteria of earlier sprints that no longer hold, and why."""
        broken = {}
        for sprint, contract in self.earlier:
            again = Place(turn.number, f"{turn.place.folder}earlier/{sprint.number}/")
            results, _ = await run_checks(self.site, contract, again, turn.run, sprint.number)
            for criterion in contract.criteria:
                grade, why = check_grade(results.get(criterion.id))
                if grade != "pass":
                    broken[f"{sprint.number}/{criterion.id}"] = why
        return broken

    async def _log_verdicts(
        self, turn: Turn, verdicts: tuple[CriterionVerdict, ...], check_events: dict[str, str]
    ) -> None:
        so_far = turn.turns.so_far
        turn.turns.so_far = replace(so_far, rounds=so_far.rounds + 1, verdicts=verdicts)
        for verdict in verdicts:
            origin = {
                "round": turn.number,
                "sprint": self.sprint.number,
                "check_event": check_events[verdict.criterion],
                "contract": self.contract.sha256,
            }
            await turn.run.append("verdict", asdict(verdict) | origin)

    async def _keep(self, place: Place, findings: Findings, approach: Approach | None) -> None:
        """Write the findings for whoever builds next, with how to go on.

        The files of their evidence are in the events alone: no question may change with them.
        """
        site = self.site
        record = asdict(findings) | {"approach": approach}
        for verdict in record["verdicts"]:
            del verdict["evidence"]
        name = f"{place.folder}findings/round-{place.number}"
        site.workspace.write(f"{name}.json", record)
        shown = record | {
            "verdicts": self.contract.records_for_generator(record["verdicts"]),
            "regressions": self._regressions_for_generator(findings),
        }
        site.workspace.write(f"{place.folder}shown/findings-{place.number}.json", shown)
        await site.turns.commit(site.crew.at("judge").name, name)

    def _regressions_for_generator(self, findings: Findings) -> dict[str, str]:
        """Of those that are held out nothing but that they are broken."""
        held_out = set()
        for sprint, contract in self.earlier:
            for criterion in contract.criteria:
                if criterion.held_out:
                    held_out.add(f"{sprint.number}/{criterion.id}")
        return {id: "" if id in held_out else why for id, why in findings.regressions.items()}


def _in_words(handoff: HandOff) -> str:
    lines = [f"- {name}: {text.strip()}\n" for name, text in handoff.model_dump().items()]
    return "".join(lines)


def _open_criteria(verdicts: Sequence[CriterionVerdict]) -> str:
    """A sentence for each criterion that does not pass."""
    sentences = []
    for verdict in verdicts:
        if verdict.verdict != "pass":
            sentences.append(f"{verdict.criterion}: {verdict.why}.")
    return " ".join(sentences)
