"""Scores in an export, in one shape: what was rated, and whether by a person, a model or code."""

from collections.abc import Mapping
from typing import Any

from toolkit.traces.fields import stated_only

HUMAN = ("human", "annotation", "app", "user", "annotator", "manual")
MODEL = ("llm", "model", "eval", "auto_eval", "judge")
"""The words of vendors for who rated. What names neither a person nor a model counts as code."""


def rater_kind(source: object) -> str:
    """Who rated: ``human``, ``model`` or ``code``.

    >>> rater_kind("ANNOTATION"), rater_kind("EVAL"), rater_kind("API"), rater_kind(None)
    ('human', 'model', 'code', 'code')
    """
    words = str(source).lower().replace("'", " ").replace('"', " ").replace(",", " ").split()
    by_people = any(word in HUMAN for word in words)
    by_models = any(word in MODEL for word in words)
    if by_people and by_models:
        return "code"  # the mean of what both gave is neither's
    if by_people:
        return "human"
    return "model" if by_models else "code"


def verdict(passed: object) -> str | None:
    """The verdict of a score, where the export itself says whether the trace passed; else None."""
    if isinstance(passed, bool):
        return "pass" if passed else "fail"
    return None


def score(
    name: object,
    value: object,
    source: object,
    comment: object = None,
    rater: object = None,
    more: Mapping[str, Any] | None = None,
    **fields: object,
) -> dict[str, Any]:
    """A score as a trace's meta has it.

    What the export says beyond that stands beside: `fields`, and `more` under the export's names,
    which take the place of none of ours.
    """
    entry: dict[str, Any] = {
        "name": str(name),
        "value": value,
        "comment": comment,
        "rater": rater,
        "rater_kind": rater_kind(source),
        "step": None,
    }
    return stated_only(dict(more or {})) | entry | stated_only(fields)
