"""Contracts: the criteria of one sprint at a time, and the keys to the sprints before it."""

from pathlib import Path

from ipywidgets import HTML, Box, VBox

from toolkit import render
from toolkit.harness.watching import SprintStatus
from toolkit.views.panels.exhibits import ContractView
from toolkit.views.panels.page import button

__all__ = ["ContractPages"]


class ContractPages(VBox):  # type: ignore[misc]
    """The contract of the last sprint, or of the one that a person turned to."""

    def __init__(self, workspace: Path | None):
        self._sprints: tuple[SprintStatus, ...] = ()
        self._chosen: int | None = None
        """The number of the sprint that a person turned to; None shows the last."""
        self.view = ContractView(workspace)
        self.before = button("Sprint before", "arrow-left", "Its contract", self.turn_back, "←")
        self.after = button("Sprint after", "arrow-right", "Its contract", self.turn_on, "→")
        self.before.add_class("fieldbook-previous")
        self.after.add_class("fieldbook-next")
        self.place = HTML()
        self._bar = Box([self.before, self.place, self.after])
        self._bar.add_class("fieldbook-row").add_class("fieldbook-tools")
        super().__init__([self._bar, self.view])
        self.add_class("fieldbook-contracts")

    def show(self, sprints: tuple[SprintStatus, ...]) -> None:
        """Show where the sprints stand now."""
        self._sprints = sprints
        shown = self._shown()
        self.view.show(shown)
        self._bar.layout.display = None if len(sprints) > 1 else "none"
        if shown is None:
            return
        words = f"Sprint {shown.number}: {shown.n_holding} of {len(shown.lines)} criteria hold"
        self.place.value = render.block(render.tag("span", words))
        self.before.disabled = shown is sprints[0]
        self.after.disabled = shown is sprints[-1]

    def turn_back(self) -> None:
        """Show the contract of the sprint before."""
        self._turn(-1)

    def turn_on(self) -> None:
        """Show the contract of the sprint after."""
        self._turn(1)

    def _turn(self, by: int) -> None:
        shown = self._shown()
        if shown is None:
            return
        index = self._sprints.index(shown) + by
        if not 0 <= index < len(self._sprints):
            return
        is_last = index == len(self._sprints) - 1
        self._chosen = None if is_last else self._sprints[index].number
        self.show(self._sprints)

    def _shown(self) -> SprintStatus | None:
        """The sprint that a person turned to, else the last."""
        for sprint in self._sprints:
            if sprint.number == self._chosen:
                return sprint
        return self._sprints[-1] if self._sprints else None
