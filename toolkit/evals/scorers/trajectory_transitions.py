"""transitions_frame: which tool or speaker follows which, counted over traces."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from toolkit.evals.scorers.trajectory import is_by_user
from toolkit.traces import Step, Trace

if TYPE_CHECKING:
    import pandas as pd

START = "(start)"
END = "(end)"
FAILED = "a failed call"


def transitions_frame(traces: Iterable[Trace]) -> "pd.DataFrame":
    """How often a step of each kind is followed by one of each other.

    Returns
    -------
    DataFrame
        A row for what comes first, ``(start)`` included, a column for what follows, ``(end)``
        included; the most frequent first. A call counts under the name of its tool, words under who
        speaks. Results are left out, but for errors: each is ``a failed call``, whatever it says.
        What a user calls is ``user: TOOL``.

    >>> turns = [Step("s1", "message", "user", "Hi"), Step("s2", "message", "assistant", "Hello")]
    >>> int(transitions_frame([Trace("t", turns)]).loc["user", "assistant"])
    1
    """
    import pandas as pd

    counts: Counter[tuple[str, str]] = Counter()
    frequency: Counter[str] = Counter()
    for trace in traces:
        names = [name for step in trace.steps if (name := step_name(step))]
        frequency.update(names)
        counts.update(pairwise([START, *names, END]))
    ordered = [name for name, _ in frequency.most_common()]
    frame = pd.DataFrame(0, index=[START, *ordered], columns=[*ordered, END])
    frame.index.name = "from"
    frame.columns.name = "to"
    for (before, after), count in counts.items():
        if (before, after) != (START, END):
            frame.loc[before, after] = count
    return frame


def who_acts(step: Step) -> str:
    """The agent that takes a step, by its name where it has one."""
    return str(step.data.get("agent") or step.actor)


def step_name(step: Step) -> str:
    """What a step counts under; blank for what is not counted."""
    if step.kind == "tool.call":
        tool = str(step.data.get("name") or step.content)
        return f"user: {tool}" if is_by_user(step) else tool
    if step.kind == "tool.result":
        return FAILED if step.data.get("error") else ""
    return who_acts(step) if step.kind == "message" else ""
