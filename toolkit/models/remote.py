"""RemoteModel: what the models that are asked through a vendor's SDK have in common."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, ClassVar, Self, cast
from urllib.parse import urlsplit

from toolkit.errors import UsageError
from toolkit.models import wire
from toolkit.models.deadline import clock_stopped
from toolkit.models.ledger import BudgetExceeded, Ledger
from toolkit.models.model import Model, Reply, Request, State, Stopped, Usage
from toolkit.traces import Source

CLOSE_S = 10.0
BACKOFF_S = 8.0  # an SDK's longest pause before a retry
NEEDS_CAP = "ledger=Ledger(cap_usd=1.0)"

Piece = str | Usage | dict[str, Any]
"""Of an answer under way: words; what it used, as far as that is known; or at its end the message,
in the form of the Messages API.
"""


@dataclass(eq=False, kw_only=True)
class RemoteModel(Model):
    """A model behind HTTP. It belongs to the event loop that first asks it."""

    source: Source = field(default=cast(Source, None))
    """What replies say of themselves; None means live, unless a `LoopbackServer` of this process
    answers.
    """
    ledger: Ledger = field(default_factory=Ledger)
    """Counts each HTTP attempt."""
    timeout_s: float = 60
    """The longest silence: to connect, to the first event, and between two events."""
    max_retries: int = 2
    """Tries after the first, by the SDK's rules; never once a stream has begun."""

    _sdk_module: ClassVar[str]
    """What needs the vendor's SDK: the module is imported at the first question."""

    def __post_init__(self) -> None:
        self._client: Any = None
        self._provider = ""
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        client = self._client
        self._client = None
        if client is not None:
            async with asyncio.timeout(CLOSE_S):
                await client.close()

    def _decide_source(
        self, url: str, scripted: bool, mend: str = NEEDS_CAP, is_free: bool = False
    ) -> None:
        """Set `source`, and the provider that a limit of calls is for. Raises UsageError where the
        model would be asked live, for money, without a cap.
        """
        self._provider = urlsplit(url).netloc
        self.source = self.source or ("simulated" if scripted else "live")
        costs_money = self.source != "simulated" and not scripted and not is_free
        if costs_money and self.ledger.cap_usd is None:
            raise UsageError(
                f"{self.name} is asked live, at {url}, which costs money, and there is no cap: "
                f"pass {mend}. A stand-in of your own is said by source='simulated'"
            )

    async def stream(self, request: Request) -> AsyncGenerator[str | Reply, None]:
        attempts: list[int] = []
        complete = False
        reply = self._no_result(wire.GIVEN_UP)
        try:
            client = await self._connect()
            async with aclosing(self._pieces(client, request, attempts)) as pieces:
                async for piece in pieces:
                    if complete:  # nothing that follows the end changes the reply
                        continue
                    if isinstance(piece, Usage):
                        reply = replace(reply, usage=piece)
                    elif isinstance(piece, dict):
                        reply = wire.conclude(request, self.name, self.source, reply.text, piece)
                        complete = True
                    elif piece:
                        reply = replace(reply, text=reply.text + piece)
                        yield piece
            if not complete:
                reply = _ended(reply, wire.CLOSED)
        except BudgetExceeded:
            raise
        except Exception as error:
            if not complete:
                reply = _ended(reply, self._failure_of(error, self.timeout_s))
        finally:
            state: State = "billed" if complete else "possibly billed"
            self.ledger.end(attempts, state, 200, reply.usage, reply.why)
        yield reply

    def _pieces(
        self, client: Any, request: Request, attempts: list[int]
    ) -> AsyncGenerator[Piece, None]:
        """The answer to `request` as it comes; `attempts` gets the numbers that are left open."""
        raise NotImplementedError

    async def _open_client(self, sdk: Any) -> Any:
        """The SDK's client, opened by the module `_sdk_module`."""
        raise NotImplementedError

    @property
    def _patience_s(self) -> float:
        """How long an answer may take to begin, with all tries."""
        return (self.max_retries + 1) * (self.timeout_s + BACKOFF_S)

    def _counting(self, attempts: list[int], *requests: Request, batch: bool = False) -> Any:
        from toolkit.models.attempts import counting

        return counting(
            self.ledger,
            self.name,
            self.source,
            attempts,
            *requests,
            batch=batch,
            price=self.price,
            provider=self._provider,
        )

    def _no_result(self, ended: tuple[Stopped, str]) -> Reply:
        stopped, why = ended
        return Reply("", stopped, self.name, self.source, why=why)

    def _failure_of(self, error: Exception, timeout_s: float) -> tuple[Stopped, str]:
        ended: tuple[Stopped, str] = import_module(self._sdk_module).failure_of(error, timeout_s)
        return ended

    async def _connect(self) -> Any:
        """The SDK's client. To import the SDK takes seconds, once: no deadline on the model counts
        them.
        """
        async with clock_stopped(), self._starting:
            if self._client is None:
                sdk = await asyncio.to_thread(import_module, self._sdk_module)
                self._client = await self._open_client(sdk)
            return self._client


def _ended(reply: Reply, ended: tuple[Stopped, str]) -> Reply:
    """What came of a `reply` that has no end of its own."""
    stopped, why = ended
    return replace(reply, stopped=stopped, why=why)
