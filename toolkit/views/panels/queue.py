"""The queue of an `AnnotationPanel`: which trace comes next, and which were put off."""

from collections.abc import Mapping, Sequence

from toolkit.evals.labels.labels import Label

__all__ = ["deferred", "first_to_do", "next_to_do"]


def deferred(labels: Mapping[str, Label]) -> list[str]:
    """The traces whose label is a ``defer``."""
    return [label.trace_id for label in labels.values() if label.verdict == "defer"]


def first_to_do(ids: Sequence[str], labels: Mapping[str, Label]) -> str | None:
    """The first trace without a label, else the first that was deferred, else the first."""
    waiting = [trace_id for trace_id in ids if trace_id not in labels]
    in_order = [*waiting, *deferred(labels), *ids]
    return in_order[0] if in_order else None


def next_to_do(ids: Sequence[str], labels: Mapping[str, Label], after: str) -> str | None:
    """The next trace without a label, round the end of the list."""
    start = ids.index(after) + 1
    for trace_id in [*ids[start:], *ids[:start]]:
        if trace_id not in labels:
            return trace_id
    return None
