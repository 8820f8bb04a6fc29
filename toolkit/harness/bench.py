"""Bench: what the rounds of one sprint share."""

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.harness.contract import Contract
from toolkit.harness.roles import Place
from toolkit.harness.site import Site
from toolkit.harness.sprints import FeatureList, Sprint


@dataclass(frozen=True, slots=True)
class Bench:
    """The site, and the sprint that is under way on it."""

    site: Site
    sprint: Sprint
    contract: Contract
    features: FeatureList
    earlier: Sequence[tuple[Sprint, Contract]] = ()
    """The sprints that have passed: what they promised must go on holding."""

    def expect_unchanged(self, place: Place) -> None:
        """Raise ContractError or Stop where the contract or the feature list was edited."""
        self.site.workspace.freeze(self.contract, place.folder)
        self.features.check()
