"""ChatModel: any server of the chat-completions form as a Model, through the openai SDK."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import isfinite
from typing import Any, Literal

from toolkit.errors import UsageError
from toolkit.models import chat_wire
from toolkit.models.deadline import within
from toolkit.models.loopback import is_loopback
from toolkit.models.model import Price, Request, Usage
from toolkit.models.prices import cost_of
from toolkit.models.remote import Piece, RemoteModel


@dataclass(eq=False)
class ChatModel(RemoteModel):
    """A model behind any server that speaks OpenAI's chat completions: Ollama, vLLM, a gateway.

    Nothing of the environment is used, no key and no proxy. Raises UsageError without the package
    openai, for a model without a price, and where it would be asked live, for money, and the ledger
    has no cap.
    """

    base_url: str
    """Where the server is, with the version: ``http://localhost:11434/v1``."""
    model: str
    """The name that the server knows it by."""
    api_key: str | None = field(default=None, repr=False)
    """None sends none."""
    price: Price | None = None
    """Cached tokens are charged in full. None takes the price of prices.json; 0 costs nothing."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] = field(
        default="max_tokens", kw_only=True
    )
    """What bounds a reply. Ollama ignores ``max_completion_tokens``; OpenAI's reasoning
    models want it.
    """
    name: str = field(init=False)

    _sdk_module = "toolkit.models.chat_sdk"

    def __post_init__(self) -> None:
        if find_spec("openai") is None:
            raise UsageError('ChatModel needs the package openai: pip install "fieldbook[openai]"')
        super().__post_init__()
        self.name = self.model
        rates = cost_of(self, Usage(input_tokens=1)), cost_of(self, Usage(output_tokens=1))
        if not all(isfinite(rate) and rate >= 0 for rate in rates):
            raise UsageError(f"price={self.price}: dollars per million tokens are wanted")
        self._decide_source(self.base_url, is_loopback(self.base_url), is_free=not any(rates))

    async def _open_client(self, sdk: Any) -> Any:
        return sdk.client_of(self.base_url, self.api_key, self.timeout_s, self.max_retries)

    async def _pieces(
        self, client: Any, request: Request, attempts: list[int]
    ) -> AsyncGenerator[Piece, None]:
        from toolkit.models import chat_sdk

        body = chat_wire.body_of(request, self.name, self.limit_field)
        completion = chat_wire.Completion()
        async with AsyncExitStack() as stack:
            async with within(self._patience_s):
                count = self._counting(attempts, request)
                chunks = await chat_sdk.open_stream(client, body, count)
                stack.push_async_callback(chunks.close)
            while (chunk := await chat_sdk.next_chunk(chunks, self.timeout_s)) is not None:
                yield completion.add(chunk)
        message = completion.message()
        if message is not None:
            yield message
