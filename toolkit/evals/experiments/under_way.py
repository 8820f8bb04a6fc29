"""TrialsUnderWay: which trials have begun and not ended, and which of them wait."""


class TrialsUnderWay:
    """A trial is under way once, by the worker that began it last.

    >>> trials = TrialsUnderWay()
    >>> trials.begin("t1", 1, "left")
    >>> trials.begin("t1", 2, "right")
    >>> trials.leave("left")
    >>> len(trials), "t1" in trials
    (1, True)
    """

    def __init__(self) -> None:
        self.most = 0
        """The high-water mark."""
        self._workers: dict[str, str] = {}
        """The run that makes each trial."""
        self._pausing: set[str] = set()
        self._attempts_ended: dict[str, int] = {}

    def begin(self, trial: str, attempt: int, run: str) -> None:
        """Begin an attempt; one that has ended already, as another worker says, does not begin."""
        if attempt > self._attempts_ended.get(trial, 0):
            self._workers[trial] = run
            self._pausing.discard(trial)
            self.most = max(self.most, len(self._workers))

    def pause(self, trial: str) -> None:
        """Let a trial wait, as a server asked for it."""
        if trial in self._workers:
            self._pausing.add(trial)

    def end(self, trial: str, attempt: int) -> None:
        """End a trial, whoever it was that ended it."""
        last = self._attempts_ended.get(trial, 0)
        self._attempts_ended[trial] = max(attempt, last)
        self._drop(trial)

    def leave(self, run: str) -> None:
        """End what a worker has under way, as its run has ended."""
        for trial, worker in list(self._workers.items()):
            if worker == run:
                self._drop(trial)

    def _drop(self, trial: str) -> None:
        self._workers.pop(trial, None)
        self._pausing.discard(trial)

    @property
    def n_pausing(self) -> int:
        """Trials that wait."""
        return len(self._pausing)

    def __len__(self) -> int:
        return len(self._workers)

    def __contains__(self, trial: str) -> bool:
        return trial in self._workers
