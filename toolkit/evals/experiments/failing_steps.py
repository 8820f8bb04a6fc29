"""failing_steps: guesses of where traces go wrong, against the steps that people named.

A guess is worth what it finds beyond guesses that cost nothing, so those stand beside it: always
the commonest step, always the commonest agent, and in each trace the agent that acts most. The
first two are chosen on this very truth, so they are as good as such guesses can be. Each guess is
compared with the first of them trace by trace.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import median
from typing import TypeVar

import numpy as np

from toolkit.evals.alignment.clustered import difference_interval
from toolkit.evals.experiments.failing_steps_shown import FailingSteps, Gain, GuessedSteps, Share
from toolkit.evals.labels import Label
from toolkit.evals.scorers.trajectory_transitions import who_acts
from toolkit.evals.text import first_few
from toolkit.traces import Trace

Kind = TypeVar("Kind")
Steps = Mapping[str, str | None]
"""The id of a step by the id of its trace; None where none is named."""


def failing_steps(
    traces: Iterable[Trace],
    truth: Steps,
    guesses: Mapping[str, Steps] | None = None,
    agents: Mapping[str, str] | None = None,
    level: float = 0.95,
) -> FailingSteps:
    """Compare guesses of the first failing step with the truth, and with what is free.

    Parameters
    ----------
    traces
        Those that failed. One without a true step is counted, and in no rate.
    truth
        The id of the true step by that of the trace, as `failing_steps_by_label` has it.
    guesses
        What each guess names, by its name: of rules, of a judge, of another person. A trace for
        which it names no step, or one that is not there, counts as wrong.
    agents
        Who is to blame, by the trace's id, where people named that too; else, who takes the true
        step.
    level
        Of the intervals.

    Raises
    ------
    ValueError
        Where a true step is not in its trace.

    >>> from toolkit.traces import Step
    >>> steps = [Step("s1", "message", "user", "Hi"), Step("s2", "message", "assistant", "No.")]
    >>> report = failing_steps([Trace("t", steps)], {"t": "s2"}, {"rules": {"t": "s1"}})
    >>> report.frame()["step_rate"].dropna().to_dict()
    {'rules': 0.0, 'always step 2': 1.0}
    """
    listed = list(traces)
    known = [trace for trace in listed if truth.get(trace.id)]
    _refuse_unknown_steps(known, truth)
    truths = _Truths(known, truth, agents or {}, level)
    compared = []
    if known:
        for name, steps in (guesses or {}).items():
            compared.append(truths.compare(name, steps))
        compared += truths.free_guesses()
    return FailingSteps(
        guesses=tuple(compared),
        n=len(known),
        n_unlabelled=len(listed) - len(known),
        median_step=median(truths.positions) + 1 if known else None,
        simulated=any(trace.source == "simulated" for trace in known),
    )


def failing_steps_by_label(traces: Iterable[Trace], labels: Iterable[Label]) -> dict[str, str]:
    """The first step of each trace that a rater called failing, by the trace's id."""
    named: dict[str, set[str]] = {}
    for label in labels:
        if label.verdict == "fail" and label.step is not None:
            named.setdefault(label.trace_id, set()).add(label.step)
    steps = {}
    for trace in traces:
        failing = [step.id for step in trace.steps if step.id in named.get(trace.id, ())]
        if failing:
            steps[trace.id] = failing[0]
    return steps


def _refuse_unknown_steps(traces: list[Trace], truth: Steps) -> None:
    unknown = []
    for trace in traces:
        if truth[trace.id] not in [step.id for step in trace.steps]:
            unknown.append(f"{truth[trace.id]} of {trace.id}")
    if unknown:
        raise ValueError(f"true steps that are not in their trace: {first_few(unknown)}")


class _Truths:
    """The traces with their true steps, which guesses are compared with."""

    def __init__(
        self, traces: list[Trace], truth: Steps, agents: Mapping[str, str], level: float
    ) -> None:
        self.traces = traces
        self.positions: list[int] = []
        """Those of the true steps, from 0."""
        self._level = level
        self._agents: list[str] = []
        for trace in traces:
            for position, step in enumerate(trace.steps):
                if step.id == truth[trace.id]:
                    self.positions.append(position)
                    self._agents.append(agents.get(trace.id) or who_acts(step))
                    break

    def compare(self, name: str, steps: Steps, free: bool = False) -> GuessedSteps:
        """How often these steps, and who takes them, are the true ones."""
        agents: list[str | None] = []
        for trace in self.traces:
            guessed = steps.get(trace.id)
            acting = [who_acts(step) for step in trace.steps if step.id == guessed]
            agents.append(acting[0] if acting else None)
        right = self._right(steps)
        return GuessedSteps(
            name=name,
            free=free,
            named=len(agents) - agents.count(None),
            step=Share(int(right.sum()), len(self.traces), self._level),
            agent=self._agent_share(agents),
            gain=None if free else self._gain(right),
        )

    def _right(self, steps: Steps) -> np.ndarray:
        """For each trace 1 where the guessed step is the true one, else 0."""
        right = []
        for trace, position in zip(self.traces, self.positions, strict=True):
            right.append(int(trace.steps[position].id == steps.get(trace.id)))
        return np.array(right)

    def _gain(self, right: np.ndarray) -> Gain:
        """How much more often it is right than the commonest step."""
        differences = right - self._right(self._commonest_steps())
        interval = difference_interval(differences, None, self._level)
        assert interval is not None  # a guess is compared with some traces, or not made
        return Gain(float(differences.mean()), interval)

    def _commonest_steps(self) -> dict[str, str]:
        """The step of each trace that stands where most true ones do."""
        position = _commonest(self.positions)
        long_enough = [trace for trace in self.traces if position < len(trace.steps)]
        return {trace.id: trace.steps[position].id for trace in long_enough}

    def free_guesses(self) -> list[GuessedSteps]:
        """The guesses that cost nothing."""
        number = _commonest(self.positions) + 1
        busiest: list[str | None] = []
        for trace in self.traces:
            busiest.append(_commonest([who_acts(step) for step in trace.steps]))
        agent = _commonest(self._agents)
        always: list[str | None] = [agent] * len(self.traces)
        return [
            self.compare(f"always step {number}", self._commonest_steps(), free=True),
            self._of_agents(f"always {agent}", always),
            self._of_agents("who acts most", busiest),
        ]

    def _of_agents(self, name: str, agents: list[str | None]) -> GuessedSteps:
        return GuessedSteps(name, True, len(agents), None, self._agent_share(agents))

    def _agent_share(self, agents: list[str | None]) -> Share:
        pairs = zip(agents, self._agents, strict=True)
        n_right = sum(guessed == true for guessed, true in pairs)
        return Share(n_right, len(agents), self._level)


def _commonest(values: list[Kind]) -> Kind:
    """The value that is there most often; of several the first."""
    ((value, _),) = Counter(values).most_common(1)
    return value
