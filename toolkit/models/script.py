"""Answer, Fault and Policy: a scripted model is a plain function of the request.

The same policy drives `ScriptedModel` in process and `LoopbackServer` over HTTP under the real SDK, and both give
the same Reply.
"""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from toolkit.models import wire
from toolkit.models.ledger import Ledger, State, cost_usd
from toolkit.models.model import Reply, Request, Stopped, ToolCall, Usage
from toolkit.records import canonical
from toolkit.traces import Source

Fault = Literal["close", "cut", "error", "hang"]
"""How a scripted stream breaks half-way: closed cleanly, cut, an ``error`` event, or silent for ever."""

FAULT_ENDS: dict[Fault, tuple[Stopped, str]] = {
    "close": wire.CLOSED,
    "cut": wire.CUT,
    "error": ("error", wire.error_event_why("overloaded_error", wire.SCRIPTED_ERROR)),
    "hang": wire.SILENT,
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
    stopped: Stopped | None = None
    """``max_tokens`` or ``refusal``; None for the natural end."""
    fault: Fault | None = None
    """Breaks the stream after half of the text."""
    status: int = 200
    """An HTTP status of 400 or more is answered with an error of the API's own shape, and nothing else."""
    delay_s: float = 0.0
    """Pause between two pieces of the stream."""
    usage: Usage | None = None
    """None counts a token for every four characters."""

    def __post_init__(self) -> None:
        if self.stopped is not None and self.stopped not in wire.SCRIPTED_STOPS:
            raise ValueError(f"an Answer cannot stop with {self.stopped!r}: script it with fault= or status=")
        if self.status != 200 and self.status < 400:
            raise ValueError(f"status {self.status}: use 200, or 400 and above")

    @property
    def words(self) -> str:
        """The text as it is sent: `data` as JSON where there is data."""
        return self.text if self.data is None else json.dumps(self.data, ensure_ascii=False)

    @property
    def message(self) -> str:
        """What an error status says."""
        return self.text or f"scripted status {self.status}"

    @property
    def stop_reason(self) -> str:
        """The API's word for how the message ends."""
        return wire.SCRIPTED_STOPS[self.stopped or ("tool_use" if self.tools else "end")]


Policy = Callable[[Request], Answer]
"""Must depend on the request alone, so that the same question gets the same answer."""


def pieces_of(text: str) -> list[str]:
    """Split `text` into the pieces of a stream: each word with the white space after it.

    >>> pieces_of("one  bike, please")
    ['one  ', 'bike, ', 'please']
    """
    return re.findall(r"\S+\s*|\s+", text)


def half(text: str) -> str:
    """What is sent of `text` before a fault."""
    return text[: (len(text) + 1) // 2]


def input_tokens(request: Request) -> int:
    """Tokens of a simulated prompt: one for every four characters of system, messages and tools."""
    return len(canonical([request.system, request.messages, request.tools])) // CHARS_PER_TOKEN


def usage_of(request: Request, answer: Answer) -> Usage:
    """What the whole of `answer` counts."""
    if answer.usage is not None:
        return answer.usage
    said = answer.words + "".join(name + canonical(arguments) for name, arguments in answer.tools)
    return Usage(input_tokens(request), len(said) // CHARS_PER_TOKEN)


def calls_of(request: Request, answer: Answer) -> tuple[ToolCall, ...]:
    """The tool calls of `answer`, with ids that depend on the request and the position alone."""
    bare = Request(request.messages, request.system, request.tools)
    stem = wire.fingerprint(bare, "")[:20]
    return tuple(ToolCall(f"toolu_{stem}{n:02d}", name, args) for n, (name, args) in enumerate(answer.tools))


def ask(policy: Policy, request: Request) -> tuple[Answer, Exception | None]:
    """What `policy` answers; one that raises answers with status 500, and its exception is handed back."""
    try:
        answer = policy(request)
        if not isinstance(answer, Answer):
            raise TypeError(f"a policy must return an Answer, not {type(answer).__name__}")
    except Exception as error:  # a policy is the user's own code
        return Answer(f"the policy raised {type(error).__name__}", status=500), error
    return answer, None


def reply_of(request: Request, answer: Answer, name: str, timeout_s: float) -> tuple[Reply, State]:
    """The Reply that a client makes of `answer`, and what the ledger says of it."""
    usage = usage_of(request, answer)
    if answer.status >= 400:
        why = wire.error_why(answer.status, wire.error_type(answer.status), answer.message)
        return Reply("", "error", name, "simulated", why=why), "free"
    if answer.fault:
        stopped, why = FAULT_ENDS[answer.fault]
        usage, why = Usage(usage.input_tokens, 0), why.format(timeout_s=timeout_s)
        return Reply(half(answer.words), stopped, name, "simulated", usage, why=why), "possibly billed"
    calls = calls_of(request, answer)
    reply = wire.conclude(request, name, "simulated", answer.words, answer.stop_reason, calls, usage)
    return reply, "billed"


@dataclass
class ScriptedModel:
    """A policy as a Model, in process: its Replies are those of the real SDK on a `LoopbackServer`."""

    policy: Policy
    """The plain function that answers."""
    name: str = "claude-haiku-5-5"
    """The model that it stands for, which sets the prices."""
    ledger: Ledger = field(default_factory=Ledger)
    """Counts what it would have cost."""
    timeout_s: float = 60.0
    """How long a scripted hang lasts before it is a timeout."""
    errors: list[Exception] = field(default_factory=list)
    """What the policy raised."""

    def __post_init__(self) -> None:
        cost_usd(self.name, Usage())

    @property
    def source(self) -> Source:
        """Always ``simulated``."""
        return "simulated"

    async def reply(self, request: Request) -> Reply:
        """Answer `request`. Raises `BudgetExceeded` where the ledger's cap forbids the call."""
        return await wire.whole(self.stream(request))

    async def stream(self, request: Request) -> wire.Pieces:
        """The words as they come, and at the end the whole Reply."""
        number = self.ledger.begin(self.name, self.source, request)
        state: State = "possibly billed"
        status, usage, why = 200, Usage(), "given up before its end"
        try:
            answer = self._answer(request)
            reply, ends = reply_of(request, answer, self.name, self.timeout_s)
            for piece in pieces_of(reply.text):
                await asyncio.sleep(answer.delay_s)
                yield piece
            if answer.fault == "hang":
                await asyncio.sleep(self.timeout_s)
            state, status, usage, why = ends, answer.status, reply.usage, reply.why
        finally:
            self.ledger.end(number, state, status, usage, why)
        yield reply

    def _answer(self, request: Request) -> Answer:
        if wrong := wire.what_is_wrong(wire.body_of(request, self.name)):
            return Answer(wrong, status=400)
        answer, error = ask(self.policy, request)
        if error:
            self.errors.append(error)
        return answer
