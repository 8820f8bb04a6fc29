"""Comparison: what `compare` says of two experiments, as a sentence, a table and HTML."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit import render
from toolkit.evals.experiments.difference import Difference
from toolkit.evals.experiments.rate import simulated_words
from toolkit.traces.amounts import quantity

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "first second value low high p p_adjusted n_trials n_cases n_left_out least_detectable "
    "conclusion"
).split()
SHOWN_COLUMNS = {
    "first": "first",
    "second": "second",
    "value": "difference",
    "low": "low",
    "high": "high",
    "p_adjusted": "p",
    "n_trials": "trials",
    "n_cases": "cases",
    "least_detectable": "least detectable",
    "conclusion": "the first is",
}
"""The columns that a notebook shows, and their heads."""


@dataclass(frozen=True)
class Comparison:
    """The first experiment against the second."""

    first: str
    """Its name."""
    second: str
    passed: Difference
    """Of the pass rates, where a trial that ran without a verdict is not passed."""
    passed_of_scored: Difference
    """The same, of the pairs in which both have a verdict."""
    scores: tuple[Difference, ...]
    """Of each score that both have in one version, and that is a bool or a number."""
    not_compared: dict[str, str]
    """The other scores, and why."""
    n_unpaired: int
    """Trials that did not run in both, or of a case that is broken in one: in no number."""
    simulated: bool

    @property
    def frame(self) -> "pd.DataFrame":
        """The differences, a row each."""
        import pandas as pd

        rows = [[getattr(each, name) for name in COLUMNS] for each in self._differences()]
        names = [each.name for each in self._differences()]
        return pd.DataFrame(rows, index=names, columns=COLUMNS, dtype=object)

    def _differences(self) -> list[Difference]:
        differences = [self.passed]
        if self.passed_of_scored.n_left_out:
            differences.append(self.passed_of_scored)
        return [*differences, *self.scores]

    def __str__(self) -> str:
        sentences = [f"{self.first} against {self.second}. {self.passed}"]
        if self.n_unpaired:
            trials = quantity(self.n_unpaired, "trial")
            sentences.append(f"{trials} without a partner, or of broken cases, in no number")
        if self.passed_of_scored.n_left_out:
            sentences.append(f"Of what both scored: {self.passed_of_scored}")
        return ". ".join(sentences) + simulated_words(self.simulated)

    def _repr_html_(self) -> str:
        rows = []
        for each in self._differences():
            cells = [_shown(getattr(each, name)) for name in SHOWN_COLUMNS]
            rows.append([each.name, *cells])
        head = ["", *SHOWN_COLUMNS.values()]
        parts = [render.tag("p", str(self)), render.table(rows, head)]
        if self.not_compared:
            parts.append(render.table(self.not_compared.items(), ["score", "why not compared"]))
        return render.block(*parts)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
