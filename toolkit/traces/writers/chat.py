"""Chat messages as OpenAI writes them: what most programs read, and models are tuned on."""

from typing import Any

from toolkit.traces.extension import EXTENSION, difference
from toolkit.traces.formats.chat import read_chat
from toolkit.traces.trace import Trace
from toolkit.traces.writers.turns import message_of, result_message, turns_of


def chat_record(trace: Trace) -> dict[str, Any]:
    """The record of a trace: its messages, with the results of calls behind them."""
    messages: list[dict[str, Any]] = []
    for turn in turns_of(trace.steps):
        if turn.role != "tool":
            messages.append(message_of(turn))
        messages += [result_message(step) for step in turn.results]
    record = {"id": trace.id, "messages": messages}
    return record | {EXTENSION: difference(trace, read_chat(record, trace.id))}
