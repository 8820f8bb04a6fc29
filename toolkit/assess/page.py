"""Page: an assessment as a short text for a terminal."""

import textwrap
from collections.abc import Iterator

from toolkit.assess.assessment import GLOSSES, Assessment
from toolkit.assess.choice import Decider
from toolkit.assess.facts import fact_words
from toolkit.assess.standing import Standing

WIDTH = 96
MOST_CHANGES = 6


def page(found: Assessment) -> str:
    """The answer, why, how the others stand, what would change it, and what is known."""
    lines = [*_wrapped(found.title, "", "  "), ""]
    for standing in found.standings:
        lines += _standing_lines(found, standing)
    lines += _decider_lines(found.decider)
    lines += _change_lines(found)
    lines += _fact_lines(found)
    for problem in found.evidence.problems:
        lines += _wrapped(f"Note: {problem}", "", "  ")
    return "\n".join(lines)


def _standing_lines(found: Assessment, standing: Standing) -> Iterator[str]:
    yield f"  {standing.framework}: {standing.need.words} ({GLOSSES[standing.framework]})"
    for reason in standing.reasons:
        yield from _wrapped(found.reason_with_origin(reason), "    - ", "      ")


def _decider_lines(decider: Decider | None) -> Iterator[str]:
    if not decider:
        return
    yield ""
    head = "What would decide" if decider.decides else "What would tell most"
    minutes = f", about {decider.minutes:g} min" if decider.minutes else ""
    yield f"{head}: {decider.name}{minutes}"
    yield f"    {decider.command}"
    for change in decider.results:
        yield f"  - {change.words}: {change.answer}"


def _change_lines(found: Assessment) -> Iterator[str]:
    """What would change the answer, but for the results of the decider, which stand above."""
    told = found.decider.results if found.decider else ()
    changes = [change for change in found.would_change if change not in told]
    if changes:
        yield ""
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
        words = f"{fact_words(fact.name)} {fact.value_words}"
        source = "said" if fact.source.startswith("said") else fact.source
        facts_by_source.setdefault(source, []).append(words)
    if facts_by_source:
        yield ""
        yield "What is known"
    for source, facts in facts_by_source.items():
        yield from _wrapped(f"{source}: {', '.join(facts)}", "  - ", "      ")


def _wrapped(text: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
