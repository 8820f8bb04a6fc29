"""The page of a session: one document that loads nothing else, and begins with what to do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

from starlette.requests import HTTPConnection

from toolkit.look import STYLE
from toolkit.render import Html, fragment, qr_code, tag
from toolkit.sessions.http.access import LOOPBACK, Grant

HERE = Path(__file__).parent
SCRIPTS = (
    "page_fold.js",
    "page_state.js",
    "page_words.js",
    "page_draw.js",
    "page_line.js",
    "page.js",
)
"""In the order in which they need each other."""
POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of the page, by its nonce."""
MAY = {"control": "write, steer and stop, as you may", "read": "watch, as you may"}
"""What a link lets its holder do."""
ALONE = (
    "No other device can open this page. Served on the host 0.0.0.0, with a token in its address, "
    "phones on your network can."
)


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a page says before anybody has said anything."""

    ask: str = "Write a message."
    """What to do first."""
    about: str = ""
    """Who answers here."""
    openings: tuple[str, ...] = ()
    """Messages to begin with: each is a button that sends it."""


PLAIN_WELCOME = Welcome()


def page_html(nonce: str, welcome: Welcome, link: str | None, grant: Grant) -> str:
    """The page. `link` is the address at which another device opens it, where one can."""
    return _template().substitute(
        nonce=nonce,
        style=STYLE + (HERE / "page.css").read_text(encoding="utf-8"),
        script="\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS),
        welcome=_welcome_html(welcome, link, grant),
    )


@cache
def _template() -> Template:
    return Template((HERE / "page.html").read_text(encoding="utf-8"))


def link_for_others(http: HTTPConnection, hosts: Sequence[str]) -> str | None:
    """The address of the requested page as another device writes it, with its own token.

    It gives nobody more than the page's address would. So there is none where the token came in a
    header, and none where only this machine can reach the page.
    """
    token = "" if "authorization" in http.headers else http.query_params.get("token")
    name, port = _name_and_port(http.headers.get("host", ""))
    if name in LOOPBACK:
        name = next((host for host in hosts if host not in LOOPBACK), "")
    if not token or not name:
        return None
    page = http.url.replace(netloc=name + port, query="")
    return str(page.include_query_params(token=token))


def _name_and_port(host: str) -> tuple[str, str]:
    """The parts of a Host header, as ``("192.168.1.7", ":8000")``."""
    port = re.search(r":\d+$", host)
    if port is None:
        return host.lower(), ""
    return host[: port.start()].lower(), port[0]


def _welcome_html(welcome: Welcome, link: str | None, grant: Grant) -> Html:
    """What to do here, and a picture of the link for a phone."""
    if grant == "read":
        here = tag("h2", "You are watching: what is said here appears by itself.")
        return tag("section", tag("div", here), _link_figure(link, grant), id="welcome")
    buttons = [tag("li", tag("button", words, type="button")) for words in welcome.openings]
    second = "open this page on a phone" if link else "open this page in a second tab"
    text = tag(
        "div",
        tag("h2", f"{welcome.ask} Then {second}, and press Stop there.", class_="far"),
        tag("h2", f"{welcome.ask} Every screen shows the same: Stop works on each.", class_="near"),
        tag("p", welcome.about) if welcome.about else "",
        "" if link else tag("p", ALONE, class_="soft far"),
        tag("ul", *buttons) if buttons else "",
    )
    return tag("section", text, _link_figure(link, grant), id="welcome")


def _link_figure(link: str | None, grant: Grant) -> Html:
    """The QR code of the link, and what whoever scans it may do; nothing without a link."""
    if not link:
        return fragment()
    caption = f"Open it on a phone. Whoever scans this code may {MAY[grant]}."
    return tag("figure", qr_code(link, "The link to this page"), tag("figcaption", caption))
