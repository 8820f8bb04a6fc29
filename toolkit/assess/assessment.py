"""Assessment: which framework first, why, and what would change the answer.

What would change it is written down nowhere: each measurement is tried with the best and the worst
that it could show, by the same rules.

>>> from toolkit.assess.facts import Facts
>>> found = assess(Evidence(Facts(survives="no", devices=2, production=True, run_minutes=3)))
>>> found.answer, found.why
('sessions', 'in production, whoever loses the connection loses the answer')
>>> prototype = Facts(
...     devices=1, live_control=False, tolerates_drops=True, production=False, run_minutes=3
... )
>>> assess(Evidence(prototype)).answer
'skip'
"""

from dataclasses import asdict, dataclass
from typing import Any

from toolkit import render
from toolkit.assess.choice import Answer, Change, Decider, changes, choose, decider
from toolkit.assess.facts import Evidence, fact_words
from toolkit.assess.rules import Framework
from toolkit.assess.standing import Reason, Standing

GLOSSES: dict[Framework, str] = {
    "sessions": "does it arrive?",
    "evals": "is it good?",
    "harness": "does it hold together for hours?",
}
TITLES: dict[Answer, str] = {
    "sessions": "Sessions first (does it arrive?)",
    "evals": "Evals first (is it good?)",
    "harness": "The harness first (does it hold together for hours?)",
    "none yet": "None yet",
    "skip": "Skip all three",
    "measure first": "Measure first",
}


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact that is known, and where from."""

    name: str
    value: Any
    source: str
    """As ``measured: audit.json`` or ``said: --devices``."""

    @property
    def value_words(self) -> str:
        """The value as people read it."""
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        return f"{self.value:.3g}" if isinstance(self.value, float) else str(self.value)


@dataclass(frozen=True, slots=True)
class Assessment:
    """Which framework first, and what that rests on."""

    answer: Answer
    why: str
    standings: tuple[Standing, ...]
    """How much each framework is needed, the most needed first."""
    decider: Decider | None
    """The single measurement that would decide; None where the evidence does."""
    would_change: tuple[Change, ...]
    """What could turn out that would give another answer."""
    evidence: Evidence

    @property
    def title(self) -> str:
        """The answer in a sentence."""
        return f"{TITLES[self.answer]}: {self.why}."

    @property
    def facts(self) -> tuple[KnownFact, ...]:
        """What is known, each with its source."""
        known = []
        for name, source in self.evidence.sources.items():
            value = getattr(self.evidence.facts, name)
            known.append(KnownFact(name, value, f"{source.origin}: {source.where}"))
        return tuple(known)

    def reason_with_origin(self, reason: Reason) -> str:
        """A reason, and which of its facts were measured: ``drops hurt (survives: measured)``."""
        origins = []
        for name in reason.rests_on:
            source = self.evidence.sources.get(name)
            origins.append(f"{fact_words(name)}: {source.origin if source else 'given'}")
        return f"{reason.because} ({', '.join(origins)})"

    def __str__(self) -> str:
        from toolkit.assess.page import page

        return page(self)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        frameworks = []
        for each in self.standings:
            reasons = []
            for reason in each.reasons:
                sources = {name: self.evidence.source_of(name) for name in reason.rests_on}
                reasons.append({"because": reason.because, "rests_on": sources})
            need = each.need.name.lower()
            frameworks.append({"framework": each.framework, "need": need, "reasons": reasons})
        return {
            "answer": self.answer,
            "why": self.why,
            "frameworks": frameworks,
            "decider": asdict(self.decider) if self.decider else None,
            "would_change": [asdict(change) for change in self.would_change],
            "facts": [asdict(fact) for fact in self.facts],
            "problems": list(self.evidence.problems),
        }

    def _repr_html_(self) -> str:
        return render.block(
            render.tag("p", self.title),
            self._standings_html(),
            self._changes_html(),
            self._facts_html(),
            *[render.tag("p", problem) for problem in self.evidence.problems],
        )

    def _standings_html(self) -> render.Html:
        rows = []
        for each in self.standings:
            reasons = []
            for reason in each.reasons:
                reasons.append(render.tag("div", self.reason_with_origin(reason)))
            rows.append((each.framework, each.need.words, render.fragment(*reasons)))
        return render.table(rows, ("framework", "", "because"))

    def _changes_html(self) -> render.Html:
        rows = [(change.words, change.answer, change.command) for change in self.would_change]
        table = render.table(rows, ("if this turned out", "the answer would be", "find out by"))
        if not self.decider:
            return render.details("What would change it", table)
        next_step = f"What would decide: {self.decider.name}, {self.decider.command}"
        return render.fragment(
            render.tag("p", next_step), render.details("What would change it", table)
        )

    def _facts_html(self) -> render.Html:
        rows = [(fact_words(fact.name), fact.value_words, fact.source) for fact in self.facts]
        return render.details("What is known", render.table(rows, ("fact", "", "source")))


def assess(evidence: Evidence) -> Assessment:
    """Which framework first by this evidence. It decides by `RULES` alone."""
    facts = evidence.facts
    choice = choose(facts)
    return Assessment(
        choice.answer,
        choice.why,
        choice.standings,
        decider(facts) if choice.answer == "measure first" else None,
        tuple(changes(facts)),
        evidence,
    )
