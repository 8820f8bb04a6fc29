"""Watching: what the state of an experiment is now, by the events that it writes to its store.

Several workers may write to one store. A trial that two of them began counts once, by its key.

>>> from toolkit.events import Event
>>> watched = WatchedExperiment()
>>> about = {"name": "refunds", "planned": 2, "concurrency": 8}
>>> watched.apply(Event("s", "run.started", "experiment", {}, "e1", run="r1", seq=1))
>>> watched.apply(Event("s", "experiment.started", "experiment", about, "e2", run="r1", seq=2))
>>> print(watched.status())
refunds: running, 0 of 2 trials done, 0 running, 2 waiting
"""

from collections.abc import Iterator
from typing import Any, get_args

from toolkit.evals.experiments.claims import SharedRecord
from toolkit.evals.experiments.control import KEY_CHARS
from toolkit.evals.experiments.news import (
    Answered,
    Halted,
    Planned,
    Started,
    TrialNews,
    Tuned,
    Worker,
)
from toolkit.evals.experiments.result import TrialResult
from toolkit.evals.experiments.status import ExperimentStatus, Failure, Phase, Signal
from toolkit.evals.experiments.store import ACTOR
from toolkit.evals.experiments.under_way import TrialsUnderWay
from toolkit.events import Event, Outcome
from toolkit.records import RecordError, validate

SHOWN_FAILURES = 5
KEPT_FAILURES = 4 * SHOWN_FAILURES
SHOWN_SIGNALS = 5
OUTCOMES = get_args(Outcome)


class AnyKey:
    """Whatever trials there are, their results are wanted."""

    def __contains__(self, key: object) -> bool:
        return True


