"""Request, Reply and the Model protocol: what a model is asked, and what may come back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from toolkit.traces import Source

Stopped = Literal["end", "tool_use", "max_tokens", "refusal", "truncated", "error", "timeout"]
"""Why a reply stopped. Only ``end`` and ``tool_use`` are results; the others are typed non-results."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one attempt."""

    input_tokens: int = 0
    output_tokens: int = 0


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
    """The system prompt."""
    tools: tuple[dict[str, Any], ...] = ()
    """``{"name", "description", "input_schema"}``."""
    schema: dict[str, Any] | None = None
    """A JSON schema: the reply is then one JSON object, in `Reply.parsed`."""
    max_tokens: int = 2048
    metadata: dict[str, str] = field(default_factory=dict)
    """Sent as it is; ``user_id`` names the conversation for a scripted policy."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Where `ok` is False there is no verdict to read and no tool to run."""

    text: str
    """The words; of a non-result, as far as they came."""
    stopped: Stopped
    model: str
    source: Source
    usage: Usage = Usage()
    tool_calls: tuple[ToolCall, ...] = ()
    """Empty unless `stopped` is ``tool_use``."""
    parsed: dict[str, Any] | None = None
    """The JSON object asked for by `Request.schema`; None where none was asked or none came."""
    why: str = ""
    """Of a non-result: what happened, in words."""

    @property
    def ok(self) -> bool:
        """Whether this is a result."""
        return self.stopped in ("end", "tool_use")


class Model(Protocol):
    """Anything that answers a `Request`. Failures to answer are Replies with ``ok`` False, not exceptions."""

    @property
    def name(self) -> str:
        """The model's name, as in the price table."""

    @property
    def source(self) -> Source:
        """``live``, ``tape`` or ``simulated``."""

    async def reply(self, request: Request) -> Reply:
        """Answer `request`."""

    def stream(self, request: Request) -> AsyncIterator[str | Reply]:
        """The words as they come, each a str, and at the end the whole Reply."""
