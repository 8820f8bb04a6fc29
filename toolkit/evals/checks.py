"""Scorers made to order: of words, JSON, tool calls, time, tokens, cost, language and personal data.

Each function here returns a scorer, whose name tells what was ordered. What the trace does not say is unscored. A
scorer of words reads the messages of one actor, the assistant unless told otherwise, and is unscored where there is
none.
"""

import json
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from toolkit.evals.scorers import Score, Scorer
from toolkit.models.wire import parse
from toolkit.records import canonical
from toolkit.traces import Trace, traces_frame

Found = tuple[bool | float | str | None, str]
PATTERN_S, PATTERN_CHARS = 1.0, 20_000
SEARCH = "import json, re, sys; p, f, texts = json.load(sys.stdin); print(any(re.search(p, t, f) for t in texts))"
STOP_WORDS = {
    "de": "der die das und ist nicht ich sie wir ihr mit für auf ein eine den dem zu es im haben kann bitte wird auch",
    "en": "the and is are not you your we i it to of for on with that this have has can will be in my at please",
    "es": "el la los las y es no un una que de en por para con su lo se del al puede está tiene usted gracias",
    "fr": "le la les et est pas vous nous je un une des du pour avec que qui dans au votre vos ce ne sur peut",
    "pt": "o a os as e é não um uma que de em por para com seu sua do da no na você está tem pode obrigado",
}
EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,}")
PHONE = re.compile(r"(?<![\w+])(?:\+|\(?0)\d[\d ()./-]{5,20}\d(?!\d)|(?<!\d)\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)")
CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{1,4}){3,8}\b|\b[a-z]{2}\d{2}[a-z0-9]{11,30}\b")


def contains(*words: str, actor: str = "assistant") -> Scorer:
    """Whether `actor` says one of `words`, whatever the case of the letters."""
    if not words or not all(words):
        raise ValueError(f"contains needs words to look for, not {words!r}")

    def find(said: list[str]) -> Found:
        whole = "\n".join(said).casefold()
        hit = next((word for word in words if word.casefold() in whole), None)
        return hit is not None, f"{actor} says {hit!r}" if hit else f"{actor} says none of {', '.join(words)}"

    return _of_words(f"contains({', '.join(map(repr, words))})", actor, find)


def matches(pattern: str, actor: str = "assistant", flags: int = 0) -> Scorer:
    """Whether a message of `actor` holds the regular expression `pattern`. Raises re.error for what is none.

    A pattern can take for ever, so a search is stopped after a second, and messages of more than 20,000 characters
    are not searched: both are unscored. The second is of CPU time, by a timer that only the main thread of a POSIX
    system has; elsewhere the search runs in a process of its own, at some 10 ms each.
    """
    compiled = re.compile(pattern, flags)

    def find(said: list[str]) -> Found:
        if longest := max((len(text) for text in said if len(text) > PATTERN_CHARS), default=0):
            return None, f"a message of {longest:,} characters is too long to search safely"
        try:
            return _search(compiled, said), f"searched {len(said)} messages of {actor}"
        except (TimeoutError, subprocess.SubprocessError) as error:
            return None, f"the search was stopped: {type(error).__name__} after {PATTERN_S:g} s"

    return _of_words(f"matches({pattern!r})", actor, find)


def _search(pattern: re.Pattern[str], texts: list[str]) -> bool:
    def stop(*_: object) -> None:
        raise TimeoutError

    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        told, program = json.dumps([pattern.pattern, pattern.flags, texts]), [sys.executable, "-I", "-S", "-c", SEARCH]
        ended = subprocess.run(program, input=told, capture_output=True, text=True, timeout=PATTERN_S, check=True)
        return ended.stdout.strip() == "True"
    before = signal.signal(signal.SIGVTALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, PATTERN_S)
        return any(pattern.search(text) for text in texts)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def valid_json(schema: dict[str, Any], actor: str = "assistant") -> Scorer:
    """Whether the last message of `actor` is one JSON object of `schema` (draft 2020-12), and nothing around it."""
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema)

    def find(said: list[str]) -> Found:
        value, wrong = parse(said[-1], schema)
        return value is not None, wrong or "it is as the schema says"

    return _of_words("valid_json", actor, find, version=_digest(schema))


def length(unit: str = "chars", at_least: float = 0, at_most: float | None = None, actor: str = "assistant") -> Scorer:
    """How many ``chars`` or ``words`` the messages of `actor` have; with a bound, whether it is kept."""
    count = {"chars": len, "words": lambda text: len(text.split())}[unit]
    bounds = _bounds(at_least, at_most)
    return _of_words(f"length_{unit}{bounds}", actor, lambda said: _held(sum(map(count, said)), at_least, at_most))


def measure(column: str, at_least: float = 0, at_most: float | None = None) -> Scorer:
    """A number that `traces_frame` has of a trace, as ``tokens`` or ``cost_usd``; with a bound, whether it is kept."""
    known = list(traces_frame([]).select_dtypes("number"))
    if column not in known:
        raise ValueError(f"no measure {column!r}; there are {', '.join(known)}")

    def find(trace: Trace) -> Found:
        value = traces_frame([trace])[column].astype(object)[0]
        return _held(value, at_least, at_most) if value == value and value is not None else (None, "it is not stated")

    return _named(f"{column}{_bounds(at_least, at_most)}", find)


