"""Jaeger's references beside that to a parent: which span follows from which other one."""

from collections.abc import Sequence

from toolkit.traces.amounts import quantity
from toolkit.traces.fields import objects_of
from toolkit.traces.ids import Record, first_id
from toolkit.traces.spans import Span

CHILD_OF = "CHILD_OF"
"""The type of a reference to the span that a span is part of; one without a type is of this."""


def follow(spans: Sequence[Span], written: Sequence[Record]) -> list[str]:
    """Put each span that only follows from another one beside that one, and behind it.

    Such a span is part of what the other one is part of, and cannot have begun before it: where the
    clocks of two machines say so, it is moved.

    Parameters
    ----------
    spans
        Each with its parent, where it has one.
    written
        The same spans as they came, whose references are kept.

    Returns
    -------
    list of str
        What was moved.
    """
    by_id = {span.id: span for span in spans}
    followed: dict[str, Span] = {}
    for span, fields in zip(spans, written, strict=True):
        links = [link for link in objects_of(fields.get("references")) if _is_link(link)]
        if links:
            span.other_fields["references"] = links
        target = by_id.get(str(first_id(links[0], "spanID"))) if links else None
        if target is not None and span.parent is None:
            followed[span.id] = target
    n_moved = 0
    for span in _in_order(spans, followed):
        target = followed[span.id]
        span.parent = target.parent
        n_moved += _moved_behind(span, target)
    if not n_moved:
        return []
    return [f"{quantity(n_moved, 'span')} moved behind what they follow from: clocks disagree"]


def _is_link(reference: Record) -> bool:
    return bool(reference.get("refType", CHILD_OF) != CHILD_OF)


def _in_order(spans: Sequence[Span], followed: dict[str, Span]) -> list[Span]:
    """The spans that follow from others, each behind the one that it follows from."""
    ordered: dict[str, Span] = {}
    for span in spans:
        chain: dict[str, Span] = {}
        while span.id in followed and span.id not in ordered and span.id not in chain:
            chain[span.id] = span
            span = followed[span.id]
        for id_ in reversed(chain):
            ordered[id_] = chain[id_]
    return list(ordered.values())


def _moved_behind(span: Span, target: Span) -> bool:
    """Move a span that begins before what it follows from to the end of that one."""
    if span.start is None or target.start is None or span.start >= target.start:
        return False
    begin = target.start if target.end is None else target.end
    late_s = begin - span.start
    span.other_fields["moved_by_s"] = late_s
    span.start = begin
    if span.end is not None:
        span.end += late_s
    return True
