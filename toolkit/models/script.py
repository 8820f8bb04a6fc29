"""Answer, Fault and Policy: a scripted model is a plain function of the request.

The same policy drives `ScriptedModel` in process and `LoopbackServer` over HTTP under the real SDK.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from toolkit.models.model import Request, Stopped, Usage

Fault = Literal["close", "cut", "error", "hang"]
"""How a scripted stream breaks half-way: closed cleanly, cut, an ``error`` event, or silent for ever."""


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


Policy = Callable[[Request], Answer]
"""Must depend on the request alone, so that the same question gets the same answer."""
