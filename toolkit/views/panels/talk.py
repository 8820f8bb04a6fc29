"""The talk on a screen: who said what, which tools were used, and how a run ended."""

from toolkit import render
from toolkit.sessions import Conversation, Item
from toolkit.sessions.run_state import STATE_WORDS

__all__ = ["conversation_html"]

SHOWN_CHARS = 1_500
"""Of a longer text the end is shown."""
SHOWN_ITEMS = 12
"""So many of the newest are shown; what `UNSEEN` leaves out does not count."""
LOOKS = {"message": "user", "text.delta": "assistant"}
"""How the words of each kind look."""
UNSEEN = {"model.usage", "lease.renewed", "tool.result"}
"""What a reader of the talk need not know, unless it failed."""
NAMES = ("name", "why", "question", "content")
"""The data that stands in for the words of an item without any."""


def conversation_html(conversation: Conversation) -> render.Html:
    """The end of a conversation: words as Markdown, tool calls and signals."""
    rows: list[render.Html] = []
    for item in reversed(conversation.items):
        if len(rows) == SHOWN_ITEMS:
            break
        if item.kind not in UNSEEN or item.data.get("error"):
            rows.insert(0, _item_html(item))
    if conversation.runs:
        rows.append(_state_html(conversation))
    return render.block(*rows)


def _state_html(conversation: Conversation) -> render.Html:
    """How the last run stands, by whom, and whether a model spoke."""
    last_run = next(reversed(conversation.runs.values()))
    state = f"{last_run.actor}: {STATE_WORDS[last_run.state]} · {last_run.source}"
    return render.tag("p", state, class_="who")


def _item_html(item: Item) -> render.Html:
    """An item as a message, or as a line between messages."""
    text = _text(item)
    if item.kind == "tool.call":
        return _note(f"{item.who} calls {text}")
    if item.kind == "message" and item.actor == "system":
        instructions = render.tag("p", text)
        return _note(render.details("what the agent was told", instructions))
    if item.kind in LOOKS:
        who = render.tag("div", item.who, class_="who")
        words = render.tag("div", render.markdown(text), class_="md")
        return render.tag("div", who, words, class_=f"said {LOOKS[item.kind]}")
    return _note(f"{item.who} · {item.kind} {text}")


def _note(words: object) -> render.Html:
    """A line between what is said."""
    return render.tag("div", words, class_="said soft")


def _text(item: Item) -> str:
    """The words of an item, or what its data says in their place; of a long one the end."""
    text = item.text
    for name in NAMES:
        if text:
            break
        text = str(item.data.get(name) or "")
    if len(text) > SHOWN_CHARS:
        return f"… {text[-SHOWN_CHARS:]}"
    return text
