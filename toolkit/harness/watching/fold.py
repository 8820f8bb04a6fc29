"""Fold: what the state of a build is now, by the events of its session.

Kinds that it does not know are left out, and so is what is not as it should be: whoever writes to a
session may write anything. Builds without sprints, and those whose end the session does not tell,
are folded too.

>>> from toolkit.events import Event
>>> watched = WatchedBuild()
>>> frozen = {"sha256": "ab", "criteria": [{"id": "totals", "claim": "Totals by region."}]}
>>> watched.apply(Event("s", "contract.frozen", "evaluator", frozen, "e1", seq=1))
>>> check = {"criterion": "totals", "verdict": "pass", "why": "Seen.", "round": 1}
>>> watched.apply(Event("s", "verdict", "evaluator", check, "e2", run="r1", seq=2))
>>> watched.status().position
'round 1 · 1 of 1 criterion holds'
"""

from typing import cast, get_args

from toolkit.events import Event
from toolkit.harness.outcome import Ended
from toolkit.harness.watching.contracts import Contracts
from toolkit.harness.watching.plain import Fields, count_in, number_in, object_in, text_in, texts_in
from toolkit.harness.watching.requests import Requests
from toolkit.harness.watching.roles import RoleLanes
from toolkit.harness.watching.status import HarnessStatus, Phase

LOOP = "harness"
"""The actor of the loop's own run, which lasts as long as the build."""
SHOWN_REQUESTS = 5
OUTCOMES = get_args(Ended)
BUILD_KINDS = frozenset(
    {
        "build.started",
        "sprint.started",
        "contract.frozen",
        "check.result",
        "verdict",
        "build.finished",
    }
)
"""What tells a build from any other session."""


class WatchedBuild:
    """The fold of a session's events. Give it each event with `apply`, and ask for its `status`.

    A second run of a build on the same session takes the place of the first.
    """

    def __init__(self) -> None:
        self.cursor = 0
        self.is_build = False
        """Whether any event was of a build."""
        self._requests = Requests()
        self._last_said = ""
        self._trouble = ""
        self._last_s: float | None = None
        self._begin()

    def _begin(self) -> None:
        """Forget the build before."""
        self._goal = ""
        self._budget: Fields = {}
        self._lanes = RoleLanes()
        self._contracts = Contracts()
        self._loop_run = ""
        """The loop's own run; empty where it has none."""
        self._loop_ended = False
        self._outcome: Ended | None = None
        self._why = ""

    def apply(self, event: Event) -> None:
        """Take one event in. One that was taken in before changes nothing."""
        if event.kind == "text.snapshot":  # it repeats words, and has no place in the log
            self._lanes.replace(event)
            return
        if event.seq is not None:
            if event.seq <= self.cursor:
                return
            self.cursor = event.seq
        self._last_s = event.time or self._last_s
        self.is_build = self.is_build or event.kind in BUILD_KINDS
        self._requests.apply(event)
        if event.kind == "run.started" and event.actor == LOOP:
            self._begin_loop(event.run or "")
        elif event.kind == "run.finished" and event.run == self._loop_run:
            self._loop_ended = True  # whoever found that its process has died
        elif event.kind == "message":
            self._last_said = text_in(event.data, "text")
            self._goal = self._goal or self._last_said
        elif event.kind == "error":
            self._trouble = text_in(event.data, "why")
        elif event.kind == "build.started":
            self._start(event.data)
        elif event.kind == "build.finished":
            self._finish(event.data)
        else:
            self._lanes.apply(event)
            self._contracts.apply(event)

    def _begin_loop(self, run: str) -> None:
        """The loop's own run begins before those of the roles, and ends behind them."""
        self._begin()
        self._goal = self._last_said
        self._loop_run = run

    def _start(self, data: Fields) -> None:
        self._goal = text_in(data, "goal") or self._goal
        self._budget = object_in(data, "budget")
        self._lanes.expect(texts_in(data, "roles"))

    def _finish(self, data: Fields) -> None:
        outcome = text_in(data, "outcome")
        self._outcome = cast(Ended, outcome) if outcome in OUTCOMES else "halted"
        self._why = text_in(data, "why")

    def _phase(self) -> Phase:
        if not (self.is_build or self._lanes.has_begun or self._loop_run):
            return "not begun"
        if self._outcome is not None or self._loop_ended:
            return "ended"
        if not (self._lanes.is_active or self._loop_run):
            return "ended"
        if self._requests.stop_pending:
            return "stopping"
        return "waiting" if self._requests.question_id else "running"

    def status(self) -> HarnessStatus:
        """What the state of the build is now."""
        contracts = self._contracts
        return HarnessStatus(
            phase=self._phase(),
            goal=self._goal,
            source=self._lanes.source,
            lanes=self._lanes.status(),
            sprints=contracts.status(),
            n_sprints=max(contracts.n_planned, len(contracts.sprints)),
            spent_usd=self._lanes.spent_usd,
            tokens=self._lanes.tokens,
            budget_usd=number_in(self._budget, "cost_usd"),
            budget_tokens=count_in(self._budget, "tokens") or None,
            requests=self._requests.last(SHOWN_REQUESTS),
            question=self._requests.question,
            question_id=self._requests.question_id,
            outcome=self._outcome,
            why=self._why,
            banner=contracts.banner,
            trouble=self._trouble,
            last_s=self._last_s,
        )
