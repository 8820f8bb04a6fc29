"""Experiment: trials of cases, and what they say: rates, reliability, and what is missing.

>>> from toolkit.evals.experiments.result import TrialResult
>>> passed = {"refund": [True, True], "cancel": [True, False], "delay": [False, False]}
>>> results = []
>>> for case, trials in passed.items():
...     for trial, each in enumerate(trials):
...         results.append(TrialResult(case, trial, "scored", passed=each))
>>> experiment = Experiment("small", tuple(results), planned=6, free=frozenset({"refund"}))
>>> print(experiment.pass_hat(2))
pass^2 0.333 (95% interval 0.011 to 0.956, clustered by case; n = 6 trials of 3 cases)
>>> experiment.rate(cases="not free").value
0.25
"""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from toolkit.evals.experiments.rate import CaseCounts, Rate
from toolkit.evals.experiments.result import TrialResult, trial_outcome
from toolkit.evals.experiments.saved import read_experiment, write_experiment
from toolkit.evals.scorers.scorers import NOT_APPLICABLE, Scorer, as_scores, call
from toolkit.traces import Source, Trace
from toolkit.traces.sources import least_live

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.evals.experiments.summary import Summary

Unscored = Literal["fail", "exclude"]
"""A trial without a verdict is not passed, or is left out."""
CaseGroup = Literal["all", "not free", "free"]
JUDGE_HASH = re.compile("[0-9a-f]{16}")
COLUMNS = (
    "case trial status passed trace_id source cost_usd latency_s waited_s attempts "
    "possibly_billed why"
).split()


