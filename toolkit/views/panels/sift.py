"""Sifting traces: which hold the words that are searched for, and which failed."""

from collections.abc import Sequence

from toolkit.traces import Trace
from toolkit.traces.outcome import trace_failed
from toolkit.traces.outline import failed_entries

__all__ = ["NO_TROUBLE", "has_words", "trouble_of"]

NO_TROUBLE = (False, 0)


def trouble_of(trace: Trace) -> tuple[bool, int]:
    """Whether the trace failed, and how many of its steps did."""
    return trace_failed(trace), len(failed_entries(trace))


def has_words(trace: Trace, words: Sequence[str]) -> bool:
    """Whether all `words` are in a trace: in its id, what was said, tool calls and results; not in
    the system prompt, which all share.
    """
    if not words:
        return True
    texts = [trace.id]
    for step in trace.steps:
        if step.actor != "system":
            texts.append(f"{step.content} {step.data.get('arguments', '')}")
    text = "\n".join(texts).casefold()
    return all(word in text for word in words)
