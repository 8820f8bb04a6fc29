"""Who may do what over HTTP: tokens, each for one session, and the Host and Origin that a request comes by."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from secrets import compare_digest, token_urlsafe
from socket import AF_INET, SOCK_DGRAM, gethostname, socket
from typing import Literal

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from toolkit.sessions.session import ID_PATTERN

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
NAME_CHARS = 64

Grant = Literal["read", "control"]


@dataclass(frozen=True, slots=True)
class Pass:
    """What somebody may do."""

    session: str
    grant: Grant
    name: str = ""
    """Who that is in ``joined`` and ``left``; without one, nobody is told."""


class Tokens:
    """Secrets, each good for one session. Only their hashes are kept."""

    def __init__(self) -> None:
        self._passes: list[tuple[bytes, Pass]] = []

    def issue(self, session: str, grant: Grant = "read", name: str = "") -> str:
        """A new secret that lets its holder read `session`, or control it too, and who that is."""
        secret = token_urlsafe(32)
        self._passes.append((sha256(secret.encode()).digest(), Pass(session, grant, name)))
        return secret

    def find(self, secret: str) -> Pass | None:
        """What `secret` stands for."""
        digest = sha256(secret.encode("utf-8", "replace")).digest()
        return next((found for known, found in self._passes if compare_digest(known, digest)), None)


def admit(http: HTTPConnection, need: Grant, tokens: Tokens | None, hosts: Sequence[str]) -> Pass:
    """What the request may do to the session that it names. Raises HTTPException where that is less than `need`."""
    host, id_ = http.headers.get("host", ""), http.path_params["id"]
    if re.sub(r":\d+$", "", host.lower()) not in hosts:
        raise HTTPException(403, "not served under this Host")
    if http.headers.get("origin", f"http://{host}") not in (f"http://{host}", f"https://{host}"):
        raise HTTPException(403, "another site's page may not do this")
    scheme, _, secret = http.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":  # EventSource and WebSocket send no headers; a form's POST shall not do with a link
        secret = "" if http.scope.get("method") == "POST" else http.query_params.get("token", "")
    found = tokens.find(secret) if tokens is not None else Pass(id_, "control")
    if found is None:
        raise HTTPException(401, "a token is needed", {"www-authenticate": "Bearer"})
    if found.session != id_ or need not in ("read", found.grant):
        raise HTTPException(403, f"this token is not good for that: {need} this session")
    if not ID_PATTERN.fullmatch(id_):
        raise HTTPException(404, "no such session")
    return Pass(id_, found.grant, found.name or _asked_name(http))


def _asked_name(http: HTTPConnection) -> str:
    """``?name=``, marked: what a visitor calls himself is never the name of an agent, nor the id of a run."""
    name = http.query_params.get("name", "")
    if len(name) > NAME_CHARS or not name.isprintable():
        raise HTTPException(400, f"a name has up to {NAME_CHARS} printable characters")
    return name and f"web:{name}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def address(host: str) -> str:
    """What another device writes to reach a server on `host`; for 0.0.0.0, this machine's name in its network."""
    if host in ("0.0.0.0", "::"):
        host = gethostname()
        with socket(AF_INET, SOCK_DGRAM) as probe, suppress(OSError):
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only picks the way
            host = str(probe.getsockname()[0])
    return f"[{host}]" if ":" in host else host
