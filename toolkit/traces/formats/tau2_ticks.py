"""The ticks of a voice simulation of tau2-bench become messages: who spoke at once speaks in turn.

A tick is a moment in which agent and user may both speak and call tools. What one of them says over
several ticks is an utterance, and stands where it begins.
"""

from collections.abc import Iterable
from typing import Any

from toolkit.traces.fields import elements_of, object_in, objects_in, others, without
from toolkit.traces.ids import Record

Message = dict[str, Any]
"""A message while it is made, as `Transcript.read` takes it."""

SPEAKERS = {"agent": "assistant", "user": "user"}
"""The role of each speaker in a tick."""
ADDED = ("content", "utterance_ids", "audio_content")
"""The fields of a chunk that go on from tick to tick."""
SPEECH = "[speech]"
"""The words of an utterance of which only the sound was kept."""


def messages_of_ticks(ticks: Iterable[Record]) -> list[Message]:
    """The utterances, the calls and the results, in the order in which they began."""
    messages: list[Message] = []
    speaking: dict[str, Message] = {}
    for tick in ticks:
        for speaker, role in SPEAKERS.items():
            chunk = object_in(tick, f"{speaker}_chunk")
            _listen(chunk, role, tick, speaking, messages)
            calls = objects_in(tick, f"{speaker}_tool_calls")
            results = objects_in(tick, f"{speaker}_tool_results")
            if calls:
                time = tick.get("timestamp")
                messages.append({"role": role, "tool_calls": calls, "timestamp": time})
            for result in results:
                messages.append({"role": "tool", **result})
            if calls or results:
                speaking.pop(role, None)
    for utterance in messages:
        if "pieces" in utterance:
            _finish(utterance)
    return messages


def _listen(
    chunk: Record, role: str, tick: Record, speaking: dict[str, Message], messages: list[Message]
) -> None:
    """Add what a speaker said in a tick to his utterance, or begin a new one with it."""
    words = _words(chunk)
    if not words and not chunk.get("contains_speech"):
        speaking.pop(role, None)
        return
    ids = {str(id_) for id_ in elements_of(chunk.get("utterance_ids"))}
    utterance = speaking.get(role)
    if utterance is None or (ids and ids.isdisjoint(utterance["utterance_ids"])):
        about = others(chunk, (*ADDED, "role"))
        utterance = {"timestamp": tick.get("timestamp"), **about, "role": role, "content": ""}
        utterance |= {"utterance_ids": [], "pieces": [], "heard": []}
        speaking[role] = utterance
        messages.append(utterance)
    utterance["content"] += words
    utterance["pieces"].append(words)
    utterance["utterance_ids"] += sorted(ids.difference(utterance["utterance_ids"]))
    heard = tick.get("user_transcript")
    if role == "user" and heard:
        utterance["heard"].append(heard)


def _finish(utterance: Message) -> None:
    """Leave out of an utterance what says nothing, and name one without words."""
    utterance["content"] = utterance["content"] or SPEECH
    for name in ("pieces", "heard", "utterance_ids"):
        if not any(utterance[name]) or utterance[name] == [utterance["content"]]:
            del utterance[name]


def _words(chunk: Record) -> str:
    """The words of a chunk; of one that is sound, the script that it was made of."""
    field = "audio_script_gold" if chunk.get("is_audio") else "content"
    words = chunk.get(field)
    return words if isinstance(words, str) else ""


def without_ticks(record: Record) -> dict[str, Any]:
    """A simulation with messages instead of its ticks, where it has no messages of its own."""
    messages = record.get("messages") or messages_of_ticks(objects_in(record, "ticks"))
    return {**without(record, "ticks"), "messages": messages}
