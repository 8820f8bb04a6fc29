"""Negotiation: a contract that the Generator proposes and the Evaluator agrees to, or none."""

from dataclasses import asdict, dataclass, replace

from toolkit.harness.answers import Proposal, Review
from toolkit.harness.checks import run_checks
from toolkit.harness.contract import Contract, ContractError, add_held_out, propose_contract
from toolkit.harness.outcome import Stop
from toolkit.harness.roles import Place
from toolkit.harness.site import Site
from toolkit.harness.sprints import Sprint
from toolkit.harness.turns import Turn
from toolkit.harness.verify import green_before

Objections = tuple[str, ...]


async def agree(site: Site, sprint: Sprint) -> Contract:
    """A contract that both sides have signed, frozen in the folder. Raises Stop without one."""
    negotiation = Negotiation(site, sprint)
    proposals = site.turns.budget.proposals
    objections: Objections = ()
    for attempt in range(1, proposals + 1):
        place = Place(attempt, sprint.folder)
        contract, objections = await negotiation.propose(place)
        if contract and not objections:
            contract, objections = await negotiation.review(place, contract)
        if contract and not objections:
            await negotiation.freeze(contract)
            return contract
    raise Stop("halted", f"no contract after {proposals} proposals: {'; '.join(objections)}")


@dataclass(frozen=True, slots=True)
class Negotiation:
    """The steps towards the contract of one sprint."""

    site: Site
    sprint: Sprint

    async def propose(self, place: Place) -> tuple[Contract | None, Objections]:
        """One proposal, with what speaks against it before the Evaluator has even seen it."""
        async with self.site.turn("propose", place) as turn:
            proposal = await turn.ask(Proposal)
            contract = None
            try:
                contract = self._contract_of(proposal)
                objections = await self._not_red_yet(contract, turn)
            except ContractError as error:
                objections = (str(error),)
            record = vars(proposal) | {"objections": objections}
            turn.write(_file(turn), record)
            summary = "; ".join(objections) or "every criterion is red"
            await turn.say(f"Proposal {turn.number}: {summary}.")
        return contract, objections

    def _contract_of(self, proposal: Proposal) -> Contract:
        """What the Generator proposes, with its signature. Raises ContractError."""
        contract = propose_contract(
            self.sprint.goal,
            proposal.criteria,
            proposal.serve,
            proposal.in_scope,
            proposal.out_of_scope,
        )
        return contract.sign("generator")

    async def _not_red_yet(self, contract: Contract, turn: Turn) -> Objections:
        """The criteria that hold before anything is built: they would show nothing."""
        before = Place(0, turn.place.folder)
        results, _ = await run_checks(self.site, turn, contract, before)
        objections = []
        for id, why in green_before(contract, results).items():
            objections.append(f"{id} is not red before anything is built: {why}")
        return tuple(objections)

    async def review(self, place: Place, contract: Contract) -> tuple[Contract, Objections]:
        """The contract with what the Evaluator adds and its signature, or what it has against
        it.
        """
        async with self.site.turn("review", place) as turn:
            review = await turn.ask(Review)
            objections = review.objections
            if not objections and not review.agree:
                objections = ("the Evaluator does not agree, and does not say why",)
            record = turn.read(_file(turn))
            record["objections"] = objections
            turn.write(_file(turn), record)
            if not objections:
                contract = await self._with_held_out(contract, review, turn)
            await turn.say(" ".join(objections) or "I agree to this contract.")
        return contract.sign("evaluator"), objections

    async def _with_held_out(self, contract: Contract, review: Review, turn: Turn) -> Contract:
        """The contract with the Evaluator's own criteria. Raises Stop where one cannot be used: the
        Generator could not mend it, and may not even be told.
        """
        if not review.held_out:
            return contract
        try:
            longer = add_held_out(contract, review.held_out)
            faults = await self._not_red_yet(longer, turn)
        except ContractError as error:
            faults = (str(error),)
        if faults:
            why = "; ".join(faults)
            raise Stop("halted", f"a criterion that is held out cannot be used: {why}")
        return longer

    async def freeze(self, contract: Contract) -> None:
        """Keep the contract, once a person has agreed where one is asked. From then on it
        stands.
        """
        site = self.site
        sprint = self.sprint
        folder = sprint.folder
        count = len(contract.criteria)
        question = f"Build to this contract of {count} criteria ({contract.sha256}): {sprint.goal}"
        await site.wait_at("contract", question)
        site.workspace.freeze(contract, folder)
        site.workspace.write(f"{folder}shown/contract.json", contract.for_generator())
        turns = site.turns
        turns.so_far = replace(turns.so_far, contract_hash=contract.sha256)
        criteria = [asdict(criterion) for criterion in contract.criteria]
        frozen = {"sha256": contract.sha256, "criteria": criteria, "sprint": sprint.number}
        evaluator = site.crew.at("review").name
        await site.session.append("contract.frozen", evaluator, frozen)
        await turns.commit(evaluator, f"{folder}contract")


def _file(turn: Turn) -> str:
    """Where a proposal is kept, in the folder of the sprint."""
    return f"proposals/{turn.number}.json"
