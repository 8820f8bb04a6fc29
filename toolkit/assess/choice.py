"""Choice: which framework first by some facts, and which measurement would decide where they do
not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from toolkit.assess.facts import Facts
from toolkit.assess.measurements import MEASUREMENTS, Measurement, with_result
from toolkit.assess.rules import Need
from toolkit.assess.standing import Standing, standings
from toolkit.shown import Shown

Answer = Literal["sessions", "evals", "harness", "none yet", "skip", "measure first"]
"""``none yet``: what is needed stands. ``skip``: none of the three is worth it."""
ORDER = (
    "one rests on the other: what does not arrive whole is labelled as bad, and without labels "
    "nobody knows whether a harness helps"
)


@dataclass(frozen=True, slots=True)
class Choice(Shown):
    """An answer, why, and how much each framework is needed, the most needed first."""

    answer: Answer
    why: str
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Change(Shown):
    """Something that could turn out, and the answer that it would give."""

    words: str
    answer: Answer
    command: str


@dataclass(frozen=True, slots=True)
class Decider(Shown):
    """A measurement that was not made yet, and the answer that each of its results would give."""

    name: str
    command: str
    minutes: float
    results: tuple[Change, ...]

    @property
    def decides(self) -> bool:
        """Whether each of its results would be an answer."""
        return all(change.answer != "measure first" for change in self.results)


def choose(facts: Facts) -> Choice:
    """Which framework first. Where two are needed alike, measured needs go in their order, and
    needs that somebody only says decide nothing.
    """
    ranked = sorted(standings(facts), key=lambda each: each.need, reverse=True)
    first = ranked[0]
    alike = [each for each in ranked if each.need == first.need]
    names = listed([each.framework for each in alike])
    answer: Answer = first.framework
    if first.need == Need.SKIP:
        answer = "skip"
        why = "none of the three is worth it here"
    elif first.need == Need.HOLDS:
        answer = "none yet"
        why = "what is needed stands, as far as it was measured"
    elif first.need == Need.UNKNOWN:
        answer = "measure first"
        why = f"nothing here says how much it needs {names}"
    elif len(alike) == 1:
        why = first.reasons[0].because
    elif first.need == Need.LIKELY:
        answer = "measure first"
        why = f"{names} look needed alike, and none was measured"
    else:
        why = f"{first.reasons[0].because}. It needs {names} alike; {ORDER}"
    return Choice(answer, why, tuple(ranked))


def listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> listed(["sessions", "evals", "harness"])
    'sessions, evals and harness'
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def changes(facts: Facts) -> Iterator[Change]:
    """What could turn out that would give another answer, and one that decides."""
    now = choose(facts).answer
    for measurement in MEASUREMENTS:
        for change in _results(facts, measurement):
            if change.answer not in (now, "measure first"):
                yield change


def decider(facts: Facts) -> Decider | None:
    """The single measurement that decides most surely: the one of whose results the most decide.

    Of several, one that measures is taken before one that asks, and then the quickest. None where
    everything was measured.
    """
    best = None
    best_worth: tuple[int, bool, float] | None = None
    for measurement in MEASUREMENTS:
        if measurement.is_known(facts):
            continue
        results = tuple(_results(facts, measurement))
        n_decided = sum(change.answer != "measure first" for change in results)
        worth = (n_decided, not measurement.is_said, -measurement.minutes)
        if best_worth is None or worth > best_worth:
            best_worth = worth
            best = Decider(measurement.name, measurement.command, measurement.minutes, results)
    return best


def _results(facts: Facts, measurement: Measurement) -> Iterator[Change]:
    for result in measurement.results:
        answer = choose(with_result(facts, result)).answer
        yield Change(result.words, answer, result.command)
