"""Codes as a `CodingPanel` shows them: a chip each, with its colour and how many reasons have it;
its keys, and the reason that is read.
"""

from collections import Counter
from collections.abc import Mapping

from toolkit import render
from toolkit.evals.labels.codebook import Coding, Version
from toolkit.evals.labels.labels import Label
from toolkit.traces import Trace, trace_html
from toolkit.traces.outline import step_anchor
from toolkit.views.panels.quotefield import pointer_html
from toolkit.views.panels.stepfield import framed
from toolkit.views.panels.verdicts import quotes_of

__all__ = ["DIGITS", "HELP", "KEYS"]
__all__ += ["about_html", "chip_html", "code_counts", "hue_class", "hues_of", "read_html"]
__all__ += ["reason_html"]

DIGITS = "123456789"
"""The keys of the codes that are used most."""
KEYS = {f"code-{digit}": digit for digit in DIGITS} | {
    "write": "W",
    "add": "Enter",
    "add-on": "Ctrl+Enter",
    "none": "N",
    "confirm": "C",
    "dismiss": "X",
    "previous": "←",
    "next": "→",
    "undo": "U",
}
HELP = dict.fromkeys(DIGITS, "") | {
    "1 to 9": "put the code with this number on the reason",
    "W": "write a code",
    "Enter": "add the code in the box",
    "Ctrl+Enter": "add the code in the box, if there is one, and go to the next reason",
    "N": "read, and there is nothing in it to code",
    "C": "confirm the first suggestion: it counts, for this reason",
    "X": "dismiss the first suggestion",
    "←": "the reason before",
    "→": "the reason after",
    "U": "undo: take back your newest action",
    "↑ ↓ Space": "scroll the reason and its trace",
}

HUES = 6
"""How many colours there are; the seventh code has that of the first."""


def code_counts(now: Version) -> list[tuple[str, int]]:
    """The codes that count, and how many reasons have each: the most used first."""
    return Counter(coding.code for coding in now.confirmed).most_common()


def hues_of(now: Version) -> dict[str, int]:
    """The colour of each code, by its number: the order in which the codes came."""
    codes = dict.fromkeys(coding.code for coding in now.codings)
    return {code: number % HUES for number, code in enumerate(codes)}


def hue_class(hue: int) -> str:
    """The class of the elements that have this colour."""
    return f"fieldbook-hue-{hue}"


def chip_html(code: str, hue: int) -> render.Html:
    """A code as a chip."""
    return render.block(render.tag("span", code, class_=f"fieldbook-chip {hue_class(hue)}"))


def about_html(coding: Coding) -> render.Html:
    """How a code stands on its reason, and who put it there."""
    return render.block(render.tag("span", f"{coding.status} · {coding.coder}", class_="soft"))


def reason_html(number: int, label: Label | None, traces: Mapping[str, Trace]) -> render.Html:
    """The reason of this number, counted from 1, who gave it, and what it is about."""
    if label is None:
        empty = "There are no reasons to code: the codebook has no labels."
        return render.block(render.tag("p", empty))
    verdict = render.tag("span", label.verdict, class_=f"verdict {label.verdict}")
    trace = traces.get(label.trace_id)
    about = f" of trace {label.trace_id}, by {label.rater} ({label.rater_kind})"
    where = pointer_html(trace, label)
    if where:
        about += ", which goes wrong at "
    which = render.tag("strong", f"Reason {number}")
    who = render.tag("div", which, " ", verdict, about, where, class_="who fieldbook-begin")
    return render.block(who, render.tag("p", label.why, class_="fieldbook-reason"))


def read_html(label: Label | None, traces: Mapping[str, Trace]) -> render.Html:
    """The trace of a reason, with the step that it is about in a frame, and its words marked."""
    if label is None:
        return render.block()
    trace = traces.get(label.trace_id)
    if trace is None:
        return render.block("The trace is not at hand.")
    frame = render.fragment()
    if label.step in {step.id for step in trace.steps}:
        frame = framed(step_anchor(trace, label.step or ""))
    return render.block(frame, trace_html(trace, quotes=quotes_of([label])))
