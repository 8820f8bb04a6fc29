"""Scores that stand in an export: each form writes them into ``meta["scores"]`` in this shape."""

from typing import Any, Literal

RaterKind = Literal["human", "model", "code"]


def score_entry(
    name: object,
    value: Any,
    rater_kind: RaterKind,
    *,
    rater: object = None,
    comment: object = None,
    passed: object = None,
    **others: Any,
) -> dict[str, Any]:
    """An entry of ``meta["scores"]``.

    Parameters
    ----------
    name
        What was scored.
    value
        As the export states it.
    rater_kind
        A person's score stays a person's; a model's is never one.
    rater
        Who gave it: a name, or the name of a model.
    comment
        The reason.
    passed
        True or False where the export itself says whether the trace passed; else no verdict.
    **others
        What else the export says of it.
    """
    entry = {
        "name": str(name),
        "value": value,
        "comment": None if comment in (None, "") else str(comment),
        "rater": None if rater in (None, "") else str(rater),
        "rater_kind": rater_kind,
        "step": None,
    }
    if isinstance(passed, bool):
        entry["verdict"] = "pass" if passed else "fail"
    return {**others, **entry}


def stated_only(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that hold something."""
    return {name: value for name, value in fields.items() if value is not None and value != []}
