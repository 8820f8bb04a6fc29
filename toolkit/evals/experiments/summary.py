"""Summary: what became of the planned trials of an experiment, and its rates in every way that
matters.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit import render
from toolkit.evals.experiments.experiment import CaseGroup, Experiment, Unscored, is_neither
from toolkit.evals.experiments.rate import Rate, simulated_words
from toolkit.evals.experiments.result import TrialResult
from toolkit.shown import values_html
from toolkit.traces.amounts import dollars, quantity

if TYPE_CHECKING:
    import pandas as pd

RATE_COLUMNS = {
    "rate": "value",
    "low": "low",
    "high": "high",
    "standard_error": "standard_error",
    "unclustered_error": "unclustered_error",
    "trials": "n_trials",
    "cases": "n_cases",
    "left_out": "n_left_out",
}
"""The columns of the table of rates, and the attribute behind each."""
OF_SCORED = "pass rate of what was scored"
RETRIES_DIFFER = 0.05
"""The p of Fisher's exact test below which trials that were retried are said to be different."""


@dataclass(frozen=True)
class Summary:
    """What became of an experiment. Broken cases are in `n_broken_trials` alone."""

    name: str
    planned: int
    n_passed: int
    n_failed: int
    n_unscored: int
    """Trials that ended, and of which nobody can say whether they passed."""
    n_neither: int
    """Those among them of which nothing is missing: no score of theirs is a bool."""
    n_errored: int
    n_not_run: int
    n_broken_trials: int
    n_cases: int
    """Cases with a result."""
    n_broken: int
    """Cases that failed their own check."""
    n_free: int
    n_retried: int
    rates: tuple[Rate, ...]
    """The pass rate with what is unscored as not passed, then of what was scored: of all cases,
    and where some are free, without these and of these alone.
    """
    cost_usd: float
    retries_differ: bool
    """Whether trials that took several attempts pass more or less often than the rest."""
    simulated: bool
    conditions: dict[str, Any]

    @property
    def pass_rate(self) -> Rate:
        """Of all cases, with what is unscored as not passed."""
        return self.rates[0]

    @property
    def frame(self) -> "pd.DataFrame":
        """The rates, a row each."""
        import pandas as pd

        rows = {rate.name: _row(rate) for rate in self.rates}
        return pd.DataFrame.from_dict(rows, orient="index", columns=[*RATE_COLUMNS], dtype=object)

    def __str__(self) -> str:
        sentences = [f"{self.name}: {self.counts}", *self._sentences()]
        return ". ".join(sentences) + simulated_words(self.simulated)

    @property
    def counts(self) -> str:
        """What became of the trials, in words."""
        planned = quantity(self.planned, "trial")
        return (
            f"{self.n_passed} passed, {self.n_failed} failed, {self.n_unscored} unscored, "
            f"{self.n_errored} errored, {self.n_not_run} not run, "
            f"of {planned} planned"
        )

    def _sentences(self) -> Iterator[str]:
        """The rates, and what is to be known beside them."""
        yield _sentence(self.pass_rate)
        if self.n_unscored or self.n_errored or self.n_not_run:
            yield _sentence(self.rates[1])
        if self.n_neither:
            alone = "have numbers and categories alone: they neither pass nor fail"
            yield f"{self.n_neither} of the unscored {alone}, and are in no pass rate"
        if self.n_free:
            cases = quantity(self.n_free, "case")
            _, _, without, _, of_free, _ = self.rates
            idle = f"Without the {cases} that an agent passes by doing nothing"
            yield f"{idle}: {without.words}; on those: {of_free.words}"
        if self.n_broken:
            cases = quantity(self.n_broken, "broken case")
            trials = quantity(self.n_broken_trials, "trial")
            yield f"{cases} ({trials}) in no rate"
        if self.retries_differ:
            differ = "they do not pass as often as the rest: look at what made them fail"
            retried = quantity(self.n_retried, "trial")
            yield f"{retried} took several attempts, and {differ}"

    def _repr_html_(self) -> str:
        rows = []
        for rate in self.rates:
            is_repeated = rate.name.startswith(OF_SCORED) and not rate.n_left_out
            if not is_repeated:
                cells = map(_shown, _row(rate))
                rows.append([rate.name, *cells])
        head = ["", *[column.replace("_", " ") for column in RATE_COLUMNS]]
        parts = [render.tag("p", str(self)), render.table(rows, head)]
        if self.cost_usd:
            parts.append(render.tag("p", f"It cost {dollars(self.cost_usd)}."))
        if self.conditions:
            parts.append(render.details("made under", values_html(self.conditions)))
        return render.block(*parts)


def _sentence(rate: Rate) -> str:
    return f"{rate.name} {rate.words}".capitalize()


def _row(rate: Rate) -> list[Any]:
    return [getattr(rate, name) for name in RATE_COLUMNS.values()]


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def summarise(experiment: Experiment) -> Summary:
    """The summary of an experiment."""
    sound = list(experiment.chosen())
    verdicts = Counter(result.passed for result in sound)
    by_status = Counter(result.status for result in sound)
    n_ended = by_status["scored"] + by_status["unscored"]
    n_not_told = experiment.planned - len(experiment.results)
    retried = [result for result in sound if result.attempts > 1]
    return Summary(
        name=experiment.name,
        planned=experiment.planned,
        n_passed=verdicts[True],
        n_failed=verdicts[False],
        n_unscored=n_ended - verdicts[True] - verdicts[False],
        n_neither=sum(is_neither(result, None) for result in sound),
        n_errored=by_status["errored"],
        n_not_run=by_status["not run"] + n_not_told,
        n_broken_trials=len(experiment.results) - len(sound),
        n_cases=len({result.case for result in sound}),
        n_broken=len(experiment.broken),
        n_free=len(experiment.free - experiment.broken),
        n_retried=len(retried),
        rates=tuple(_rates(experiment)),
        cost_usd=sum(result.cost_usd for result in experiment.results),
        retries_differ=_retries_differ(sound),
        simulated=experiment.simulated,
        conditions=dict(experiment.conditions),
    )


def _rates(experiment: Experiment) -> list[Rate]:
    groups: dict[CaseGroup, str] = {"all": ""}
    if experiment.free - experiment.broken:
        groups |= {"not free": " without the free cases", "free": " of the free cases"}
    ways: dict[Unscored, str] = {"fail": "pass rate", "exclude": OF_SCORED}
    rates = []
    for group, words in groups.items():
        for unscored, way in ways.items():
            rate = experiment.rate(unscored=unscored, cases=group)
            rates.append(replace(rate, name=f"{way}{words}"))
    return rates


def _retries_differ(results: Sequence[TrialResult]) -> bool:
    """Whether trials of several attempts pass more or less often than the rest, beyond chance."""
    from scipy.stats import fisher_exact

    counts = np.zeros((2, 2), dtype=int)
    for result in results:
        if result.passed is not None:
            counts[int(result.attempts > 1), int(result.passed)] += 1
    if not counts.any(axis=1).all():
        return False
    return bool(fisher_exact(counts).pvalue < RETRIES_DIFFER)
