"""Time travel: what a session showed at any sequence number, and what changed between two of them."""

from dataclasses import dataclass

from toolkit.sessions.conversation import Conversation
from toolkit.sessions.session import Session


async def conversation_at(session: Session, seq: int) -> Conversation:
    """The conversation as it stood once the event at `seq` was stored, from the log itself.

    Events as a late reader gets them will not do: a snapshot among them may hold words that came
    after `seq`.
    """
    conversation = Conversation(session.id)
    async for event in session.read(follow=False, lane="log"):
        if (event.seq or 0) > seq:
            break
        conversation.apply(event)
    return conversation


@dataclass(frozen=True, slots=True)
class FoldDiff:
    """What a later fold shows that an earlier one does not; items are named by the id of their
    first event.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    """In both, with other words or data."""
    replaced: tuple[str, ...]
    """Shown before and no longer: a later attempt, or a roll-back, took them back."""


def diff_folds(a: Conversation, b: Conversation) -> FoldDiff:
    """Compare two folds of one session, the earlier first. Raises ValueError for two sessions."""
    if a.session != b.session:
        raise ValueError(f"two sessions cannot be compared: {a.session} and {b.session}")
    before, after = (
        {item.id: (item.kind, item.text, item.data) for item in one.items} for one in (a, b)
    )
    added = (id for id in after if id not in before)
    changed = (id for id in after if before.get(id, after[id]) != after[id])
    return FoldDiff(tuple(added), tuple(changed), tuple(id for id in before if id not in after))
