"""Scores in an export, in one shape: what was rated, and whether by a person, a model or code."""

from collections.abc import Mapping
from typing import Any

HUMAN = ("human", "annotation", "app", "user", "annotator", "manual")
MODEL = ("llm", "model", "eval", "auto_eval", "judge")
"""The words of vendors for who rated. What names neither a person nor a model counts as code."""


def rater_kind(source: object) -> str:
    """Who rated: ``human``, ``model`` or ``code``.

    >>> rater_kind("ANNOTATION"), rater_kind("EVAL"), rater_kind("API"), rater_kind(None)
    ('human', 'model', 'code', 'code')
    """
    words = str(source).lower().replace("'", " ").replace('"', " ").replace(",", " ").split()
    if any(word in HUMAN for word in words):
        return "human"
    if any(word in MODEL for word in words):
        return "model"
    return "code"


def score(
    name: object,
    value: object,
    source: object,
    comment: object = None,
    rater: object = None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A score as a trace's meta has it, with `more` of what the export says beside it."""
    entry: dict[str, Any] = {
        "name": str(name),
        "value": value,
        "comment": comment,
        "rater": rater,
        "rater_kind": rater_kind(source),
        "step": None,
    }
    beside = {key: value for key, value in (more or {}).items() if value is not None}
    return beside | entry
