"""Progress: how far a customer has come with all that they wrote, in a script or an inquiry."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache

from toolkit.harbor.inquiry import NUMBER, Inquiry, bookings_in, inquiry_in, wish_of
from toolkit.harbor.situations import Situation, Turn, situations

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
        about = situation_about(text, LEAST_WEIGHT if is_elsewhere else LEAST_WEIGHT_TO_CHANGE)
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
    progress = progress_of(texts)
    return None if progress.is_lost else progress.position


def progress_of(texts: Iterable[str]) -> Progress:
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
    words = words_of(text)
    telling = _telling_words(words) - {situation.booking.lower()}
    asks = "?" in text and bool(telling)
    if words & ASSENTS and not asks:
        return True
    lines = [situation.booking]
    for turn in situation.turns[1:]:
        lines += turn["say"]
    script_words = words_of(" ".join(lines))
    if telling & script_words or words <= script_words:
        return True
    return bool(bookings_in(text)) and wish_of(text) in ("", "cancel")


def _telling_words(words: set[str]) -> set[str]:
    return {word for word in words - ASSENTS if len(word) >= TELLING_CHARS}


def situation_about(text: str, least_weight: float) -> Situation | None:
    """The situation whose openings share the most telling words with `text`; of a text without a
    booking's number they must be nearly all of it.
    """
    words = words_of(text)
    for situation in situations().values():
        if words in map(words_of, situation.turns[0]["say"]):
            return situation
    if bookings_in(text) and wish_of(text):
        return None  # the shop's database answers that, and no story
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
        for word in words_of(" ".join(situation.turns[0]["say"])):
            ids[word] = (*ids.get(word, ()), situation.id)
    return ids


def words_of(text: str) -> set[str]:
    words = set(re.findall(r"\w+", NUMBER.sub(" ", text).lower()))
    return words | {booking.lower() for booking in bookings_in(text)}
