"""Checks by requests over HTTP, and the grading of what the app answers."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from toolkit.harness.checking.app import App, run_inside
from toolkit.harness.checking.finding import SHOWN, Finding, as_file
from toolkit.harness.contract_checks import Exchange, HttpRequest, Scalar
from toolkit.harness.evidence import Grade
from toolkit.harness.sandbox import clip

BODY_CHARS = 4_000
"""How much of an answer's body is kept."""
COUNT = "#"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request."""

    status: int = 0
    body: str = ""
    error: str = ""
    """Why nothing came back."""


async def check_exchange(check: Exchange, app: App) -> Finding:
    """Send the requests, and grade what comes back."""
    answers = await send_all(check.requests, app, check.timeout_s)
    grade, why = grade_answers(check.requests, answers)
    observed = describe(check.requests, answers)
    return Finding(grade, why, {"exchange": observed}, {"exchange.json": as_file(observed)})


async def send_all(
    requests: Sequence[HttpRequest], app: App, timeout_s: float
) -> tuple[Answer, ...]:
    """The answers to requests, in their order."""
    question = {
        "port": app.port,
        "timeout_s": timeout_s,
        "requests": [asdict(request) for request in requests],
    }
    return await run_inside(app.box, "http", question, tuple[Answer, ...], timeout_s)


def describe(requests: Sequence[HttpRequest], answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Requests and their answers, long bodies clipped."""
    described = []
    for request, answer in zip(requests, answers, strict=False):
        described.append(
            {
                "request": f"{request.method} {request.path}",
                "sent": request.body,
                **asdict(answer),
                "body": clip(answer.body, BODY_CHARS),
            }
        )
    return described


def grade_answers(requests: Sequence[HttpRequest], answers: Sequence[Answer]) -> tuple[Grade, str]:
    """Whether every answer is as its request says, and the first fault."""
    if len(answers) != len(requests):
        return "unscored", f"{len(answers)} answers to {len(requests)} requests"
    for request, answer in zip(requests, answers, strict=True):
        fault = _fault(request, answer)
        if fault:
            return "fail", f"{request.method} {request.path}: {fault}"
    return "pass", SHOWN


def _fault(request: HttpRequest, answer: Answer) -> str | None:
    """What of an answer is not as it was promised."""
    if answer.error:
        return answer.error
    if answer.status != request.status:
        return f"status {answer.status}, and {request.status} was promised"
    for text in request.texts:
        if text not in answer.body:
            return f"{text!r} is not in the answer"
    if not request.values:
        return None
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return "the answer is no JSON"
    for value in request.values:
        try:
            held = at_path(document, value.name)
        except (LookupError, ValueError):
            return f"there is no {value.name} in the answer"
        if not _is_same(held, value.value):
            return f"{value.name} is {clip(repr(held), 200)}, and {value.value!r} was promised"
    return None


def at_path(document: Any, path: str) -> Any:
    """The value at a path through JSON. Raises LookupError where there is none.

    >>> at_path({"tasks": [{"title": "milk"}]}, "tasks.0.title")
    'milk'
    >>> at_path({"tasks": [{"title": "milk"}]}, "tasks.#")
    1
    """
    value = document
    for part in path.split(".") if path else []:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list | dict) and part == COUNT:
            value = len(value)
        elif isinstance(value, list) and part.isdecimal():
            value = value[int(part)]
        else:
            raise LookupError(part)
    return value


def _is_same(held: Any, promised: Scalar) -> bool:
    """Whether two values are the same; true is not 1."""
    return isinstance(held, bool) == isinstance(promised, bool) and bool(held == promised)
