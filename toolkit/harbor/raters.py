"""Simulated raters, and a simulated judge: they know the planted truth, and err at rates that are
known.

No person wrote the labels; the judge does not read the trace.
"""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from toolkit.evals import Label
from toolkit.harbor.files import Truth, content
from toolkit.harbor.situations import FAILURE_MODES, situations
from toolkit.harbor.tools import CHANGES
from toolkit.models import Answer, Policy, Request
from toolkit.records import canonical
from toolkit.traces import Trace

QUOTE_CHARS = 90
SHORTEST_QUOTE_CHARS = 10
DAY_S = 86_400
FOUR_HOURS_S = 4 * 3600
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
    taken: dict[str, str] = {}  # the reason that the rater before gave, by trace
    for rater in RATERS:
        rng = random.Random(f"{seed}:{rater.name}")
        for trace in rated:
            label = _rate(rater, trace, known[trace.id], rng, taken.get(trace.id, ""))
            labels.append(label)
            taken[trace.id] = label.why
    return labels


def _rate(rater: Rater, trace: Trace, truth: Truth, rng: random.Random, taken: str) -> Label:
    """One label, wrong at the rater's rates, for another reason than `taken`; all chance comes from
    `rng`.
    """
    chance = rater.sensitivity if truth.failure else rater.specificity
    is_right = rng.random() < chance
    fails = (truth.failure is not None) == is_right
    time = (trace.steps[-1].time or 0.0) + DAY_S + rng.randrange(FOUR_HOURS_S)
    bank = "pass"
    if fails:
        bank = truth.failure or "strict"
    reasons = [reason for reason in _reasons(bank, trace, truth) if reason != taken]
    return Label(
        trace_id=trace.id,
        rater=rater.name,
        verdict="fail" if fails else "pass",
        why=rng.choice(reasons),
        rater_kind="simulated",
        id=f"{rater.name}-{trace.id}",
        time=float(round(time)),
    )


def _reasons(bank: str, trace: Trace, truth: Truth) -> list[str]:
    """The phrases of a `bank` that the trace can fill."""
    slots = _slots(bank, trace, truth)
    empty = [f"{{{name}}}" for name, value in slots.items() if not value]
    reasons = []
    for phrase in content("raters.yaml")[bank]:
        if not any(slot in phrase for slot in empty):
            reasons.append(phrase.format(**slots))
    return reasons


def _slots(bank: str, trace: Trace, truth: Truth) -> dict[str, str]:
    """What the trace can fill into a phrase, blank where it cannot: of a failure, from the place
    where it shows.
    """
    tool, arguments = _call_that_shows(bank, trace)
    amount = ""
    if "amount_eur" in arguments:
        amount = f"€{arguments['amount_eur']:g}"
    return {
        "tool": tool,
        "booking": arguments.get("booking_id", ""),
        "amount": amount,
        "quote": _quote(trace, bank, truth),
    }


def _call_that_shows(bank: str, trace: Trace) -> tuple[str, dict[str, Any]]:
    """Name and arguments of the tool call in which a failure shows; blank where there is none."""
    calls = [(call.content, call.data["arguments"]) for call in trace.calls]
    changes = [call for call in calls if call[0] in CHANGES]
    shows = changes or calls
    if bank == "repeated_call":
        repeated = [call for number, call in enumerate(calls) if call in calls[:number]]
        shows = repeated[:1]
    elif bank == "ignores_constraint":
        shows = changes
    elif bank == "leaks_data":
        shows = [call for call in calls if call[0] == "find_booking"]
    return shows[-1] if shows else ("", {})


def _quote(trace: Trace, bank: str, truth: Truth) -> str:
    """A sentence of the agent's: the one that shows the failure, or one that shows what it was
    like.
    """
    texts = []
    for step in trace.steps:
        if step.kind == "message" and step.actor == "assistant":
            texts.append(step.content)
    fail = situations()[truth.situation].fail.get(bank, {})
    if "mark" in fail:
        quoted = _marked_sentences(texts, fail["mark"])
    else:
        failing = _failing_replies(fail)
        longest = sorted(texts, key=len)[-1:]
        quoted = [text for text in texts if text in failing] or longest
    if not quoted:
        return ""
    sentence = re.split(r"(?<=[.!?]) ", quoted[0])[0]
    if not SHORTEST_QUOTE_CHARS < len(sentence) < QUOTE_CHARS:
        return ""
    return sentence.rstrip(".,;:")


