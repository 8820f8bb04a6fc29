"""A simulated judge for Harbor's traces, whose error rates are known because they were put in."""

import hashlib
import re
from collections.abc import Iterable, Mapping

from toolkit.harbor.content import content
from toolkit.harbor.raters import Truth
from toolkit.harbor.situations import FAILURE_MODES
from toolkit.models import Answer, Policy, Request

TRACE_ID = re.compile(r"\bTrace ([\w.-]+)")


def judge_policy(truth: Iterable[Truth], tpr: float = 0.9, tnr: float = 0.85, seed: int = 0) -> Policy:
    """Make a scripted judge. It is simulated: it does not read the trace, it knows the answer and errs on purpose.

    The positive class is ``pass``, as in `toolkit.evals.align`. Whether it errs on a trace is decided by a hash of
    seed and trace id, so the order and the number of calls change nothing.

    Parameters
    ----------
    truth : iterable of Truth
        As `load_truth` gives it.
    tpr : float
        The probability that a good trace is called ``pass``.
    tnr : float
        The probability that a planted failure is called ``fail``.
    seed : int
        Another seed errs on other traces.

    Returns
    -------
    Policy
        Finds the trace's id in ``metadata["user_id"]``, else in the text as ``Trace <id>``. A trace that it has no
        truth for is refused, which a judge counts as unscored.

    Raises
    ------
    ValueError
        For a rate that is not between 0 and 1.
    """
    for name, rate in (("tpr", tpr), ("tnr", tnr)):
        if not 0 <= rate <= 1:
            raise ValueError(f"{name} is a probability, not {rate}")
    known = {one.trace_id: one for one in truth}

    def policy(request: Request) -> Answer:
        planted = _find(request, known)
        if planted is None:
            return Answer("This simulated judge knows Harbor's traces only.", stopped="refusal")
        right = _chance(f"{seed}:{planted.trace_id}") < (tnr if planted.failure else tpr)
        fails = (planted.failure is not None) == right
        answer = {"critique": _critique(planted, fails), "verdict": "fail" if fails else "pass"}
        return Answer(data=_by_criterion(request, planted, answer) or answer)

    return policy


def _by_criterion(request: Request, planted: Truth, answer: dict[str, str]) -> dict[str, dict[str, str]]:
    """`answer` for one of the criteria that are asked for, the planted failure's by its place; a pass for the rest."""
    asked = [name for name, form in (request.schema or {}).get("properties", {}).items() if "$ref" in form]
    modes = list(FAILURE_MODES)
    at = modes.index(planted.failure) if planted.failure else -1
    rest = {"critique": "It holds.", "verdict": "pass"}
    return {name: answer if n == at % len(asked) else rest for n, name in enumerate(asked)}


def _find(request: Request, known: Mapping[str, Truth]) -> Truth | None:
    if named := known.get(request.metadata.get("user_id", "")):
        return named
    contents = (message["content"] for message in request.messages)
    blocks = ([{"text": content}] if isinstance(content, str) else content for content in contents)
    ids = (id_ for block in blocks for part in block for id_ in TRACE_ID.findall(str(part.get("text", ""))))
    return next((known[id_] for id_ in ids if id_ in known), None)


def _chance(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64


def _critique(planted: Truth, fails: bool) -> str:
    bank = ("judge_fail" if planted.failure else "judge_strict") if fails else "judge_pass"
    phrases = content("raters.yaml")[bank]
    phrase: str = phrases[int(_chance(f"critique:{planted.trace_id}") * len(phrases))]
    return phrase.format(what=FAILURE_MODES.get(planted.failure or "", ""))
