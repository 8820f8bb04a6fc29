"""Plan: the trials of an experiment, each with the keys that its events and its result are known
by.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from toolkit.errors import UsageError
from toolkit.evals.experiments.dataset import Case
from toolkit.evals.judges.judging import JudgeLike
from toolkit.evals.scorers.scorers import Score, Scorer, name_of
from toolkit.records import fingerprint
from toolkit.traces import Trace

CASES = TypeAdapter(Case)
HASHED = {"id", "input", "expected", "meta"}


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that is to be made."""

    case: Case
    number: int
    """From 0."""
    key: str
    """Of case, number and task."""
    result_key: str
    """Of those and the scorers."""


def plan(
    cases: Iterable[Case], trials: int, task_version: str, scorer_versions: Sequence[str]
) -> list[Trial]:
    """Each trial of each case, case by case."""
    planned = []
    for case in cases:
        case_hash = hash_of_case(case)
        for number in range(trials):
            key = _key(case_hash, str(number), task_version)
            planned.append(Trial(case, number, key, _key(key, *scorer_versions)))
    return planned


def hash_of_case(case: Case) -> str:
    """The hash of what a case asks and expects; who promoted it, and when, is no part of it.

    Raises UsageError where it is no JSON.
    """
    try:
        fields = CASES.dump_python(case, mode="json", include=HASHED)
        return fingerprint(fields)
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"case {case.id} cannot be written as JSON: {error}") from None


def _key(*parts: str) -> str:
    return sha256("\n".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def checked_cases(cases: Iterable[Case], name: str) -> list[Case]:
    """The cases. Raises UsageError where there is none, or two have one id."""
    listed = list(cases)
    if not listed:
        raise UsageError(f"dataset {name} has no case: there is nothing to evaluate")
    counts = Counter(case.id for case in listed)
    repeated = [id_ for id_, count in counts.items() if count > 1]
    if repeated:
        some = ", ".join(repr(id_) for id_ in repeated[:3])
        raise UsageError(
            f"dataset {name}: {len(repeated)} ids stand for more than one case ({some}): "
            "give each case an id of its own"
        )
    return listed


def checked_scorers(scorers: Iterable[Any]) -> list[Scorer]:
    """Scorers as functions, those of judges too. Raises UsageError where two have one name."""
    functions: list[Scorer] = []
    for scorer in scorers:
        functions.append(JudgeScorer(scorer) if hasattr(scorer, "score_all") else scorer)
    names = Counter(name_of(function) for function in functions)
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        raise UsageError(
            f"two scorers are called {repeated[0]}: give one another name, with scorer(name=...)"
        )
    for function in functions:
        if not callable(function):
            raise UsageError(f"{function!r} is no scorer: a function, or a judge, is wanted")
    return functions


class JudgeScorer:
    """A scorer that asks a judge: True for a pass, False for a fail, and unscored as the judge
    leaves it.
    """

    def __init__(self, judge: JudgeLike):
        self.judge = judge
        self.hash = judge.hash
        rubric = getattr(judge, "rubric", None)
        self.__name__ = str(getattr(rubric, "name", None) or type(judge).__name__)

    async def __call__(self, trace: Trace) -> Score:
        """The judge's verdict on `trace`, as a score."""
        (verdict,) = await self.judge.score_all([trace])
        if verdict.verdict is None:
            why = verdict.why_unscored.strip() or "the judge gave no verdict"
            return Score(self.__name__, None, why, self.hash)
        return Score(self.__name__, verdict.verdict == "pass", verdict.critique, self.hash)


def judges_of(scorers: Iterable[Scorer]) -> dict[str, str]:
    """The hash of the judge behind each score that a judge gives, by the name of the score."""
    return {scorer.__name__: scorer.hash for scorer in scorers if isinstance(scorer, JudgeScorer)}
