"""The page of a trace: what happened, and where it went wrong, read without any script."""

import re
from collections.abc import Iterable, Sequence
from itertools import count, groupby
from pathlib import Path

from toolkit.render import Html, block, details, fragment, marked, tag
from toolkit.traces.amounts import quantity
from toolkit.traces.brief import as_words
from toolkit.traces.outline import Entry, anchors_of, outline
from toolkit.traces.page_about import Reading
from toolkit.traces.page_head import glance_html, head_html
from toolkit.traces.page_quotes import entry_quoted, quotes_by_step
from toolkit.traces.page_steps import entry_html
from toolkit.traces.page_strip import bar_html
from toolkit.traces.page_wrong import with_mistakes
from toolkit.traces.trace import Trace

STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
LONG_TRACE = 400
"""A trace of more entries is laid out only where it is in sight."""
_blocks = count(1)


def trace_block(trace: Trace) -> str:
    """The trace as a piece of a notebook's output, with its style."""
    return block(trace_html(trace, anchors=f"{anchors_of(trace)}-{next(_blocks)}"))


def trace_html(
    trace: Trace,
    mark: str = "",
    anchors: str | None = None,
    quotes: Iterable[tuple[str, str]] = (),
) -> Html:
    """The trace as HTML, with its style: to be put into `render.block` or `render.document`.

    Parameters
    ----------
    trace
        Whatever it holds is escaped.
    mark
        Words that were searched for: they are marked, and what holds them is open.
    anchors
        What the ids of the elements begin with; by default the same for the same trace. A page that
        shows a trace twice gives each its own.
    quotes
        What labels quote: the id of a step, and its words. They are marked, and what holds them is
        open; words that the step does not have are not.

    Returns
    -------
    Html
        A head, a strip of steps, and an ``article`` for each step: its id is `step_anchor`, its
        ``data-step`` the id of the step, and its class holds ``failed`` where it failed. A call
        stands with its result.
    """
    return fragment(tag("style", Html(STYLE)), page_html(trace, mark, anchors, quotes))


def page_html(
    trace: Trace,
    mark: str = "",
    anchors: str | None = None,
    quotes: Iterable[tuple[str, str]] = (),
) -> Html:
    """What `trace_html` returns, without the style."""
    entries = with_mistakes(trace, outline(trace, anchors))
    times = [step.time for step in trace.steps if step.time is not None]
    words = mark.split()
    reading = Reading(min(times, default=None), _pattern(words), quotes_by_step(quotes))
    steps = [_group_html(agent, group, reading) for agent, group in _by_agent(entries)]
    if not entries:
        steps.append(tag("p", "This trace has no steps.", class_="soft"))
    html = tag(
        "section",
        head_html(trace, entries),
        bar_html(entries, glance_html(trace, entries)),
        tag("div", *steps, class_="steps"),
        class_="trace long" if len(entries) > LONG_TRACE else "trace",
    )
    return marked(html, words)


def _pattern(words: Sequence[str]) -> re.Pattern[str] | None:
    if not words:
        return None
    return re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE)


def _by_agent(entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """The entries in runs of one sub-agent or branch each; the main line has no name."""
    main = _main_agent(entries)
    runs = []
    for agent, run in groupby(entries, lambda entry: _agent_of(entry, main)):
        runs.append((agent, list(run)))
    return runs


def _main_agent(entries: Sequence[Entry]) -> str:
    """The agent that acts first outside of any branch; empty where none has a name."""
    for entry in entries:
        if entry.agent and not entry.step.data.get("branch"):
            return entry.agent
    return ""


def _agent_of(entry: Entry, main: str) -> str:
    """The name that an entry is indented under; empty on the main line."""
    branch = entry.step.data.get("branch")
    if branch:
        name = f"{entry.agent} · " if entry.agent else ""
        return f"{name}branch {as_words(branch)}"
    return entry.agent if entry.agent != main else ""


def _group_html(agent: str, entries: Sequence[Entry], reading: Reading) -> Html:
    """A run of entries, indented under the name of the sub-agent that they belong to."""
    steps = []
    for entry in entries:
        steps.append(entry_quoted(entry_html(entry, reading), entry, reading.quotes))
    if not agent:
        return fragment(*steps)
    n_failed = sum(entry.failed for entry in entries)
    failed = tag("span", f"{n_failed} failed", class_="badge failed") if n_failed else ""
    n_steps = sum(len(entry.members) for entry in entries)
    size = tag("span", quantity(n_steps, "step"), class_="soft")
    head = fragment(tag("bdi", tag("strong", agent)), " ", size, " ", failed)
    return tag("div", details(head, *steps, open_=True), class_="agent")
