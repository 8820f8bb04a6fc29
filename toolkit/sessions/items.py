"""Items: what a surface shows one by one, made of events, and the steps of a trace, made of
items.
"""

from dataclasses import dataclass
from typing import Any

from toolkit.events import CONTROL_KINDS, Event
from toolkit.traces import Step

SCREEN_CHARS = 64
"""What is shown of a screen's name."""


@dataclass(slots=True)
class Item:
    """What a surface shows as one: a message, a run's words, a tool call or its result, a
    signal.
    """

    id: str
    """The id of the first event that it was folded from."""
    kind: str
    actor: str
    run: str | None
    seq: int
    time: float | None
    data: dict[str, Any]
    parts: list[str]
    """Its words, as they came."""
    step: str | None = None
    """The step of its run that put it out."""

    @property
    def text(self) -> str:
        """Its words, joined."""
        return "".join(self.parts)

    @property
    def who(self) -> str:
        """Its actor, and the screen that it came from where that is named."""
        screen = self.data.get("screen")
        if not screen or not isinstance(screen, str):
            return self.actor
        return f"{self.actor}, on the {screen[:SCREEN_CHARS]}"

    def is_words_of(self, run: str | None) -> bool:
        """Whether these are words that an agent streamed in `run`."""
        return self.run == run and self.kind == "text.delta"


def item_of(event: Event, step: str | None) -> Item:
    """What is shown of an event: its words, and what else it holds. A delta's words are added by
    its reader.
    """
    words = ""
    data: dict[str, Any] = {}
    if event.kind != "text.delta":
        data = dict(event.data)
        words = str(data.pop("text", "") or data.get("content", "") or "")
    seq = event.seq or 0
    parts = [words]
    return Item(event.id, event.kind, event.actor, event.run, seq, event.time, data, parts, step)


def items_of_snapshot(snapshot: Event) -> list[Item] | None:
    """A snapshot's words, item by item; None for what some other program wrote that is no
    snapshot.
    """
    items: list[Item] = []
    begin = 0
    try:
        int(snapshot.data["covers"])
        bool(snapshot.data["open"])
        text = str(snapshot.data["text"])
        for id_, seq, when, chars, step, actor in snapshot.data["items"]:
            end = begin + int(chars)
            parts = [text[begin:end]]
            begin = end
            item = Item(
                str(id_), "text.delta", str(actor), snapshot.run, int(seq), when, {}, parts, step
            )
            items.append(item)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return items


def step_of(item: Item) -> Step:
    """An item as a step of a trace."""
    kind = item.kind
    actor = item.actor
    content = item.text
    data = {**item.data, "seq": item.seq}
    if item.run:
        data["run"] = item.run
    if kind == "text.delta":
        kind = "message"
        actor = "assistant"
        data["agent"] = item.actor
    elif kind == "tool.call":
        actor = "assistant"
        content = str(item.data.get("name", ""))
        data["agent"] = item.actor
    elif kind == "tool.result":
        actor = "tool"
    return Step(item.id, kind, actor, content, item.time, data)


def is_control(item: Item) -> bool:
    """Whether the item is a signal rather than words."""
    return item.kind in CONTROL_KINDS
