"""Requests: what people ask of a build on its session, and the answers that came."""

from dataclasses import replace

from toolkit.events import Event
from toolkit.harness.watching.plain import text_in
from toolkit.harness.watching.status import Request

RECEIPTS = frozenset({"steer.consumed", "interrupt.consumed"})


class Requests:
    """The fold of steers, stops and answers, and of the questions that the build puts."""

    def __init__(self) -> None:
        self._requests: dict[str, Request] = {}
        """By the id of their events."""
        self._questions: dict[str, tuple[str, str | None]] = {}
        """The words and the run of each open question, by the id of the event that put it."""

    def apply(self, event: Event) -> None:
        """Take one event in."""
        kind = event.kind
        subject = text_in(event.data, "event")
        if kind in ("steer", "interrupt", "cancel"):
            words = "stop" if kind == "cancel" else text_in(event.data, "text") or kind
            self._requests[event.id] = Request(_who(event), words, kind, event.run)
        elif kind in RECEIPTS and subject in self._requests:
            self._requests[subject].heard = True
        elif kind == "signal.unused" and subject in self._requests:
            why = text_in(event.data, "why")
            self._requests[subject].unused = why or "nobody could use it"
        elif kind == "approval.asked":
            self._questions[event.id] = text_in(event.data, "question"), event.run
        elif kind == "approval.settled":
            self._questions.pop(text_in(event.data, "request"), None)
        elif kind == "run.finished":
            self._end_run(event)

    def _end_run(self, event: Event) -> None:
        """A stop is heard once a run that it reaches has ended by it; questions end with theirs."""
        if event.data.get("outcome") == "cancelled":
            for request in self._pending_stops():
                if request.run in (None, event.run):
                    request.heard = True
        for id_, (_, run) in list(self._questions.items()):
            if run == event.run:
                del self._questions[id_]

    def _pending_stops(self) -> list[Request]:
        stops = [request for request in self._requests.values() if request.kind == "cancel"]
        return [request for request in stops if not request.heard and not request.unused]

    @property
    def stop_pending(self) -> bool:
        """Whether a stop has no answer yet."""
        return bool(self._pending_stops())

    @property
    def question_id(self) -> str:
        """The event that put the open question; empty where there is none."""
        return next(iter(self._questions), "")

    @property
    def question(self) -> str:
        """What it asks."""
        return self._questions[self.question_id][0] if self._questions else ""

    def last(self, n: int) -> tuple[Request, ...]:
        """The last `n` requests. What is given out does not change."""
        return tuple(replace(request) for request in list(self._requests.values())[-n:])


def _who(event: Event) -> str:
    """Who asked, and on which screen where that is named."""
    screen = text_in(event.data, "screen")
    return f"{event.actor} on the {screen[:64]}" if screen else event.actor
