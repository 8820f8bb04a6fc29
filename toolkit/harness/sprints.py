"""Sprints: one feature at a time, each with a contract and a folder of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Approach = Literal["refine", "pivot"]
"""How to go on after a round that failed: from the last attempt, or from the sprint's start."""


@dataclass(frozen=True, slots=True)
class Sprint:
    """One stretch of work with one contract."""

    goal: str
    """What its contract is for."""
    number: int = 1
    folder: str = ""
    """Of its files in the workspace, with a slash; empty where it is the only one."""


def refine_or_pivot(open_so_far: Sequence[frozenset[str]]) -> Approach:
    """How to go on, from what was open after each round since the sprint began or last began again.

    >>> refine_or_pivot([frozenset({"totals"})])
    'refine'
    >>> refine_or_pivot([frozenset({"totals", "dates"}), frozenset({"totals"})])
    'refine'
    >>> refine_or_pivot([frozenset({"totals"}), frozenset({"totals"})])
    'pivot'
    """
    last_two = open_so_far[-2:]
    if len(last_two) == 2 and last_two[0] == last_two[1]:
        return "pivot"
    return "refine"
