"""Call: one reply of the SDK under way, from the first HTTP attempt to the Reply."""

import os
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import httpx2
from anthropic import APIConnectionError, APIStatusError, APITimeoutError, AsyncAnthropic, transform_schema

from toolkit.models import wire
from toolkit.models.ledger import State
from toolkit.models.model import Reply, Request, Stopped, Usage

if TYPE_CHECKING:
    from toolkit.models.claude import ClaudeModel

OWN_HEADERS = re.compile(
    "host|connection|user-agent|anthropic-version|idempotency-key|(accept|content|x-stainless)(-.*)?", re.IGNORECASE
)


class Call:
    """What was heard of a reply so far, and the HTTP attempts that it took."""

    def __init__(self, model: "ClaudeModel", request: Request):
        self.model, self.request = model, request
        self.text, self.usage = "", Usage()
        self.whole: Reply | None = None
        self.failure: tuple[Stopped, str] = ("truncated", "given up before its end")
        self.attempts: list[int] = []

    def arguments(self) -> dict[str, Any]:
        """What the SDK is called with."""
        body = wire.body_of(self.request, self.model.name)
        if self.request.schema is not None:
            # the API takes a subset of JSON schema; what is dropped here is checked again on arrival
            body["output_config"]["format"]["schema"] = transform_schema(self.request.schema)
        return body

    def hear(self, event: Any, events: Any) -> str:
        """Note one event of the stream; the words in it. What follows message_stop is not heard."""
        if self.whole is not None:
            return ""
        if event.type in ("message_start", "message_delta", "message_stop"):
            message = events.current_message_snapshot.to_dict(warnings=False)
            self.usage = wire.usage_of(message)
            if event.type == "message_stop":
                model = self.model
                self.whole = wire.conclude(self.request, model.name, model.source, self.text, message)
        words = wire.well_formed(event.text) if event.type == "text" else ""
        self.text += words
        return words

    def settle(self) -> None:
        """Close the attempts that are open in the ledger."""
        state: State = "billed" if self.whole else "possibly billed"
        why = "" if self.whole else self.failure[1]
        while self.attempts:
            self.model.ledger.end(self.attempts.pop(), state, 200, self.usage, why)

    def reply(self) -> Reply:
        """The Reply to what was heard."""
        stopped, why = self.failure
        return self.whole or Reply(self.text, stopped, self.model.name, self.model.source, self.usage, why=why)

    async def count(self, http: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        """Middleware of the SDK, run once for each HTTP attempt: it keeps the ledger."""
        ledger = self.model.ledger
        number = ledger.begin(self.model.name, self.model.source, self.request)
        try:
            response = await call_next(http)
        except BaseException as error:
            unsent = isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)
            ledger.end(number, "free" if unsent else "possibly billed", why=str(error) or repr(error))
            raise
        if response.status_code >= 400:
            ledger.end(number, "free", response.status_code, why=f"HTTP {response.status_code}")
        else:
            self.attempts.append(number)
        return response


def failure_of(error: Exception, timeout_s: float) -> tuple[Stopped, str]:
    """What `error` means for the reply: a stream can break in more ways than the SDK has types for."""
    if isinstance(error, TimeoutError | APITimeoutError | httpx2.TimeoutException):
        return "timeout", wire.SILENT.format(timeout_s=timeout_s)
    if isinstance(error, APIStatusError):
        kind, message = error.type or type(error).__name__, error.api_message or str(error)
        return "error", wire.error_why(error.status_code, kind, message)
    if isinstance(error, APIConnectionError):
        return "error", f"no answer: {error.__cause__ or error}"
    if isinstance(error, httpx2.TransportError):
        return wire.CUT
    return "error", f"{type(error).__name__}: {error}"


def client_of(model: "ClaudeModel") -> AsyncAnthropic:
    """The SDK's client for `model`: where it has a `base_url`, without proxies, headers and keys of the environment."""

    async def keep_own(request: httpx2.Request) -> None:
        for name in [name for name in request.headers if not OWN_HEADERS.fullmatch(name)]:
            del request.headers[name]
        request.headers["authorization"] = f"Bearer {model.api_key}"

    hooks = {"request": [keep_own]}
    own = httpx2.AsyncClient(timeout=model.timeout_s, trust_env=False, event_hooks=hooks) if model.base_url else None
    return AsyncAnthropic(
        api_key=model.api_key or os.environ.get("ANTHROPIC_API_KEY"),
        base_url=model.base_url,
        http_client=own,
        timeout=model.timeout_s,
        max_retries=model.max_retries,
        open_telemetry=False,
    )
