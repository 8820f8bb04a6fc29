"""audit_cases: the cases are tested before the agent is.

A case of which the gold plan fails, does not pass, or leaves another state each time is broken: it
can be in no rate. One that an agent passes by doing nothing is free: a pass says nothing there, so
a rate is shown with and without those.

>>> from types import SimpleNamespace
>>> from toolkit.evals import DictWorld
>>> state = {"log": []}
>>> plans = {"write": [lambda: state["log"].append("paid")], "refuse": [], "slip": [lambda: 1 / 0]}
>>> cases = [SimpleNamespace(id=name) for name in plans]
>>> audit = audit_cases(cases, DictWorld(state), gold=lambda case: plans[case.id])
>>> audit.free, audit.broken
(('refuse',), ('slip',))
>>> audit.summary
'An agent that does nothing passes 1 of 2 cases (50%). 1 broken case is in no rate.'
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from toolkit import render
from toolkit.evals.experiments.case_check import CaseCheck, Checker, Plan
from toolkit.evals.scorers.state_effects import Expected
from toolkit.evals.scorers.state_rules import StateRules
from toolkit.evals.scorers.world import World
from toolkit.models.model import Progress

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 50
"""Broken cases that are shown with their fault."""
RATE_COLUMNS = ["cases", "trials", "passed", "unscored", "rate"]


@dataclass(frozen=True)
class CaseAudit:
    """What was found out about cases."""

    checks: tuple[CaseCheck, ...]
    """One a case, in their order."""

    @property
    def broken(self) -> tuple[str, ...]:
        """The ids of cases that fail their own check."""
        return tuple(check.id for check in self.checks if check.broken)

    @property
    def free(self) -> tuple[str, ...]:
        """The ids of sound cases that an agent passes by doing nothing."""
        return tuple(check.id for check in self.checks if check.free)

    @property
    def order_dependent(self) -> tuple[str, ...]:
        """The ids of cases whose plan, reversed, leaves another state without a new error."""
        return tuple(check.id for check in self.checks if check.order_matters)

    @property
    def counted(self) -> tuple[CaseCheck, ...]:
        """The cases that are not broken: the denominator."""
        return tuple(check for check in self.checks if not check.broken)

    @property
    def summary(self) -> str:
        """What matters, in a sentence or two."""
        n_free = len(self.free)
        n_counted = len(self.counted)
        sentence = f"An agent that does nothing passes {n_free} of {n_counted} cases"
        if n_counted:
            sentence += f" ({n_free / n_counted:.0%})"
        n_broken = len(self.broken)
        if n_broken == 0:
            return f"{sentence}."
        cases = "1 broken case is" if n_broken == 1 else f"{n_broken} broken cases are"
        return f"{sentence}. {cases} in no rate."

    def frame(self) -> "pd.DataFrame":
        """A row a case, by its id: its ``status``, and what was found out."""
        import pandas as pd

        names = [each.name for each in fields(CaseCheck)]
        rows = []
        for check in self.checks:
            row = {name: getattr(check, name) for name in names}
            rows.append({"status": check.status, **row})
        columns = ["status", *names]
        return pd.DataFrame(rows, columns=columns, dtype=object).set_index("id")

    def table(self) -> "pd.DataFrame":
        """The counts: a row for each question, ``cases`` of ``of``."""
        import pandas as pd

        n_cases = len(self.checks)
        n_errors = sum(len(check.errors) for check in self.checks)
        n_failing = _count(check.errors for check in self.checks)
        n_idle = _count(check.n_writes == 0 for check in self.counted)
        n_writing = _count(check.n_writes for check in self.checks)
        n_writing_twice = _count(check.n_writes > 1 for check in self.checks)
        n_repeats = _count(check.repeat_changes for check in self.checks)
        n_turned = len(self.order_dependent)
        counts = [
            (f"a call of the gold plan fails ({n_errors} calls)", n_failing, n_cases),
            (
                "broken: gold fails, does not pass, or differs when run again",
                len(self.broken),
                n_cases,
            ),
            ("the gold plan changes nothing", n_idle, len(self.counted)),
            ("free: an agent that does nothing passes", len(self.free), len(self.counted)),
            ("the gold plan has two or more writes", n_writing_twice, n_cases),
            ("... reversed, it leaves another state", n_turned, n_writing_twice),
            ("its last write, made twice, changes the state", n_repeats, n_writing),
        ]
        return pd.DataFrame(counts, columns=["question", "cases", "of"]).set_index("question")

    def pass_rates(self, passed: Mapping[str, Sequence[bool | None]]) -> "pd.DataFrame":
        """The pass rate with the free cases and without them, and of them alone.

        Parameters
        ----------
        passed
            Whether each trial of a case passed, by the case's id; None is unscored, which is no
            pass. Broken cases are left out.

        Returns
        -------
        A row a group, of ``cases, trials, passed, unscored, rate``; the rate of no trials is None.
        """
        import pandas as pd

        groups = {
            "all": self.counted,
            "without the free": [check for check in self.counted if not check.free],
            "free": [check for check in self.counted if check.free],
        }
        rows = {}
        for name, checks in groups.items():
            ids = [check.id for check in checks if check.id in passed]
            trials = [trial for id_ in ids for trial in passed[id_]]
            n_passed = _count(trials)
            rate = n_passed / len(trials) if trials else None
            rows[name] = (len(ids), len(trials), n_passed, trials.count(None), rate)
        return pd.DataFrame.from_dict(rows, orient="index", columns=RATE_COLUMNS, dtype=object)

    def _repr_html_(self) -> str:
        table = self.table().reset_index()
        parts = [
            render.tag("p", self.summary),
            render.table(table.to_numpy().tolist(), list(table)),
        ]
        faults = [(check.id, "; ".join(check.faults)) for check in self.checks if check.broken]
        if faults:
            rows = render.table(faults[:SHOWN], ["broken case", "why"])
            parts.append(render.details(f"{len(faults)} broken", rows))
        return render.block(*parts)


def audit_cases(
    cases: Iterable[Any],
    world: World,
    gold: Callable[[Any], Plan],
    expected: Callable[[Any], Expected | None] | None = None,
    *,
    asks_words: Callable[[Any], bool] | None = None,
    rules: StateRules = StateRules(),  # noqa: B008 (it is frozen)
    progress: Progress | None = None,
) -> CaseAudit:
    """Test each case: gold runs without an error, passes, and leaves the same state again; an agent
    that does nothing fails. Whether the order of its writes matters, and a write made twice, is
    told.

    Parameters
    ----------
    cases
        Things with an ``id``, which `gold` and `expected` take.
    world
        What the plans act on, as it is when an agent begins. It is put back for each run, and in
        the end.
    gold
        The plan of a good agent for a case: calls without arguments, which raise where they fail.
    expected
        What a case expects of the state; where it gives None, the state that its plan leaves.
    asks_words
        Whether a case also asks for words: then who does nothing does not pass it.
    rules
        As those of `diff_state`.
    progress
        Called after each case with how many are done, of how many.
    """
    listed = list(cases)
    checker = Checker(world, world.snapshot(), gold, expected, asks_words, rules)
    checks = []
    try:
        for case in listed:
            checks.append(checker.check(case))
            if progress:
                progress(len(checks), len(listed))
    finally:
        world.restore(checker.start)
    return CaseAudit(tuple(checks))


def _count(marks: Iterable[object]) -> int:
    """How many of the marks are true."""
    return sum(bool(mark) for mark in marks)
