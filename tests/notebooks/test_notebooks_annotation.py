"""Two cells of notebook 02 are enough to label one's own traces, and the exercises tell right from
wrong.
"""

import asyncio
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import checks
import nbformat
import numpy as np
import pytest

from toolkit.evals import Score

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def test_the_first_two_cells_of_notebook_02_alone_open_a_panel_on_ones_own_few_traces(tmp_path):
    cells = nbformat.read(NOTEBOOKS / "02_thumbs_and_a_reason_why.ipynb", as_version=4).cells[:2]
    assert [cell.cell_type for cell in cells] == ["markdown", "code"]
    assert "AnnotationPanel" in cells[1].source
    talk = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}]
    own = tmp_path / "own.jsonl"
    own.write_text("".join(json.dumps({"id": f"t{n}", "messages": talk}) + "\n" for n in range(3)))
    *before, last = cells[1].source.splitlines()
    told = subprocess.run(
        [sys.executable, "-c", "\n".join([*before, f"print(({last}).position)"])],
        env={**os.environ, "FIELDBOOK_TRACES": str(own), "FIELDBOOK_OUT": str(tmp_path / "out")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=NOTEBOOKS,
    )
    assert told.stdout == "1 of 3 · 0 labelled\n"


def failed_most_first(frame) -> list[str]:
    return list(
        frame[(frame["tool_errors"] > 0).fillna(False)].sort_values("tool_errors", ascending=False)[
            "id"
        ]
    )


def hasty(labels) -> tuple[float, int]:
    judged = [verdict for verdict in labels["verdict"] if verdict != "defer"]
    return judged.count("pass") / len(judged), len(judged)


def rate(labels) -> tuple[float | None, int]:
    judged = labels[labels["verdict"] != "defer"]["verdict"]
    return (float((judged == "pass").mean()) if len(judged) else None), len(judged)


@pytest.mark.parametrize(
    ("check", "answer", "verdict"),
    [
        (checks.finds_tool_trouble, failed_most_first, "Right"),
        (checks.finds_tool_trouble, lambda frame: [], "Not yet"),
        (
            checks.finds_tool_trouble,
            lambda frame: list(frame[frame["tool_errors"].fillna(1) > 0]["id"]),
            "Not yet",
        ),
        (
            checks.finds_tool_trouble,
            lambda frame: [i for i, n in frame.to_numpy() if n > 0],
            "Not yet",
        ),
        (checks.counts_the_judged, rate, "Right"),
        (checks.counts_the_judged, lambda labels: (0.0, 0), "Not yet"),
        (
            checks.counts_the_judged,
            lambda labels: ((labels["verdict"] == "pass").mean(), len(labels)),
            "Not yet",
        ),
        (checks.counts_the_judged, hasty, "Not yet"),
    ],
)
def test_an_exercise_tells_right_from_wrong(check, answer, verdict):
    assert check(answer).startswith(verdict)


def looked_first(trace):
    names = [call.data["name"] for call in trace.calls]
    if "refund" not in names:
        return Score("looked_first", None, "no refund")
    return Score("looked_first", np.bool_("find_booking" in names[: names.index("refund")]))


def corrected(passed, tpr, tnr):
    return min(1, max(0, (passed + tnr - 1) / (tpr + tnr - 1))) if tpr + tnr > 1 else None


def test_a_bool_of_numpys_is_a_bool():
    assert checks.looks_before_it_pays(looked_first).startswith("Right")


def test_a_correction_that_says_something_where_nothing_can_be_said_is_told_where():
    assert checks.takes_the_errors_out(corrected).startswith("Right")
    told = checks.takes_the_errors_out(
        lambda p, a, b: min(1, max(0, (p + b - 1) / (a + b - 1))) if a + b != 1 else None
    )
    assert "TPR is 0.3 and TNR is 0.6" in told
    assert "divides by zero" in checks.takes_the_errors_out(
        lambda p, a, b: min(1, max(0, (p + b - 1) / (a + b - 1)))
    )


@pytest.mark.parametrize(
    "answer", [None, "x", 1, True, (1,), ("a", "b"), [], {}, float("nan")], ids=repr
)
@pytest.mark.parametrize(
    "check",
    [
        checks.finds_tool_trouble,
        checks.counts_the_judged,
        checks.looks_before_it_pays,
        checks.takes_the_errors_out,
        checks.forbids_vouchers,
        checks.knows_the_waste,
        checks.shows_each_word_once,
    ],
)
def test_whatever_an_answer_returns_a_check_says_not_yet(check, answer):
    told = check(lambda *given: answer)
    assert (asyncio.run(told) if inspect.isawaitable(told) else told).startswith("Not yet")
