"""Disagreements: the items on which judge and labels part, to be read one by one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolkit import render
from toolkit.evals.alignment.origin import Origin
from toolkit.traces import Trace, trace_html

if TYPE_CHECKING:
    import pandas as pd

FIRST = 10
"""Rows that are shown at once."""
SHOWN = 50
"""Rows that are shown at all."""
SUMMARY_CHARS = 140
SENTENCE_END = re.compile(r"(?<=[.!?])\s")


@dataclass(frozen=True)
class Disagreements(Origin):
    """Where judge and labels part, most harmful first."""

    frame: "pd.DataFrame"
    """Rows of `Alignment.pairs`."""
    traces: Mapping[Any, Trace] = field(repr=False)

    @property
    def title(self) -> str:
        """How many, and whose labels these are."""
        n = len(self.frame)
        shown = f", the first {SHOWN} shown" if n > SHOWN else ""
        return f"{n} disagreements with {self.labels_are}{shown}{self.rest_is}"

    def _repr_html_(self) -> str:
        rows = [self._row(row) for row in self.frame.head(SHOWN).itertuples()]
        blocks = [render.tag("p", self.title), *rows[:FIRST]]
        more = rows[FIRST:]
        if more:
            blocks.append(render.details(f"{len(more)} more", *more))
        return render.block(*blocks)

    def _row(self, row: Any) -> render.Html:
        label = f"labels: {row.human}"
        verdict = f"judge: {row.judge}"
        if row.status != "compared":
            verdict = f"judge: nothing that can be read ({row.judge!r})"
        blocks = []
        why = getattr(row, "why", None)
        if why:
            label += f" ({shortened(why)})"
            blocks.append(render.tag("p", f"why: {why}"))
        quotes = []
        quote = getattr(row, "quote", None)
        if quote:
            quotes.append((row.step, quote))
            blocks.append(render.tag("p", f"about: “{quote}”"))
        critique = getattr(row, "critique", None)
        if critique:
            verdict += f" ({first_sentence(critique)})"
            blocks.append(render.tag("p", f"critique: {critique}"))
        trace = self.traces.get(row.Index)
        body = render.tag("p", "No trace of this id was given.")
        if trace:
            body = trace_html(trace, quotes=quotes)
        return render.details(f"{row.Index} · {label} · {verdict}", *blocks, body)


def first_sentence(text: str) -> str:
    """The first sentence of `text`, shortened where it is long.

    >>> first_sentence("It refunded twice. The policy allows one.")
    'It refunded twice.'
    """
    first, *_ = SENTENCE_END.split(text.strip(), maxsplit=1)
    return shortened(first)


def shortened(text: str) -> str:
    """The first words of `text`, on one line."""
    line = " ".join(text.split())
    if len(line) <= SUMMARY_CHARS:
        return line
    return line[: SUMMARY_CHARS - 1].rstrip() + "…"
