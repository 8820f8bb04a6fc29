"""Request, Reply and the Model protocol: what a model is asked, and what may come back."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from toolkit.shown import Shown
from toolkit.traces import Source

logger = logging.getLogger(__name__)

Stopped = Literal["end", "tool_use", "max_tokens", "refusal", "truncated", "error", "timeout"]
"""Why a reply stopped. Only ``end`` and ``tool_use`` are results; the others are typed non-results.
"""

State = Literal["open", "billed", "free", "possibly billed"]
"""Of an attempt: under way; answered and charged; refused without charge; died in flight, so nobody
here knows.
"""

Progress = Callable[[int, int], object]
"""Gets (done, all). One that raises is reported, and costs no reply: see `reporting`."""

DAY_S = 86_400.0  # by then a batch has expired

Price = float | tuple[float, float]
"""Dollars per million tokens, of the input and of the output; one number is both."""

TokenCount = Annotated[int, Field(strict=True, ge=0, le=10**12)]
"""A count that a server claims: checked on arrival, so that none can run a ledger backwards."""


@dataclass(frozen=True, slots=True)
class Usage(Shown):
    """Tokens of one attempt."""

    input_tokens: TokenCount = 0
    """All of the prompt, what was written to the prompt cache and read from it included."""
    output_tokens: TokenCount = 0
    cache_write_5m_tokens: TokenCount = 0
    """Of the input: written to the cache for five minutes."""
    cache_write_1h_tokens: TokenCount = 0
    """Of the input: written to the cache for an hour."""
    cache_read_tokens: TokenCount = 0
    """Of the input: read from the cache."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model asks for."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked, in the Messages API's own terms."""

    messages: tuple[dict[str, Any], ...]
    """``{"role": "user" | "assistant", "content": str | list of blocks}``."""
    system: str | None = None
    tools: tuple[dict[str, Any], ...] = ()
    """``{"name", "description", "input_schema"}``."""
    schema: dict[str, Any] | None = None
    """A JSON schema: the reply is then one JSON object, in `Reply.parsed`."""
    max_tokens: int = 2048
    metadata: dict[str, str] = field(default_factory=dict)
    """Sent as it is; ``user_id`` names the conversation for a scripted policy."""


@dataclass(frozen=True, slots=True)
class Reply(Shown):
    """What came back. Where `ok` is False there is no verdict to read and no tool to run."""

    text: str
    """The words; of a non-result, as far as they came."""
    stopped: Stopped
    model: str
    source: Source
    usage: Usage = Usage()
    tool_calls: tuple[ToolCall, ...] = ()
    parsed: dict[str, Any] | None = None
    """The JSON object asked for by `Request.schema`."""
    why: str = ""
    """Of a non-result: what happened, in words."""
    blocks: tuple[dict[str, Any], ...] = ()
    """Of a result: its content blocks as they came, thinking included, to send back as the
    assistant's message.
    """

    @property
    def ok(self) -> bool:
        """Whether this is a result."""
        return self.stopped in ("end", "tool_use")


class Model(Protocol):
    """Anything that answers a `Request`. Failures to answer are Replies with ``ok`` False, not
    exceptions.
    """

    name: str
    """As in the price table."""
    source: Source
    price: Price | None = None
    """None for that of the price table."""

    def stream(self, request: Request) -> AsyncGenerator[str | Reply, None]:
        """The words as they come, and at the end the whole Reply. Raises `BudgetExceeded` where a
        cap forbids it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not stream: write stream(request), or call reply"
        )

    async def reply(self, request: Request) -> Reply:
        """The Reply at the end of the stream."""
        async with aclosing(self.stream(request)) as pieces:
            *_, reply = [piece async for piece in pieces]
        assert isinstance(reply, Reply)
        return reply


def reporting(progress: Callable[..., object] | None) -> Callable[..., None]:
    """`progress` as a function that never raises: what it raises first is logged, and then it is
    not called again.

    Replies that were paid for must not be lost to a progress bar.
    """
    broken = progress is None

    def report(*counts: object) -> None:
        nonlocal broken
        if broken or progress is None:
            return
        try:
            progress(*counts)
        except Exception:
            broken = True
            logger.exception(
                "the progress callback raised; the work goes on, and it is not called again"
            )

    return report
