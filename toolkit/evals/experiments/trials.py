"""Trials: one trial of a case, from the call of the task to its scores, written down on the way."""

import asyncio
import inspect
import math
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.evals.experiments.limiter import Limiter
from toolkit.evals.experiments.metering import TrialMeter
from toolkit.evals.experiments.plan import Trial
from toolkit.evals.experiments.result import TrialResult, trial_outcome
from toolkit.evals.experiments.retrying import pause_before_retry_s
from toolkit.evals.experiments.store import Journal, Recorded
from toolkit.evals.experiments.stored import (
    json_of_result,
    json_of_trace,
    stored_result,
    stored_score,
    stored_text,
    trace_from,
)
from toolkit.evals.experiments.tasks import TaskCaller, TaskFailed, trace_of
from toolkit.evals.scorers.scorers import Score, Scorer, as_scores, call, name_of
from toolkit.models.deadline import within
from toolkit.models.ledger import Ledger
from toolkit.models.meter import metered_by
from toolkit.tasks import cancelled_from_within
from toolkit.traces import Trace


class Refused(Exception):
    """A cap forbade a call of the trial, so that it was not run."""


@dataclass(frozen=True)
class Setting:
    """What all trials of an experiment share."""

    task: TaskCaller
    scorers: Sequence[Scorer]
    journal: Journal
    recorded: Recorded
    ledger: Ledger
    limiter: Limiter
    timeout_s: float
    """For each scorer."""
    max_retries: int


