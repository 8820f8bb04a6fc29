"""Disagreements: the traces on which judge and labels part, to be read one by one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolkit import render
from toolkit.traces.trace import Trace, trace_html

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Disagreements:
    """Where judge and labels part."""

    frame: "pd.DataFrame"
    """Rows of `Alignment.pairs`."""
    traces: Mapping[Any, Trace] = field(repr=False)

    def _repr_html_(self) -> str:
        more = len(self.frame) - SHOWN
        rows = (self._row(row) for row in self.frame.head(SHOWN).itertuples())
        head = f"{len(self.frame)} disagreements" + f", the first {SHOWN} shown" * (more > 0)
        return render.block(render.tag("p", head), *rows)

    def _row(self, row: Any) -> render.Html:
        said = row.judge if row.status == "compared" else f"nothing that can be read ({row.judge!r})"
        words = {"why": getattr(row, "why", None), "critique": getattr(row, "critique", None)}
        told = [render.tag("p", f"{name}: {value}") for name, value in words.items() if value]
        trace = self.traces.get(row.Index)
        body = trace_html(trace) if trace else render.tag("p", "No trace of this id was given.")
        return render.details(f"{row.Index} · labels: {row.human} · judge: {said}", *told, body)
