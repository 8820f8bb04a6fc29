"""The formats that `read_traces` knows, in the order in which they are tried."""

from collections.abc import Iterable

from toolkit.errors import UsageError
from toolkit.traces.formats import (
    anthropic,
    atif,
    braintrust,
    chat,
    claude_code,
    fieldbook,
    langfuse,
    langsmith,
    otel_sdk,
    otlp,
    phoenix,
    tau_bench,
)
from toolkit.traces.formats.form import Format

OWN_FORMATS = (
    fieldbook.FORMAT,
    tau_bench.FORMAT,
    claude_code.FORMAT,
    otlp.FORMAT,
    langsmith.FORMAT,
    braintrust.FORMAT,
    langfuse.FORMAT,
    phoenix.FORMAT,
    otel_sdk.FORMAT,
    atif.FORMAT,
    anthropic.FORMAT,
    chat.FORMAT,
)
RESERVED = ("auto", "table")
_registered: dict[str, Format] = {}


def register_format(format: Format) -> None:
    """Let `read_traces` know a format of yours. It is tried before all that are known by now.

    A format of the same name is replaced. Raises UsageError for the names ``auto`` and ``table``.
    """
    _check_name(format)
    _registered.pop(format.name, None)
    _registered[format.name] = format


def known_formats(first: Iterable[Format] = ()) -> dict[str, Format]:
    """The formats by name: those given, those that were registered (the latest first), our own."""
    formats: dict[str, Format] = {}
    for format in (*first, *reversed(_registered.values()), *OWN_FORMATS):
        _check_name(format)
        formats.setdefault(format.name, format)
    return formats


def _check_name(format: Format) -> None:
    if format.name in RESERVED:
        raise UsageError(
            f"a format cannot be called {format.name!r}: the word means something else"
        )
