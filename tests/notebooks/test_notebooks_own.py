"""Notebooks 03 to 05 and 07 on one's own traces with one's own labels, be they few: they run through, and
say what is missing.

That they run on Harbor, `collect` shows.
"""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from toolkit.evals import Label, LabelStore
from toolkit.tour import class_traces

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
MODES, TRUST, RUBRIC, TOOLS = (
    "03_from_notes_to_failure_modes",
    "04_can_you_trust_the_judge",
    "05_prototype_a_rubric",
    "07_tools_state_and_whole_traces",
)


def run_on_own(notebook, folder, monkeypatch, verdicts, cells=None):
    """What the notebook, or its first `cells`, prints on traces of one's own with these verdicts of
    a person's.
    """
    own = folder / "own.jsonl"
    said = [
        f"It is lost, number {n}." if v == "fail" else f"It comes on day {n}."
        for n, v in enumerate(verdicts)
    ]
    talks = [
        [("user", f"Where is order {n}?"), ("assistant", words)] for n, words in enumerate(said)
    ]
    talk = [[{"role": role, "content": words} for role, words in one] for one in talks]
    own.write_text(
        "".join(json.dumps({"id": f"t{n}", "messages": one}) + "\n" for n, one in enumerate(talk))
    )
    monkeypatch.setenv("FIELDBOOK_TRACES", str(own))
    monkeypatch.setenv("FIELDBOOK_OUT", str(folder / "out"))
    store = LabelStore(class_traces()[1], make=True)
    for n, verdict in enumerate(verdicts):
        store.add(
            Label(
                f"t{n}", "ada", verdict, f"order {n} is lost" if verdict == "fail" else "so be it"
            )
        )
    book = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4)
    book.cells = book.cells[:cells]
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    told = [out for cell in book.cells for out in cell.get("outputs", ())]
    texts = [out.get("text", "") for out in told]
    for out in told:
        texts += [out.get("data", {}).get(kind, "") for kind in ("text/plain", "text/html")]
    return "\n".join(texts)


SLOW = pytest.mark.slow
RUNS = [
    (MODES, 1),
    (TRUST, 6),
    pytest.param(TRUST, 1, marks=SLOW),
    pytest.param(RUBRIC, 6, marks=SLOW),
    (RUBRIC, 1),
]


@pytest.mark.parametrize(("notebook", "fails"), RUNS)
def test_a_notebook_runs_on_a_few_labels_of_ones_own_and_takes_them_for_a_persons(
    notebook, fails, tmp_path, monkeypatch
):
    told = run_on_own(
        notebook, tmp_path, monkeypatch, ["fail"] * fails + ["pass"] * (11 - fails) + ["defer"]
    )
    assert "human" in told
    assert "sim-robin" not in told
    if notebook == TRUST:
        assert "trained on 11 human labels" in told
        assert ("11 of 11 unscored: too few labels" in told) is (fails == 1)
        assert ("0 of 11 unscored" in told) is (fails == 6)
    if notebook == RUBRIC:
        (rubric,) = (tmp_path / "out").glob("*.md")
        assert rubric.name.startswith("own-")


@pytest.mark.parametrize(("notebook", "cells"), [(TRUST, 3), (RUBRIC, 4)])
def test_too_few_labels_fall_back_to_harbor_with_a_sentence_that_counts_them(
    notebook, cells, tmp_path, monkeypatch
):
    told = run_on_own(
        notebook, tmp_path, monkeypatch, ["pass"] * 5 + ["fail"] * 4 + ["defer"], cells
    )
    assert "Found 9 labels (pass or fail)" in told
    assert "it takes 10" in told


def test_notebook_07_asks_its_first_two_questions_of_ones_own_traces(tmp_path, monkeypatch):
    shown = run_on_own(TOOLS, tmp_path, monkeypatch, ["pass"] * 3, cells=4)
    assert "n = 3 traces · 6 steps" in shown
    assert "No rule applies to any of these traces" in shown
    assert "simulated" not in shown
