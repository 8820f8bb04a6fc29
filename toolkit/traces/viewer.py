"""The viewer: one page that holds many traces, to be searched, sorted, read and mailed.

It needs no server and no network. The pages of the traces are packed in it with gzip, and the
browser unpacks the one that is read.
"""

import gzip
import os
from base64 import b64encode
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.render import Html, document, fragment, spaced, tag, visible
from toolkit.traces.amounts import moment, quantity
from toolkit.traces.brief import as_words, shortened
from toolkit.traces.measures import figures_of
from toolkit.traces.outcome import (
    mistakes_of,
    models_of,
    outcome_look,
    outcome_of,
    outcome_words,
    reward_of,
    trace_failed,
)
from toolkit.traces.outline import WHY_CHARS, Entry, failed_entries
from toolkit.traces.page import STYLE, page_html
from toolkit.traces.trace import Trace, title

PAGES_CHARS = 8_000_000
"""How many characters of pages a viewer holds, unless all are asked for."""
ID_CHARS, OUTCOME_CHARS, TITLE_CHARS = 80, 40, 160
KEYS = {"?": "these keys", "E": "next error", "P": "previous error", "O": "open all"}
KEYS_OF_A_LIST = {"J": "next trace", "K": "previous trace", "/": "search", "Esc": "the list"}
MINUTE_CHARS = len("2026-07-24T10:30")
SCRIPT = Path(__file__).with_suffix(".js")
LOOK = Path(__file__).with_suffix(".css")


@dataclass(frozen=True, slots=True)
class Viewer:
    """A page of many traces."""

    html: Html
    n_traces: int
    n_pages: int
    """How many of the traces can be read on it; the list has all."""


def viewer(
    traces: Sequence[Trace], name: str, every_page: bool = False, files: Sequence[str] = ()
) -> Viewer:
    """The page of many traces: a list to search and sort, and a page for each trace.

    Parameters
    ----------
    traces
        Whatever they hold is escaped.
    name
        The title of the page, such as the name of the file that they were read from.
    every_page
        Whether the page of every trace is put in, however large the file becomes. Otherwise those
        that failed go first, and the list says which are left out.
    files
        The file of each trace, where they were read from several: the list has a column of them.

    Returns
    -------
    Viewer
        The page and how many traces are on it. That of a single trace can be read without script.
    """
    rows = [_row(trace) for trace in traces]
    for row, file in zip(rows, _short_names(files), strict=False):
        row["file"] = file
    shown: object = ""
    pages: dict[str, str] = {}
    if len(traces) == 1:
        shown = page_html(traces[0], anchors="t0")
        n_pages = 1
    else:
        pages = _pages(traces, rows, every_page)
        n_pages = len(pages)
        for position, row in enumerate(rows):
            row["page"] = f"page-{position}" in pages
    sources = {trace.source for trace in traces}
    body = [
        _list(name, len(traces), n_pages, sources),
        tag("div", shown, id="trace"),
        _keys(KEYS if len(traces) == 1 else KEYS | KEYS_OF_A_LIST),
    ]
    html = document(
        name,
        *body,
        style=STYLE + LOOK.read_text(encoding="utf-8"),
        script=SCRIPT.read_text(encoding="utf-8"),
        data={"rows-data": _by_column(rows), **pages},
    )
    return Viewer(html, len(traces), n_pages)


