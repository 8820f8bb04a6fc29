"""The talk on a screen: who said what, which tools were used, and how a run ended."""

from toolkit import render
from toolkit.sessions import Conversation, Item

__all__ = ["conversation_html"]

SHOWN_CHARS = 1_500
"""Of a longer text the end is shown."""
SHOWN_ITEMS = 12
UNSEEN = {"model.usage", "lease.renewed", "tool.result"}
"""What a reader of the talk need not know, unless it failed."""
NAMES = ("name", "why", "question", "content")
"""The data that stands in for the words of an item without any."""


def conversation_html(conversation: Conversation) -> render.Html:
    """The end of a conversation: words as Markdown, tool calls and signals."""
    rows = []
    for item in conversation.items[-SHOWN_ITEMS:]:
        if item.kind not in UNSEEN or item.data.get("error"):
            rows.append(_item_html(item))
    last_run = next(reversed(conversation.runs.values()), None)
    state = f"{last_run.actor}: {last_run.state} · {last_run.source}" if last_run else ""
    return render.block(*rows, render.tag("p", state, class_="who"))


def _item_html(item: Item) -> render.Html:
    text = _text(item)
    if item.kind not in {"message", "text.delta"}:
        return render.tag("div", f"{item.actor} · {item.kind} {text}", class_="said soft")
    if item.actor == "system":
        told = render.details("what the agent was told", render.tag("p", text))
        return render.tag("div", told, class_="said soft")
    who = render.tag("div", item.actor, class_="who")
    words = render.tag("div", render.markdown(text), class_="md")
    look = "user" if item.kind == "message" else "assistant"
    return render.tag("div", who, words, class_=f"said {look}")


def _text(item: Item) -> str:
    """The words of an item, or what its data says in their place; of a long one the end."""
    text = item.text
    for name in NAMES:
        text = text or str(item.data.get(name) or "")
    return f"… {text[-SHOWN_CHARS:]}" if len(text) > SHOWN_CHARS else text
