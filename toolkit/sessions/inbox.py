"""Inbox: the signals that one run has heard, and what the run has done with each. It decides; the
run writes.
"""

from toolkit.events import Event, Outcome
from toolkit.sessions.signals import Signal
from toolkit.traces.outcome import OUTCOME_WORDS

NO_EVIDENCE = frozenset(
    {
        "run.suspended",
        "run.resumed",
        "run.rolled_back",
        "step.started",
        "tool.result",
        "error",
        "approval.settled",
        "steer.consumed",
        "interrupt.consumed",
        "signal.unused",
    }
)
"""Events that an agent writes without having asked a model: none shows that a steer was taken into
account.
"""


class Inbox:
    """The signals of a run, in the order of the log."""

    def __init__(self) -> None:
        self.signals: list[Event] = []
        self.cancelled = False
        self.questions: dict[str, str] = {}
        """The run's open questions, by the id of the event that asked."""
        self.inherited: dict[str, str] = {}
        """Those of them that an agent before this one asked, and that nobody waits for now."""
        self.taken: dict[str, Event] = {}
        """Steers that the agent has taken, and not shown yet to have used."""
        self._known: set[str] = set()
        self._answered: set[str] = set()
        self._with_words: list[Event] = []
        self._broke_off: set[str] = set()
        self._approvals: dict[str, list[Event]] = {}

    def hear(self, event: Event) -> bool:
        """Take a signal in. Returns whether it is news."""
        if event.id in self._known:
            return False
        self._known.add(event.id)
        self.signals.append(event)
        if event.kind == "cancel":
            self.cancelled = True
        elif event.kind == "approve":
            request = str(event.data.get("request"))
            self._approvals.setdefault(request, []).append(event)
        elif has_words(event):
            self._with_words.append(event)
        return True

    def inherit(self, signal: Signal) -> None:
        """Take in a signal that came before this agent. What was answered then is not answered
        again.
        """
        if signal.state != "pending" and signal.event.kind != "cancel":
            self.answer(signal.event.id)
        if signal.state != "unused":
            self.hear(signal.event)

    def answer(self, signal_id: str) -> None:
        """Note that the log has the receipt of a signal, or will have it with what is written
        next.
        """
        self._answered.add(signal_id)

    @property
    def words_wait(self) -> bool:
        """Whether there are words that the agent has not taken yet."""
        return bool(self._unanswered(self._with_words))

    def _unanswered(self, events: list[Event]) -> list[Event]:
        return [event for event in events if event.id not in self._answered]

    def take_words(self) -> list[Event]:
        """The steers, and interrupts with words, that were not taken yet; none once the run is
        cancelled.
        """
        if self.cancelled:
            return []
        fresh = self._unanswered(self._with_words)
        self._with_words = []
        self.taken.update((event.id, event) for event in fresh)
        return fresh

    def break_off(self, interrupts: list[Event]) -> list[Event]:
        """Note that a call was broken off. Returns the interrupts that asked for no more than
        that.
        """
        self._broke_off.update(event.id for event in interrupts)
        return [event for event in interrupts if not has_words(event)]

    def approval(self, request: str) -> Event | None:
        """The first answer to a question."""
        approvals = self._approvals.get(request)
        return approvals[0] if approvals else None

    def open_question(self, question: str) -> str | None:
        """The request of an agent before this one that asked the same and got no answer, or
        None.
        """
        for request, words in self.inherited.items():
            if words == question:
                return request
        return None

    def unanswered_questions(self) -> list[str]:
        """The open questions that nobody has answered."""
        return [request for request in self.questions if request not in self._approvals]

    def settle(self, request: str, used: Event | None) -> list[Event]:
        """Close a question. Returns the answers to it that came too late to count."""
        self.questions.pop(request, None)
        self.inherited.pop(request, None)
        if used:
            self.answer(used.id)
        return self._unanswered(self._approvals.get(request, []))

    def unused(self, outcome: Outcome) -> list[tuple[Event, str]]:
        """The signals that a run which ends with `outcome` has not used, each with the reason."""
        unused = []
        for event in self._unanswered(self.signals):
            was_heeded = event.kind == "cancel" and outcome == "cancelled"
            if not was_heeded:
                unused.append((event, self._why(event, outcome)))
        return unused

    def _why(self, event: Event, outcome: Outcome) -> str:
        end = f"the run ended ({OUTCOME_WORDS[outcome]})"
        if event.id in self.taken:
            return f"the agent took it and put nothing out with it before {end}"
        if event.id in self._broke_off:
            return f"it broke a call off, and {end} before a model was asked with its words"
        if event.kind == "interrupt" and not has_words(event):
            return f"no call was in progress, and the run has ended ({OUTCOME_WORDS[outcome]})"
        return f"{end} without it"


def has_words(event: Event) -> bool:
    """Whether the agent is asked to take words into account: by each steer, and by an interrupt
    that has some.
    """
    if event.kind == "interrupt":
        return bool(str(event.data.get("text", "")).strip())
    return event.kind == "steer"
