"""Notebooks are for people: short cells, nothing left over from a run. That they execute, nbmake
shows.
"""

from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_short_and_clean_and_ends_with_a_marked_exercise(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(cells) <= 25
    assert max(len(cell.source.splitlines()) for cell in code) <= 12
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert "What you will learn" in cells[0].source
    assert cells[-2].source.startswith("## Exercise")
    assert "checks." in cells[-1].source


def test_there_are_notebooks():
    assert NOTEBOOKS
