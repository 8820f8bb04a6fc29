"""Asking: what an experiment puts to the test, and the dollars that it may spend on it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from toolkit.errors import UsageError
from toolkit.evals.judges.judging import in_turn
from toolkit.models import BudgetExceeded
from toolkit.traces import Source

Q = TypeVar("Q")
A = TypeVar("A")
Asked = TypeVar("Asked", contravariant=True)
Answered = TypeVar("Answered", covariant=True)
ROUNDING_USD = 1e-9
"""Sums of the same dollars in another order differ by less."""


class Subject(Protocol[Asked, Answered]):
    """What is put to the test: a simulator, or something live. Its answers have a ``cost_usd``."""

    @property
    def source(self) -> Source:
        """Where its answers come from."""

    def worst_case_usd(self, question: Asked, /) -> float:
        """The most that the answer to `question` can cost."""

    async def __call__(self, question: Asked, /) -> Answered:
        """The answer to `question`. One that raises is missing, and counted as billed."""


@dataclass(frozen=True, slots=True)
class Live(Generic[Q, A]):
    """An async function of your own as a `Subject`."""

    call: Callable[[Q], Awaitable[A]]
    most_usd: float
    """The most that one call can cost."""
    source: Source = "live"

    def worst_case_usd(self, _: Q) -> float:
        """The same, whatever is asked."""
        return self.most_usd

    async def __call__(self, question: Q) -> A:
        """What the function answers."""
        return await self.call(question)


@dataclass(frozen=True, slots=True)
class Missing:
    """An answer that did not come: it is unscored, and never a pass."""

    why: str


Question = tuple[Subject[Q, A], Q]


class Spending:
    """The dollars of an experiment: nothing is asked that could pass the cap.

    Raises UsageError where a subject is not simulated and there is no cap.
    """

    def __init__(self, cap_usd: float | None, *subjects: Subject[Any, Any]):
        sources = {subject.source for subject in subjects}
        if cap_usd is None and sources != {"simulated"}:
            raise UsageError("what is not simulated needs a cap in dollars: cap_usd=1.0")
        self.cap_usd = cap_usd
        self.spent_usd = 0.0
        self.refused = ""
        """Why the last questions were not asked; blank where all were."""

    async def ask(self, questions: Sequence[Question[Q, A]]) -> list[A | Missing] | None:
        """The answers to `questions`, which belong together; None, and none of them is asked, where
        they could pass the cap.
        """
        worst_usd = sum(subject.worst_case_usd(question) for subject, question in questions)
        if not self.refused and not self._has_room(worst_usd):
            spent = f"${self.spent_usd:.2f} of ${self.cap_usd:.2f} are spent"
            self.refused = f"{spent}, and the next questions could cost ${worst_usd:.2f}"
        if self.refused:
            return None
        return await in_turn(self._answer, questions, None)

    def _has_room(self, worst_usd: float) -> bool:
        if self.cap_usd is None:
            return True
        return self.spent_usd + worst_usd <= self.cap_usd + ROUNDING_USD

    async def _answer(self, asked: Question[Q, A]) -> A | Missing:
        subject, question = asked
        try:
            answer: Any = await subject(question)
        except BudgetExceeded as error:  # a ledger of its own stood in the way
            self.refused = str(error)
            return Missing(str(error))
        except Exception as error:
            self.spent_usd += subject.worst_case_usd(question)
            return Missing(f"{type(error).__name__}: {error}")
        self.spent_usd += answer.cost_usd
        return answer  # type: ignore[no-any-return]
