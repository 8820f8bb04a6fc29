"""Signals: what people asked of the agents of a session, and what became of each request.

A cancel, steer, interrupt or approve is used by a run, or it is answered as unused: there is no
third way to end.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from toolkit.events import CONTROL_KINDS, Event
from toolkit.sessions.log import ID_PATTERN
from toolkit.traces.outcome import OUTCOME_WORDS

CONSUMED = frozenset({"steer.consumed", "interrupt.consumed"})
"""An agent's receipts: it did what the signal asked for."""

SignalState = Literal["pending", "used", "unused"]


def run_for(message_id: str) -> str:
    """The id of the run that answers a message. Anybody may have chosen the message's own id.

    >>> run_for("m1")
    'run-m1'
    """
    run_id = f"run-{message_id}"
    if ID_PATTERN.fullmatch(run_id):
        return run_id
    return f"run-{sha256(message_id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def receipt_id(signal_id: str) -> str:
    """The id of the ``signal.unused`` that answers a signal: several may write it, and it is stored
    once.
    """
    return f"{signal_id}-unused"


@dataclass(slots=True)
class Signal:
    """One request to the agents, and how it stands."""

    event: Event
    reaches: frozenset[str]
    """The runs that it was for when it came."""
    open_to: set[str]
    """Those of them that have not ended: while there is one, the signal may still be used."""
    state: SignalState = "pending"
    why: str = ""
    """Why it is unused, or would be."""


