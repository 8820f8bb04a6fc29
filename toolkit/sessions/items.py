"""Items: what a surface shows one by one, made of events, and the steps of a trace, made of items."""

from dataclasses import dataclass
from typing import Any

from toolkit.events import CONTROL_KINDS, Event
from toolkit.traces import Step


@dataclass(slots=True)
class Item:
    """One thing that a surface shows: a message, a run's words, a tool call or its result, a
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
        """Its words, whole."""
        return "".join(self.parts)


def item_of(event: Event, step: str | None) -> Item:
    """What is shown of an event of its own."""
    data = dict(event.data)
    words = (
        ""
        if event.kind == "text.delta"
        else str(data.pop("text", "") or data.get("content", "") or "")
    )
    if event.kind == "text.delta":
        data = {}
    return Item(
        event.id,
        event.kind,
        event.actor,
        event.run,
        event.seq or 0,
        event.time,
        data,
        [words],
        step,
    )


def pieces_of(snapshot: Event) -> list[Item] | None:
    """A snapshot's words, item by item; None for what some other program wrote that is no snapshot."""
    pieces: list[Item] = []
    at = 0
    try:
        int(snapshot.data["covers"])
        bool(snapshot.data["open"])
        text = str(snapshot.data["text"])
        for id_, seq, when, chars, step, actor in snapshot.data["items"]:
            words = text[at : at + int(chars)]
            pieces.append(
                Item(
                    str(id_),
                    "text.delta",
                    str(actor),
                    snapshot.run,
                    int(seq),
                    when,
                    {},
                    [words],
                    step,
                )
            )
            at += int(chars)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return pieces


def step_of(item: Item) -> Step:
    """An item as a step of a trace."""
    data = {**item.data, "seq": item.seq, **({"run": item.run} if item.run else {})}
    if item.kind == "text.delta":
        return Step(
            item.id, "message", "assistant", item.text, item.time, {**data, "agent": item.actor}
        )
    if item.kind == "tool.call":
        name = str(item.data.get("name", ""))
        return Step(item.id, item.kind, "assistant", name, item.time, {**data, "agent": item.actor})
    if item.kind == "tool.result":
        return Step(item.id, item.kind, "tool", item.text, item.time, data)
    return Step(item.id, item.kind, item.actor, item.text, item.time, data)


def is_control(item: Item) -> bool:
    """Whether the item is a signal rather than words."""
    return item.kind in CONTROL_KINDS
