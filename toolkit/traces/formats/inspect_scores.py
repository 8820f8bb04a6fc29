"""The scores of a sample of Inspect, with who gave them."""

from collections.abc import Iterator
from typing import Any

from toolkit.traces.fields import fields_of, object_in, objects_in, others
from toolkit.traces.formats.scores import score
from toolkit.traces.ids import Record

GRADED_BY_A_MODEL = "model_graded"
"""How the names of Inspect's scorers begin that ask a model."""
HOMES = ("value", "explanation")
"""The fields of a score that every score in a trace's meta has."""
VERDICTS = {"C": "pass", "I": "fail"}
"""Inspect's words for correct and incorrect; partial (P) and no answer (N) are neither."""


def scores_of(scores: Any) -> list[dict[str, Any]]:
    """The scores of a sample by name; one of several values is several."""
    entries: list[dict[str, Any]] = []
    for name, stated in fields_of(scores).items():
        fields = fields_of(stated)
        rater, source = _rater(name, fields)
        comment = fields.get("explanation")
        more = others(fields, HOMES)
        for value_name, value in _values(name, fields.get("value")):
            entry = more | score(value_name, value, source, comment, rater)
            if value in ("C", "I"):
                entry["verdict"] = VERDICTS[value]
            entries.append(entry)
    return entries


def _values(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The names of a score's values, and the values."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{name}/{key}", inner
    else:
        yield name, value


def _rater(name: str, stated: Record) -> tuple[str, str]:
    """Who gave a score: the person who edited it last, a model, or code."""
    edits = objects_in(stated, "history")
    if edits:
        author = object_in(edits[-1], "provenance").get("author")
        if author:
            return str(author), "human"
    was_graded = "grading" in object_in(stated, "metadata")
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
    if isinstance(limit, dict):
        limit = limit.get("type")
    return f"{limit} limit" if limit else None
