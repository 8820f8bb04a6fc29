"""Simulated raters, and a simulated judge: they know the planted truth, and err at rates that are
known.

No person wrote the labels; the judge does not read the trace.
"""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from toolkit.evals import Label
from toolkit.harbor.files import Truth, content
from toolkit.harbor.situations import FAILURE_MODES, situations
from toolkit.harbor.tools import CHANGES
from toolkit.models import Answer, Policy, Request
from toolkit.records import canonical
from toolkit.traces import Trace

QUOTE_CHARS = 90
TRACE_ID = re.compile(r"Trace ([\w.-]+)")


@dataclass(frozen=True, slots=True)
class Rater:
    """Calls a planted failure ``fail`` with probability `sensitivity`, a good trace ``pass`` with
    `specificity`.
    """

    name: str
    sensitivity: float
    specificity: float


RATERS = (Rater("sim-robin", 0.92, 0.95), Rater("sim-alex", 0.85, 0.90))
"""The two who labelled data/harbor."""


def rate_all(traces: Iterable[Trace], truths: Iterable[Truth], seed: int = 0) -> list[Label]:
    """Labels of all `RATERS` on all traces that have a truth, rater by rater in the order of the
    traces.
    """
    known = {truth.trace_id: truth for truth in truths}
    rated = [trace for trace in traces if trace.id in known]
    labels: list[Label] = []
    for rater in RATERS:
        rng = random.Random(f"{seed}:{rater.name}")
        before = {label.trace_id: label.why for label in labels}
        labels += [
            _rate(rater, trace, known[trace.id], rng, before.get(trace.id, "")) for trace in rated
        ]
    return labels


def _rate(rater: Rater, trace: Trace, truth: Truth, rng: random.Random, taken: str) -> Label:
    """One label, wrong at the rater's rates, for another reason than `taken`; all chance comes from
    `rng`.
    """
    right = rng.random() < (rater.sensitivity if truth.failure else rater.specificity)
    fails = (truth.failure is not None) == right
    time = (trace.steps[-1].time or 0.0) + 86_400 + rng.randrange(4 * 3600)
    bank = (truth.failure or "strict") if fails else "pass"
    slots = _slots(bank, trace, truth)
    blank = [f"{{{name}}}" for name, value in slots.items() if not value]
    fits = (
        phrase
        for phrase in content("raters.yaml")[bank]
        if not any(slot in phrase for slot in blank)
    )
    why = rng.choice([why for phrase in fits if (why := phrase.format(**slots)) != taken])
    id_ = f"{rater.name}-{trace.id}"
    return Label(
        trace.id, rater.name, "fail" if fails else "pass", why, "simulated", id_, float(round(time))
    )


def _slots(bank: str, trace: Trace, truth: Truth) -> dict[str, str]:
    """What the trace can fill into a phrase, blank where it cannot: of a failure, from the place
    where it shows.
    """
    made = [(call.content, call.data["arguments"]) for call in trace.calls]
    changes = [one for one in made if one[0] in CHANGES]
    shows = {
        "repeated_call": [one for n, one in enumerate(made) if one in made[:n]][:1],
        "ignores_constraint": changes,
        "leaks_data": [one for one in made if one[0] == "find_booking"],
    }.get(bank, changes or made)
    tool, given = shows[-1] if shows else ("", {})
    amount = f"€{given['amount_eur']:g}" if "amount_eur" in given else ""
    quote = _quote(trace, bank, truth)
    return {"tool": tool, "booking": given.get("booking_id", ""), "amount": amount, "quote": quote}


def _quote(trace: Trace, bank: str, truth: Truth) -> str:
    """A sentence of the agent's: the one that shows the failure, or one that shows what it was
    like.
    """
    fail = situations()[truth.situation].fail.get(bank, {})
    said = [
        step.content for step in trace.steps if step.kind == "message" and step.actor == "assistant"
    ]
    if "mark" in fail:
        sentences = [s for text in said for s in re.split(r"(?<=[.!?:;]) ", text)]
        said = [s for s in sentences if re.search(fail["mark"], s, re.IGNORECASE)]
    else:
        changed = [reply for change in fail.values() if change for reply in change.get("reply", ())]
        said = [text for text in said if text in changed] or sorted(said, key=len)[-1:]
    sentence = re.split(r"(?<=[.!?]) ", said[0])[0] if said else ""
    return sentence.rstrip(".,;:") if 10 < len(sentence) < QUOTE_CHARS else ""


def judge_policy(
    truth: Iterable[Truth], tpr: float = 0.9, tnr: float = 0.85, seed: int = 0
) -> Policy:
    """Make a scripted judge. It is simulated: it does not read the trace, it knows the answer and
    errs on purpose.

    It calls a good trace ``pass`` with probability `tpr`, and a planted failure ``fail`` with
    `tnr`; a hash of seed and trace id decides, so that the order and the number of calls change
    nothing. It finds the trace's id in
    ``metadata["user_id"]``, else in the text as ``Trace <id>``. A trace that it has no truth for is refused, which a
    judge counts as unscored. Raises ValueError for a rate that is not between 0 and 1, or a failure
    not of Harbor's.
    """
    for name, rate in (("tpr", tpr), ("tnr", tnr)):
        if not 0 <= rate <= 1:
            raise ValueError(f"{name} is a probability, not {rate}")
    known = {one.trace_id: one for one in truth}
    if strangers := {one.failure for one in known.values() if one.failure} - set(FAILURE_MODES):
        raise ValueError(
            f"{min(strangers)!r} is no failure of Harbor's: they are {', '.join(FAILURE_MODES)}"
        )

    def policy(request: Request) -> Answer:
        ids = (request.metadata.get("user_id"), *TRACE_ID.findall(canonical(request.messages)))
        planted = next((known[id_] for id_ in ids if id_ in known), None)
        if planted is None:
            return Answer("This simulated judge knows Harbor's traces only.", stopped="refusal")
        right = _chance(f"{seed}:{planted.trace_id}") < (tnr if planted.failure else tpr)
        fails = (planted.failure is not None) == right
        phrases = content("raters.yaml")[
            ("judge_fail" if planted.failure else "judge_strict") if fails else "judge_pass"
        ]
        phrase = phrases[int(_chance(f"critique:{planted.trace_id}") * len(phrases))]
        critique = phrase.format(what=FAILURE_MODES.get(planted.failure or "", ""))
        answer = {"critique": critique, "verdict": "fail" if fails else "pass"}
        return Answer(data=_by_criterion(request, planted, answer) or answer)

    return policy


def _by_criterion(
    request: Request, planted: Truth, answer: dict[str, str]
) -> dict[str, dict[str, str]]:
    """`answer` for one of the criteria that are asked for, the planted failure's by its place; a
    pass for the rest.
    """
    asked = [
        name
        for name, form in (request.schema or {}).get("properties", {}).items()
        if "$ref" in form
    ]
    at = list(FAILURE_MODES).index(planted.failure) if planted.failure else -1
    rest = {"critique": "It holds.", "verdict": "pass"}
    return {name: answer if n == at % len(asked) else rest for n, name in enumerate(asked)}


def _chance(key: str) -> float:
    return int.from_bytes(sha256(key.encode()).digest()[:8]) / 2**64
