"""How a trace as a whole ended, in its source's own words: outcome, reward, models."""

from collections.abc import Mapping
from typing import Any

from toolkit.traces.brief import as_words
from toolkit.traces.measures import finite_number
from toolkit.traces.trace import Trace

FAILED_OUTCOMES = set(
    "aborted cancelled canceled crashed error errored fail failed failure false i incorrect "
    "infra_error interrupted killed max_steps n rejected timed_out timeout unresolved".split()
)
OK_OUTCOMES = set(
    "c complete completed correct finished ok pass passed resolved success succeeded true".split()
)

LETTERS = {"C": "correct", "I": "incorrect", "P": "partially correct", "N": "no answer"}
"""What the letters mean that Inspect's scorers give."""

OUTCOME_WORDS = {
    "complete": "complete",
    "cancelled": "stopped",
    "error": "failed",
    "orphaned": "abandoned",
}
"""How a run of a session ended, as every page and screen calls it."""


def outcome_of(trace: Trace) -> str:
    """The outcome as the source words it; empty where it states none in a word."""
    outcome = trace.meta.get("outcome")
    if outcome is None or isinstance(outcome, Mapping | list):
        return ""
    return as_words(outcome)


def outcome_words(outcome: str) -> str:
    """The outcome as a reader is shown it: a letter with its meaning, and the end of a run as a
    screen of its session calls it.

    >>> outcome_words("C"), outcome_words("cancelled"), outcome_words("resolved")
    ('C, correct', 'stopped', 'resolved')
    """
    if outcome in LETTERS:
        return f"{outcome}, {LETTERS[outcome]}"
    return OUTCOME_WORDS.get(outcome, outcome)


def outcome_look(outcome: str) -> str:
    """``failed`` or ``ok``, or nothing for a word that is neither.

    >>> outcome_look("Resolved"), outcome_look("error"), outcome_look("escalated")
    ('ok', 'failed', '')
    """
    word = outcome.strip().casefold().replace(" ", "_")
    if word in FAILED_OUTCOMES:
        return "failed"
    return "ok" if word in OK_OUTCOMES else ""


def reward_of(trace: Trace) -> float | None:
    """The reward, where the source states one number."""
    reward = trace.meta.get("reward")
    return finite_number(reward) if isinstance(reward, int | float) else None


def reward_look(reward: float) -> str:
    """``ok`` for a full reward, ``failed`` for none, or nothing for one between."""
    if reward >= 1:
        return "ok"
    return "failed" if reward <= 0 else ""


def models_of(trace: Trace) -> list[str]:
    """The models that the source names, that of the trace first."""
    models = {}
    stated = [trace.meta.get("model")]
    for step in trace.steps:
        stated.append(step.data.get("model"))
    for model in stated:
        if isinstance(model, str) and model:
            models[model] = True
    return list(models)


def mistakes_of(trace: Trace) -> list[Mapping[str, Any]]:
    """The scores with which its source names the step that went wrong."""
    scores = trace.meta.get("scores")
    mistakes = []
    for score in scores if isinstance(scores, list) else []:
        if isinstance(score, Mapping) and score.get("name") == "mistake":
            mistakes.append(score)
    return mistakes


def trace_failed(trace: Trace) -> bool:
    """Whether the source says that the trace as a whole went wrong."""
    if outcome_look(outcome_of(trace)) == "failed":
        return True
    reward = reward_of(trace)
    return reward is not None and reward <= 0
