"""Exchanges: what the app answers over HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from toolkit.harness.contract_checks.values import STRICT, Value, timeout_fault
from toolkit.shown import Shown

MAX_REQUESTS = 20
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]


@dataclass(frozen=True, slots=True)
class HttpRequest(Shown):
    """A request to the app, and what its answer must be."""

    __pydantic_config__: ClassVar = STRICT
    method: Method
    path: str
    """With its query, as ``/tasks?open=1``."""
    body: str | None = None
    """What is sent, as it is."""
    content_type: str = "application/json"
    status: int = 200
    """Redirects are not followed: they are answers as well."""
    texts: tuple[str, ...] = ()
    """Texts that must each occur in the answer."""
    values: tuple[Value, ...] = ()
    """What the answer's JSON must hold."""

    def fault(self) -> str | None:
        """Why it cannot be sent; None where it can."""
        if not self.path.startswith("/") or not self.path.isprintable() or " " in self.path:
            return f"path {self.path!r} must begin with / and hold no blanks"
        if not self.content_type.isprintable():
            return "content_type must be one line"
        if not 200 <= self.status <= 599:
            return "status must be 200 to 599"
        if "" in self.texts:
            return "expects an empty text, which every answer contains"
        return None


@dataclass(frozen=True, slots=True)
class Exchange(Shown):
    """Requests to the app over HTTP, one after the other; each answer must be as it says."""

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["exchange"] = field(default="exchange", kw_only=True)
    requests: tuple[HttpRequest, ...]
    timeout_s: float = 20.0
    """For all of them."""

    def fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if not self.requests:
            return "no request: what is never asked is never answered"
        return requests_fault(self.requests) or timeout_fault(self.timeout_s)


def requests_fault(requests: Sequence[HttpRequest]) -> str | None:
    if len(requests) > MAX_REQUESTS:
        return f"at most {MAX_REQUESTS} requests"
    for request in requests:
        fault = request.fault()
        if fault:
            return fault
    return None
