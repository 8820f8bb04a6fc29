"""The formats that `read_traces` knows, in the order in which they are tried."""

import os
from collections.abc import Iterable
from pathlib import Path
from runpy import run_path

from toolkit.errors import UsageError
from toolkit.traces.formats import (
    adk,
    agui,
    ai_studio,
    anthropic,
    atif,
    autogen,
    braintrust,
    chat,
    chatgpt,
    claude_ai,
    claude_code,
    codex,
    codex_exec,
    deepeval,
    fieldbook,
    gemini,
    gemini_cli,
    inspect_log,
    instruction,
    items,
    jaeger,
    langchain,
    langfuse,
    langsmith,
    message_rows,
    mlflow,
    openai,
    openai_agents,
    openai_evals,
    openai_threads,
    openhands,
    otel_sdk,
    otlp,
    phoenix,
    preference,
    promptfoo,
    responses,
    rows,
    sharegpt,
    span_rows,
    streams,
    swe_agent,
    tau2,
    tau_bench,
    vercel,
    wildchat,
)
from toolkit.traces.formats.form import Format

OWN_FORMATS = (
    fieldbook.FORMAT,
    openai_evals.FORMAT,
    inspect_log.FORMAT,
    tau_bench.FORMAT,
    claude_code.FORMAT,
    claude_ai.FORMAT,
    chatgpt.FORMAT,
    adk.FORMAT,
    adk.EVENTS,
    mlflow.FORMAT,
    openhands.FORMAT,
    openhands.EVENTS,
    agui.FORMAT,
    autogen.FORMAT,
    autogen.MESSAGES,
    swe_agent.FORMAT,
    tau2.FORMAT,
    otlp.FORMAT,
    langsmith.FORMAT,
    braintrust.FORMAT,
    langfuse.FORMAT,
    jaeger.FORMAT,
    phoenix.FORMAT,
    otel_sdk.FORMAT,
    span_rows.FORMAT,
    codex.FORMAT,
    codex_exec.FORMAT,
    openai_agents.FORMAT,
    items.FORMAT,
    responses.FORMAT,
    openai.FORMAT,
    openai_threads.FORMAT,
    vercel.FORMAT,
    gemini.FORMAT,
    gemini_cli.FORMAT,
    ai_studio.FORMAT,
    streams.OPENAI,
    streams.RESPONSES,
    streams.ANTHROPIC,
    *langchain.FORMATS,
    sharegpt.FORMAT,
    wildchat.FORMAT,
    instruction.FORMAT,
    preference.FORMAT,
    promptfoo.FORMAT,
    deepeval.FORMAT,
    atif.FORMAT,
    anthropic.FORMAT,
    chat.FORMAT,
    message_rows.FORMAT,
    rows.FORMAT,
)
RESERVED = ("auto", "table")
FORMATS_VARIABLE = "FIELDBOOK_FORMATS"
"""Names a Python file that registers formats of yours, for a process that reads traces."""
_registered: dict[str, Format] = {}
_files: set[Path] = set()
"""The files that have registered theirs."""


def register_format(format: Format) -> None:
    """Let `read_traces` know a format of yours. It is tried before all that are known by now.

    A format of the same name is replaced. Raises UsageError for the names ``auto`` and ``table``.
    """
    _check_name(format)
    _registered.pop(format.name, None)
    _registered[format.name] = format


def register_formats_of(path: Path) -> None:
    """Run a Python file, once, that registers formats of yours; again where it has failed."""
    path = path.resolve()
    if path in _files:
        return
    _files.add(path)  # before the run, for the file may read traces itself
    try:
        run_path(str(path))
    except BaseException:
        _files.discard(path)
        raise


def known_formats(first: Iterable[Format] = ()) -> dict[str, Format]:
    """The formats by name: those given, those that were registered (the latest first), our own."""
    named_file = os.environ.get(FORMATS_VARIABLE)
    if named_file:
        register_formats_of(Path(named_file))
    formats: dict[str, Format] = {}
    outsiders = (*first, *reversed(_registered.values()))
    for format in outsiders:
        _check_name(format)
    for format in (*outsiders, *OWN_FORMATS):
        formats.setdefault(format.name, format)
    return formats


def _check_name(format: Format) -> None:
    if format.name in RESERVED:
        raise UsageError(
            f"a format cannot be called {format.name!r}: the word means something else"
        )
