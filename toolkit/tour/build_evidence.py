"""Evidence of a check as a part of a page: a screenshot, or what was sent and answered.

The files are hostile: they come from an app that a model may have written.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from toolkit.harness.checking.browsing import PNG
from toolkit.harness.sandbox import clip
from toolkit.harness.watching import find_evidence
from toolkit.render import Html, tag

BODY_CHARS = 300
SHOWN = "end.png", "exchange.json", "state.json", "output.json", "app.log"
"""Names of the files of a check, the one that says most to a person first."""


def evidence_html(workspace: Path, evidence: Sequence[Mapping[str, str]], words: str) -> Html:
    """The file of a check that says most, under `words`."""
    by_name = {file["name"]: file for file in evidence}
    for name in SHOWN:
        if name in by_name:
            return tag("figure", tag("figcaption", words), _file_html(workspace, by_name[name]))
    return tag("figure", tag("figcaption", words), tag("p", "There is no evidence."))


def workspace_link(workspace: Path, path: str, words: str) -> Html:
    """A link from a page that stands beside `workspace` to what is in there."""
    address = quote(f"{workspace.name}/{path}")  # leaves no sign that ends an attribute
    return Html(f'<a href="{address}">{tag("span", words)}</a>')


def _file_html(workspace: Path, file: Mapping[str, str]) -> Html:
    content = find_evidence(workspace, file["sha256"])
    if content is None:
        return tag("p", f"{file['path']} is no longer what was kept.")
    if content.startswith(PNG):
        address = f"data:image/png;base64,{b64encode(content).decode()}"
        return tag("img", src=address, alt=f"A screenshot of the app: {file['path']}")
    text = content.decode(errors="replace")
    if file["name"] == "exchange.json":
        return _exchange_html(json.loads(text))
    return tag("pre", clip(text, BODY_CHARS))


def _exchange_html(exchange: Sequence[Mapping[str, Any]]) -> Html:
    lines = []
    for request in exchange:
        sent = request["sent"] or ""
        lines.append(f"{request['request']} {sent}".rstrip())
        body = clip(request["body"] or request["error"], BODY_CHARS)
        lines.append(f"  {request['status']} {body}".rstrip())
    return tag("pre", "\n".join(lines))
