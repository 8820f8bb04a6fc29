"""What one connection to a streaming endpoint brought: its words, its ids, and how it ended.

Nothing here knows an endpoint by its name. The general rules, which any endpoint can meet:

- The words of an event are a text in its JSON, where the common APIs have one (`words_of`).
- Words that name the same run or message (`NAMES_ITS_TEXT`) are one text, wherever they stand.
- An event whose text begins with the words just seen of its text, and goes on, replaces them: a
  snapshot.
- Where no event has a text, each event is a word; where some have ids, those without are about
  the connection (a heartbeat, say) and no words.
"""

import asyncio
import json
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from toolkit.sessions.lab.wire import Frame, Frames, as_json, broken

ENDS = frozenset(
    [
        "done",
        "end",
        "finish",
        "finished",
        "complete",
        "completed",
        "incomplete",
        "message_stop",
        "run.finished",
        "run_finished",
        "response.completed",
        "response.incomplete",
        "finish_reason",
        "[done]",
    ]
)
STOPPED = frozenset(
    ["cancelled", "canceled", "aborted", "interrupted", "failed", "error", "response.failed"]
)
TELLS_ITS_KIND = ("type", "kind", "event", "status", "outcome")
HOLDS_WORDS = ["text", "content", "delta", "response", "token", "word", "output_text", "data"]
HOLDS_WORDS += ["event", "message", "choices", "part", "chunk"]
NAMES_ITS_TEXT = ("run", "run_id", "runId", "message_id", "messageId", "item_id")
SURE_SNAPSHOT_CHARS = 20
"""A text that repeats at least so much of what was seen does not do so by chance."""
MAX_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event, and when it came."""

    at_s: float
    """By the monotonic clock."""
    frame: Frame
    words: str | None
    """None where it has no text."""
    text_name: str
    """The run or the message that the words are of; empty where the event names none."""
    ends: frozenset[str]
    """The words in it that tell of an end, or of a stop."""


Texts = dict[str, str]
"""What a screen shows: each text by the name of its run or message, "" where it has none."""


class Screen:
    """What a screen would show: words are added to their text, a snapshot replaces its words."""

    def __init__(self) -> None:
        self.texts: Texts = {}
        self._pieces: dict[str, list[str]] = {}

    def add(self, arrival: "Arrival") -> None:
        """Show the words of `arrival` too."""
        words = arrival.words or arrival.frame.data
        pieces = self._pieces.setdefault(arrival.text_name, [])
        text = self.texts.get(arrival.text_name, "")
        for _ in range(_n_repeated(pieces, text, words)):
            text = text.removesuffix(pieces.pop())
        pieces.append(words)
        self.texts[arrival.text_name] = text + words


def _n_repeated(pieces: list[str], text: str, words: str) -> int:
    """How many of the last pieces of `text` a snapshot `words` begins with."""
    n_repeated = size = 0
    for count, piece in enumerate(reversed(pieces), 1):
        size += len(piece)
        if size >= len(words):
            break
        is_sure = count > 1 or size >= SURE_SNAPSHOT_CHARS
        if is_sure and text.endswith(words[:size]):
            n_repeated = count
    return n_repeated


def covers(shown: Texts, part: Texts) -> bool:
    """Whether everything in `part` is in what is `shown`."""
    return all(text in shown.get(name, "") for name, text in part.items())


def n_chars(texts: Texts) -> int:
    """The size of all texts."""
    return sum(map(len, texts.values()))


class Heard:
    """One connection, from its opening to its end."""

    def __init__(self) -> None:
        self.opened_s = time.monotonic()
        self.arrivals: list[Arrival] = []
        self.closed = False
        self.why = ""
        """Why it ended; empty while it is open, and where it was we who closed it."""
        self._with_text: list[Arrival] = []
        self._screen = Screen()

    async def follow(
        self,
        frames: Frames,
        patience_s: float,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take what comes until `enough`, until it ends, or until no word came for `patience_s`."""
        try:
            async with asyncio.timeout(patience_s) as patience, aclosing(frames):
                async for frame in frames:
                    if self._take(frame):
                        patience.reschedule(asyncio.get_running_loop().time() + patience_s)
                    if enough():
                        return
            self.why = self.why or "the endpoint closed the connection"
        except broken() as error:
            self.why = f"the connection broke: {type(error).__name__} {error}".rstrip()
            if patience.expired():
                self.why = f"no word came for {patience_s:g} s"
        finally:
            self.closed = True

    def _take(self, frame: Frame) -> bool:
        """Whether it was part of an answer, rather than a word about the connection."""
        if frame.name == "refused":
            self.why = f"the endpoint answered {frame.data}"
            return False
        if not frame.name and not frame.data.strip():
            return False
        arrival = arrival_of(frame)
        self.arrivals.append(arrival)
        if arrival.words:
            self._with_text.append(arrival)
            self._screen.add(arrival)
        return bool(arrival.words or arrival.ends or frame.id)

    @property
    def words(self) -> list[Arrival]:
        """The events that carry words."""
        if self._with_text:
            return self._with_text
        has_ids = any(arrival.frame.id for arrival in self.arrivals)
        words = []
        for arrival in self.arrivals:
            is_empty = arrival.frame.data.strip() in ("", "{}")
            is_of_the_answer = arrival.frame.id or not has_ids
            if is_of_the_answer and not is_empty and not arrival.ends:
                words.append(arrival)
        return words

    @property
    def texts(self) -> Texts:
        """What a screen would show."""
        return dict(self._screen.texts) if self._with_text else shown(self.words)

    def n_words_since(self, at_s: float) -> int:
        """How many words came since `at_s`."""
        words = self.words
        return len(words) - bisect_left(words, at_s, key=lambda word: word.at_s)

    @property
    def last_id(self) -> str:
        """What a client would resume from."""
        return next((a.frame.id for a in reversed(self.arrivals) if a.frame.id), "")

    def reached_s(self, texts: Texts) -> float | None:
        """When it first had shown `texts`; None where it never did."""
        screen = Screen()
        for arrival in self.words:
            screen.add(arrival)
            if covers(screen.texts, texts):
                return arrival.at_s
        return None

    def new_ends(self, before: "Heard") -> frozenset[str]:
        """The words that tell of an end and that `before` had not heard."""
        known = Counter(arrival.frame[1:] for arrival in before.arrivals if arrival.ends)
        new: frozenset[str] = frozenset()
        for arrival in self.arrivals:
            content = arrival.frame[1:]  # a name alone does not tell two events apart
            if known[content] > 0:
                known[content] -= 1
            else:
                new |= arrival.ends
        return new

    def has_ended(self, before: "Heard") -> bool:
        """Whether what came last tells of an end that `before` had not heard."""
        return bool(self.arrivals and self.arrivals[-1].ends and self.new_ends(before))


