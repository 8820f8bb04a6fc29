"""Sessions over HTTP. `serve` and `session_app` make a session readable and steerable from a
browser.

The wire, the routes and what a proxy needs are described in `toolkit.sessions.http.app`.
"""

from toolkit.sessions.http.app import (
    Attendant,
    EventStream,
    Order,
    Tokens,
    Welcome,
    is_loopback,
    serve,
    session_app,
    speaking,
)

__all__ = [
    "Attendant",
    "EventStream",
    "Order",
    "Tokens",
    "Welcome",
    "is_loopback",
    "serve",
    "session_app",
    "speaking",
]