@dataclass(frozen=True)
class Experiment:
    """The trials of an agent on cases. Raises ValueError where a trial is there twice, or there are
    more than were planned.
    """

    name: str
    results: tuple[TrialResult, ...]
    planned: int
    """Trials that were to be made. Those that no result tells of are not run."""
    broken: frozenset[str] = frozenset()
    """Cases that failed their own check (`audit_cases`): they are in no rate, and counted."""
    free: frozenset[str] = frozenset()
    """Cases that an agent passes by doing nothing (`audit_cases`)."""
    conditions: Mapping[str, Any] = field(default_factory=dict)
    """What it was made under: model, prompt, versions. See `judges`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "results", tuple(self.results))
        object.__setattr__(self, "broken", frozenset(self.broken))
        object.__setattr__(self, "free", frozenset(self.free))
        keys = Counter((result.case, result.trial) for result in self.results)
        for (case, trial), count in keys.items():
            if count > 1:
                raise ValueError(f"trial {trial} of case {case} is there {count} times")
        if len(self.results) > self.planned:
            counts = f"{len(self.results)} results of {self.planned} planned"
            raise ValueError(f"experiment {self.name}: {counts}; planned counts them all")

    @property
    def source(self) -> Source | None:
        """Of the least live trace."""
        return least_live({result.source for result in self.results})

    @property
    def simulated(self) -> bool:
        """Whether a trace is simulated."""
        return self.source == "simulated"

    @property
    def score_names(self) -> list[str]:
        """The names of all scores, in the order of their first trial."""
        names: dict[str, None] = {}
        for result in self.results:
            names.update({score.name: None for score in result.scores})
        return list(names)

    @property
    def judges(self) -> dict[str, str]:
        """The hash of the judge behind each score that a judge gave, by the name of the score.

        It is that under ``judges`` in the conditions, or the score's version, where that has the
        form of a judge's hash.
        """
        judges = {}
        for result in self.results:
            for score in result.scores:
                if JUDGE_HASH.fullmatch(score.version):
                    judges[score.name] = score.version
        stated = self.conditions.get("judges")
        if isinstance(stated, Mapping):
            judges |= {str(name): str(judge) for name, judge in stated.items()}
        return judges

    @property
    def frame(self) -> "pd.DataFrame":
        """A row a trial, and a column a score; a score that is called as another column is
        ``score: name``.
        """
        import pandas as pd

        scores = {name: f"score: {name}" if name in COLUMNS else name for name in self.score_names}
        rows = []
        for result in self.results:
            row = {name: getattr(result, name) for name in COLUMNS}
            row |= dict.fromkeys(scores.values())
            row |= {scores[score.name]: score.value for score in result.scores}
            rows.append(row)
        return pd.DataFrame(rows, columns=[*COLUMNS, *scores.values()], dtype=object)

    def summary(self) -> "Summary":
        """How many passed, failed, or have no verdict, and the rates."""
        from toolkit.evals.experiments.summary import summarise

        return summarise(self)

    def rate(
        self, score: str | None = None, unscored: Unscored = "fail", cases: CaseGroup = "all"
    ) -> Rate:
        """The share of trials that passed, or on which a `score` is True.

        Broken cases are left out, and so are trials that neither pass nor fail: their scores are
        numbers and categories alone. A trial whose verdict is missing is not passed, or is left out
        with ``unscored="exclude"``. Raises ValueError for a score that is no bool.
        """
        counts, n_left_out = self._counts(score, unscored, cases)
        return counts.rate(score or "pass rate", n_left_out, self.simulated)

    def pass_hat(self, k: int, unscored: Unscored = "fail", cases: CaseGroup = "all") -> Rate:
        """pass^k: the chance that k trials of a case all pass, averaged over cases."""
        counts, _ = self._counts(None, unscored, cases)
        return counts.pass_hat(k, self.simulated)

    def pass_at(self, k: int, unscored: Unscored = "fail", cases: CaseGroup = "all") -> Rate:
        """pass@k: the chance that some of k trials of a case passes, averaged over cases."""
        counts, _ = self._counts(None, unscored, cases)
        return counts.pass_at(k, self.simulated)

    def _counts(
        self, score: str | None, unscored: Unscored, cases: CaseGroup
    ) -> tuple[CaseCounts, int]:
        """The counts of each case, and how many trials are left out for want of a verdict."""
        _refuse_other_words(unscored, cases)
        if score is not None and score not in self.score_names:
            raise ValueError(f"no score is called {score!r}; there are {self.score_names}")
        verdicts = []
        n_left_out = 0
        for result in self.chosen(cases):
            if is_neither(result, score):
                n_left_out += 1
            else:
                verdicts.append((result.case, verdict_of(result, score)))
        if all(passed is None for _, passed in verdicts):  # nothing is known, and so no rate of 0
            return CaseCounts(()), n_left_out + len(verdicts)
        not_told: Iterator[tuple[str | None, bool | None]] = iter(())
        if cases != "free":  # of unknown cases, which count as one
            not_told = iter([(None, None)] * (self.planned - len(self.results)))
        trials: list[tuple[str | None, bool]] = []
        for case, passed in chain(verdicts, not_told):
            if passed is None and unscored == "exclude":
                n_left_out += 1
            else:
                trials.append((case, bool(passed)))
        return CaseCounts(trials), n_left_out

    def chosen(self, cases: CaseGroup = "all") -> Iterator[TrialResult]:
        """The results of cases that are not broken, and of a group of these."""
        for result in self.results:
            in_group = cases == "all" or (result.case in self.free) == (cases == "free")
            if in_group and result.case not in self.broken:
                yield result

    @classmethod
    def from_traces(
        cls,
        traces: Iterable[Trace],
        score: Scorer,
        case: Callable[[Trace], Any],
        name: str = "experiment",
        *,
        broken: Iterable[str] = (),
        free: Iterable[str] = (),
        conditions: Mapping[str, Any] | None = None,
    ) -> "Experiment":
        """An experiment that was made elsewhere, of its traces.

        `score` is a plain scorer of a trace; what it cannot score is unscored. `case` gives the id
        of a trace's case; the traces of a case are its trials, in their order.
        """
        if inspect.iscoroutinefunction(score):
            raise TypeError("a plain function scores here: of an async scorer, use evaluate")
        n_trials: Counter[str] = Counter()
        results = []
        for trace in traces:
            case_id = str(case(trace))
            results.append(_result_of(trace, score, case_id, n_trials[case_id]))
            n_trials[case_id] += 1
        return cls(
            name,
            tuple(results),
            len(results),
            frozenset(broken),
            frozenset(free),
            conditions or {},
        )

    def save(self, path: str | Path) -> None:
        """Replace a JSONL file: what the experiment is, and a line a trial."""
        write_experiment(self, path)

    @classmethod
    def load(cls, path: str | Path) -> "Experiment":
        """Read what `save` wrote. Raises RecordError for a line that cannot be read: a result that
        is left out would change every rate.
        """
        header, results = read_experiment(path)
        return cls(results=results, **header)

    def __repr__(self) -> str:
        return f"Experiment({self.name!r}, {len(self.results)} of {self.planned} trials)"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def verdict_of(result: TrialResult, score: str | None) -> bool | None:
    """Whether a trial passed, or what a score says of it; None without a verdict."""
    if score is None:
        return result.passed
    for each in result.scores:
        if each.name == score and each.value not in (None, NOT_APPLICABLE):
            if not isinstance(each.value, bool):
                mend = "between() makes a bool of a number"
                raise ValueError(f"score {score} is {each.value!r}, which is no bool: {mend}")
            return each.value
    return None


def is_neither(result: TrialResult, score: str | None) -> bool:
    """Whether a trial neither passes nor fails, and nothing is missing: its scores are numbers and
    categories alone, or the rule of `score` does not apply to it.
    """
    if score is None:
        return result.status == "scored" and result.passed is None and bool(result.scores)
    return NOT_APPLICABLE in [each.value for each in result.scores if each.name == score]


def _result_of(trace: Trace, score: Scorer, case: str, trial: int) -> TrialResult:
    """The trial that a trace is."""
    scores = tuple(as_scores(score, call(score, trace)).values())
    status, passed = trial_outcome(scores)
    cost = trace.meta.get("cost_usd")
    missing = [f"{each.name}: {each.why}" for each in scores if each.value is None]
    return TrialResult(
        case,
        trial,
        status,
        scores,
        passed,
        trace_id=trace.id,
        source=trace.source,
        cost_usd=float(cost) if isinstance(cost, int | float) else 0.0,
        why="; ".join(missing),
    )


def _refuse_other_words(unscored: str, cases: str) -> None:
    if unscored not in get_args(Unscored):
        raise ValueError(f"unscored is one of {get_args(Unscored)}, not {unscored!r}")
    if cases not in get_args(CaseGroup):
        raise ValueError(f"cases is one of {get_args(CaseGroup)}, not {cases!r}")
