"""What survives at a streaming endpoint of yours: four connections, two cut, and a scorecard.

An endpoint that calls a model may be charged for four answers.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, fields, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from toolkit import render
from toolkit.errors import UsageError
from toolkit.sessions.lab.findings import Finding, judge
from toolkit.sessions.lab.probe import Probe
from toolkit.sessions.lab.wire import Request

PATIENCE_S = 30.0
TIMEOUT_S = 300.0
SECRET_CHARS = 4
"""Shorter values of headers are no secrets, and too common to strike out."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The scorecard of an endpoint."""

    url: str
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        columns = [field.name for field in fields(Finding)]
        rows = [astuple(finding) for finding in self.findings]
        return render.block(render.tag("p", self.url), render.table(rows, columns))


async def audit_endpoint(
    url: str,
    method: str = "GET",
    body: "str | bytes | dict[str, Any] | None" = None,
    headers: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
    timeout_s: float = TIMEOUT_S,
) -> Audit:
    """Probe a streaming endpoint (SSE or NDJSON over HTTP, or a WebSocket) while it answers.

    Parameters
    ----------
    url : str
        The only address that is spoken to; redirects are not followed.
    method : str
        Of HTTP: ``POST`` for most endpoints that call a model.
    body : str, bytes or dict, optional
        What each connection sends; a dict goes as JSON. Over a WebSocket it is the first message.
    headers : mapping, optional
        A token, say. No value is shown in the scorecard.
    patience_s : float
        A connection that brings no word for so long is given up: more than the model thinks.
    timeout_s : float
        All of it ends by then.

    Raises
    ------
    ValueError
        For a URL that is not http, https, ws or wss, and for a time that is not above 0.
    """
    if not (patience_s > 0 and timeout_s > 0):
        raise UsageError(
            f"the times are above 0: patience {patience_s:g} s, timeout {timeout_s:g} s"
        )
    own_headers = dict(headers or {})
    all_headers = own_headers
    if isinstance(body, dict):
        body = json.dumps(body)
        all_headers = {"Content-Type": "application/json", **own_headers}
    content = body.encode() if isinstance(body, str) else body or b""
    probe = Probe(Request(url, method.upper(), content, all_headers), patience_s)
    await probe.run(timeout_s)
    secrets = _secrets(own_headers)
    findings = []
    for finding in judge(probe):
        evidence = _without(secrets, finding.evidence)
        findings.append(replace(finding, evidence=evidence))
    return Audit(_without(secrets, _public(url)), tuple(findings))


def _secrets(headers: Mapping[str, str]) -> list[str]:
    """The values of headers and their parts, the longest first."""
    parts: set[str] = set()
    for value in headers.values():
        parts |= {value, value.strip(), *value.split()}
    secrets = [part for part in parts if len(part) >= SECRET_CHARS]
    return sorted(secrets, key=len, reverse=True)


def _public(url: str) -> str:
    """The address without a password and without the values of its query: one may be a token."""
    parts = urlsplit(url)
    query = re.sub(r"=[^&]*", "=…", parts.query)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query=query))


def _without(secrets: list[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text
