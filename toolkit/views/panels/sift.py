"""Sifting traces: which hold the words that are searched for, and which failed."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.traces import Trace
from toolkit.traces.brief import as_words
from toolkit.traces.outcome import trace_failed
from toolkit.traces.outline import failed_entries

__all__ = ["NO_TROUBLE", "has_words", "trouble_of", "words_around"]

NO_TROUBLE = (False, 0)
WORDS_BEFORE = 4
CHARS_BEFORE = 40
"""How much of its line stands before a word that was found: the word itself is in sight."""
HIT_CHARS = 120


def trouble_of(trace: Trace) -> tuple[bool, int]:
    """Whether the trace failed, and how many of its steps did."""
    return trace_failed(trace), len(failed_entries(trace))


def has_words(trace: Trace, words: Sequence[str]) -> bool:
    """Whether all `words` are in a trace."""
    text = searched_text(trace).casefold()
    return all(word in text for word in words)


def words_around(trace: Trace, word: str) -> str:
    """The line of a trace in which `word` stands first, from a few words before it."""
    for line in searched_text(trace).splitlines():
        before, match, _ = line.casefold().partition(word)
        if match:
            lead = " ".join(before.split(" ")[-WORDS_BEFORE:])
            start = len(before) - min(len(lead), CHARS_BEFORE)
            ellipsis = "…" if start else ""
            return ellipsis + line[start : start + HIT_CHARS].rstrip()
    return ""


def searched_text(trace: Trace) -> str:
    """What a search looks through: the id, what was said, tool calls and results; not the system
    prompt, which all share.
    """
    texts = [trace.id]
    for step in trace.steps:
        if step.actor != "system":
            texts.append(f"{step.content} {_arguments(step.data.get('arguments', ''))}")
    return "\n".join(texts)


def _arguments(arguments: Any) -> str:
    """The arguments of a call as they are read, each with its name."""
    if not isinstance(arguments, Mapping):
        return as_words(arguments)
    return ", ".join(f"{name}: {as_words(value)}" for name, value in arguments.items())