class WatchedExperiment:
    """The fold of a store's events. Give it each event with `apply`, and ask for its `status`."""

    def __init__(self) -> None:
        self.cursor = 0
        self._recorded = SharedRecord(AnyKey())
        self._workers: dict[str, Worker] = {}
        self._newest: Worker | None = None
        """The last that has started: what it has planned is the experiment."""
        self._trials: dict[str, str] = {}
        """The key of each result's trial, by that of the result."""
        self._under_way = TrialsUnderWay()
        self._answers: dict[str, Any] = {}
        """The traces of trials that are not scored yet, as JSON."""
        self._failures: dict[str, Any] = {}
        """The keys of the last results that did not pass, with their traces."""
        self._signals: dict[str, Signal] = {}
        self._calls_at_once: dict[str, int] = {}
        self._last_s: float | None = None
        self._n_unreadable = 0

    def apply(self, event: Event) -> None:
        """Take one event in. One that was taken in before changes nothing."""
        if event.seq is not None:
            if event.seq <= self.cursor:
                return
            self.cursor = event.seq
        try:
            self._apply(event)
        except RecordError:
            self._n_unreadable += 1

    def _apply(self, event: Event) -> None:
        if event.kind in ("steer", "cancel"):
            words = str(event.data.get("text") or event.kind)
            self._signals[event.id] = Signal(event.actor, words)
        elif event.kind in ("steer.consumed", "signal.unused"):
            self._answer(event.kind, event.run, validate(Answered, event.data))
        is_end = event.kind == "run.finished" and event.run in self._workers
        if event.actor != ACTOR and not is_end:  # anybody may find that a worker has died
            return
        self._last_s = event.time or self._last_s
        worker = self._workers.setdefault(event.run or "", Worker())
        if event.kind.startswith("trial."):
            news = validate(TrialNews, event.data)
            if self._recorded.decide(event):
                self._apply_to_trial(event, news, worker)
        else:
            self._recorded.decide(event)
            self._apply_to_worker(event, worker)

    def _answer(self, kind: str, run: str | None, answer: Answered) -> None:
        signal = self._signals.get(answer.event)
        if signal is None:
            return
        if kind == "signal.unused":
            signal.unused = answer.why or "nobody could use it"
        else:
            signal.heard_by.add(run or "")

    def _apply_to_worker(self, event: Event, worker: Worker) -> None:
        if event.kind == "experiment.planned":
            keys = validate(Planned, event.data).keys
            begins = range(0, len(keys), KEY_CHARS)
            worker.planned_keys |= {keys[begin : begin + KEY_CHARS] for begin in begins}
        elif event.kind == "experiment.started":
            worker.started = validate(Started, event.data)
            worker.concurrency = worker.started.concurrency
            self._newest = worker
        elif event.kind == "experiment.tuned":
            tuned = validate(Tuned, event.data)
            if tuned.concurrency is not None:  # else it is halted, and nothing waits for room
                worker.concurrency = tuned.concurrency
            worker.paused = tuned.paused
        elif event.kind == "experiment.halted":
            worker.halted = validate(Halted, event.data)
        elif event.kind == "run.finished":
            outcome = event.data.get("outcome")
            worker.outcome = outcome if outcome in OUTCOMES else "error"
            self._under_way.leave(event.run or "")

    def _apply_to_trial(self, event: Event, news: TrialNews, worker: Worker) -> None:
        trial = news.trial
        if event.kind == "trial.started":
            if worker.outcome is None:
                self._under_way.begin(trial, news.attempt, event.run or "")
        elif event.kind == "trial.reserved":
            highest = max(news.at_once, self._calls_at_once.get(news.provider, 0))
            self._calls_at_once[news.provider] = highest
        elif event.kind == "trial.trace":
            self._answers[trial] = event.data.get("trace")
        elif event.kind == "trial.given_up" and news.pause_s is not None:
            self._under_way.pause(trial)
        elif event.kind in ("trial.given_up", "trial.result"):
            self._under_way.end(trial, news.attempt)
            if news.key:
                self._keep(news.key, trial, event.data.get("trace"))

    def _keep(self, key: str, trial: str, trace: Any) -> None:
        """Keep what a result is of; where it did not pass, the trace too."""
        answer = self._answers.pop(trial, None)
        result = self._recorded.results.get(key)
        self._trials[key] = trial
        self._failures.pop(key, None)
        if result is not None and result.passed is not True:
            self._failures[key] = trace or answer
        if len(self._failures) > KEPT_FAILURES:
            self._failures.pop(next(iter(self._failures)))

    def _planned_results(self) -> Iterator[tuple[str, TrialResult]]:
        """The results of trials that are planned now, by their keys, in the order in which they
        came.
        """
        planned = self._newest.planned_keys if self._newest else set()
        for key, result in self._recorded.results.items():
            if not planned or key[:KEY_CHARS] in planned:
                yield key, result

    @property
    def _at_work(self) -> list[Worker]:
        return [worker for worker in self._workers.values() if worker.outcome is None]

    def _phase(self) -> Phase:
        if self._newest is None:
            return "not begun"
        at_work = self._at_work
        if not at_work:
            return "ended"
        if all(worker.halted for worker in at_work):
            return "stopping"
        if all(worker.paused for worker in at_work):
            return "paused"
        return "running"

    def status(self) -> ExperimentStatus:
        """What the state of the experiment is now."""
        newest = self._newest or Worker()
        results = dict(self._planned_results())
        n_again = sum(self._trials.get(key, "") in self._under_way for key in results)
        return ExperimentStatus(
            started=newest.started,
            phase=self._phase(),
            results=tuple(results.values()),
            n_done=len(results) - n_again,
            n_running=len(self._under_way),
            n_pausing=self._under_way.n_pausing,
            n_workers=len(self._at_work),
            spent_usd=self._recorded.spent_usd,
            in_flight_usd=self._recorded.in_flight_usd,
            concurrency=newest.concurrency,
            trials_at_once=self._under_way.most,
            calls_at_once=dict(self._calls_at_once),
            halted=newest.halted,
            outcome=newest.outcome,
            failures=tuple(self._shown_failures(results)),
            signals=tuple(self._signals.values())[-SHOWN_SIGNALS:],
            last_s=self._last_s,
            n_unreadable=self._n_unreadable + len(self._recorded.problems),
        )

    def _shown_failures(self, results: dict[str, TrialResult]) -> Iterator[Failure]:
        """The newest first."""
        planned = [key for key in reversed(self._failures) if key in results]
        for key in planned[:SHOWN_FAILURES]:
            yield Failure(self._trials[key], results[key], self._failures[key])
