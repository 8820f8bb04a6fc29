"""The talk on a screen: who said what, which tools were used, and how a run ended."""

import math
from typing import Any

from toolkit import render
from toolkit.records import canonical
from toolkit.sessions import Conversation, Item
from toolkit.sessions.run_state import STATE_WORDS
from toolkit.sessions.signals import run_for
from toolkit.traces.brief import shortened

__all__ = ["conversation_html"]

SHOWN_CHARS = 1_500
"""Of a longer text the end is shown."""
SHOWN_ITEMS = 12
"""So many of the newest are shown; what `UNSEEN` leaves out does not count."""
SORTED_ITEMS = 4 * SHOWN_ITEMS
"""So many of the newest are put in the order of their turns."""
WAITS = "waits for its turn"
LOOKS = {"message": "user", "text.delta": "assistant"}
"""How the words of each kind look."""
UNSEEN = {"model.usage", "lease.renewed", "message.offered"}
"""What a reader of the talk need not know."""
NAMES = ("name", "why", "question", "content")
"""The data that stands in for the words of an item without any."""


def conversation_html(conversation: Conversation) -> render.Html:
    """The end of a conversation: words as Markdown, tool calls and signals."""
    items, results = _shown_items(conversation)
    rows: list[render.Html] = []
    waiting: list[render.Html] = []
    for item in items[-SHOWN_ITEMS:]:
        if _waits(item, conversation):
            waiting.append(_item_html(item, WAITS))
        elif item.kind == "tool.call":
            rows.append(_call_html(item, results.get(_call_of(item))))
        else:
            rows.append(_item_html(item))
    if len(items) > SHOWN_ITEMS:
        rows.insert(0, _note("… earlier"))
    if conversation.runs:
        rows.append(_state_html(conversation))
    return render.block(*rows, *waiting)


def _shown_items(conversation: Conversation) -> tuple[list[Item], dict[Any, Item]]:
    """The last items of a conversation that a reader sees, in the order in which they are shown,
    and the results of calls: each is shown in the card of its call.
    """
    items: list[Item] = []
    results: dict[Any, Item] = {}
    for item in reversed(conversation.items):
        if item.kind == "tool.result":
            results[_call_of(item)] = item
        elif item.kind not in UNSEEN:
            items.append(item)
        if len(items) == SORTED_ITEMS:
            break
    ordered = sorted(items, key=lambda item: (_turn(item, conversation), item.seq))
    return ordered, results


def _call_of(item: Item) -> tuple[str | None, str]:
    return item.run, str(item.data.get("call_id"))


def _turn(item: Item, conversation: Conversation) -> float:
    """Where an item stands: a message where its answer begins, below what it waited for."""
    if _waits(item, conversation):
        return math.inf
    answer = conversation.runs.get(run_for(item.id)) if item.kind == "message" else None
    return answer.started if answer and answer.started else item.seq


def _waits(item: Item, conversation: Conversation) -> bool:
    """Whether a message waits until another is answered."""
    if item.kind != "message" or run_for(item.id) not in conversation.signals.waiting:
        return False
    last_run = next(reversed(conversation.runs), "")
    return last_run.startswith("run-")


def _state_html(conversation: Conversation) -> render.Html:
    """How the last run stands, by whom, and whether a model spoke."""
    last_run = next(reversed(conversation.runs.values()))
    state = f"{last_run.actor}: {STATE_WORDS[last_run.state]} · {last_run.source}"
    return render.tag("p", state, class_="who")


def _item_html(item: Item, mark: str = "") -> render.Html:
    """An item as a message, or as a line between messages."""
    text = _text(item)
    if item.kind == "message" and item.actor == "system":
        instructions = render.tag("p", text)
        return _note(render.details("what the agent was told", instructions))
    if item.kind in LOOKS:
        who = render.tag("div", f"{item.who} · {mark}" if mark else item.who, class_="who")
        words = render.tag("div", render.markdown(text), class_="md")
        return render.tag("div", who, words, class_=f"said {LOOKS[item.kind]}")
    return _note(f"{item.who} · {item.kind} {text}")


def _call_html(item: Item, result: Item | None) -> render.Html:
    """A call of a tool as a card: how it went, and folded its arguments and its result."""
    badge = render.tag("span", "no result yet", class_="badge")
    if result:
        is_failed = result.data.get("error") is True
        word = "failed" if is_failed else "ok"
        badge = render.tag("span", word, class_=f"badge {word}")
    name = render.tag("code", _text(item))
    arguments = shortened(canonical(item.data.get("arguments")), SHOWN_CHARS)
    answer = render.tag("pre", _text(result)) if result else ""
    inside = render.tag("div", render.tag("pre", arguments), answer)
    line = render.tag("span", f"{item.who} calls ", name, " ", badge)
    return render.tag("div", render.details(line, inside), class_="said soft")


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
