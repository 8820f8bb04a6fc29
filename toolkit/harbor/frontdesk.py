"""The front desk: Harbor's scripted agent answers whoever writes.

It finds the situation that a message is about by its words. What follows is the next turn of that
situation's script, unless the customer asks about something else; its tools act on a real `World`.
A message that names a booking in words of its own is answered by the database and the policy.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from toolkit.events import Event
from toolkit.harbor.agent import LOST, harbor_policy, speak_and_act, system_prompt
from toolkit.harbor.inquiry import Inquiry, answer_inquiry, bookings_in, deed, moment_of
from toolkit.harbor.progress import (
    LEAST_WEIGHT,
    Position,
    Progress,
    progress_of,
    situation_about,
    words_of,
)
from toolkit.harbor.situations import Turn, situations
from toolkit.harbor.toolbox import call, schemas
from toolkit.harbor.world import World
from toolkit.models import Answer, Request, ScriptedModel
from toolkit.sessions import Run, Session
from toolkit.sessions.control import Agent
from toolkit.sessions.items import Item

WORD_DELAY_S = 0.2
"""Pause between two words: slow enough to press Stop in the middle."""
THANKS = frozenset("thanks thank you very so much a lot great danke merci gracias".split())
"""Words of somebody who has all that they came for."""
BREVITY = frozenset("brief briefly short shorter sentence kurz court breve".split())
"""Words of a steer that asks for a short answer."""
NO_ANSWER = (
    "I am a **script** and have no answer to that. I can cancel or move a booking: try “Cancel "
    "HB-2101” or “Move HB-2107 a day later”. Or take one of these."
)
OPENINGS = ("storm-at-the-weekend", "gone-from-the-railings", "before-the-ferry", "just-asking")
"""The situations that a visitor is offered."""


def openings() -> tuple[str, ...]:
    """What a visitor may begin with, to be understood."""
    return tuple(situations()[id_].script()[0].say for id_ in OPENINGS)


def _next_lines(position: Position | None) -> tuple[str, ...]:
    """What the customer may go on with, to be understood."""
    if position is None:
        return ()
    return tuple(turn.say for turn in position.script[position.turn + 1 :][:1])


def front_desk(word_delay_s: float = WORD_DELAY_S) -> Agent:
    """An agent for `attend`. Cancel, interrupt and steer break its answer off.

    After a steer it answers what the steer asks, where that begins a situation. It can also be
    brief; of any other steer it says that a script cannot follow it, and answers as before.
    """
    return partial(_answer, word_delay_s)


def _policy(
    word_delay_s: float, script: Callable[[Request], Answer], steer: str, request: Request
) -> Answer:
    """The script at the pace of somebody who types, and one line where it has none."""
    answer = script(request)
    if answer == LOST:
        answer = _without_script(str(request.messages[-1]["content"]))
    if steer:
        answer = _steered(answer, steer)
    return replace(answer, delay_s=word_delay_s)


def _without_script(text: str) -> Answer:
    """What is said to a `text` that neither a situation nor a booking is about."""
    words = words_of(text)
    return Answer("You are welcome." if words and words <= THANKS else NO_ANSWER)


def _steered(answer: Answer, steer: str) -> Answer:
    """The answer, as far as a script can follow the steer."""
    if answer.tools:
        return replace(answer, text="")
    if words_of(steer) & BREVITY:
        return replace(answer, text=f"In one sentence: {_gist(answer.text)}")
    cannot = f"I am a **script** and cannot follow “{steer}”: I can only be *brief*. Once more:"
    return replace(answer, text=f"{cannot}\n\n{answer.text}")


def _gist(text: str) -> str:
    """What the first paragraph says of how much or when, without what leads up to it; its first
    sentence, where it says neither.

    >>> _gist("I'm sorry. You get the full €104 back. Shall I cancel?")
    'You get the full €104 back.'
    >>> _gist("Pick-up is near: cancelled now, it gives nothing of the €44 back.")
    'Cancelled now, it gives nothing of the €44 back.'
    """
    paragraph, *_ = text.split("\n\n")
    sentences = re.split(r"(?<=[.!?])\s", paragraph)
    for sentence in sentences:
        if re.search(r"\d", sentence):
            part = _last_part_with_a_number(sentence)
            return part[:1].upper() + part[1:]
    return sentences[0]


def _last_part_with_a_number(sentence: str) -> str:
    return next(part for part in reversed(sentence.split(": ")) if re.search(r"\d", part))


async def _answer(word_delay_s: float, run: Run, message: Event) -> None:
    if run.text:
        await run.roll_back()  # adopted from an agent that died: it is said again
    texts = await _customers_words(Session(run.session.log, run.session.id), message)
    steer = ""
    while True:
        await run.unless_interrupted(_reply(run, word_delay_s, texts, steer), by_steers=True)
        steers = await run.take_steers()
        steer = "\n".join(str(event.data.get("text", "")) for event in steers).strip()
        if not steer or run.cancelled:
            return
        if _begins_situation(steer):
            texts.append(steer)
            steer = ""


def _begins_situation(steer: str) -> bool:
    return bool(bookings_in(steer)) or situation_about(steer, LEAST_WEIGHT) is not None


async def _customers_words(session: Session, message: Event) -> list[str]:
    """What customers wrote up to `message`, and the steers that were taken and answered as that."""
    items = (await session.conversation()).items
    taken = {item.data.get("event") for item in items if item.kind == "steer.consumed"}
    texts = []
    for item in items:
        if item.seq <= (message.seq or 0) and _is_customers(item, taken):
            texts.append(item.text)
    return texts


def _is_customers(item: Item, taken: set[object]) -> bool:
    if item.kind == "steer":
        return item.id in taken and _begins_situation(item.text)
    return item.kind == "message"


async def _reply(run: Run, word_delay_s: float, texts: list[str], steer: str) -> None:
    """Say and do what the script has for the last of `texts`, or the policy for its booking."""
    progress = progress_of(texts)
    if progress.is_lost:
        model = ScriptedModel(partial(_policy, word_delay_s, harbor_policy, steer))
        reply = await run.stream(model, Request(({"role": "user", "content": texts[-1]},)))
        if reply and reply.text.endswith(NO_ANSWER):
            lines = (*_next_lines(progress.position), *openings())
            await run.append("message.offered", {"messages": lines})
        return
    if progress.inquiry:
        await _answer_inquiry(run, word_delay_s, progress, steer, texts[-1])
    elif progress.position:
        await _play(run, word_delay_s, progress.position, steer, texts[-1])


async def _answer_inquiry(
    run: Run, word_delay_s: float, progress: Progress, steer: str, text: str
) -> None:
    inquiry = progress.inquiry
    assert inquiry
    with World.open(now=moment_of(inquiry.booking)) as world:
        for earlier in progress.deeds:
            _do_again(world, earlier)
        booking_policy = partial(answer_inquiry, world, inquiry)
        model = ScriptedModel(partial(_policy, word_delay_s, booking_policy, steer))
        request = Request((), tools=schemas())
        messages: list[dict[str, Any]] = [{"role": "user", "content": text}]
        await speak_and_act(run, model, world, request, messages)


def _do_again(world: World, earlier: Inquiry | Turn) -> None:
    """Bring the shop to where an earlier answer left it."""
    if isinstance(earlier, Turn):
        calls = earlier.calls
    else:
        action = deed(world, earlier)
        calls = (action,) if action else ()
    for name, arguments in calls:
        call(world, name, arguments)


async def _play(run: Run, word_delay_s: float, position: Position, steer: str, text: str) -> None:
    situation = position.situation
    model = ScriptedModel(partial(_policy, word_delay_s, harbor_policy, steer))
    with World.open(now=situation.now) as world:
        messages: list[dict[str, Any]] = []
        for turn in position.script[: position.turn]:
            _do_again(world, turn)
            messages.append({"role": "user", "content": turn.say})
            messages.append({"role": "assistant", "content": turn.reply})
        messages.append({"role": "user", "content": text})
        prompt = system_prompt(world, situation.customer)
        part = {"user_id": f"{situation.id}:0:ok"}
        request = Request((), prompt, schemas(), metadata=part)
        await speak_and_act(run, model, world, request, messages)
