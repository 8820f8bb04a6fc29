"""What the printed runs of a Claude Code session used together.

A run ends with a `result` line. The ``usage`` and the duration on it are those of the run. The cost
and the ``modelUsage`` are running totals of a process (anthropics/claude-code#83239), and where one
process answers several times, they hold those of the runs before.
"""

from itertools import pairwise
from typing import Any, Literal

from toolkit.traces.fields import fields_of
from toolkit.traces.formats.claude_lines import Fields
from toolkit.traces.ids import Record
from toolkit.traces.spans import NOTES
from toolkit.traces.totals import totals_of
from toolkit.traces.usage import number_of

Process = Literal["same", "new", "unknown"]
COST = "cost_usd"
COUNTS = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheReadInputTokens": "cache_read_input_tokens",
    "cacheCreationInputTokens": "cache_creation_input_tokens",
}
"""The counts of a model in ``modelUsage``, and their names in the ``usage`` of a run."""


def totals_of_runs(runs: list[Fields]) -> Fields:
    """What a run states of itself; of several runs the sums, and what each states."""
    stated = [totals_of(run) for run in runs]
    if len(runs) < 2:
        return runs[0] | stated[0] if runs else {}
    totals: Fields = {}
    for run in stated:
        for name, value in run.items():
            is_number = isinstance(value, int | float)
            totals[name] = totals.get(name, 0) + value if is_number else value
    costs = [run[COST] for run in stated if COST in run]
    if costs:
        del totals[COST]
        priced = [run for run, own in zip(runs, stated, strict=True) if COST in own]
        totals |= _cost_together(priced, costs)
    return {**totals, "runs": runs}


def _cost_together(runs: list[Fields], costs: list[float]) -> Fields:
    """The cost of several runs, or a note of what is not known of it."""
    lowest = costs[-1]
    highest = costs[-1]
    for (earlier, later), cost in zip(pairwise(runs), costs, strict=False):
        process = process_of(later, earlier)
        if process != "same":
            highest += cost
        if process == "new":
            lowest += cost
    if lowest == highest:
        return {COST: highest}
    note = (
        f"the {len(runs)} runs cost between {lowest:.4f} and {highest:.4f} USD together: they do "
        "not say whether the cost of a later one holds that of an earlier one (see meta['runs'])"
    )
    return {NOTES: [note]}


def process_of(run: Record, earlier: Record) -> Process:
    """Whether a run is of the process of the run before it, or of a new one.

    In one process the totals of a run hold those of the run before and its own usage.
    """
    cost = number_of(run.get("total_cost_usd"))
    earlier_cost = number_of(earlier.get("total_cost_usd"))
    if cost is not None and earlier_cost is not None and cost < earlier_cost:
        return "new"
    if "modelUsage" not in run or "modelUsage" not in earlier:
        return "unknown"
    own = fields_of(run.get("usage"))
    for name, own_name in COUNTS.items():
        before = _of_all_models(earlier, name) + (number_of(own.get(own_name)) or 0)
        if _of_all_models(run, name) < before:
            return "new"
    return "same"


def _of_all_models(run: Record, name: str) -> float:
    """The sum of a count over the models that a process has used so far."""
    total = 0.0
    for counts in fields_of(run.get("modelUsage")).values():
        count: Any = fields_of(counts).get(name)
        total += number_of(count) or 0
    return total