def _marked_sentences(texts: list[str], mark: str) -> list[str]:
    """The sentences that hold the pattern `mark`."""
    marked = []
    for text in texts:
        for sentence in re.split(r"(?<=[.!?:;]) ", text):
            if re.search(mark, sentence, re.IGNORECASE):
                marked.append(sentence)
    return marked


def _failing_replies(fail: dict[Any, Any]) -> list[str]:
    """The replies that the agent gives where it fails in this way."""
    replies: list[str] = []
    for change in fail.values():
        if change:
            replies += change.get("reply", ())
    return replies


def judge_policy(
    truth: Iterable[Truth], tpr: float = 0.9, tnr: float = 0.85, seed: int = 0
) -> Policy:
    """Make a scripted judge. It is simulated: it does not read the trace, it knows the answer and
    errs on purpose.

    It calls a good trace ``pass`` with probability `tpr`, and a planted failure ``fail`` with
    `tnr`; a hash of seed and trace id decides, so that the order and the number of calls change
    nothing. It finds the trace's id in
    ``metadata["user_id"]``, else in the text as ``Trace <id>``. A trace that it has no truth for is
    refused, which a judge counts as unscored. Raises ValueError for a rate that is not between 0
    and 1, or a failure not of Harbor's.
    """
    _check_rate("tpr", tpr)
    _check_rate("tnr", tnr)
    known = {planted.trace_id: planted for planted in truth}
    failures = {planted.failure for planted in known.values() if planted.failure}
    strangers = failures - set(FAILURE_MODES)
    if strangers:
        raise ValueError(
            f"{min(strangers)!r} is no failure of Harbor's: they are {', '.join(FAILURE_MODES)}"
        )

    def policy(request: Request) -> Answer:
        text = canonical(request.messages)
        ids = [request.metadata.get("user_id"), *TRACE_ID.findall(text)]
        planted = next((known[id_] for id_ in ids if id_ in known), None)
        if planted is None:
            return Answer("This simulated judge knows Harbor's traces only.", stopped="refusal")
        rate = tnr if planted.failure else tpr
        is_right = _chance(f"{seed}:{planted.trace_id}") < rate
        fails = (planted.failure is not None) == is_right
        answer = {"critique": _critique(planted, fails), "verdict": "fail" if fails else "pass"}
        return Answer(data=_by_criterion(request, planted, answer) or answer)

    return policy


def _check_rate(name: str, rate: float) -> None:
    if not 0 <= rate <= 1:
        raise ValueError(f"{name} is a probability, not {rate}")


def _critique(planted: Truth, fails: bool) -> str:
    bank = "judge_pass"
    if fails:
        bank = "judge_fail" if planted.failure else "judge_strict"
    phrases = content("raters.yaml")[bank]
    chance = _chance(f"critique:{planted.trace_id}")
    phrase: str = phrases[int(chance * len(phrases))]
    return phrase.format(what=FAILURE_MODES.get(planted.failure or "", ""))


def _by_criterion(
    request: Request, planted: Truth, answer: dict[str, str]
) -> dict[str, dict[str, str]]:
    """`answer` for one of the criteria that are asked for, the planted failure's by its place; a
    pass for the rest.
    """
    schema = request.schema or {}
    criteria = [name for name, form in schema.get("properties", {}).items() if "$ref" in form]
    if not criteria:
        return {}
    answers = {name: {"critique": "It holds.", "verdict": "pass"} for name in criteria}
    number = -1
    if planted.failure:
        number = list(FAILURE_MODES).index(planted.failure)
    answers[criteria[number % len(criteria)]] = answer
    return answers


def _chance(key: str) -> float:
    """A number from 0 to 1, the same for the same key."""
    digest = sha256(key.encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
