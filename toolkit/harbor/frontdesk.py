"""The front desk: Harbor's scripted agent answers whoever writes.

It finds the situation that a message is about by its words. What follows is the next turn of that
situation's script, unless the customer asks about something else; its tools act on a real `World`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, partial

from toolkit.events import Event
from toolkit.harbor.agent import LOST, harbor_policy, speak_and_act, system_prompt
from toolkit.harbor.situations import Situation, Turn, situations
from toolkit.harbor.toolbox import call, schemas
from toolkit.harbor.world import World
from toolkit.models import Answer, Request, ScriptedModel
from toolkit.sessions import Run, Session
from toolkit.sessions.control import Agent
from toolkit.sessions.items import Item

WORD_DELAY_S = 0.2
"""Pause between two words: slow enough to press Stop in the middle."""
LEAST_WEIGHT = 0.7
"""What a message must share with the openings of a situation to be about it. A word weighs 1 where
one situation has it, 1/2 where two have it, and so on.
"""
LEAST_WEIGHT_TO_CHANGE = 1.5
"""The same for a message of a customer who has begun with another situation."""
LEAST_SHARE = 0.65
"""The part of the message's own weight that must be shared, where it names a booking."""
LEAST_SHARE_WITHOUT_BOOKING = 0.9
"""The same where it names none."""
BOOKING = "hb-"
"""How the number of a booking begins, in small letters."""
TELLING_CHARS = 5
"""A word of so many letters tells what a message is about; a day, "is" or "that" does not."""
ASSENTS = frozenset(
    "yes yeah no ok okay please thanks thank sure ja bitte danke oui si sim".split()
)
"""Words that go on with what was said before, whatever stands beside them."""
THANKS = frozenset("thanks thank you very so much a lot great danke merci gracias".split())
"""Words of somebody who has all that they came for."""
BREVITY = frozenset("brief briefly short shorter sentence kurz court breve".split())
"""Words of a steer that asks for a short answer."""
OPENINGS = ("storm-at-the-weekend", "gone-from-the-railings", "before-the-ferry", "just-asking")
"""The situations that a visitor is offered."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a customer is in the script of a situation."""

    situation: Situation
    turn: int = 0
    """Counted from 0."""

    @property
    def script(self) -> tuple[Turn, ...]:
        """The turns, played well."""
        return self.situation.script()


def openings() -> tuple[str, ...]:
    """What a visitor may begin with, to be understood."""
    return tuple(situations()[id_].script()[0].say for id_ in OPENINGS)


def _next_lines(position: Position | None) -> tuple[str, ...]:
    """What the customer may go on with, to be understood."""
    if position is None:
        return ()
    return tuple(turn.say for turn in position.script[position.turn + 1 :][:1])


def position_of(texts: Iterable[str]) -> Position | None:
    """Where a customer is who wrote `texts`; None where no situation is about the last of them, or
    its script is over.

    >>> position_of(["Can I have lunch?"])
    >>> position_of(["About HB-2104: closed for the storm?", "Yes please."]).turn
    1
    """
    position, is_lost = _progress(texts)
    return None if is_lost else position


def _progress(texts: Iterable[str]) -> tuple[Position | None, bool]:
    """How far a customer has come who wrote `texts`, and whether the last of them was lost on the
    script.
    """
    position = None
    is_lost = True
    for text in texts:
        is_elsewhere = position is None or _names_another_booking(text, position.situation)
        about = _situation_about(text, LEAST_WEIGHT if is_elsewhere else LEAST_WEIGHT_TO_CHANGE)
        same = position is not None and about in (None, position.situation)
        if position and same and position.turn + 1 < len(position.script):
            is_lost = not _goes_on(text, position.situation)
            position = position if is_lost else replace(position, turn=position.turn + 1)
        else:
            is_lost = about is None
            position = Position(about) if about else None
    return position, is_lost


def _names_another_booking(text: str, situation: Situation) -> bool:
    bookings = {word for word in _words(text) if word.startswith(BOOKING)}
    return bool(bookings) and situation.booking.lower() not in bookings


def _goes_on(text: str, situation: Situation) -> bool:
    """Whether a text goes on with a situation: it assents, or its words are those with which the
    customer goes on. To others the script's next words would be no answer.
    """
    if _names_another_booking(text, situation):
        return False
    words = _words(text)
    telling = _telling_words(words)
    asks = "?" in text and bool(telling)
    if words & ASSENTS and not asks:
        return True
    lines = [situation.booking]
    for turn in situation.turns[1:]:
        lines += turn["say"]
    script_words = _words(" ".join(lines))
    return bool(telling & script_words) or words <= script_words


def _telling_words(words: set[str]) -> set[str]:
    return {word for word in words - ASSENTS if len(word) >= TELLING_CHARS}


