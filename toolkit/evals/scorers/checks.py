"""Scorers made to order: of words, JSON, tool calls, time, tokens, cost, language and personal
data.

Each function here returns a scorer whose name says what was ordered. Those of words read the
messages of one actor. Where the trace does not hold what is asked about, it is unscored.
"""

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Literal

from toolkit.evals.scorers.languages import language_of
from toolkit.evals.scorers.scorers import Found, Score, Scorer, named
from toolkit.evals.text import python_value, same_form
from toolkit.models.schema import parse
from toolkit.records import fingerprint
from toolkit.traces import Trace, traces_frame

PATTERN_S, PATTERN_CHARS = 1.0, 20_000
SEARCH = "import json, re, sys; p, f, texts = json.load(sys.stdin); print(any(re.search(p, t, f) for t in texts))"
EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,}")
PHONE = re.compile(
    r"(?<![\w+])(?:\+|\(?0)\d[\d ()./-]{5,20}\d(?!\d)|(?<!\d)\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)"
)
DATE = re.compile(r"(?<![\d./-])\d{1,4}([./-])\d{1,2}\1\d{2,4}(?![./-]?\d)")
# the next two look ahead, so that a number which begins within another match is seen as well
CARD = re.compile(
    r"(?<!\d)(?=((?:\d{13,19}|\d{4}([ -])\d{4}\2\d{4}\2\d{1,7}|\d{4}[ -]\d{6}[ -]\d{5})(?!\d)))"
)
IBAN = re.compile(
    r"\b(?=([A-Z]{2}\d{2}[A-Z0-9 ]{11,38}(?![A-Z0-9])|[a-z]{2}\d{2}[a-z0-9]{11,30}\b))"
)


def contains(*words: str, actor: str = "assistant") -> Scorer:
    """Whether `actor` says one of `words`, whatever the case of the letters, and the form of quotes
    and spaces.
    """
    if not words or not all(words):
        raise ValueError(f"contains needs words to look for, not {words!r}")

    def find(said: list[str]) -> Found:
        text = same_form("\n".join(said)).casefold()
        hits = [word for word in words if same_form(word).casefold() in text]
        return bool(
            hits
        ), f"{actor} says {hits[0]!r}" if hits else f"{actor} says none of {', '.join(words)}"

    return _of_words(f"contains({', '.join(map(repr, words))})", actor, find)


def matches(pattern: str, actor: str = "assistant", flags: int = 0) -> Scorer:
    """Whether a message of `actor` holds the regular expression `pattern`. Raises re.error for what
    is none.

    A message is searched as it is, and where nothing was found once more with plain quotes and
    spaces (`same_form`). A pattern can take for ever, so a search that takes a second is stopped,
    and a message of more than 20,000 characters is not searched: both are unscored. The timer
    counts CPU time, and only the main thread of a POSIX system has it; elsewhere the search runs in
    a process of its own, some 15 ms each, that ends after a second.
    """
    compiled = re.compile(pattern, flags)
    plain = re.compile(same_form(pattern), flags)

    def find(said: list[str]) -> Found:
        if max(map(len, said)) > PATTERN_CHARS:
            return None, f"a message of more than {PATTERN_CHARS:,} characters is not searched"
        try:
            found = _search(compiled, said)
            texts = [same_form(text) for text in said]
            if not found and (texts != said or plain != compiled):
                found = _search(plain, texts)
            return found, f"searched {len(said)} messages of {actor}"
        except (TimeoutError, subprocess.SubprocessError) as error:
            return (
                None,
                f"the search was stopped: {type(error).__name__} (it may take {PATTERN_S:g} s)",
            )

    return _of_words(f"matches({pattern!r}{f', {flags:d}' * bool(flags)})", actor, find)


def _search(pattern: re.Pattern[str], texts: list[str]) -> bool:
    def stop(*_: object) -> None:
        raise TimeoutError

    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        told, program = (
            json.dumps([pattern.pattern, pattern.flags, texts]),
            [sys.executable, "-I", "-S", "-c", SEARCH],
        )
        ended = subprocess.run(
            program, input=told, capture_output=True, text=True, timeout=PATTERN_S, check=True
        )
        return ended.stdout.strip() == "True"
    before = signal.signal(signal.SIGVTALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, PATTERN_S)
        return any(pattern.search(text) for text in texts)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before or signal.SIG_DFL)


def valid_json(schema: dict[str, Any], actor: str = "assistant") -> Scorer:
    """Whether the last message of `actor` is a JSON object of `schema` (draft 2020-12), with
    nothing around it.
    """
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema)
    version = fingerprint(schema)[:8]

    def find(said: list[str]) -> Found:
        value, wrong = parse(said[-1], schema)
        return value is not None, wrong or "it is as the schema says", version

    return _of_words("valid_json", actor, find)


def length(unit: Literal["chars", "words"] = "chars", actor: str = "assistant") -> Scorer:
    """How long the messages of `actor` are, taken together."""
    count: Callable[[str], int] = {"chars": len, "words": lambda text: len(text.split())}[unit]
    return _of_words(
        f"length({unit})", actor, lambda said: (sum(map(count, said)), f"{len(said)} messages")
    )


