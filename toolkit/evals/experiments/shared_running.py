"""Shared running: one worker's part of an experiment that several work on."""

import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256

from toolkit.evals.experiments.claims import ENDS
from toolkit.evals.experiments.limiter import Slots
from toolkit.evals.experiments.plan import Trial
from toolkit.evals.experiments.result import TrialResult
from toolkit.evals.experiments.running import Running
from toolkit.evals.experiments.sharing import SharedJournal, Taken
from toolkit.evals.experiments.status import GO_ON
from toolkit.evals.experiments.trials import Setting
from toolkit.events import Event

NO_LIMIT = 1_000_000


class SharedRunning(Running):
    """Trials under way here, and the results so far of all workers.

    The limit of trials at once is that of all workers together: a claim beyond it is refused. Each
    takes its equal part, so that they seldom ask in vain. A worker has no more calls under way at a
    provider than it has trials, and so all of them together stay under the limit too.
    """

    def __init__(
        self,
        setting: Setting,
        slots: Slots,
        stop_after_errors: int | None,
        report: Callable[[int, int], None],
        journal: SharedJournal,
    ):
        super().__init__(setting, slots, stop_after_errors, report)
        self._journal = journal
        self._record = journal.record
        self._waiting: deque[Trial] = deque()
        self._wanted: set[str] = set()
        """The keys of the results that are to be made."""
        self._of_others: dict[str, TrialResult] = {}
        """What others made since the store was read: also before `run` knows what is wanted."""
        self._noted_usd = self._record.held_usd
        """What the ledger knows of what was spent before."""
        slots.share = self._share
        setting.limiter.share = self._n_trials
        journal.limit = self._limit
        journal.cap_usd = setting.ledger.cap_usd
        journal.take = self._take

    async def run(self, trials: Sequence[Trial]) -> None:
        """Make `trials` together with the other workers, until each has a result."""
        self._wanted = {trial.result_key for trial in trials}
        for key in self._wanted & self._of_others.keys():
            self.results[key] = self._of_others[key]
        await super().run(trials)

    async def _in_turn(self, trials: Sequence[Trial]) -> AsyncIterator[Trial]:
        """Each trial that nobody has. It begins elsewhere than the other workers, and waits for
        those that they have: one of them may die.
        """
        start = int(sha256(self._journal.run.encode()).hexdigest(), 16) % max(1, len(trials))
        self._waiting.extend([*trials[start:], *trials[:start]])
        while not self.halted and self._is_missing():
            trial = self._free_trial()
            if trial:
                yield trial
            else:
                await self._journal.news()

    def _free_trial(self) -> Trial | None:
        # a result of its own that is on its way comes before the next claim, and makes room for it
        n_others = len(self._record.owners) - self._record.n_trials_of(self._journal.run)
        if n_others >= self._limit():
            return None
        for _ in range(len(self._waiting)):
            trial = self._waiting.popleft()
            if trial.result_key in self.results:
                continue
            if trial.key not in self._record.owners:
                return trial
            self._waiting.append(trial)
        return None

    async def _make(self, trial: Trial) -> None:
        if trial.result_key in self.results or trial.key in self._record.owners:
            self._slots.give_back()
            self._put_back(trial)
            return
        try:
            await super()._make(trial)
        except Taken as taken:
            if not self.halted:
                await taken.room()  # asked again at once, it would be refused again
            self._put_back(trial)

    def _put_back(self, trial: Trial) -> None:
        """Have another look at a trial that a worker was quicker to take."""
        self._waiting.append(trial)
        self._journal.announce()

    def halt(self, why: str, mend: str = GO_ON) -> None:
        """Begin no more trials here."""
        super().halt(why, mend)
        self._journal.announce()

    def _take(self, event: Event) -> None:
        """Take in what a worker wrote: its result, and what it means for the rest."""
        is_own = event.run == self._journal.run
        key = event.data.get("key")
        if event.kind == "trial.result" and not is_own and key in self._record.results:
            self._take_result(key, self._record.results[key])
        if event.kind in ENDS and is_own:
            self.stop("its lease ran out, and other workers have its trials")
        record = self._record
        elsewhere_usd = record.held_usd - record.usd_of[self._journal.run] - self._noted_usd
        open_usd = record.others_can_free_usd(self._journal.run)
        self._setting.ledger.count_elsewhere(elsewhere_usd, open_usd)
        self._slots.most = max(self._slots.most, record.most_under_way)
        if not self._is_missing():
            self._slots.tune(paused=False)  # whoever waits for a turn has nothing left to do
        self._slots.let_in()
        self._setting.limiter.let_in()

    def _take_result(self, key: str, result: TrialResult) -> None:
        self._of_others[key] = result
        if key in self._wanted:
            self.results[key] = result
            self._note(result)
            self._report(len(self.results), self._n_planned)

    def _is_missing(self) -> bool:
        return len(self.results) < self._n_planned

    def _limit(self) -> int:
        limit = self._slots.limit
        return int(limit) if math.isfinite(limit) else NO_LIMIT

    def _share(self) -> float:
        if self.halted or not self._is_missing():
            return math.inf
        return self._record.share_of(self._journal.run, self._limit())

    def _n_trials(self) -> int:
        return max(1, self._record.n_trials_of(self._journal.run))
