"""Notebook 03 counts the learner's own codes to the end: on Harbor, and on real traces with a
person's labels.
"""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from toolkit.evals import Codebook, FailureMode, Label, LabelStore
from toolkit.harbor import load_labels
from toolkit.tour import class_traces, codebook_in_use

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
STAMPS = """from matplotlib.text import Text
figure = plot_saturation(book).figure
print("on the plot:", [text.get_text() for text in figure.findobj(Text) if text.get_text().strip()])
"""


def run_notebook_03() -> str:
    """All that the notebook prints and shows as text, and then what stands on its plot."""
    notebook = nbformat.read(NOTEBOOKS / "03_from_notes_to_failure_modes.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(STAMPS))
    NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOKS)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "\n".join(
        output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs
    )


def code_by_hand(book: Codebook, n: int) -> None:
    """Ada puts two codes on the first `n` reasons for failing, and makes a failure mode of each."""
    failed = [label for label in book.labels if label.verdict == "fail"][:n]
    for at, label in enumerate(failed):
        book.code(label.id, "asks again" if at % 2 else "wrong sum", by="ada")
    for name, code in (("Asks what was said", "asks again"), ("Gets the sum wrong", "wrong sum")):
        book.merge(FailureMode(name, f"The agent {name.lower()}.", (code,), by="ada"))


def test_on_harbor_the_learners_own_modes_are_counted_plotted_and_frozen(tmp_path, monkeypatch):
    monkeypatch.delenv("FIELDBOOK_TRACES", raising=False)
    monkeypatch.setenv("FIELDBOOK_OUT", str(tmp_path))
    mine = Codebook(class_traces()[1].with_suffix(".codes.jsonl"), load_labels())
    code_by_hand(mine, 8)
    shown = run_notebook_03()
    assert "2 failure modes by ada (human)" in shown
    assert shown.count("Gets the sum wrong") >= 3
    assert "sim-coder" not in shown
    assert "2 codes in" in shown
    assert [(version.by, {mode.name for mode in version.modes}) for version in mine.versions()] == [
        ("ada", {"Asks what was said", "Gets the sum wrong"})
    ]
    assert "simulated" in shown.partition("on the plot:")[2]  # its labels are


def test_on_real_traces_with_a_persons_labels_nothing_is_called_simulated(
    tmp_path, monkeypatch, data_dir
):
    records = json.loads((data_dir / "tau-bench-airline" / "gpt-4o-airline.json").read_text())[:12]
    own = tmp_path / "airline.json"
    own.write_text(json.dumps(records))
    monkeypatch.setenv("FIELDBOOK_TRACES", str(own))
    monkeypatch.setenv("FIELDBOOK_OUT", str(tmp_path / "out"))
    traces, label_file = class_traces()
    store = LabelStore(label_file, make=True)
    for at, trace in enumerate(traces):
        store.add(
            Label(
                trace.id,
                "ada",
                "fail" if at % 2 else "pass",
                f"it books the wrong flight, number {at}",
            )
        )
    mine = Codebook(label_file.with_suffix(".codes.jsonl"), store)
    code_by_hand(mine, 6)
    shown = run_notebook_03()
    assert "2 failure modes by ada (human)" in shown
    assert shown.count("Asks what was said") >= 3
    assert "sim" not in shown.replace("same_", "").lower()
    assert [(version.by, len(version.modes)) for version in mine.versions()] == [("ada", 2)]


@pytest.mark.parametrize("n_coded", [0, 3])
def test_before_there_is_a_failure_mode_a_simulated_coder_says_that_it_is_one_and_leaves_mine_alone(
    tmp_path, n_coded
):
    labels = [Label(f"t{n}", "ada", "fail", "the sum is wrong") for n in range(4)]
    mine = Codebook(tmp_path / "mine.jsonl", labels)
    for label in labels[:n_coded]:
        mine.code(label.id, "wrong sum", by="ada")
    before = mine.now
    book = codebook_in_use(mine, {"sum, wrong": [label.id for label in labels]})
    assert [(mode.by, mode.kind) for mode in book.now.modes] == [("sim-coder", "simulated")]
    assert book.simulated
    assert mine.now == before
    assert not mine.simulated