class TrialRun:
    """A trial under way. What came of it before, in another process, counts."""

    def __init__(self, trial: Trial, setting: Setting):
        self.trial = trial
        self._setting = setting
        recorded = setting.recorded
        self.attempts = recorded.attempts[trial.key]
        self.possibly_billed = recorded.n_in_flight(trial.key)
        before = recorded.answers.get(trial.key) or recorded.results.get(trial.result_key)
        self._cost_before_usd = before.cost_usd if before else 0.0
        self._waited_s = before.waited_s if before else 0.0
        self._told_usd = 0.0
        self.cost_is_unknown = False
        """Whether the task answered live, and nobody knows what that cost."""
        self._latency_s: float | None = None
        self._unwritten: Any = None
        """The task's answer as JSON, until it is in the journal."""
        self._why_unwritten = ""
        """Why the answer cannot be written."""
        self._claim: Any = None
        self._meter = TrialMeter(
            setting.ledger, setting.limiter, self._write_reserved, self._write_settled
        )

    @property
    def cost_usd(self) -> float:
        """Dollars known to be spent on this trial."""
        return self._cost_before_usd + self._meter.cost_usd

    async def result(self) -> TrialResult:
        """What becomes of it, in the journal too. Raises `Refused`, and `sharing.Taken` where
        another worker has the trial.
        """
        self._claim = self._setting.journal.claim(self.trial.key)
        with metered_by(self._meter):
            return await self._result()

    async def _result(self) -> TrialResult:
        trace: Trace | TrialResult | None = self._recorded_answer()
        if trace is not None:
            await self._setting.journal.granted(self._claim)
        else:
            trace = await self._answer()
        if isinstance(trace, TrialResult):
            return trace
        scores = await self._scores(trace)
        status, passed = trial_outcome(scores)
        reasons = [f"{score.name}: {score.why}" for score in scores if score.value is None]
        why = "; ".join(reasons) if status == "unscored" else ""
        return self._write_result(status, why, scores=scores, passed=passed, trace=trace)

    def _recorded_answer(self) -> Trace | None:
        """The trace that the task gave before, where its scores are all that is missing."""
        answer = self._setting.recorded.answers.get(self.trial.key)
        if answer is None:
            return None
        self._latency_s = answer.latency_s
        return trace_from(answer.trace)

    async def _answer(self) -> Trace | TrialResult:
        """The trace of the first attempt that gives one; where none does, the result."""
        retries_left = self._setting.max_retries
        while True:
            await self._begin_attempt()
            try:
                return await self._attempt()
            except TaskFailed as failure:
                error = failure.__cause__ or failure
                pause_s = pause_before_retry_s(error, self._setting.max_retries - retries_left + 1)
                if self._meter.refusal:
                    raise self._refused() from failure
                if pause_s is None or retries_left == 0:
                    return self._write_result("errored", str(failure))
                self.write_given_up(str(failure), pause_s)
            retries_left -= 1
            self._waited_s += pause_s
            await asyncio.sleep(pause_s)

    async def _begin_attempt(self) -> None:
        """Write down that the task is called, before it is."""
        self.attempts += 1
        about = {"case": self.trial.case.id, "number": self.trial.number}
        self._write("trial.started", about)
        await self._setting.journal.granted(self._claim)

    async def _attempt(self) -> Trace:
        began = time.monotonic()
        waited_before_s = self._meter.waited_s
        setting = self._setting
        case, number = self.trial.case, self.trial.number
        returned = await setting.task.call(case, number)
        if self._meter.refusal:
            raise TaskFailed(self._meter.refusal)
        trace = trace_of(returned, case, number, self._meter.source)
        elapsed_s = time.monotonic() - began
        self._latency_s = max(0.0, elapsed_s - (self._meter.waited_s - waited_before_s))
        if not self._meter.n_calls:
            self._take_stated_cost(trace)
        if setting.journal.is_kept:
            self._unwritten, self._why_unwritten = json_of_trace(trace)
        return trace

    def _take_stated_cost(self, trace: Trace) -> None:
        """Count the cost that a trace states, where no call to a model was seen."""
        stated = trace.meta.get("cost_usd")
        if isinstance(stated, int | float) and 0 <= stated < math.inf:
            self._meter.note(float(stated), trace.source)
        self.cost_is_unknown = trace.source == "live" and not self._meter.n_calls

    async def _scores(self, trace: Trace) -> tuple[Score, ...]:
        """The scores of each scorer; those of the same name are told apart by a number."""
        scores: dict[str, Score] = {}
        case = self.trial.case
        for scorer in self._setting.scorers:
            returned = call(scorer, trace, case)
            if inspect.isawaitable(returned):
                self._write_answer()
                returned = await self._awaited(scorer, returned)
            for name, score in as_scores(scorer, returned).items():
                if name in scores:
                    name = f"{name} ({name_of(scorer)})"
                scores[name] = stored_score(score, name)
        if self._meter.refusal:
            raise self._refused()
        return tuple(scores.values())

    async def _awaited(self, scorer: Scorer, returned: Awaitable[Any]) -> Any:
        """What an async scorer returns in time; an unscored score where it raises."""
        try:
            async with within(self._setting.timeout_s):
                return await returned
        except TimeoutError as error:
            why = str(error) or f"no score within {self._setting.timeout_s:g} s"
        except (Exception, SystemExit) as error:
            why = f"{type(error).__name__}: {error}"
        except asyncio.CancelledError:
            if not cancelled_from_within():
                raise
            why = "the scorer was cancelled from within"
        return Score(name_of(scorer), None, why)

    def _write_answer(self) -> None:
        """Write down the task's answer, which a scorer that takes time must not lose."""
        if self._unwritten is not None:
            self._write("trial.trace", {**self._costs(), "trace": self._unwritten})
            self._unwritten = None

    def _refused(self) -> Refused:
        self.write_given_up(self._meter.refusal)
        return Refused(self._meter.refusal)

    def write_given_up(self, why: str, pause_s: float | None = None) -> None:
        """Write down that this attempt ended without a result, and when the next one begins."""
        self._write(
            "trial.given_up", {**self._costs(), "why": stored_text(why), "pause_s": pause_s}
        )

    def _write_result(
        self,
        status: Any,
        why: str,
        scores: tuple[Score, ...] = (),
        passed: bool | None = None,
        trace: Trace | None = None,
    ) -> TrialResult:
        result = TrialResult(
            self.trial.case.id,
            self.trial.number,
            status,
            scores,
            passed,
            None if trace is None else trace.id,
            self._meter.source if trace is None else trace.source,
            self.cost_usd,
            self._latency_s if trace is not None else None,
            self._waited_s + self._meter.waited_s,
            self.attempts,
            self.possibly_billed,
            why,
        )
        result = stored_result(result)
        if self._setting.journal.is_kept:
            data = {
                "key": self.trial.result_key,
                "result": json_of_result(result),
                "trace": self._unwritten,
            }
            if self._why_unwritten:
                data["why"] = self._why_unwritten
            self._write("trial.result", {**self._costs(), **data})
        return result

    def _costs(self) -> dict[str, Any]:
        """What the attempt cost since this was asked last, at most; and what the trial took so
        far.
        """
        usd = self._meter.held_usd - self._told_usd
        self._told_usd = self._meter.held_usd
        waited_s = self._waited_s + self._meter.waited_s
        costs = {
            "usd": usd,
            "cost_usd": self.cost_usd,
            "waited_s": waited_s,
            "latency_s": self._latency_s,
        }
        return {name: value for name, value in costs.items() if value}

    async def _write_reserved(self, usd: float, provider: str, at_once: int) -> None:
        about = {"trial": self.trial.key, "attempt": self.attempts}
        call = about | {"usd": usd, "provider": provider, "at_once": at_once}
        journal = self._setting.journal
        held_usd = self._meter.held_usd - self._told_usd
        await journal.granted(journal.reserve(call, held_usd, self._meter.open_usd))

    def _write_settled(self) -> None:
        about = {"trial": self.trial.key, "attempt": self.attempts}
        held_usd = self._meter.held_usd - self._told_usd
        self._setting.journal.settle(about, held_usd, self._meter.open_usd)

    def _write(self, kind: str, data: dict[str, Any]) -> None:
        about = {"trial": self.trial.key, "attempt": self.attempts}
        self._setting.journal.put(kind, about | data)
