"""Page: an assessment as a short text for a terminal."""

import textwrap
from collections.abc import Iterator
from typing import Any

from toolkit.assess.assessment import GLOSSES, Assessment
from toolkit.assess.choice import Decider
from toolkit.assess.facts import fact_words
from toolkit.assess.rules import Standing

WIDTH = 96
MOST_CHANGES = 6


def page(found: Assessment) -> str:
    """The answer, why, how the others stand, what would change it, and what it rests on."""
    lines = [*_wrapped(found.title, "", "  "), ""]
    for standing in found.standings:
        lines += _standing_lines(found, standing)
    if found.decider:
        lines += ["", *_decider_lines(found.decider)]
    if found.would_change:
        lines += ["", *_change_lines(found)]
    if found.facts:
        lines += ["", "What it rests on", *_fact_lines(found)]
    for problem in found.evidence.problems:
        lines += _wrapped(f"Not read: {problem}", "", "  ")
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


def _change_lines(found: Assessment) -> Iterator[str]:
    yield "What would change this answer"
    for change in found.would_change[:MOST_CHANGES]:
        yield f"  - {change.words}: {change.answer}"
        yield f"      {change.command}"
    n_more = len(found.would_change) - MOST_CHANGES
    if n_more > 0:
        yield f"  and {n_more} more, with --json"


def _fact_lines(found: Assessment) -> Iterator[str]:
    """The facts of each source, in one line."""
    by_source: dict[str, list[str]] = {}
    for fact in found.facts:
        words = f"{fact_words(fact.name)} {_in_words(fact.value)}"
        by_source.setdefault(fact.source, []).append(words)
    for source, facts in by_source.items():
        yield from _wrapped(f"{source}: {', '.join(facts)}", "  - ", "      ")


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _wrapped(text: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
