"""ClaudeModel: the real anthropic SDK as a Model; and `connect_model`, which talks to a script
unless live is asked.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from toolkit.errors import UsageError
from toolkit.models import wire
from toolkit.models.batches import read_result
from toolkit.models.deadline import within
from toolkit.models.ledger import BudgetExceeded, Ledger
from toolkit.models.loopback import LoopbackServer, is_loopback
from toolkit.models.model import (
    DAY_S,
    Progress,
    Reply,
    Request,
    State,
    Usage,
    reporting,
)
from toolkit.models.prices import cost_usd
from toolkit.models.remote import CLOSE_S, NEEDS_CAP, Piece, RemoteModel
from toolkit.models.script import Answer, Policy

MESSAGE_EVENTS = ("message_start", "message_delta", "message_stop")
SIMULATED = Answer(
    "This reply is simulated: a script on this machine wrote it, and no model was asked."
)


@dataclass(eq=False)
class ClaudeModel(RemoteModel):
    """A model of the Messages API, asked through the anthropic SDK. It belongs to the event loop
    that first asks it.

    Raises ValueError for a `base_url` without `api_key`, or where it would be asked live and the
    ledger has no cap.
    """

    name: str
    """One with a price in prices.json."""
    _: KW_ONLY
    base_url: str | None = None
    """Where the API is. None means ANTHROPIC_BASE_URL or the real one; else nothing of the
    environment is used.
    """
    api_key: str | None = field(default=None, repr=False)
    """None takes ANTHROPIC_API_KEY, where there is no `base_url`."""
    server: LoopbackServer | None = None
    """A server instead of `base_url`: started at the first reply and closed with the model."""

    _sdk_module = "toolkit.models.sdk"

    def __post_init__(self) -> None:
        cost_usd(self.name, Usage())
        if self.base_url and self.api_key is None:
            raise UsageError(
                f"base_url {self.base_url} without api_key: pass the key meant for it, "
                "or 'loopback'"
            )
        from_environment = os.environ.get("ANTHROPIC_BASE_URL")
        self._url = self.base_url or from_environment or "https://api.anthropic.com"
        scripted = self.server is not None or is_loopback(self._url)
        super().__post_init__()
        self._decide_source(self._url, scripted, f"{NEEDS_CAP}, or max_usd=1.0 to connect_model")
        if self.server is not None:
            self._provider = "loopback"

    async def close(self) -> None:
        """Close the connections, and the server where the model has one of its own."""
        await super().close()
        if self.server is not None:
            async with asyncio.timeout(CLOSE_S):
                await self.server.close()

    async def _pieces(
        self, client: Any, request: Request, attempts: list[int]
    ) -> AsyncGenerator[Piece, None]:
        from toolkit.models import sdk
        from toolkit.models.attempts import next_of

        async with AsyncExitStack() as stack:
            async with within(self._patience_s):
                counted = client.with_middleware(self._counting(attempts, request))
                params = sdk.params_of(request, self.name)
                events = await stack.enter_async_context(counted.messages.stream(**params))
            while (event := await next_of(events, self.timeout_s)) is not None:
                if event.type == "text":
                    yield wire.well_formed(event.text)
                elif event.type in MESSAGE_EVENTS:
                    message = events.current_message_snapshot.to_dict(warnings=False)
                    yield wire.usage_of(message)
                    if event.type == "message_stop":
                        yield message

    async def batch(
        self,
        requests: Sequence[Request],
        progress: Progress | None = None,
        timeout_s: float = DAY_S,
    ) -> list[Reply]:
        """The Replies to `requests`, in their order, at a batch's price, through the message
        batches API.

        A batch that is given up, at the deadline or by a cancel, is cancelled at the API too.
        Raises `BudgetExceeded`, before it asks, where a cap forbids it.
        """
        if not requests:
            return []
        attempts: list[int] = []
        results: dict[str, Any] = {}
        name = ""
        missing = wire.GIVEN_UP
        report = reporting(progress)
        try:
            client = await self._connect()
            from toolkit.models import sdk

            items = []
            for number, request in enumerate(requests):
                params = sdk.params_of(request, self.name)
                items.append({"custom_id": str(number), "params": params})
            async with within(timeout_s):
                counting = self._counting(attempts, *requests, batch=True)
                counted = client.with_middleware(counting)
                batch = await counted.messages.batches.create(requests=items)
                name = f"batch {batch.id}: "
                batches = client.messages.batches
                await sdk.wait_for_batch(batches, batch.id, results, len(requests), report)
            missing = "error", "it ended without a result for this request"
        except BudgetExceeded:
            raise
        except Exception as error:
            missing = self._failure_of(error, timeout_s)
        finally:
            no_result = self._no_result((missing[0], name + missing[1]))
            replies = self._settle_batch(requests, results, attempts, no_result)
        report(len(requests), len(requests))
        return replies

    def _settle_batch(
        self,
        requests: Sequence[Request],
        results: dict[str, Any],
        attempts: list[int],
        missing: Reply,
    ) -> list[Reply]:
        """The Reply to each request, `missing` where it has no result; its attempt is closed."""
        replies = []
        for number, request in enumerate(requests):
            reply = missing
            state: State = "possibly billed"
            if str(number) in results:
                result = results[str(number)]
                reply, state = read_result(request, self.name, self.source, result)
            replies.append(reply)
            attempt = attempts[number : number + 1]  # none, where the batch was not made
            self.ledger.end(attempt, state, 200, reply.usage, reply.why)
        return replies

    async def _open_client(self, sdk: Any) -> Any:
        if self.server is not None:
            await self.server.start()
            self._url = self.server.url
        own = bool(self.base_url or self.server)
        return sdk.client_of(self._url, self.api_key, own, self.timeout_s, self.max_retries)


def connect_model(
    name: str | None = None,
    live: bool = False,
    *,
    policy: Policy | None = None,
    max_usd: float | None = None,
    ledger: Ledger | None = None,
) -> ClaudeModel:
    """Connect to a model through the anthropic SDK: use it in ``async with``, or await its
    ``close()``.

    A `LoopbackServer` of its own answers with `policy`, and ANTHROPIC_API_KEY is not looked at.
    With `live`, the real API answers, for money: without a key, and a cap in `max_usd` or in a
    `ledger` of yours, that is a ValueError.
    """
    if ledger is not None and max_usd is not None:
        raise UsageError("say the cap once: max_usd=, or ledger=Ledger(cap_usd=...)")
    name = name or "claude-haiku-5-5"
    if ledger is None:
        ledger = Ledger(max_usd)
    if not live:
        server = LoopbackServer(policy or (lambda _: SIMULATED))
        return ClaudeModel(name, api_key="loopback", ledger=ledger, server=server)
    if policy is not None:
        raise UsageError("a live model is not scripted: leave out policy= or live=True")
    if not os.environ.get("ANTHROPIC_API_KEY"):
        raise UsageError("live calls need a key: set ANTHROPIC_API_KEY in the environment")
    return ClaudeModel(name, ledger=ledger)
