"""Line: messages of a trace that follow one another, with a number for all that is said in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.records import canonical
from toolkit.traces.messages import Transcript
from toolkit.traces.parsed import ParsedMessage, parse_message
from toolkit.traces.trace import Step

Keys = list[int]
"""Numbers for what is said in messages, one for each step: the same words have the same number."""
NO_KEY = -1
"""The number of nothing that is said."""


@dataclass(slots=True)
class Reply:
    """One call to a model: what it was given, what it answered, and what that took."""

    input: Sequence[Any]
    output: Sequence[Any]
    start: float | None = None
    end: float | None = None
    error: str | None = None
    model: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    agent: str | None = None
    depth: int = 0
    is_model: bool = True

    def about(self) -> dict[str, Any]:
        """What the first step of the answer says of the call."""
        about: dict[str, Any] = {}
        if self.model:
            about["model"] = self.model
        if self.usage:
            about["usage"] = self.usage
        if self.is_model and self.start is not None and self.end is not None:
            about["duration_s"] = self.end - self.start
        return about


@dataclass(slots=True)
class Turn:
    """A message with what is said in it."""

    message: ParsedMessage
    keys: Keys
    is_system: bool = False
    answers: str | None = None
    """The id of the call that it answers, where it begins with an answer."""


class Turns:
    """The turns of messages. The same message comes again in each later call: it is read once."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}
        self._numbers: dict[tuple[str, ...], int] = {}

    def read(self, messages: Iterable[Any]) -> list[Turn]:
        """The turns of messages; what is no object says nothing."""
        return [self._turn(message) for message in messages if isinstance(message, dict)]

    def _turn(self, message: Any) -> Turn:
        text = repr(message)  # the fastest text that is the same for the same message
        turn = self._turns.get(text)
        if turn is None:
            turn = self._new_turn(message)
            self._turns[text] = turn
        return turn

    def _new_turn(self, message: Any) -> Turn:
        parsed = parse_message(message)
        scratch = Transcript()
        scratch.append(parsed)
        spoken = [step for step in scratch.steps if step.kind != "thinking"]
        turn = Turn(parsed, [self._number(step) for step in spoken])
        if spoken:
            turn.is_system = all(step.actor == "system" for step in spoken)
            first = spoken[0]
            if first.kind == "tool.result":
                turn.answers = first.data.get("call_id")
        return turn

    def _number(self, step: Step) -> int:
        """A number for what a step says; spaces and ids make no difference."""
        words = " ".join(step.content.split())
        arguments = step.data.get("arguments")
        pictures = step.data.get("parts")
        beside = "" if arguments is pictures is None else canonical([arguments, pictures])
        return self._numbers.setdefault((step.kind, step.actor, words, beside), len(self._numbers))


@dataclass(slots=True, eq=False)
class Line:
    """Messages that follow one another."""

    parent: "Line | None" = None
    """The line that it left."""
    n_shared: int = 0
    """How many keys it has in common with that line."""
    depth: int = 0
    agent: str | None = None
    keys: Keys = field(default_factory=list)
    key_steps: list[int] = field(default_factory=list)
    """For each key, the place of its step in the transcript."""
    prompts: set[int] = field(default_factory=set)
    """The keys of its system prompts."""
    transcript: Transcript = field(default_factory=Transcript)
    n_inherited: int = 0
    """How many of the transcript's steps stand in the parent."""
    answered: set[int] = field(default_factory=set)
    """The places of the steps that a call to a model is known to have answered."""


def keys_of(turns: Iterable[Turn]) -> Keys:
    keys: Keys = []
    for turn in turns:
        keys += turn.keys
    return keys


def overlap(known: Keys, keys: Keys) -> int:
    """How many of `keys` are the end of what is known: a history cut off at its beginning.

    As Knuth, Morris and Pratt (1977) do it, in one pass: many messages may say the same.
    """
    joined = [*keys, NO_KEY, *known[-len(keys) :]]
    repeated = [0]
    n = 0
    for key in joined[1:]:
        while n and joined[n] != key:
            n = repeated[n - 1]
        n += joined[n] == key
        repeated.append(n)
    return n


def n_turns_of(turns: list[Turn], n_keys: int) -> int | None:
    """How many turns the first keys are; None where these end inside of a turn."""
    n = 0
    for number, turn in enumerate(turns):
        if n == n_keys:
            return number
        n += len(turn.keys)
    return len(turns) if n == n_keys else None


def path_of(line: Line) -> dict[int, int]:
    """For each line that the main one came by, how many of its keys are of the main one."""
    path = {id(line): len(line.keys)}
    while line.parent is not None:
        path[id(line.parent)] = line.n_shared
        line = line.parent
    return path


def place_of(line: Line, n_keys: int) -> int:
    """The place of the step behind the first keys."""
    if n_keys >= len(line.key_steps):
        return len(line.transcript.steps)
    return line.key_steps[n_keys] if n_keys else line.n_inherited
