"""Signals: what people asked of the agents of a session, and what became of each request.

A cancel, steer, interrupt or approve is used by a run, or it is answered as unused: there is no
third way to end.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from toolkit.events import CONTROL_KINDS, Event

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,128}")
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
    """

    def __init__(self) -> None:
        self.cursor = 0
        self.signals: dict[str, Signal] = {}
        self.outcomes: dict[str, str] = {}
        """Of each run that has begun: how it ended, or an empty string while it is under way."""
        self.waiting: dict[str, Event] = {}
        """The messages whose run has not begun, by the id of that run."""
        self.questions: dict[str, str] = {}
        """The run of each open question, by the id of the event that asked."""
        self._under_way: dict[str, None] = {}
        self._settled: set[str] = set()
        self._of_run: dict[str, list[Signal]] = {}
        self._unanswered: dict[str, Signal] = {}
        self._attended = False

    def apply(self, event: Event) -> None:
        """Take one event in."""
        if (event.seq or 0) <= self.cursor:
            return
        self.cursor = event.seq or 0
        if event.kind in CONTROL_KINDS:
            self._come(event)
        elif event.kind == "message":
            self._wait(event)
        elif event.kind == "message.rejected":
            self._turn_away(run_for(str(event.data.get("event"))))
        elif event.kind in ("run.started", "run.adopted"):
            self._begin(event)
        elif event.kind == "run.finished":
            self._end(event.run or "", str(event.data.get("outcome")))
        elif event.kind == "approval.asked":
            self.questions[event.id] = event.run or ""
        elif event.kind == "approval.settled":
            self._settle(event)
        elif event.kind in CONSUMED:
            self._answer(str(event.data.get("event")), "used")
        elif event.kind == "signal.unused":
            self._answer(str(event.data.get("event")), "unused", str(event.data.get("why")))

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
        if run in self.waiting:
            return ""
        if run not in self.outcomes:
            return f"there is no run {run}"
        outcome = self.outcomes[run]
        return f"run {run} has ended ({outcome})" if outcome else ""

    def _refused_answer(self, request: str, run: str | None) -> str:
        if request in self.questions:
            asker = self.questions[request]
            return "" if run in (None, asker) else f"question {request} is of run {asker}"
        if request in self._settled:
            return f"question {request} was settled already"
        return f"no open question has the id {request!r}"

    def _whoever_runs(self) -> list[str]:
        return [*self.under_way(), *self.waiting]

    def _come(self, event: Event) -> None:
        why = self.refusal(event.kind, event.run, str(event.data.get("request", "")))
        if event.kind == "approve":
            run = self.questions.get(str(event.data.get("request", "")))
            # Who answers another run's question is heard by neither.
            is_heard = run is not None and event.run in (None, run)
            reaches = frozenset({run}) if run is not None and is_heard else frozenset()
        elif event.run is None:
            reaches = frozenset(self._whoever_runs())
        elif self.outcomes.get(event.run):
            reaches = frozenset()
        else:  # also a run that nobody has heard of yet: its id may have been agreed on beforehand
            reaches = frozenset({event.run})
        signal = self.signals[event.id] = Signal(event, reaches, set(reaches), why=why)
        for run in reaches:
            self._of_run.setdefault(run, []).append(signal)
        if not reaches:
            self._unanswered[event.id] = signal

    def _wait(self, event: Event) -> None:
        run = run_for(event.id)
        answered_otherwise = not self._attended and bool(self._under_way)
        if run not in self.outcomes and not answered_otherwise:
            self.waiting[run] = event

    def _begin(self, event: Event) -> None:
        run = event.run or ""
        if self.outcomes.get(run):
            return
        self.outcomes[run] = ""
        self._under_way[run] = None
        if self.waiting.pop(run, None):
            self._attended = True
        for other, message in list(self.waiting.items()):
            # Nobody here answers a message by the run that is named after it; or the agent's own
            # words were taken for a message to it.
            if not self._attended or message.actor == event.actor:
                del self.waiting[other]
                self._close(other, "no run began to answer its message")

    def _turn_away(self, run: str) -> None:
        self.waiting.pop(run, None)
        if run not in self.outcomes:
            self.outcomes[run] = "its message was turned away"
            self._close(run, "its message was turned away")

    def _end(self, run: str, outcome: str) -> None:
        if self.outcomes.get(run):
            return
        self.outcomes[run] = outcome
        self._under_way.pop(run, None)
        self.waiting.pop(run, None)
        for request in [request for request, of in self.questions.items() if of == run]:
            del self.questions[request]
            self._settled.add(request)
        if outcome == "cancelled":
            for signal in self.reaching(run):
                if signal.event.kind == "cancel" and signal.state == "pending":
                    self._answer(signal.event.id, "used")
        self._close(run, f"run {run} ended ({outcome}) without it")

    def _close(self, run: str, why: str) -> None:
        """What nobody but `run` could have used is due an answer now."""
        for signal in self.reaching(run):
            signal.open_to.discard(run)
            if signal.state == "pending" and not signal.open_to:
                signal.why = why
                self._unanswered[signal.event.id] = signal

    def _settle(self, event: Event) -> None:
        request, answer = str(event.data.get("request")), event.data.get("answer")
        run = self.questions.pop(request, None)
        self._settled.add(request)
        if run is None:
            return
        approvals = [
            signal
            for signal in self.reaching(run)
            if signal.event.kind == "approve" and signal.event.data.get("request") == request
        ]
        for signal in approvals:
            used = (
                signal.event.id == event.data.get("event")
                if "event" in event.data
                else answer is not None
            )
            if signal.state == "pending" and used and answer is not None:
                self._answer(signal.event.id, "used")
                answer = None  # the first answer won
            elif signal.state == "pending":
                signal.open_to.clear()
                signal.why = f"question {request} was settled already"
                self._unanswered[signal.event.id] = signal

    def _answer(self, signal_id: str, state: SignalState, why: str = "") -> None:
        self._unanswered.pop(signal_id, None)
        signal = self.signals.get(signal_id)
        if signal and signal.state == "pending":
            signal.state, signal.why = state, why
