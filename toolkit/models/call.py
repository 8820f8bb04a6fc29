"""Call: one reply of the SDK under way, from the first HTTP attempt to the Reply."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from toolkit.models import wire
from toolkit.models.ledger import BudgetExceeded, State
from toolkit.models.model import Reply, Request, Stopped, ToolCall, Usage

if TYPE_CHECKING:
    from anthropic.types import Message

    from toolkit.models.claude import ClaudeModel

BACKOFF_S = 8.0  # the SDK's longest pause before a retry


class Call:
    """What was heard of a reply so far, and the HTTP attempts that it took."""

    def __init__(self, model: "ClaudeModel", request: Request):
        self.model, self.request = model, request
        self.text = ""
        self.message: Message | None = None
        self.complete = False
        self.failure: tuple[Stopped, str] | None = None
        self.attempts: list[int] = []

    async def open(self, stack: AsyncExitStack) -> Any:
        """Send the request, with retries; the stream of events, or None where there is a failure."""
        tries = self.model.max_retries + 1
        try:
            client = (await self.model.client()).with_middleware(self._count)
            manager = client.messages.stream(**_sdk_arguments(self.request, self.model.name))
            async with asyncio.timeout(tries * (self.model.timeout_s + BACKOFF_S)):
                return await stack.enter_async_context(manager)
        except BudgetExceeded:
            raise
        except Exception as error:
            self.failure = _failure(error, self.model.timeout_s)
            return None

    async def next(self, events: Any) -> Any:
        """The next event; None at the end of the stream, whatever brought it about."""
        if events is None:
            return None
        try:
            async with asyncio.timeout(self.model.timeout_s):
                event = await anext(events, None)
            if event is None:
                return None
            if event.type == "message_start":
                self.message = events.current_message_snapshot
            self.complete = event.type == "message_stop"
            self.text += event.text if event.type == "text" else ""
        except Exception as error:  # a stream can break in more ways than the SDK has types for
            self.failure = _failure(error, self.model.timeout_s)
            return None
        return event

    def settle(self) -> None:
        """Close the attempts that are open in the ledger."""
        state: State = "billed" if self.complete else "possibly billed"
        why = "" if self.complete else (self.failure or ("", "given up before its end"))[1]
        while self.attempts:
            self.model.ledger.end(self.attempts.pop(), state, 200, self._usage, why)

    def reply(self) -> Reply:
        """The Reply to what was heard."""
        model, message = self.model, self.message
        failure = self.failure or (None if self.complete and message and message.stop_reason else wire.CLOSED)
        if failure or message is None:
            stopped, why = failure or wire.CLOSED
            return Reply(self.text, stopped, model.name, model.source, self._usage, why=why)
        blocks = [block for block in message.content if block.type == "tool_use"]
        calls = [ToolCall(block.id, block.name, block.input) for block in blocks]
        reason = str(message.stop_reason)
        return wire.conclude(self.request, model.name, model.source, self.text, reason, calls, self._usage)

    @property
    def _usage(self) -> Usage:
        if self.message is None:
            return Usage()
        used = self.message.usage
        cached = (used.cache_creation_input_tokens or 0) + (used.cache_read_input_tokens or 0)
        return Usage(used.input_tokens + cached, used.output_tokens)

    async def _count(self, http: Any, call_next: Callable[[Any], Any]) -> Any:
        """Middleware of the SDK, run once for each HTTP attempt: it keeps the ledger."""
        ledger = self.model.ledger
        number = ledger.begin(self.model.name, self.model.source, self.request)
        try:
            response = await call_next(http)
        except BaseException as error:
            ledger.end(number, "free" if _never_sent(error) else "possibly billed", why=str(error) or repr(error))
            raise
        if response.status_code >= 400:
            ledger.end(number, "free", response.status_code, why=f"HTTP {response.status_code}")
        else:
            self.attempts.append(number)
        return response


def _sdk_arguments(request: Request, name: str) -> dict[str, Any]:
    from anthropic import transform_schema

    body = wire.body_of(request, name)
    if request.schema is not None:
        # the API takes a subset of JSON schema; what is dropped here is checked again on arrival
        body["output_config"] = {"format": {"type": "json_schema", "schema": transform_schema(request.schema)}}
    return body


def _never_sent(error: BaseException) -> bool:
    import httpx2

    return isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)


def _failure(error: Exception, timeout_s: float) -> tuple[Stopped, str]:
    """What `error` means for the reply."""
    import httpx2
    from anthropic import APIConnectionError, APIStatusError, APITimeoutError

    if isinstance(error, TimeoutError | APITimeoutError | httpx2.TimeoutException):
        return wire.SILENT[0], wire.SILENT[1].format(timeout_s=timeout_s)
    if isinstance(error, APIStatusError):
        kind, message = error.type or type(error).__name__, error.api_message or str(error)
        if error.status_code < 400:
            return "error", wire.error_event_why(kind, message)
        return "error", wire.error_why(error.status_code, kind, message)
    if isinstance(error, APIConnectionError):
        return "error", f"no answer: {error.__cause__ or error}"
    if isinstance(error, httpx2.TransportError):
        return wire.CUT
    return "error", f"{type(error).__name__}: {error}"
