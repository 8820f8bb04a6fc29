"""Notebooks are for people: short cells, seen without running, and nothing left over from a run.

That they execute, and say what is committed, `collect` shows.
"""

import json
import re
from pathlib import Path

import nbformat
import pytest
from codespell_lib import main as codespell

from tests.notebooks.outputs import GALLERY, MOMENTARY, PICTURE, WIDGET, code_cells

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TOGETHER_MB = 6
OF_ONE_RUN = re.compile(r" at 0x[0-9a-f]+|/tmp/|/home/|/Users/|token=")
"""What is true of one run, or of one machine, alone."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_short_and_ends_with_a_marked_exercise(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(cells) <= 25
    assert max(len(cell.source.splitlines()) for cell in code) <= 12
    assert "What you will learn" in cells[0].source
    assert cells[-2].source.startswith("## Exercise")
    assert "<details><summary>A hint</summary>\n\n" in cells[-2].source
    assert "checks." in cells[-1].source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_with_its_outputs_and_nothing_of_one_run_or_one_machine(path):
    notebook = nbformat.read(path, as_version=4)
    code = code_cells(notebook)
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs
    assert "widgets" not in notebook.metadata
    assert not any(cell.execution_count or "execution" in cell.metadata for cell in code)
    assert not any(output.get("execution_count") or output.get("metadata") for output in outputs)
    assert not any(WIDGET in output.get("data", {}) for output in outputs)
    assert not any(output.output_type == "error" for output in outputs)
    shown = re.sub(r'"image/png": "[^"]*"', "", json.dumps(outputs))
    assert OF_ONE_RUN.findall(shown) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_pictures_that_a_notebook_names_are_there_and_a_link_with_a_token_is_not(path):
    for cell in code_cells(nbformat.read(path, as_version=4)):
        for entry in (PICTURE, GALLERY):
            if entry in cell.metadata:
                assert (path.parent / "images" / cell.metadata[entry]).exists()
                assert any("image/png" in output.get("data", {}) for output in cell.outputs)
        if MOMENTARY in cell.metadata.get("tags", ()):
            assert cell.outputs == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_text_claims_is_so_in_the_outputs_that_are_committed(path):
    for cell in code_cells(nbformat.read(path, as_version=4)):
        shown = json.dumps(cell.outputs)
        assert shown.count("As the text says: ") == cell.source.count("checks.holds(")
        assert "Not so this time: " not in shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_words_of_a_notebook_are_spelled_right(path, tmp_path):
    cells = nbformat.read(path, as_version=4).cells
    words = tmp_path / "words.md"
    words.write_text("\n\n".join(cell.source for cell in cells))  # of its outputs traces have a say
    assert codespell("--toml", str(ROOT / "pyproject.toml"), str(words)) == 0


def test_the_notebooks_are_small_enough_to_be_looked_at():
    assert NOTEBOOKS
    assert sum(path.stat().st_size for path in NOTEBOOKS) < TOGETHER_MB * 1e6
