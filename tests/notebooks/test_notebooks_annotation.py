"""Notebooks 01 and 02: two cells are enough to label one's own traces, and the exercises tell right from wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import checks
import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def test_the_first_two_cells_of_notebook_02_alone_open_a_panel_on_ones_own_few_traces(tmp_path):
    cells = nbformat.read(NOTEBOOKS / "02_thumbs_and_a_reason_why.ipynb", as_version=4).cells[:2]
    assert [cell.cell_type for cell in cells] == ["code", "code"]
    assert ("read_traces" in cells[0].source, "AnnotationPanel" in cells[1].source) == (True, True)
    talk = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}]
    own = tmp_path / "own.jsonl"
    own.write_text("".join(json.dumps({"id": f"t{n}", "messages": talk}) + "\n" for n in range(3)))
    *before, last = "\n".join(cell.source for cell in cells).splitlines()
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
    return list(frame[(frame["tool_errors"] > 0).fillna(False)].sort_values("tool_errors", ascending=False)["id"])


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
        (checks.finds_tool_trouble, lambda frame: list(frame[frame["tool_errors"].fillna(1) > 0]["id"]), "Not yet"),
        (checks.finds_tool_trouble, lambda frame: [i for i, n in frame.to_numpy() if n > 0], "Not yet"),
        (checks.counts_the_judged, rate, "Right"),
        (checks.counts_the_judged, lambda labels: (0.0, 0), "Not yet"),
        (checks.counts_the_judged, lambda labels: ((labels["verdict"] == "pass").mean(), len(labels)), "Not yet"),
        (checks.counts_the_judged, hasty, "Not yet"),
    ],
)
def test_an_exercise_tells_right_from_wrong(check, answer, verdict):
    assert check(answer).startswith(verdict)
