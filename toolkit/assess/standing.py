"""Standing: how much a framework is needed by some facts, with every reason."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from toolkit.assess.facts import Facts
from toolkit.assess.rules import FRAMEWORKS, RULES, Framework, Need
from toolkit.shown import Shown


@dataclass(frozen=True, slots=True)
class Reason(Shown):
    """A rule that holds."""

    need: Need
    because: str
    rests_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing(Shown):
    """How much a framework is needed, with the reasons, the gravest first."""

    framework: Framework
    need: Need
    reasons: tuple[Reason, ...]


def standing(framework: Framework, facts: Facts) -> Standing:
    """How much `framework` is needed by these facts."""
    reasons = []
    for rule in RULES:
        if rule.framework == framework and rule.when(facts):
            reasons.append(Reason(rule.need, rule.because.format(f=facts), rule.rests_on))
    skips = [reason for reason in reasons if reason.need == Need.SKIP]
    needs = [reason for reason in reasons if reason.need > Need.UNKNOWN]
    needs.sort(key=lambda reason: reason.need, reverse=True)
    decisive = skips or needs or reasons
    need = decisive[0].need if decisive else Need.UNKNOWN
    return Standing(framework, need, tuple(_each_fact_once(decisive)))


def _each_fact_once(reasons: Iterable[Reason]) -> Iterator[Reason]:
    """The reasons without those that rest on the facts of graver ones."""
    seen: set[str] = set()
    for reason in reasons:
        if not seen.issuperset(reason.rests_on):
            yield reason
        seen.update(reason.rests_on)


def standings(facts: Facts) -> tuple[Standing, ...]:
    """How much each framework is needed."""
    return tuple(standing(framework, facts) for framework in FRAMEWORKS)