class Signals:
    """The fold of a session's signals, one `apply` at a time. Events at or before its `cursor`
    change nothing.

    A signal that names a run is for that run, also before it begins. One that names none is for all
    that was asked before it and is not finished: the runs under way, and the messages that wait for
    their run.

    A session is attended once a run has begun that is named after a message by `run_for`. Until
    then nobody knows whether messages are answered at all:

    - attended: message ``m2`` comes while ``run-m1`` is under way. It waits for ``run-m2``, and a
      cancel that names no run reaches both.
    - not attended: message ``m2`` comes while run ``r`` is under way. It may be a remark that no
      run answers, so that a cancel that names no run reaches ``r`` alone. Where ``run-m2`` begins
      after all, the session is attended from then on; where another run begins, ``m2`` is closed.
    """

    def __init__(self) -> None:
        self.cursor = 0
        self.signals: dict[str, Signal] = {}
        self.outcomes: dict[str, str] = {}
        """Of each run that has begun, how it ended, or an empty string while it is under way; of
        one whose message was turned away before it began, that.
        """
        self.waiting: dict[str, Event] = {}
        """The messages whose run has not begun, by the id of that run."""
        self.questions: dict[str, str] = {}
        """The run of each open question, by the id of the event that asked."""
        self._under_way: dict[str, None] = {}
        self._unsure: set[str] = set()
        """The runs of messages that came while a run was under way and the session was not
        attended: they may never begin.
        """
        self._settled: set[str] = set()
        self._of_run: dict[str, list[Signal]] = {}
        self._unanswered: dict[str, Signal] = {}
        self._attended = False
        """Whether a run has begun that is named after a message."""

    def apply(self, event: Event) -> None:
        """Take one event in."""
        seq = event.seq or 0
        if seq <= self.cursor:
            return
        self.cursor = seq
        run = event.run or ""
        subject = str(event.data.get("event"))  # of a receipt: the event that it answers
        if event.kind in CONTROL_KINDS:
            self._add_signal(event)
        elif event.kind == "message":
            self._add_message(event)
        elif event.kind == "message.rejected":
            self._turn_away(run_for(subject))
        elif event.kind in ("run.started", "run.adopted"):
            self._begin_run(run, event.actor)
        elif event.kind == "run.finished":
            self._end_run(run, str(event.data.get("outcome")))
        elif event.kind == "approval.asked":
            self.questions[event.id] = run
        elif event.kind == "approval.settled":
            self._settle(event)
        elif event.kind in CONSUMED:
            self._answer(subject, "used")
        elif event.kind == "signal.unused":
            self._answer(subject, "unused", str(event.data.get("why")))

    def state(self, signal_id: str) -> SignalState:
        """How a signal stands; ``pending`` also for one that this fold has not seen."""
        signal = self.signals.get(signal_id)
        return signal.state if signal else "pending"

    def reaching(self, run: str) -> list[Signal]:
        """The signals for `run`, in order, whatever became of them."""
        return self._of_run.get(run, [])

    def unanswered(self) -> list[Signal]:
        """The signals that nobody can use any more and nobody has answered: each is due a
        ``signal.unused``.
        """
        return list(self._unanswered.values())

    def under_way(self) -> list[str]:
        """The runs that have begun and not ended."""
        return list(self._under_way)

    def refusal(self, kind: str, run: str | None = None, request: str | None = None) -> str:
        """Why a signal of `kind` would reach nobody now, as one sentence; empty where it can reach
        somebody.
        """
        if kind == "approve":
            return self._refused_answer(request or "", run)
        if run is None:
            return "" if self._whoever_runs() else "no run is under way"
        if run in self.waiting or run in self._unsure:
            return ""
        if run not in self.outcomes:
            return f"there is no run {run}"
        outcome = self.outcomes[run]
        words = OUTCOME_WORDS.get(outcome, outcome)
        return f"run {run} has ended ({words})" if words else ""

    def _refused_answer(self, request: str, run: str | None) -> str:
        asked_by = self.questions.get(request)
        if asked_by is not None:
            return "" if run in (None, asked_by) else f"question {request} is of run {asked_by}"
        if request in self._settled:
            return f"question {request} was settled already"
        return f"no open question has the id {request!r}"

    def _whoever_runs(self) -> list[str]:
        return [*self.under_way(), *self.waiting]

    def _add_signal(self, event: Event) -> None:
        request = str(event.data.get("request", ""))
        reaches = self._runs_reached(event, request)
        why = self.refusal(event.kind, event.run, request)
        signal = Signal(event, reaches, set(reaches), why=why)
        self.signals[event.id] = signal
        for run in reaches:
            self._of_run.setdefault(run, []).append(signal)
        if not reaches:
            self._unanswered[event.id] = signal

    def _runs_reached(self, event: Event, request: str) -> frozenset[str]:
        """The runs that a signal is for when it comes."""
        if event.kind == "approve":
            asked_by = self.questions.get(request)
            # Whoever answers in the name of another run is heard by neither.
            is_heard = asked_by is not None and event.run in (None, asked_by)
            return frozenset({asked_by or ""}) if is_heard else frozenset()
        if event.run is None:
            return frozenset(self._whoever_runs())
        if self.outcomes.get(event.run):
            return frozenset()
        # Also a run that nobody has heard of yet: its id may have been agreed on beforehand.
        return frozenset({event.run})

    def _add_message(self, message: Event) -> None:
        """A message waits for its run, unless the runs here are not named after messages."""
        run = run_for(message.id)
        if run in self.outcomes:
            return
        may_be_a_remark = not self._attended and bool(self._under_way)
        if may_be_a_remark:
            self._unsure.add(run)
        else:
            self.waiting[run] = message

    def _begin_run(self, run: str, actor: str) -> None:
        if self.outcomes.get(run):
            return
        self.outcomes[run] = ""
        self._under_way[run] = None
        if self.waiting.pop(run, None) or run in self._unsure:
            self._attended = True
        self._unsure.discard(run)
        for other, message in list(self.waiting.items()):
            # Nobody here answers a message by the run that is named after it; or the agent's own
            # words were taken for a message to it.
            if not self._attended or message.actor == actor:
                del self.waiting[other]
                self._close(other, "no run began to answer its message")
        while self._unsure and not self._attended:
            self._close(self._unsure.pop(), "no run began to answer its message")

    def _turn_away(self, run: str) -> None:
        self.waiting.pop(run, None)
        self._unsure.discard(run)
        if run not in self.outcomes:
            self.outcomes[run] = "its message was turned away"
            self._close(run, "its message was turned away")

    def _end_run(self, run: str, outcome: str) -> None:
        if self.outcomes.get(run):
            return
        self.outcomes[run] = outcome
        self._under_way.pop(run, None)
        self.waiting.pop(run, None)
        for request, asked_by in list(self.questions.items()):
            if asked_by == run:
                del self.questions[request]
                self._settled.add(request)
        if outcome == "cancelled":
            for signal in self.reaching(run):
                if signal.event.kind == "cancel":
                    self._answer(signal.event.id, "used")
        self._close(run, f"run {run} ended ({outcome}) without it")

    def _close(self, run: str, why: str) -> None:
        """What nobody but `run` could have used is due an answer now."""
        for signal in self.reaching(run):
            signal.open_to.discard(run)
            if not signal.open_to:
                self._refuse(signal, why)

    def _refuse(self, signal: Signal, why: str) -> None:
        """Note that a signal which nobody has answered is due a ``signal.unused``."""
        if signal.state == "pending":
            signal.open_to.clear()
            signal.why = why
            self._unanswered[signal.event.id] = signal

    def _settle(self, settlement: Event) -> None:
        """One approval answers a question, at most; all others come too late."""
        data = settlement.data
        request = str(data.get("request"))
        run = self.questions.pop(request, None)
        self._settled.add(request)
        if run is None:
            return
        is_withdrawn = data.get("answer") is None  # no approval answered it: all are too late
        seeks_approval = not is_withdrawn
        for signal in self.reaching(run):
            approval = signal.event
            if approval.kind != "approve" or approval.data.get("request") != request:
                continue
            # Where the settlement does not name the approval, the first of them counts.
            is_named = data.get("event", approval.id) == approval.id
            if signal.state == "pending" and is_named and seeks_approval:
                self._answer(approval.id, "used")
                seeks_approval = False
            else:
                self._refuse(signal, f"question {request} was settled already")

    def _answer(self, signal_id: str, state: SignalState, why: str = "") -> None:
        self._unanswered.pop(signal_id, None)
        signal = self.signals.get(signal_id)
        if signal and signal.state == "pending":
            signal.state = state
            signal.why = why