def shown(words: list[Arrival]) -> Texts:
    """What a screen would show of `words`."""
    screen = Screen()
    for arrival in words:
        screen.add(arrival)
    return screen.texts


def arrival_of(frame: Frame) -> Arrival:
    """What `frame` says, now that it has come."""
    now_s = time.monotonic()
    return Arrival(now_s, frame, words_of(frame.data), text_name_of(frame.data), ends_of(frame))


def text_name_of(data: str) -> str:
    """The name of the run or the message that an event belongs to.

    >>> text_name_of('{"event": {"run": "r1", "kind": "text.delta"}}')
    'r1'
    """
    value = as_json(data)
    inner = value.get("event")
    for part in (value, inner if isinstance(inner, dict) else {}):
        for key in NAMES_ITS_TEXT:
            if isinstance(part.get(key), str):
                return str(part[key])
    return ""


def words_of(data: str) -> str | None:
    """The text in an event, where the common APIs have it; None where there is none.

    >>> words_of('{"choices": [{"delta": {"content": "Hi"}}]}')
    'Hi'
    >>> words_of('{"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}}')
    'Hi'
    >>> words_of("Hi")
    'Hi'
    """
    if data.strip().lower() in ENDS | STOPPED:
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data or None
    if isinstance(value, str):
        return value
    return _text_in(value) if isinstance(value, dict) else None


def _text_in(value: Any, depth: int = 0) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict) or depth > MAX_DEPTH:
        return None
    for key in HOLDS_WORDS:
        inside = value.get(key)
        if isinstance(inside, str) and inside and key not in TELLS_ITS_KIND:
            return inside
        text = _text_in(inside, depth + 1)
        if text:
            return text
    return None


def ends_of(frame: Frame) -> frozenset[str]:
    """The words in an event that tell of an end, or of a stop."""
    value = as_json(frame.data)
    event = value["event"] if isinstance(value.get("event"), dict) else value
    inner = event["data"] if isinstance(event.get("data"), dict) else {}
    words = {frame.name.lower(), frame.data.strip().lower()}
    for part in (event, inner):
        words |= {str(part.get(key)).lower() for key in TELLS_ITS_KIND}
    if value.get("done") is True:
        words.add("done")
    choices = value.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict) and choice.get("finish_reason"):
            words.add("finish_reason")
    return frozenset(words & (ENDS | STOPPED))
