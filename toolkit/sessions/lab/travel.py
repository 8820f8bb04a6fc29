"""Time travel: what a session showed at a sequence number, and what changed between two moments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toolkit import render
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


ID_CHARS = 8
"""How much of an event's id is shown."""


@dataclass(frozen=True, slots=True)
class FoldDiff:
    """The items that two folds do not share, by the id of each item's first event."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    """In both, with other words or data."""
    replaced: tuple[str, ...]
    """Shown before and no longer: a later attempt, or a roll-back, took them back."""
    texts: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """The words of each of these items; of a changed one as they are now."""

    def _repr_html_(self) -> str:
        rows = []
        for change in ("added", "changed", "replaced"):
            for id_ in getattr(self, change):
                rows.append((change, self.texts.get(id_, ""), id_[:ID_CHARS]))
        if not rows:
            return render.block(render.tag("p", "The two folds show the same."))
        return render.block(render.table(rows, ("change", "words", "event")))


def diff_folds(a: Conversation, b: Conversation) -> FoldDiff:
    """Compare two folds of one session, the earlier first. Raises ValueError for two sessions."""
    if a.session != b.session:
        raise ValueError(f"two sessions cannot be compared: {a.session} and {b.session}")
    before = _contents(a)
    after = _contents(b)
    added = [id_ for id_ in after if id_ not in before]
    replaced = [id_ for id_ in before if id_ not in after]
    changed = [id_ for id_ in after if id_ in before and before[id_] != after[id_]]
    contents = before | after
    texts = {id_: contents[id_][1] for id_ in (*added, *changed, *replaced)}
    return FoldDiff(tuple(added), tuple(changed), tuple(replaced), texts)


def _contents(conversation: Conversation) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """What each item shows, by its id."""
    return {item.id: (item.kind, item.text, item.data) for item in conversation.items}
