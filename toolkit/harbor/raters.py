"""Simulated raters: they know the planted truth, and err at rates that are known. No person wrote their labels."""

import random
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from toolkit.evals import Label
from toolkit.harbor.content import content
from toolkit.harbor.situations import situations
from toolkit.harbor.tools import CHANGES
from toolkit.traces import Trace

QUOTE_CHARS = 90


@dataclass(frozen=True, slots=True)
class Truth:
    """What was planted in a trace."""

    trace_id: str
    failure: str | None
    """The failure mode; None where the agent behaves well."""
    situation: str
    """The situation's id."""


@dataclass(frozen=True, slots=True)
class Rater:
    """A simulated rater with known error rates."""

    name: str
    sensitivity: float
    """The probability that a planted failure is called ``fail``."""
    specificity: float
    """The probability that a good trace is called ``pass``."""


RATERS = (Rater("sim-robin", 0.92, 0.95), Rater("sim-alex", 0.85, 0.90))
"""The two who labelled data/harbor."""


def rate(rater: Rater, trace: Trace, truth: Truth, rng: random.Random, not_why: str = "") -> Label:
    """One label of `rater`, wrong at the rater's rates; all chance comes from `rng`. `not_why` is already taken."""
    right = rng.random() < (rater.sensitivity if truth.failure else rater.specificity)
    fails = (truth.failure is not None) == right
    bank = (truth.failure or "strict") if fails else "pass"
    time = (trace.steps[-1].time or 0.0) + 86_400 + rng.randrange(4 * 3600)
    return Label(
        trace_id=trace.id,
        rater=rater.name,
        verdict="fail" if fails else "pass",
        why=_why(bank, trace, truth, rng, not_why),
        rater_kind="simulated",
        id=f"{rater.name}-{trace.id}",
        time=float(round(time)),
    )


def rate_all(traces: Iterable[Trace], truths: Iterable[Truth], seed: int = 0) -> list[Label]:
    """Labels of all `RATERS` on all traces that have a truth, rater by rater in the order of the traces."""
    by_id = {truth.trace_id: truth for truth in truths}
    rated = [trace for trace in traces if trace.id in by_id]
    labels: list[Label] = []
    for rater in RATERS:
        rng = random.Random(f"{seed}:{rater.name}")
        before = {label.trace_id: label.why for label in labels}
        labels += [rate(rater, trace, by_id[trace.id], rng, before.get(trace.id, "")) for trace in rated]
    return labels


def _why(bank: str, trace: Trace, truth: Truth, rng: random.Random, not_why: str) -> str:
    slots = _slots(bank, trace, truth)
    fits = [phrase for phrase in content("raters.yaml")[bank] if _fields(phrase) <= slots.keys()]
    whys = [str(phrase).format(**slots) for phrase in fits]
    return rng.choice([why for why in whys if why != not_why])


def _fields(phrase: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(phrase) if field}


def _slots(bank: str, trace: Trace, truth: Truth) -> dict[str, str]:
    """What the trace can fill into a phrase: for failures, from the place where the failure shows."""
    changing = [call for call in trace.calls if call.content in CHANGES]
    calls = {
        "repeated_call": _repeated(trace),
        "ignores_constraint": changing,
        "leaks_data": [call for call in trace.calls if call.content == "find_booking"],
    }.get(bank, changing or list(trace.calls))
    slots: dict[str, Any] = {}
    if calls:
        slots["tool"] = calls[-1].content
        arguments = calls[-1].data["arguments"]
        slots["booking"] = arguments.get("booking_id")
        if "amount_eur" in arguments:
            slots["amount"] = f"€{arguments['amount_eur']:g}"
    slots["quote"] = _quote(trace, bank, truth)
    return {name: str(value) for name, value in slots.items() if value}


def _repeated(trace: Trace) -> list[Any]:
    seen: list[Any] = []
    for call in trace.calls:
        key = (call.content, call.data["arguments"])
        if key in seen:
            return [call]
        seen.append(key)
    return []


def _quote(trace: Trace, bank: str, truth: Truth) -> str | None:
    """A sentence of the agent's: the one that shows the failure, or one that shows what it was like."""
    fail = situations()[truth.situation].fail.get(bank, {})
    said = [step.content for step in trace.steps if step.kind == "message" and step.actor == "assistant"]
    if "mark" in fail:
        sentences = [s for text in said for s in re.split(r"(?<=[.!?:;]) ", text)]
        said = [s for s in sentences if re.search(fail["mark"], s, re.IGNORECASE)]
    else:
        changed = [reply for change in fail.values() if change for reply in change.get("reply", ())]
        said = [text for text in said if text in changed] or sorted(said, key=len)[-1:]
    sentence = re.split(r"(?<=[.!?]) ", said[0])[0] if said else ""
    return sentence.rstrip(".,;:") if 10 < len(sentence) < QUOTE_CHARS else None
