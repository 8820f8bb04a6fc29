"""Who may do what over HTTP: tokens, each for one session, and the Host, Origin and site that a
request comes from.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from secrets import compare_digest, token_urlsafe
from socket import AF_INET, SOCK_DGRAM, gethostname, socket
from typing import Literal
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from toolkit.errors import UsageError
from toolkit.sessions.log import ID_PATTERN

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
NAME_CHARS = 64
SOMEBODY = "user"
"""The actor of what is done with a token that has no name, or without a token."""
ORIGIN_PATTERN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")

Grant = Literal["read", "control"]


@dataclass(eq=False)
class _Issued:
    """A token that was issued. Only the hash of its secret is kept."""

    digest: bytes
    session: str
    grant: Grant
    name: str
    expires: float | None
    """By the clock of ``time.monotonic``; None for a token that does not expire."""
    revoked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def valid(self) -> bool:
        """Whether it still opens its session."""
        in_time = self.expires is None or time.monotonic() < self.expires
        return in_time and not self.revoked.is_set()


@dataclass(frozen=True, slots=True)
class Pass:
    """What somebody may do."""

    session: str
    grant: Grant
    actor: str = SOMEBODY
    """Who does what is done with it: the token's name, where it has one."""
    device: str = ""
    """Who that is in ``joined`` and ``left``; without one, nobody is told."""
    token: _Issued | None = None

    async def ended(self) -> None:
        """Return when the token expires or is revoked; never, where there is none."""
        if self.token is None:
            await asyncio.Event().wait()
            return
        expires = self.token.expires
        left_s = None if expires is None else max(0.0, expires - time.monotonic())
        with suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self.token.revoked.wait()


class Tokens:
    """Secrets, each good for one session. Only their hashes are kept."""

    def __init__(self) -> None:
        self._issued: list[_Issued] = []

    def issue(
        self, session: str, grant: Grant = "read", name: str = "", ttl_s: float | None = None
    ) -> str:
        """A new secret that lets its holder read `session`, or control it too.

        Parameters
        ----------
        session : str
            The session's id.
        grant : {"read", "control"}
            A token that only reads writes nothing to the log, not even who is there.
        name : str
            Who holds it: the actor of what is done with it. Without a name that is ``user``.
        ttl_s : float, optional
            The seconds until it expires. What is connected with it then ends.
        """
        if ttl_s is not None and not ttl_s > 0:
            raise UsageError(f"ttl_s is the time until the token expires, above 0, not {ttl_s}")
        secret = token_urlsafe(32)
        expires = None if ttl_s is None else time.monotonic() + ttl_s
        self._issued = [token for token in self._issued if token.valid]
        self._issued.append(_Issued(_digest(secret), session, grant, name, expires))
        return secret

    def revoke(self, secret: str) -> bool:
        """End a token, and what is connected with it. Returns whether it was valid until now."""
        token = self.find(secret)
        if token is None:
            return False
        token.revoked.set()
        return True

    def find(self, secret: str) -> _Issued | None:
        """The valid token that `secret` stands for."""
        digest = _digest(secret)
        matching = (token for token in self._issued if compare_digest(token.digest, digest))
        return next((token for token in matching if token.valid), None)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()


def admit(
    http: HTTPConnection,
    need: Grant,
    tokens: Tokens | None,
    hosts: Sequence[str],
    origins: Sequence[str] = (),
    visit: bool = False,
) -> Pass:
    """What the request may do to the session that it names. Raises HTTPException where that is less
    than `need`.

    With `visit`, the request is for a page, which somebody may reach by a link on another site.
    """
    id_ = http.path_params["id"]
    _check_host(http, hosts)
    is_link = visit and _follows_a_link(http, needs_click=tokens is None)
    if not is_link:
        _check_origin(http, origins)
    if tokens is None:
        token = None
        grant: Grant = "control"
        actor = SOMEBODY
    else:
        token = tokens.find(_secret(http))
        if token is None:
            raise HTTPException(401, "a token is needed", {"www-authenticate": "Bearer"})
        grant = token.grant
        actor = token.name or SOMEBODY
        if token.session != id_ or need not in ("read", grant):
            raise HTTPException(403, f"this token is not good for that: {need} this session")
    if not ID_PATTERN.fullmatch(id_):
        raise HTTPException(404, "no such session")
    device = _asked_name(http)
    if token and token.name:
        device = token.name
    if grant == "read":
        device = ""
    return Pass(id_, grant, actor, device, token)


