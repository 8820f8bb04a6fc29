"""Time travel: what a session showed at any sequence number, and what changed between two of them."""

from dataclasses import dataclass

from toolkit.sessions.conversation import Conversation


@dataclass(frozen=True, slots=True)
class FoldDiff:
    """What a later fold shows that an earlier one does not; items are named by the id of their first event."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    """In both, with other words or data."""
    replaced: tuple[str, ...]
    """Shown before and no longer: a later attempt, or a roll-back, took them back."""


def diff_folds(a: Conversation, b: Conversation) -> FoldDiff:
    """Compare two folds of one session, the earlier first. Raises ValueError for two sessions."""
    if a.session != b.session:
        raise ValueError(f"two sessions cannot be compared: {a.session} and {b.session}")
    before, after = ({item.id: (item.kind, item.text, item.data) for item in one.items} for one in (a, b))
    added = (id for id in after if id not in before)
    changed = (id for id in after if before.get(id, after[id]) != after[id])
    return FoldDiff(tuple(added), tuple(changed), tuple(id for id in before if id not in after))
