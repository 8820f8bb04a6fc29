"""The page of a session: one document that loads nothing else, and begins with what to do."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

from starlette.requests import HTTPConnection

from toolkit.look import STYLE
from toolkit.render import Html, details, fragment, qr_code, tag
from toolkit.sessions.http.access import LOOPBACK, SOMEBODY, Pass, is_private, name_and_port
from toolkit.sessions.run_state import STATE_WORDS

HERE = Path(__file__).parent
SCRIPTS = (
    "page_fold.js",
    "page_state.js",
    "page_words.js",
    "page_marks.js",
    "page_draw.js",
    "page_experiment.js",
    "page_build.js",
    "page_lanes.js",
    "page_line.js",
    "page.js",
)
"""In the order in which they need each other."""
STYLES = ("page_build.css", "page.css")
POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src 'self'; "
    "img-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of the page, by its nonce."""
ALONE = (
    "No other device can open this page. Served on the host 0.0.0.0, with a token in its address, "
    "phones on your network can."
)
NO_TOKEN = "The address of this page has no token in it, so there is no code for a phone to scan."
IN_CLEAR = (
    "There is no code for a phone to scan: the token would cross the internet in clear. Serve this "
    "page by HTTPS."
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
    title: str = ""
    """What the session is called; by default its id."""


PLAIN_WELCOME = Welcome()


@dataclass(frozen=True, slots=True)
class Invitation:
    """The way for another device to open the page."""

    link: str = ""
    """The page's address with its token; empty where none may be shown."""
    why_none: str = ""


def page_html(nonce: str, welcome: Welcome, invitation: Invitation, may: Pass) -> str:
    """The page, as whoever has the pass `may` sees it."""
    return _template().substitute(
        nonce=nonce,
        title=fragment(welcome.title),
        style=STYLE + "".join((HERE / name).read_text(encoding="utf-8") for name in STYLES),
        script=_script(),
        welcome=_welcome_html(welcome, invitation, may),
    )


def _script() -> str:
    words = f"const RUN_STATES = {json.dumps(STATE_WORDS)};"
    return "\n".join([words, *[(HERE / name).read_text(encoding="utf-8") for name in SCRIPTS]])


@cache
def _template() -> Template:
    return Template((HERE / "page.html").read_text(encoding="utf-8"))


def invitation_for(http: HTTPConnection, hosts: Sequence[str], may: Pass) -> Invitation:
    """The address of the requested page as another device writes it, with the token that it came
    with.

    It gives nobody more than the page's address would. So there is none where the token came in a
    header, where only this machine can reach the page, and where others could read the token.
    """
    name, port = name_and_port(http)
    if name in LOOPBACK:
        name = next((host for host in hosts if host not in LOOPBACK), "")
    if not name:
        return Invitation(why_none=ALONE)
    if may.token is None or "authorization" in http.headers:
        return Invitation(why_none=NO_TOKEN)
    if http.url.scheme != "https" and not is_private(name):
        return Invitation(why_none=IN_CLEAR)
    page = http.url.replace(netloc=name + port, query="")
    return Invitation(str(page.include_query_params(token=http.query_params["token"])))


def _welcome_html(welcome: Welcome, invitation: Invitation, may: Pass) -> Html:
    """What to do here, and a picture of the link for a phone."""
    figure = _link_figure(invitation.link, may)
    if may.grant == "read":
        here = tag("h2", "You are watching: what is said here appears by itself.")
        return _card(tag("div", here), figure)
    buttons = [tag("li", tag("button", words, type="button")) for words in welcome.openings]
    second = "open this page on a phone" if invitation.link else "open this page in a second tab"
    text = tag(
        "div",
        tag("h2", f"{welcome.ask} Then {second}, and press Stop there.", class_="far"),
        tag("h2", f"{welcome.ask} Every screen shows the same: Stop works on each.", class_="near"),
        tag("p", welcome.about) if welcome.about else "",
        tag("p", invitation.why_none, class_="soft far") if invitation.why_none else "",
        tag("ul", *buttons) if buttons else "",
    )
    return _card(text, figure)


def _card(*children: Html) -> Html:
    """A card that the page folds when somebody has spoken, and that a click opens again."""
    summary = tag("summary", "What to do here")
    return tag("details", summary, tag("div", *children, class_="card"), id="welcome", open=True)


def _link_figure(link: str, may: Pass) -> Html:
    """The QR code of the link, and what whoever scans it may do; nothing without a link.

    A code that lets others act is folded away until a click, so that a screen that many see, or a
    picture of it, does not give it to all of them.
    """
    if not link:
        return fragment()
    code = qr_code(link, "The link to this page")
    if may.grant == "control":
        code = details("Show the QR code", code)
    caption = f"Open it on a phone. Whoever scans this code may {_powers(may)}."
    return tag("figure", code, tag("figcaption", caption))


def _powers(may: Pass) -> str:
    if may.grant == "read":
        return "watch, as you may"
    if may.actor == SOMEBODY:
        return "write, steer and stop, as you may"
    return f"write, steer and stop as {may.actor}"
