"""Running: the trials of an experiment, so many at once, until all are made or it is halted."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence

from toolkit.evals.experiments.limiter import Slots
from toolkit.evals.experiments.plan import Trial
from toolkit.evals.experiments.result import TrialResult
from toolkit.evals.experiments.status import GO_ON
from toolkit.evals.experiments.trials import Refused, Setting, TrialRun

NUMBERS = re.compile(r"\d+")
UNKNOWN_COST = "the budget cannot be kept, as a live trial cost nobody knows what"
STATE_COSTS = "let the task call a model of toolkit.models, or put cost_usd into its trace's meta"


class Running:
    """Trials under way, and the results so far by their keys.

    Parameters
    ----------
    setting : Setting
    slots : Slots
        For as many trials at once.
    stop_after_errors : int or None
        So many errors, all alike and before any other result, halt the experiment.
    report : callable
        Gets the number of trials that are done, and of those that are to be made.
    """

    def __init__(
        self,
        setting: Setting,
        slots: Slots,
        stop_after_errors: int | None,
        report: Callable[[int, int], None],
    ):
        self.results: dict[str, TrialResult] = {}
        self.halted = ""
        """The sentence that says why no more trials are made."""
        self._setting = setting
        self._slots = slots
        self._stop_after_errors = stop_after_errors
        self._report = report
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_stopped = False
        self._errors: list[str] | None = []
        """How the trials ended so far, while all of them ended in the same error."""
        self._n_planned = 0

    async def run(self, trials: Sequence[Trial]) -> None:
        """Make `trials`, in their order. Raises what the store raises."""
        self._n_planned = len(trials)
        try:
            async with asyncio.TaskGroup() as group:
                async for trial in self._in_turn(trials):
                    await self._slots.take()
                    if self.halted:
                        self._slots.give_back()
                        break
                    task = group.create_task(self._make(trial))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            await self._setting.journal.stored()
        except ExceptionGroup as errors:
            # the first says what is wrong; a group says only how many there are
            raise errors.exceptions[0] from errors

    async def _in_turn(self, trials: Sequence[Trial]) -> AsyncIterator[Trial]:
        """Each trial that is to be made next."""
        for trial in trials:
            yield trial

    async def _make(self, trial: Trial) -> None:
        run = TrialRun(trial, self._setting)
        try:
            result = await run.result()
        except Refused as refusal:
            self.halt(f"the budget is spent: {refusal}", f"raise budget_usd and {GO_ON}")
            result = self._not_run(run, str(refusal))
        except asyncio.CancelledError:
            if not self.is_stopped:
                raise
            why = f"it was under way when {self.halted}, and its call was possibly billed"
            run.possibly_billed += 1
            result = self._not_run(run, why)
        finally:
            self._slots.give_back()
        self.results[trial.result_key] = result
        if run.cost_is_unknown and self._setting.ledger.cap_usd is not None:
            self.halt(UNKNOWN_COST, f"{STATE_COSTS}, and {GO_ON}")
        self._note(result)
        self._report(len(self.results), self._n_planned)

    def _not_run(self, run: TrialRun, why: str) -> TrialResult:
        return TrialResult(
            run.trial.case.id,
            run.trial.number,
            "not run",
            cost_usd=run.cost_usd,
            attempts=run.attempts,
            possibly_billed=run.possibly_billed,
            why=why,
        )

    def _note(self, result: TrialResult) -> None:
        """Halt where all results so far are errors, alike, and as many as are enough."""
        if self._errors is None or result.status == "not run":
            return
        words = NUMBERS.sub("#", result.why.replace(result.case, "#"))
        if result.status != "errored" or words not in (self._errors or [words]):
            self._errors = None
            return
        self._errors.append(words)
        if len(self._errors) == self._stop_after_errors:
            n = len(self._errors)
            why = f"the first {n} trials all ended in the same error, {result.why}"
            self.halt(why, f'mend the task and {GO_ON}, with retry=["errored"]')

    def halt(self, why: str, mend: str = GO_ON) -> None:
        """Begin no more trials; those under way go on to their results. `mend` is what to do about
        it.
        """
        if not self.halted:
            self.halted = why
            self._setting.journal.put("experiment.halted", {"why": why, "mend": mend})
        self._slots.tune(float("inf"), paused=False)

    def stop(self, why: str) -> None:
        """Begin no more trials, and break off those under way."""
        self.halt(why)
        self.is_stopped = True
        for task in self._tasks:
            task.cancel()