def measure(column: str) -> Scorer:
    """A number that `traces_frame` has of a trace, as ``tokens``, ``cost_usd`` or ``duration_s``."""
    if column not in (known := [str(name) for name in traces_frame([]).select_dtypes("number")]):
        raise ValueError(f"no measure {column!r}; there are {', '.join(known)}")

    def find(trace: Trace) -> Found:
        stated = traces_frame([trace])[column].dropna().tolist()
        return (
            (stated[0], "the trace states it")
            if stated and stated[0] >= 0
            else (None, "the trace does not state it")
        )

    return named(column, find)


def latency_s(trace: Trace) -> Score:
    """The longest wait, in seconds, from a user's words to the assistant's next. Unscored where a
    time is missing.
    """
    asked, waits = None, []
    for step in (step for step in trace.steps if step.kind == "message"):
        if asked and step.actor == "assistant":
            if asked.time is None or step.time is None or step.time < asked.time:
                return Score(
                    "latency_s",
                    None,
                    f"steps {asked.id} and {step.id} do not tell how long it took",
                )
            waits.append(step.time - asked.time)
            asked = None
        asked = asked or (step if step.actor == "user" else None)
    return Score("latency_s", max(waits, default=None), f"{len(waits)} questions with an answer")


def called(tool: str, /, **arguments: Any) -> Scorer:
    """Whether `tool` is called, with at least these arguments. Unscored where those of a call
    cannot be read.
    """
    wanted = {name: _comparable(value) for name, value in arguments.items()}

    def find(trace: Trace) -> Found:
        calls = [
            call.data.get("arguments")
            for call in trace.calls
            if call.data.get("name", call.content) == tool
        ]
        read = [call for call in calls if isinstance(call, dict)]
        if calls and not wanted:
            return True, f"{len(calls)} calls of {tool}"
        if any(wanted.items() <= _comparable(call).items() for call in read):
            return True, f"{len(calls)} calls of {tool}"
        if len(read) < len(calls):
            return None, f"the arguments of a call of {tool} cannot be read"
        if not trace.steps:
            return None, "the trace is empty"
        return False, f"{len(calls)} calls of {tool}" + (", with other arguments" if calls else "")

    told = "".join(f", {name}={value!r}" for name, value in arguments.items())
    return named(f"called({tool!r}{told})", find)


def _comparable(value: Any) -> Any:
    """`value` with each word in one form, and numpy's and pandas' scalars as Python's."""
    value = python_value(value)
    if isinstance(value, str):
        return same_form(value)
    if isinstance(value, dict):
        return {key: _comparable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_comparable(part) for part in value]
    return value


def language(actor: str = "assistant") -> Scorer:
    """Which of de, en, es, fr and pt `actor` writes, by counting stop words; unscored where it is
    another language.

    Unscored too unless the first has three stop words at least, a sixth of all words, and half as
    many again as the second; a word of several languages counts for each of them by its share.
    """

    def find(said: list[str]) -> Found:
        return language_of(" ".join(said))

    return _of_words("language", actor, find)


def no_personal_data(actor: str = "assistant") -> Scorer:
    """Whether `actor` writes nothing that looks like an e-mail address, a telephone, card or bank
    account number.

    These are patterns: a telephone number begins with + or 0, or is written as 212-555-0123; a card
    number satisfies Luhn's check (ISO/IEC 7812-1), an IBAN its checksum (ISO 13616). Names and
    postal addresses are not seen.
    """

    def find(said: list[str]) -> Found:
        kinds = sorted({kind for text in said for kind in personal_data(text)})
        return (
            not kinds,
            f"{actor} writes what looks like: {', '.join(kinds)}" if kinds else "none was seen",
        )

    return _of_words("no_personal_data", actor, find)


def personal_data(text: str) -> set[str]:
    """Which of ``card``, ``email``, ``iban`` and ``phone`` seem to stand in `text`."""
    text = same_form(text)
    found = {
        "email": EMAIL.findall(text),
        "card": [one[1] for one in CARD.finditer(text) if _luhn(one[1])],
    }
    found["iban"] = [one[1] for one in IBAN.finditer(text) if _iban(one[1])]
    text = DATE.sub(" ", text)
    for number in found["card"] + found["iban"]:
        text = text.replace(number, " ")
    found["phone"] = [one for one in PHONE.findall(text) if 7 <= len(re.findall(r"\d", one)) <= 15]
    return {kind for kind, seen in found.items() if seen}


def _luhn(text: str) -> bool:
    digits = [int(digit) for digit in reversed(text) if digit.isdigit()]
    return any(digits) and sum(digits[::2] + [2 * d - 9 * (d > 4) for d in digits[1::2]]) % 10 == 0


def _iban(text: str) -> bool:
    """Whether `text`, or what is left of it without its last groups, has the checksum 1 modulo 97."""
    groups = text.upper().split(" ")
    tries = ["".join(groups[: n + 1]) for n in range(len(groups))]
    return any(
        15 <= len(t) <= 34 and int("".join(str(int(c, 36)) for c in t[4:] + t[:4])) % 97 == 1
        for t in tries
    )


def _of_words(name: str, actor: str, find: Callable[[list[str]], Found]) -> Scorer:
    def read(trace: Trace) -> Found:
        steps = (step for step in trace.steps if step.kind == "message" and step.actor == actor)
        said = [step.content for step in steps if step.content.strip()]
        return find(said) if said else (None, f"there is no message of {actor}")

    return named(name + f" of {actor}" * (actor != "assistant"), read)
