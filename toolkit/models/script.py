"""Answer, Fault and Policy: one plain function drives `ScriptedModel` and `LoopbackServer`, to the
same Reply.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from toolkit.models import wire
from toolkit.models.bodies import message_problem
from toolkit.models.ledger import Ledger
from toolkit.models.model import Model, Reply, Request, State, Stopped, Usage
from toolkit.models.prices import cost_usd, price_table
from toolkit.records import canonical, fingerprint
from toolkit.traces import Source

Fault = Literal["close", "cut", "error", "hang"]
"""How a scripted stream breaks half-way: closed cleanly, cut, an ``error`` event, or silent for
ever. In a batch of a `LoopbackServer`, what hangs expires and what breaks is errored.
"""

BROKEN = {"type": "overloaded_error", "message": "scripted error in mid-stream"}
HOW_A_FAULT_ENDS: dict[Fault, tuple[Stopped, str]] = {
    "close": wire.CLOSED,
    "cut": wire.CUT,
    "error": ("error", wire.error_why(200, **BROKEN)),
    "hang": ("timeout", wire.SILENT),
}
ERROR_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What a policy wants said."""

    text: str = ""
    tools: tuple[tuple[str, dict[str, Any]], ...] = ()
    """Tools to call: ``(name, arguments)``."""
    data: dict[str, Any] | None = None
    """A JSON object, sent as the text: the answer to a request with a schema."""
    stopped: Literal["max_tokens", "refusal"] | None = None
    """None for the natural end."""
    fault: Fault | None = None
    """Breaks the stream after the first half of the text."""
    status: int = 200
    """An HTTP status of 400 or more is answered with an error of the API's own shape, and nothing
    else.
    """
    delay_s: float = 0.0
    """Pause between two pieces of the stream."""
    usage: Usage | None = None
    """None counts a token for every four characters."""

    def __post_init__(self) -> None:
        if self.stopped not in (None, "max_tokens", "refusal"):
            raise ValueError(
                f"an Answer cannot stop with {self.stopped!r}: script it with fault= or status="
            )
        if self.status != 200 and self.status < 400:
            raise ValueError(f"status {self.status}: use 200, or 400 and above")

    @property
    def words(self) -> str:
        """The text as it is sent: `data` as JSON where there is data."""
        if self.data is None:
            return wire.well_formed(self.text)
        return wire.well_formed(json.dumps(self.data, ensure_ascii=False))

    @property
    def error(self) -> dict[str, str]:
        """The API's error for a status of 400 or more."""
        default = "api_error" if self.status >= 500 else "invalid_request_error"
        kind = ERROR_TYPES.get(self.status, default)
        return {"type": kind, "message": self.text or f"scripted status {self.status}"}


Policy = Callable[[Request], Answer]
"""Must depend on the request alone, so that the same question gets the same answer."""


def first_half(text: str) -> str:
    """What is sent of `text` before a fault."""
    return text[: (len(text) + 1) // 2]


def pieces_of(text: str) -> list[str]:
    """Split `text` into the pieces of a stream: each word with the white space after it."""
    return re.findall(r"\S+\s*|\s+", text)


def answer_to(
    body: Any, policy: Policy, errors: list[Exception], any_model: bool = False
) -> Answer:
    """What `policy` answers to `body`, or an error status: for a wrong body, a model without a
    price, or where it raises (kept in `errors`).
    """
    problem = message_problem(body)
    if problem:
        return Answer(problem, status=400)
    if not any_model and body["model"] not in price_table()["models"]:
        return Answer(f"model: {body['model']}", status=404)
    try:
        answer = policy(wire.request_of(body))
        if not isinstance(answer, Answer):
            raise TypeError(f"a policy must return an Answer, not {type(answer).__name__}")
    except Exception as error:  # a policy is the user's own code
        errors.append(error)
        return Answer(f"the policy raised {type(error).__name__}", status=500)
    return answer


def message_of(body: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """The message of the API that says `answer`; its ids depend on messages, system and tools of
    `body` alone.
    """
    prompt = canonical([body.get("system"), body["messages"], body.get("tools") or []])
    stem = fingerprint(prompt)[:20]
    content: list[dict[str, Any]] = []
    output = answer.words
    if answer.words:
        content.append({"type": "text", "text": answer.words})
    for number, (name, arguments) in enumerate(answer.tools):
        id_ = f"toolu_{stem}{number:02d}"
        content.append({"type": "tool_use", "id": id_, "name": name, "input": arguments})
        output += name + canonical(arguments)
    usage = answer.usage or Usage(len(prompt) // CHARS_PER_TOKEN, len(output) // CHARS_PER_TOKEN)
    natural_end = "tool_use" if answer.tools else "end_turn"
    return {
        "id": f"msg_{stem}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": answer.stopped or natural_end,
        "stop_sequence": None,
        "usage": wire.usage_to_api(usage),
    }


@dataclass
class ScriptedModel(Model):
    """A policy as a Model, in process. Its Replies are those of the SDK on a `LoopbackServer`."""

    policy: Policy
    name: str = "claude-haiku-5-5"
    """The model that it stands for, which sets the prices."""
    ledger: Ledger = field(default_factory=Ledger)
    """Counts what it would have cost."""
    timeout_s: float = 60.0
    """How long a scripted hang lasts before it is a timeout."""
    errors: list[Exception] = field(default_factory=list)
    """What the policy raised."""
    source: Source = field(default="simulated", init=False)

    def __post_init__(self) -> None:
        cost_usd(self.name, Usage())

    async def stream(self, request: Request) -> AsyncGenerator[str | Reply, None]:
        numbers = await self.ledger.reserve(self.name, self.source, request)
        # What the ledger is told where the stream is given up before its end.
        state: State = "possibly billed"
        status = 200
        used = Usage()
        why = wire.GIVEN_UP[1]
        try:
            body = wire.body_of(request, self.name)
            answer = answer_to(body, self.policy, self.errors)
            reply, state_at_end = self._reply(request, body, answer)
            if state_at_end != "free":  # the prompt's cost is known from the first event on
                used = replace(reply.usage, output_tokens=0)
            for piece in pieces_of(reply.text):
                await asyncio.sleep(answer.delay_s)
                yield piece
            if answer.fault == "hang":
                await asyncio.sleep(self.timeout_s)
            state = state_at_end
            status = answer.status
            used = reply.usage
            why = reply.why
        finally:
            self.ledger.end(numbers, state, status, used, why)
        yield reply

    def _reply(self, request: Request, body: dict[str, Any], answer: Answer) -> tuple[Reply, State]:
        """The Reply that `answer` makes, and whether its attempt was charged."""
        if answer.status >= 400:
            why = wire.error_why(answer.status, **answer.error)
            return Reply("", "error", self.name, self.source, why=why), "free"
        message = message_of(body, answer)
        if not answer.fault:
            reply = wire.conclude(request, self.name, self.source, answer.words, message)
            return reply, "billed"
        stopped, why = HOW_A_FAULT_ENDS[answer.fault]
        why = why.format(timeout_s=self.timeout_s)
        text = first_half(answer.words)
        usage = Usage(message["usage"]["input_tokens"])
        return Reply(text, stopped, self.name, self.source, usage, why=why), "possibly billed"