def _situation_about(text: str, least_weight: float) -> Situation | None:
    """The situation whose openings share the most telling words with `text`; of a text without a
    booking's number they must be nearly all of it.
    """
    words = _words(text)
    for situation in situations().values():
        if words in map(_words, situation.turns[0]["say"]):
            return situation
    least_share = LEAST_SHARE
    if not any(word.startswith(BOOKING) for word in words):
        least_share = LEAST_SHARE_WITHOUT_BOOKING
        least_weight = LEAST_WEIGHT_TO_CHANGE
    shared: dict[str, float] = {}
    total = 0.0
    for word in words:
        using = _openings_by_word().get(word, ())
        weight = 1 / max(1, len(using))
        total += weight
        for id_ in using:
            shared[id_] = shared.get(id_, 0.0) + weight
    if not shared:
        return None
    id_ = max(shared, key=lambda situation: shared[situation])
    enough = shared[id_] >= max(least_weight, least_share * total)
    return situations()[id_] if enough else None


@cache
def _openings_by_word() -> dict[str, tuple[str, ...]]:
    """For each word the ids of the situations in whose openings it stands."""
    ids: dict[str, tuple[str, ...]] = {}
    for situation in situations().values():
        for word in _words(" ".join(situation.turns[0]["say"])):
            ids[word] = (*ids.get(word, ()), situation.id)
    return ids


def _words(text: str) -> set[str]:
    return set(re.findall(r"hb-\d+|\w+", text.lower()))


def front_desk(word_delay_s: float = WORD_DELAY_S) -> Agent:
    """An agent for `attend`. Cancel, interrupt and steer break its answer off.

    After a steer it answers what the steer asks, where that begins a situation. It can also be
    brief; of any other steer it says that a script cannot follow it, and answers as before.
    """
    return partial(_answer, word_delay_s)


def _policy(
    word_delay_s: float, next_lines: tuple[str, ...], steer: str, request: Request
) -> Answer:
    """Harbor's script at the pace of somebody who types, and a list of openings where it has
    none.
    """
    answer = harbor_policy(request)
    if answer == LOST:
        answer = _without_script(str(request.messages[-1]["content"]), next_lines)
    if steer:
        answer = _steered(answer, steer)
    return replace(answer, delay_s=word_delay_s)


def _without_script(text: str, next_lines: tuple[str, ...]) -> Answer:
    """What is said to a `text` that no situation is about."""
    words = _words(text)
    if words and words <= THANKS:
        return Answer("You are welcome.")
    lines = [f"- {line}" for line in (*next_lines, *openings())]
    return Answer(
        "I am a **script** and answer by the booking number: to anything else I have no "
        "answer. Write one of these, or what means the same:\n\n" + "\n".join(lines)
    )


def _steered(answer: Answer, steer: str) -> Answer:
    """The answer, as far as a script can follow the steer."""
    if answer.tools:
        return replace(answer, text="")
    if _words(steer) & BREVITY:
        return replace(answer, text=f"In one sentence: {_gist(answer.text)}")
    cannot = f"I am a **script** and cannot follow “{steer}”: I can only be *brief*. Once more:"
    return replace(answer, text=f"{cannot}\n\n{answer.text}")


def _gist(text: str) -> str:
    """The sentence of the first paragraph that says how much or when; the first, where none does.

    >>> _gist("I'm sorry. You get the full €104 back. Shall I cancel?")
    'You get the full €104 back.'
    """
    paragraph, *_ = text.split("\n\n")
    sentences = re.split(r"(?<=[.!?])\s", paragraph)
    for sentence in sentences:
        if re.search(r"\d", sentence):
            return sentence
    return sentences[0]


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
    return _situation_about(steer, LEAST_WEIGHT) is not None


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
    """Say and do what the script has for the last of `texts`."""
    position, is_lost = _progress(texts)
    model = ScriptedModel(partial(_policy, word_delay_s, _next_lines(position), steer))
    if position is None or is_lost:
        request = Request(({"role": "user", "content": texts[-1]},))
        await run.stream(model, request)
        return
    situation = position.situation
    with World.open(now=situation.now) as world:
        messages = []
        for turn in position.script[: position.turn]:
            for name, arguments in turn.calls:
                call(world, name, arguments)
            messages.append({"role": "user", "content": turn.say})
            messages.append({"role": "assistant", "content": turn.reply})
        messages.append({"role": "user", "content": texts[-1]})
        prompt = system_prompt(world, situation.customer)
        part = {"user_id": f"{situation.id}:0:ok"}
        request = Request((), prompt, schemas(), metadata=part)
        await speak_and_act(run, model, world, request, messages)
