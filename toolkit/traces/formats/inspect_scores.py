"""The scores of a sample of Inspect, with who gave them."""

from collections.abc import Iterator
from typing import Any

from toolkit.traces.formats.scores import score as entry_of
from toolkit.traces.formats.scores import verdict
from toolkit.traces.ids import Record

GRADED_BY_A_MODEL = "model_graded"
"""How the names of Inspect's scorers begin that ask a model."""
PASSED = {"C": True, "I": False}
"""Inspect's words for correct and incorrect; partial (P) and no answer (N) are neither."""


def scores_of(scores: Any) -> list[dict[str, Any]]:
    """The scores of a sample by name; one of several values is several."""
    if not isinstance(scores, dict):
        return []
    entries: list[dict[str, Any]] = []
    for name, score in scores.items():
        if not isinstance(score, dict):
            continue
        rater, source = _rater(name, score)
        others = {key: value for key, value in score.items() if key not in ("value", "explanation")}
        for value_name, value in _values(name, score.get("value")):
            passed = PASSED.get(value) if isinstance(value, str) else None
            why = score.get("explanation")
            entries.append(
                entry_of(value_name, value, source, why, rater, verdict=verdict(passed), **others)
            )
    return entries


def _values(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The names of a score's values, and the values."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{name}/{key}", inner
    else:
        yield name, value


def _rater(name: str, score: Record) -> tuple[str, str]:
    """Who gave a score: the person who edited it last, a model, or code."""
    history = score.get("history")
    last = history[-1] if isinstance(history, list) and history else None
    provenance = last.get("provenance") if isinstance(last, dict) else None
    if isinstance(provenance, dict) and provenance.get("author"):
        return str(provenance["author"]), "human"
    metadata = score.get("metadata")
    was_graded = isinstance(metadata, dict) and "grading" in metadata
    if was_graded or name.startswith(GRADED_BY_A_MODEL):
        return name, "model"
    return name, "code"


def outcome_of(scores: list[dict[str, Any]], sample: Record) -> str | None:
    """How a sample ended: its scores, or why it has none."""
    if len(scores) == 1:
        return str(scores[0]["value"])
    if scores:
        return ", ".join(f"{score['name']} {score['value']}" for score in scores)
    if sample.get("error"):
        return "error"
    limit = sample.get("limit")
    type_ = limit.get("type") if isinstance(limit, dict) else limit
    return f"{type_} limit" if type_ else None
