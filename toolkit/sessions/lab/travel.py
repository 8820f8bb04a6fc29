"""Time travel: what a session showed at any sequence number, and what changed between two of them."""

from dataclasses import dataclass

from toolkit.sessions.conversation import Conversation, Item


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
    before, after = ({item.id: _shown(item) for item in one.items} for one in (a, b))
    changed = tuple(id for id in after if id in before and before[id] != after[id])
    return FoldDiff(
        tuple(id for id in after if id not in before), changed, tuple(id for id in before if id not in after)
    )


def _shown(item: Item) -> tuple[str, str, object]:
    return item.kind, item.text, item.data
