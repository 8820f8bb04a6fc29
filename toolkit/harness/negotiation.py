"""Negotiation: a contract that the Generator proposes and the Evaluator agrees to, or none."""

from dataclasses import asdict, replace

from toolkit.harness.answers import Proposal, Review
from toolkit.harness.checks import run_checks
from toolkit.harness.contract import Contract, ContractError, propose_contract
from toolkit.harness.outcome import Stop
from toolkit.harness.roles import Place
from toolkit.harness.site import Site
from toolkit.harness.sprints import Sprint
from toolkit.harness.verify import green_before
from toolkit.sessions import Run


async def agree(site: Site, sprint: Sprint) -> Contract:
    """A contract that both sides have signed, frozen in the folder. Raises Stop without one."""
    objections: tuple[str, ...] = ()
    proposals = site.turns.budget.proposals
    for attempt in range(1, proposals + 1):
        place = Place(attempt, sprint.folder)
        contract, objections = await _propose(site, sprint, place)
        if not objections:
            objections = await _review(site, place)
        if contract and not objections:
            contract = contract.sign("evaluator")
            await _freeze(site, sprint, contract)
            return contract
    raise Stop("halted", f"no contract after {proposals} proposals: {'; '.join(objections)}")


async def _propose(
    site: Site, sprint: Sprint, place: Place
) -> tuple[Contract | None, tuple[str, ...]]:
    """One proposal, with what speaks against it before the Evaluator has even seen it."""
    generator = site.crew.at("propose")
    async with site.turns.turn(generator) as run:
        proposal = await site.turns.ask(generator, "propose", place, Proposal, run)
        contract = None
        try:
            contract = _contract_of(sprint, proposal).sign("generator")
            objections = await _not_red_yet(site, contract, place, run)
        except ContractError as error:
            objections = (str(error),)
        record = vars(proposal) | {"objections": objections}
        site.workspace.write(f"{place.folder}proposals/{place.number}.json", record)
        summary = "; ".join(objections) or "every criterion is red"
        await run.write(f"Proposal {place.number}: {summary}.")
    return contract, objections


def _contract_of(sprint: Sprint, proposal: Proposal) -> Contract:
    """The contract that is proposed. Raises ContractError."""
    return propose_contract(
        sprint.goal,
        proposal.criteria,
        proposal.serve,
        proposal.in_scope,
        proposal.out_of_scope,
    )


async def _not_red_yet(site: Site, contract: Contract, place: Place, run: Run) -> tuple[str, ...]:
    """The criteria that hold before anything is built: they would show nothing."""
    results, _ = await run_checks(site, contract, Place(0, place.folder), run)
    objections = []
    for id_, why in green_before(contract, results).items():
        objections.append(f"{id_} is not red before anything is built: {why}")
    return tuple(objections)


async def _review(site: Site, place: Place) -> tuple[str, ...]:
    """What the Evaluator has against a proposal."""
    evaluator = site.crew.at("review")
    async with site.turns.turn(evaluator) as run:
        review = await site.turns.ask(evaluator, "review", place, Review, run)
        objections = review.objections
        if not objections and not review.agree:
            objections = ("the Evaluator does not agree, and does not say why",)
        name = f"{place.folder}proposals/{place.number}.json"
        proposal = site.workspace.read(name)
        site.workspace.write(name, proposal | {"objections": objections})
        await run.write(" ".join(objections) or "I agree to this contract.")
    return objections


async def _freeze(site: Site, sprint: Sprint, contract: Contract) -> None:
    site.workspace.freeze(contract, sprint.folder)
    site.turns.so_far = replace(site.turns.so_far, contract_hash=contract.sha256)
    criteria = [asdict(criterion) for criterion in contract.criteria]
    frozen = {"sha256": contract.sha256, "criteria": criteria, "sprint": sprint.number}
    await site.session.append("contract.frozen", site.crew.at("review").name, frozen)