def _by_column(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """The cells of each column, so that its name stands on the page once and not in each row."""
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _short_names(files: Sequence[str]) -> list[str]:
    """The names of files, without the folder that they have in common."""
    paths = [os.path.abspath(file) for file in files]  # noqa: PTH100 - some are in an archive
    folder = os.path.commonpath(paths) if paths else ""
    return [shortened(path.removeprefix(folder).lstrip("/\\"), ID_CHARS) for path in paths]


def _row(trace: Trace) -> dict[str, Any]:
    """What the list says of a trace."""
    figures = figures_of(trace)
    outcome = outcome_of(trace)
    started = figures["started"]
    failed = failed_entries(trace, "")
    states_errors = bool(failed) or figures["tool_errors"] is not None
    models = models_of(trace)
    return {
        "id": shortened(trace.id, ID_CHARS),
        "title": visible(title(trace, TITLE_CHARS)),
        "outcome": shortened(outcome_words(outcome), OUTCOME_CHARS),
        "look": outcome_look(outcome),
        "reward": reward_of(trace),
        "failed": len(failed) if states_errors else None,
        "why": _why(trace, failed),
        "wrong": trace_failed(trace),
        "steps": len(trace.steps),
        "tokens": figures["tokens"],
        "cost_usd": figures["cost_usd"],
        "duration_s": figures["duration_s"],
        "started": "" if started is None else moment(started)[:MINUTE_CHARS].replace("T", " "),
        "model": shortened(models[0], OUTCOME_CHARS) if models else "",
        "source": trace.source,
        "file": "",
    }


def _why(trace: Trace, failed: Sequence[Entry]) -> str:
    """The reason that its source gives for the failure, else that of the first failed step."""
    for mistake in mistakes_of(trace):
        reason = as_words(mistake.get("comment") or "")
        if reason:
            return visible(shortened(reason, WHY_CHARS))
    return failed[0].why if failed else ""


def _pages(
    traces: Sequence[Trace], rows: Sequence[dict[str, Any]], every_page: bool
) -> dict[str, str]:
    """The packed pages by the ids of their elements, those of traces that failed first."""
    positions = range(len(traces))
    failed_first = sorted(positions, key=lambda n: (not rows[n]["wrong"], not rows[n]["failed"]))
    pages: dict[str, str] = {}
    n_chars = 0
    for position in failed_first:
        page = page_html(traces[position], anchors=f"t{position}")
        n_chars += len(page)
        if n_chars > PAGES_CHARS and pages and not every_page:
            break
        # without a time inside, so that the same traces make the same file
        packed = gzip.compress(page.encode("utf-8", "replace"), compresslevel=6, mtime=0)
        pages[f"page-{position}"] = b64encode(packed).decode()
    return pages


def _list(name: str, n_traces: int, n_pages: int, sources: Set[str]) -> Html:
    """The search and an empty table, which the script fills."""
    sizes = quantity(n_traces, "trace")
    if len(sources) == 1:
        sizes += f", {'all ' if n_traces > 1 else ''}{min(sources)}"
    left_out: object = ""
    if n_pages < n_traces:
        left_out = tag(
            "p",
            f"{n_pages:,} of them can be read here (those that failed were taken first): more than "
            f"{PAGES_CHARS // 1_000_000} MB of pages would make this file slow. "
            "The search looks through these; of the others, through their names. For every one: ",
            tag("code", "fieldbook view FILE --all"),
            class_="soft",
            id="left-out",
        )
    box = tag(
        "input",
        type="search",
        id="search",
        placeholder='Search all words, "a phrase"; no system prompts',
        size="46",
    )
    first = tag("button", "Failed first", type="button", id="failed-first")
    tools = tag("div", box, first, tag("span", id="found", class_="soft", role="status"))
    table = tag("div", tag("table", tag("thead"), tag("tbody"), id="rows"), class_="wide")
    more = tag("button", "Show more", type="button", id="more", hidden=True)
    no_script = tag(
        "noscript",
        tag("p", "This list needs script. A page of a single trace does not: give a file of one."),
    )
    head = fragment(tag("h1", name), tag("p", sizes, class_="soft"), left_out)
    return tag("section", head, no_script, tools, table, more, id="list", hidden=n_traces == 1)


def _keys(keys: Mapping[str, str]) -> Html:
    """The keys, which the script makes work."""
    hints = [tag("span", tag("kbd", key), f" {act}") for key, act in keys.items()]
    return tag("p", spaced(*hints), class_="soft", id="keys", hidden=True)
