"""The front desk: Harbor's scripted agent answers whoever writes.

It finds the situation that a message is about by its words. What follows is the next turn of that
situation's script, unless the customer asks about something else; its tools act on a real `World`.
A message that names a booking in words of its own is answered by the database and the policy.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from toolkit.events import Event
from toolkit.harbor.agent import LOST, harbor_policy, speak_and_act, system_prompt
from toolkit.harbor.inquiry import (
    NUMBER,
    Inquiry,
    answer_inquiry,
    bookings_in,
    deed,
    inquiry_in,
    moment_of,
    wish_of,
)
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
LEAST_OWN_WEIGHT = 0.6
"""What of that must be shared in words that are no booking's number: a plain request tells no story
to answer.
"""
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
NO_ANSWER = (
    "I am a **script**: name a booking, as HB-2101, and what you want to do with it, or take one "
    "of these."
)
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


@dataclass(slots=True)
class Progress:
    """How far a customer has come with all that they wrote."""

    position: Position | None = None
    inquiry: Inquiry | None = None
    """What was asked about a booking outside of any script; it goes on until a script begins."""
    is_lost: bool = True
    """Whether the last text was about neither."""
    deeds: list[Inquiry | Turn] = field(default_factory=list)
    """What was said that may have changed the shop, before the last text."""

    def take(self, text: str) -> None:
        """Go on by what the customer writes next."""
        if not self.is_lost:
            self._note_deed()
        position = self.position
        is_elsewhere = position is None or _names_another_booking(text, position.situation)
        about = _situation_about(text, LEAST_WEIGHT if is_elsewhere else LEAST_WEIGHT_TO_CHANGE)
        same = position is not None and about in (None, position.situation)
        if position and same and position.turn + 1 < len(position.script):
            if _goes_on(text, position.situation):
                self.is_lost = False
                self.position = replace(position, turn=position.turn + 1)
            else:
                self._inquire(text)
        elif about:
            self.is_lost = False
            self.position = Position(about)
            self.inquiry = None
        else:
            self._inquire(text)

    def _inquire(self, text: str) -> None:
        inquiry = inquiry_in(text, self.inquiry)
        self.is_lost = inquiry is None
        if inquiry:
            self.inquiry = inquiry
            self.position = None

    def _note_deed(self) -> None:
        if self.inquiry:
            self.deeds.append(self.inquiry)
        elif self.position:
            self.deeds.append(self.position.script[self.position.turn])


def position_of(texts: Iterable[str]) -> Position | None:
    """Where a customer is who wrote `texts`; None where no situation is about the last of them, or
    its script is over.

    >>> position_of(["Can I have lunch?"])
    >>> position_of(["About HB-2104: closed for the storm?", "Yes please."]).turn
    1
    """
    progress = _progress(texts)
    return None if progress.is_lost else progress.position


def _progress(texts: Iterable[str]) -> Progress:
    """How far a customer has come who wrote `texts`."""
    progress = Progress()
    for text in texts:
        progress.take(text)
    return progress


def _names_another_booking(text: str, situation: Situation) -> bool:
    bookings = bookings_in(text)
    return bool(bookings) and situation.booking not in bookings


def _goes_on(text: str, situation: Situation) -> bool:
    """Whether a text goes on with a situation: it assents, or its words are those with which the
    customer goes on. To others the script's next words would be no answer.
    """
    if _names_another_booking(text, situation):
        return False
    words = _words(text)
    telling = _telling_words(words) - {situation.booking.lower()}
    asks = "?" in text and bool(telling)
    if words & ASSENTS and not asks:
        return True
    lines = [situation.booking]
    for turn in situation.turns[1:]:
        lines += turn["say"]
    script_words = _words(" ".join(lines))
    if telling & script_words or words <= script_words:
        return True
    return bool(bookings_in(text)) and wish_of(text) in ("", "cancel")


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
    own: dict[str, float] = {}  # of this, what is no booking's number
    total = 0.0
    for word in words:
        using = _openings_by_word().get(word, ())
        weight = 1 / max(1, len(using))
        total += weight
        for id_ in using:
            shared[id_] = shared.get(id_, 0.0) + weight
            if not word.startswith(BOOKING):
                own[id_] = own.get(id_, 0.0) + weight
    if not shared:
        return None
    id_ = max(shared, key=lambda situation: shared[situation])
    enough = shared[id_] >= max(least_weight, least_share * total)
    enough &= own.get(id_, 0.0) >= LEAST_OWN_WEIGHT
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
    words = set(re.findall(r"\w+", NUMBER.sub(" ", text).lower()))
    return words | {booking.lower() for booking in bookings_in(text)}


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
    words = _words(text)
    return Answer("You are welcome." if words and words <= THANKS else NO_ANSWER)


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
    return bool(bookings_in(steer)) or _situation_about(steer, LEAST_WEIGHT) is not None


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
    progress = _progress(texts)
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
