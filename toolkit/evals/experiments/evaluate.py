"""Evaluate: an agent is run on each case, several times, and scored; killed anywhere, it goes on
from its store.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from toolkit.errors import UsageError
from toolkit.evals.experiments.case_audit import CaseAudit
from toolkit.evals.experiments.control import Controls, kept
from toolkit.evals.experiments.dataset import Case, Dataset
from toolkit.evals.experiments.experiment import Experiment
from toolkit.evals.experiments.limiter import Limiter, Slots
from toolkit.evals.experiments.plan import (
    Trial,
    checked_cases,
    checked_scorers,
    judges_of,
    plan,
)
from toolkit.evals.experiments.result import Status, TrialResult
from toolkit.evals.experiments.running import Running
from toolkit.evals.experiments.shared_running import SharedRunning
from toolkit.evals.experiments.sharing import SharedJournal, exclusive, open_journal
from toolkit.evals.experiments.store import ExperimentStore, Recorded
from toolkit.evals.experiments.tasks import Task, TaskCaller
from toolkit.evals.experiments.trials import Setting
from toolkit.evals.experiments.versions import version_of
from toolkit.models.ledger import Ledger
from toolkit.models.model import Progress, reporting

MANY_THREADS = 256
"""No more plain tasks run at once, whatever the concurrency."""


async def evaluate(
    task: Task,
    dataset: Dataset | Iterable[Case],
    scorers: Iterable[Any],
    trials: int = 1,
    concurrency: int = 8,
    store: ExperimentStore | None = None,
    name: str = "",
    version: str = "",
    audit: CaseAudit | None = None,
    budget_usd: float | None = None,
    timeout_s: float = 600.0,
    max_retries: int = 4,
    stop_after_errors: int | None = 10,
    retry: Collection[Status] = (),
    progress: Progress | None = None,
    lease_s: float = 10.0,
) -> Experiment:
    """Run `task` on each case of `dataset`, `trials` times, and score each trace.

    Whatever goes wrong with a trial is a row with the reason. With a `store` each call is written
    down before it is made, and each result when it is there: where the process is killed, the same
    call again makes what is missing, and no recorded answer or result again.

    Parameters
    ----------
    task : callable
        Of ``(case)`` or ``(case, trial)``, plain (it runs in a thread) or async, to a `Trace` or
        the text of an answer.
    dataset : Dataset or iterable of Case
        At least one case, each with an id of its own.
    scorers : iterable
        Functions of ``(trace)`` or ``(trace, case)``, and judges.
    trials : int
        Of each case.
    concurrency : int
        Trials at once, and calls at once to each provider, by the task and by judges together; of
        all workers, where several share the store.
    store : Session, optional
        Where it is kept, and from where it is watched, paused, tuned and stopped: ``cancel``, and
        ``steer`` with "pause", "resume", "stop" or "concurrency 4". In memory by default.
    name : str
        Of the experiment; by default that of the dataset.
    version : str
        Of the task. By default `version_of` it: its source and what it was made with.
    audit : CaseAudit, optional
        Of these cases, by `audit_cases`: which of them are broken, and which an idle agent passes.
    budget_usd : float, optional
        No call to a model is made whose worst case could pass it, counting what earlier processes
        spent. What a task pays for without the library's models is not seen.
    timeout_s : float
        For the task, and for each scorer. A plain task goes on in its thread, unheard.
    max_retries : int
        Of a task that raises an error of HTTP status 429 or 5xx, after ``retry-after``. To wait is
        no latency.
    stop_after_errors : int, optional
        So many errors, all alike and before any other result, halt the experiment.
    retry : collection of str
        Recorded results to make again: "errored", "unscored". A scored one never is.
    progress : callable, optional
        Gets the trials that are done, and all.
    lease_s : float
        On a store that several processes may write (a `NatsLog`), all that are called alike work
        together, and one that is silent for longer loses its trials to the others. A plain scorer
        that takes longer silences its worker.

    Returns
    -------
    Experiment
        A row for each trial, in the order of the dataset, those that were not run too.

    Raises
    ------
    UsageError
        For no case, two cases with one id, two scorers with one name, a task that is no function.
    Unavailable
        Where another process, or another call, is writing the store, and it is not shared.
    ConnectionError
        Where the store takes nothing more: call it again, and it goes on.
    LeaseLost
        Where this worker was silent for longer than `lease_s`.

    Examples
    --------
    >>> import asyncio
    >>> async def agent(case):
    ...     return f"You said: {case.input}"
    >>> def echoes(trace, case):
    ...     return case.input in trace.text("assistant")
    >>> cases = [Case("c1", "hello"), Case("c2", "bye")]
    >>> experiment = asyncio.run(evaluate(agent, cases, [echoes]))
    >>> [(row.case, row.status, row.passed) for row in experiment.results]
    [('c1', 'scored', True), ('c2', 'scored', True)]
    """
    _check_numbers(trials, concurrency, timeout_s)
    functions = checked_scorers(scorers)
    versions = Versions(version or version_of(task), tuple(map(version_of, functions)))
    dataset_name = str(getattr(dataset, "name", "dataset"))
    name = name or dataset_name
    planned = plan(checked_cases(dataset, dataset_name), trials, versions.task, versions.scorers)
    known, journal = await open_journal(store, {trial.result_key for trial in planned}, lease_s)
    due = [trial for trial in planned if _is_due(trial, known, retry)]
    about = _about(name, planned, concurrency, budget_usd)
    slots = Slots(concurrency)
    with _threads() as threads, exclusive(store):
        setting = Setting(
            TaskCaller(task, threads, timeout_s),
            functions,
            journal,
            known,
            _ledger(budget_usd, known),
            Limiter(concurrency),
            timeout_s,
            max_retries,
        )
        running = _running(setting, slots, stop_after_errors, reporting(progress))
        async with kept(store, journal, known, _controls(running, setting, slots), about, planned):
            await running.run(due)
    results = _results(planned, running, known)
    conditions = _conditions(versions, setting, slots, results, running.halted)
    return _experiment(name, results, audit, conditions)


@dataclass(frozen=True, slots=True)
class Versions:
    """What the keys of an experiment's trials are made of, beside the cases."""

    task: str
    scorers: tuple[str, ...]


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Threads for plain tasks. One that hangs is not waited for."""
    threads = ThreadPoolExecutor(MANY_THREADS, "fieldbook-task")
    try:
        yield threads
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _running(
    setting: Setting,
    slots: Slots,
    stop_after_errors: int | None,
    report: Callable[[int, int], None],
) -> Running:
    """What makes the trials: alone, or together with other workers."""
    if isinstance(setting.journal, SharedJournal):
        return SharedRunning(setting, slots, stop_after_errors, report, setting.journal)
    return Running(setting, slots, stop_after_errors, report)


def _controls(running: Running, setting: Setting, slots: Slots) -> Controls:
    """What whoever watches may change."""
    return Controls(slots, setting.limiter, running.halt, running.stop, lambda: running.is_stopped)


def _check_numbers(trials: int, concurrency: int, timeout_s: float) -> None:
    for name, number in (("trials", trials), ("concurrency", concurrency)):
        if number < 1:
            raise UsageError(f"{name} is at least 1, not {number}")
    if not timeout_s > 0:
        raise UsageError(f"timeout_s is above 0, not {timeout_s}")


def _about(
    name: str, planned: Sequence[Trial], concurrency: int, budget_usd: float | None
) -> dict[str, Any]:
    """What whoever watches the experiment is told when it begins."""
    return {
        "name": name,
        "planned": len(planned),
        "concurrency": concurrency,
        "budget_usd": budget_usd,
    }


def _ledger(budget_usd: float | None, known: Recorded) -> Ledger:
    """The ledger of the experiment, in which what earlier processes spent, or may have, counts."""
    ledger = Ledger(budget_usd)
    ledger.note("earlier trials", "imported", known.spent_usd)
    ledger.note("trials that were in flight", "imported", known.in_flight_usd)
    return ledger


def _experiment(
    name: str,
    results: Sequence[TrialResult],
    audit: CaseAudit | None,
    conditions: dict[str, Any],
) -> Experiment:
    broken = audit.broken if audit else ()
    free = audit.free if audit else ()
    return Experiment(
        name, tuple(results), len(results), frozenset(broken), frozenset(free), conditions
    )


def _conditions(
    versions: Versions,
    setting: Setting,
    slots: Slots,
    results: Sequence[TrialResult],
    halted: str,
) -> dict[str, Any]:
    """What a reader must know to compare the experiment with another one."""
    return {
        "task": versions.task,
        "scorers": versions.scorers,
        "judges": judges_of(setting.scorers),
        "budget_usd": setting.ledger.cap_usd,
        "trials_at_once": slots.most,
        "calls_at_once": setting.limiter.most,
        "retried": retried(results),
        "unreadable_events": len(setting.recorded.problems),
        "halted": halted,
    }


def _is_due(trial: Trial, known: Recorded, retry: Collection[Status]) -> bool:
    result = known.results.get(trial.result_key)
    return result is None or (result.status != "scored" and result.status in retry)


def _results(
    planned: Sequence[Trial], running: Running, known: Recorded
) -> tuple[TrialResult, ...]:
    """The result of each trial, in order; of one that was not reached, that it was not run."""
    results = []
    for trial in planned:
        result = running.results.get(trial.result_key) or known.results.get(trial.result_key)
        if result is None:
            result = TrialResult(
                trial.case.id,
                trial.number,
                "not run",
                attempts=known.attempts[trial.key],
                possibly_billed=known.n_in_flight(trial.key),
                why=running.halted,
            )
        results.append(result)
    return tuple(results)


def retried(results: Sequence[TrialResult]) -> dict[str, Any]:
    """How many trials took more than one attempt, and how they passed beside the others.

    Where the two rates differ, retrying has changed what the experiment measures.
    """
    again = [result.passed for result in results if result.attempts > 1]
    at_once = [result.passed for result in results if result.attempts == 1]
    return {"trials": len(again), "passed": _rate(again), "passed_of_others": _rate(at_once)}


def _rate(passed: Sequence[bool | None]) -> float | None:
    verdicts = [verdict for verdict in passed if verdict is not None]
    return sum(verdicts) / len(verdicts) if verdicts else None
