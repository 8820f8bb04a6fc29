"""LoopbackServer: the Messages API on 127.0.0.1, answered by a policy, so that the real SDK runs without a key."""

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from toolkit.models.script import Policy
from toolkit.web import serving

if TYPE_CHECKING:
    from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Received:
    """One HTTP request as it arrived."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: Any
    """The JSON; None where there was none."""


@dataclass(eq=False)
class LoopbackServer:
    """Serves the Messages API from `policy` in the running event loop; an async context manager."""

    policy: Policy
    """A plain function of the Request, called in the loop. One that raises is answered with status 500."""
    keep: int = 1000
    """How many of the `requests` that arrived are kept."""
    url: str = field(default="", init=False)
    """``http://127.0.0.1:<port>``, once started."""
    requests: list[Received] = field(default_factory=list, init=False, repr=False)
    """The last that arrived."""
    errors: list[Exception] = field(default_factory=list, init=False)
    """All that the policy raised."""
    _open: AsyncExitStack | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen on a free port; returns at once where the server runs already."""
        if self._open is not None:
            return
        from toolkit.models.api import app_of

        stack = AsyncExitStack()
        self.url = f"http://127.0.0.1:{await stack.enter_async_context(serving(app_of(self)))}"
        self._open = stack

    async def close(self) -> None:
        """Stop listening and drop every connection, an unfinished stream included."""
        stack, self._open = self._open, None
        if stack is not None:
            await stack.aclose()

    async def receive(self, http: "Request") -> Any:
        """Note what arrived in `requests`. Returns its JSON, or None."""
        try:
            body = json.loads(await http.body())
        except (ValueError, RecursionError):
            body = None
        self.requests.append(Received(http.url.path, dict(http.headers), body))
        del self.requests[: -self.keep]
        return body