def latency(at_most: float | None = None) -> Scorer:
    """The longest wait, in seconds, from a user's message to the assistant's next; with a bound, whether it is kept."""

    def find(trace: Trace) -> Found:
        asked, waits = None, []
        for step in (step for step in trace.steps if step.kind == "message"):
            if step.actor == "assistant" and asked is not None:
                if asked.time is None or step.time is None or step.time < asked.time:
                    return None, f"step {asked.id} or {step.id} has no time, or they run backwards"
                waits.append(step.time - asked.time)
            asked = (asked or step) if step.actor == "user" else None if step.actor == "assistant" else asked
        return _held(max(waits), 0, at_most) if waits else (None, "nobody asks and is answered")

    return _named(f"latency_s{_bounds(0, at_most)}", find)


def called(tool: str, /, **arguments: Any) -> Scorer:
    """Whether `tool` is called, with at least these arguments. Unscored where a call's own cannot be read."""
    wanted = {name: canonical(value) for name, value in arguments.items()}

    def find(trace: Trace) -> Found:
        calls = [call for call in trace.calls if call.data.get("name", call.content) == tool]
        given = [call.data.get("arguments") for call in calls]
        read = [one for one in given if isinstance(one, dict)]
        if calls and any(all(n in one and canonical(one[n]) == v for n, v in wanted.items()) for one in read or [{}]):
            return True, f"{len(calls)} calls of {tool}"
        if not trace.steps or (wanted and len(read) < len(given)):
            return None, f"the arguments of a call of {tool} cannot be read" if trace.steps else "the trace is empty"
        return False, f"{len(calls)} calls of {tool}, none with {', '.join(wanted)}" if calls else f"no call of {tool}"

    told = "".join(f", {name}={value!r}" for name, value in arguments.items())
    return _named(f"called({tool!r}{told})", find)


def language(actor: str = "assistant") -> Scorer:
    """Which of de, en, es, fr and pt `actor` writes, by counting stop words; unscored unless one is clearly ahead.

    Clearly is: three stop words at least, and half as many again as the runner-up. Another language is not known for
    what it is.
    """

    def find(said: list[str]) -> Found:
        words = re.findall(r"\w+", " ".join(said).casefold())
        known = {name: set(stops.split()) for name, stops in STOP_WORDS.items()}
        seen = Counter({name: sum(word in stops for word in words) for name, stops in known.items()})
        (first, most), (second, next_) = seen.most_common(2)
        told = f"stop words: {most} {first}, {next_} {second}"
        return (first if most >= 3 and most >= 1.5 * next_ else None), told

    return _of_words(f"language({actor})", actor, find)


def no_personal_data(actor: str = "assistant") -> Scorer:
    """Whether `actor` writes nothing that looks like an e-mail address, a telephone, card or bank account number.

    These are patterns: a telephone number begins with + or 0, or is written as in 212-555-0123; a card number
    satisfies Luhn's check (ISO/IEC 7812-1), an IBAN its own (ISO 13616). A name or an address is not seen.
    """

    def find(said: list[str]) -> Found:
        kinds = sorted({kind for text in said for kind in personal_data(text)})
        return not kinds, f"{actor} writes what looks like: {', '.join(kinds)}" if kinds else "none was seen"

    return _of_words(f"no_personal_data({actor})", actor, find)


def personal_data(text: str) -> set[str]:
    """Which of ``card``, ``email``, ``iban`` and ``phone`` seem to stand in `text`."""
    found = {"email"} if EMAIL.search(text) else set()
    cards = {one for one in CARD.findall(text) if _luhn(re.sub(r"\D", "", one))}
    ibans = {one for one in IBAN.findall(text) if _iban(one)}
    for one in cards | ibans:
        text = text.replace(one, " ")
    found |= {"phone"} if any(7 <= len(re.sub(r"\D", "", one)) <= 15 for one in PHONE.findall(text)) else set()
    return found | ({"card"} if cards else set()) | ({"iban"} if ibans else set())


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return len(set(digits)) > 1 and sum(number - 9 * (number > 9) for number in doubled) % 10 == 0


def _iban(text: str) -> bool:
    """Whether `text`, or what is left of it without its last words, has a checksum of 1 modulo 97."""
    groups = text.upper().split(" ")
    tries = ("".join(groups[:n]) for n in range(len(groups), 0, -1))
    return any(15 <= len(t) <= 34 and int("".join(str(int(c, 36)) for c in t[4:] + t[:4])) % 97 == 1 for t in tries)


def _held(value: float, at_least: float, at_most: float | None) -> Found:
    """`value`, or whether it keeps to its bounds where there are any."""
    if not at_least and at_most is None:
        return value, "measured"
    return at_least <= value and (at_most is None or value <= at_most), f"it is {value:g}"


def _bounds(at_least: float, at_most: float | None) -> str:
    return f">={at_least:g}" * bool(at_least) + (f"<={at_most:g}" if at_most is not None else "")


def _of_words(name: str, actor: str, find: Callable[[list[str]], Found], version: str = "1") -> Scorer:
    def read(trace: Trace) -> Found:
        steps = (step for step in trace.steps if step.kind == "message" and step.actor == actor)
        said = [step.content for step in steps if step.content.strip()]
        return find(said) if said else (None, f"there is no message of {actor}")

    return _named(name, read, version)


def _named(name: str, find: Callable[[Trace], Found], version: str = "1") -> Scorer:
    def scorer(trace: Trace) -> Score:
        value, why = find(trace)
        return Score(name, value, why, version)

    scorer.__name__ = name
    return scorer
