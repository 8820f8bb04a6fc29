"""Page: an assessment as a short text for a terminal."""

import textwrap
from collections.abc import Iterator

from toolkit.assess.assessment import GLOSSES, Assessment
from toolkit.assess.choice import Change, Decider
from toolkit.assess.facts import fact_words
from toolkit.assess.standing import Standing

WIDTH = 96
MOST_CHANGES = 6


def page(found: Assessment) -> str:
    """The answer, why, how the others stand, what would change it, and what it rests on."""
    lines = [*_wrapped(found.title, "", "  "), ""]
    for standing in found.standings:
        lines += _standing_lines(found, standing)
    if found.decider:
        lines += ["", *_decider_lines(found.decider)]
    others = [change for change in found.would_change if not _is_told(change, found.decider)]
    if others:
        lines += ["", *_change_lines(others)]
    if found.facts:
        lines += ["", "What it rests on", *_fact_lines(found)]
    for problem in found.evidence.problems:
        lines += _wrapped(f"Note: {problem}", "", "  ")
    return "\n".join(lines)


def _standing_lines(found: Assessment, standing: Standing) -> Iterator[str]:
    yield f"  {standing.framework}: {standing.need.words} ({GLOSSES[standing.framework]})"
    for reason in standing.reasons:
        yield from _wrapped(found.reason_with_origin(reason), "    - ", "      ")


def _decider_lines(decider: Decider) -> Iterator[str]:
    minutes = ""
    if decider.minutes:
        minutes = f", about {decider.minutes:g} min"
    head = "What would decide" if decider.decides else "What would tell most"
    yield f"{head}: {decider.name}{minutes}"
    yield f"    {decider.command}"
    for change in decider.results:
        yield f"  - {change.words}: {change.answer}"


def _is_told(change: Change, decider: Decider | None) -> bool:
    """Whether a change stands among the results of the decider."""
    return decider is not None and change in decider.results


def _change_lines(changes: list[Change]) -> Iterator[str]:
    yield "What would change this answer"
    for change in changes[:MOST_CHANGES]:
        yield f"  - {change.words}: {change.answer}"
        yield f"      {change.command}"
    n_more = len(changes) - MOST_CHANGES
    if n_more > 0:
        yield f"  and {n_more} more, with --json"


def _fact_lines(found: Assessment) -> Iterator[str]:
    """What was said, and what was measured in each place, in a line each."""
    facts_by_source: dict[str, list[str]] = {}
    for fact in found.facts:
        source = found.evidence.sources[fact.name]
        head = "said" if source.origin == "said" else f"measured in {source.where}"
        words = f"{fact_words(fact.name)} {fact.value_words}"
        facts_by_source.setdefault(head, []).append(words)
    for head, facts in facts_by_source.items():
        yield from _wrapped(f"{head}: {', '.join(facts)}", "  - ", "      ")


def _wrapped(text: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