def _check_host(http: HTTPConnection, hosts: Sequence[str]) -> None:
    """Refuse a name that another site has pointed here."""
    name, _ = name_and_port(http)
    if name not in hosts:
        raise HTTPException(403, "not served under this Host")


def name_and_port(http: HTTPConnection) -> tuple[str, str]:
    """The parts of the Host header, as ``("192.168.1.7", ":8000")``."""
    host = http.headers.get("host", "").lower()
    port = re.search(r":[0-9]{1,5}$", host)
    if port is None:
        return host, ""
    return host[: port.start()], port[0]


def _check_origin(http: HTTPConnection, origins: Sequence[str]) -> None:
    """Refuse what another site's page has sent: an image's GET carries no Origin, but says where it
    comes from.
    """
    host = http.headers.get("host", "")
    own = (f"http://{host}", f"https://{host}", *origins)
    origin = http.headers.get("origin")
    if origin is not None:
        if origin not in own:
            raise HTTPException(403, "another site's page may not do this")
        return
    site = http.headers.get("sec-fetch-site")
    if site is None:  # an old browser, or none
        referrer = urlsplit(http.headers.get("referer", ""))
        origin_of_page = f"{referrer.scheme}://{referrer.netloc}"
        is_foreign = bool(referrer.netloc) and origin_of_page not in own
    else:
        is_foreign = site in ("cross-site", "same-site")
    if is_foreign:
        raise HTTPException(403, "another site's page may not do this")


def _follows_a_link(http: HTTPConnection, needs_click: bool) -> bool:
    """Whether a browser opens this as a document, which then does what its own user asks.

    Without tokens a script of another site could open the page of any session, and so make it:
    somebody has to click.
    """
    headers = http.headers
    if "origin" in headers or headers.get("sec-fetch-dest", "document") != "document":
        return False
    says_who_clicked = "sec-fetch-site" in headers or "sec-fetch-user" in headers
    clicked = headers.get("sec-fetch-user") == "?1" or not says_who_clicked
    return clicked or not needs_click


def _secret(http: HTTPConnection) -> str:
    """The token that the request carries: in a header, or in the address where it only reads."""
    scheme, _, secret = http.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return secret
    # EventSource and WebSocket send no headers; a form's POST shall not do with a link
    return "" if http.scope.get("method") == "POST" else http.query_params.get("token", "")


def _asked_name(http: HTTPConnection) -> str:
    """``?name=``, marked: what a visitor calls himself is never the name of an agent, nor the id of
    a run.
    """
    name = http.query_params.get("name", "")
    if len(name) > NAME_CHARS or not name.isprintable():
        raise HTTPException(400, f"a name has up to {NAME_CHARS} printable characters")
    return name and f"web:{name}"


def check_origins(origins: Sequence[str]) -> None:
    """Raise ValueError where one of `origins` is no exact origin, as ``https://app.example`` is."""
    for origin in origins:
        if not ORIGIN_PATTERN.fullmatch(origin):
            raise UsageError(
                f"{origin!r} is no origin: write scheme, host and port as a browser does, "
                "as in http://localhost:5173"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def is_private(host: str) -> bool:
    """Whether `host` is an address of this machine or of its own network, and no name."""
    with suppress(ValueError):
        return ip_address(host.strip("[]")).is_private
    return False


def address(host: str) -> str:
    """What another device writes to reach a server on `host`; for 0.0.0.0, this machine's name in
    its network.
    """
    if host in ("0.0.0.0", "::"):
        host = gethostname()
        with socket(AF_INET, SOCK_DGRAM) as probe, suppress(OSError):
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only picks the way
            host = str(probe.getsockname()[0])
    return f"[{host}]" if ":" in host else host
