"""The notebooks in a folder of the user's, and the labels of a file that is moved."""

import json
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import nbformat
import pytest

from toolkit.files import shipped
from toolkit.tour import label_path
from toolkit.tour.notebooks import LAID_OUT, lay_out_notebooks

FIRST = "00_a_ten_minute_tour.ipynb"
ROOT = Path(__file__).parents[2]
LAB = [sys.executable, "-c", "from toolkit.cli import app; app()", "lab", "--no-open"]


def test_all_notebooks_and_what_they_import_are_laid_out_once(tmp_path):
    folder = tmp_path / "mine"
    layout = lay_out_notebooks(folder)
    assert {FIRST, "checks.py", "bugs.py"} <= set(layout.written)
    assert (folder / "checks.py").read_bytes() == (shipped("notebooks") / "checks.py").read_bytes()
    again = lay_out_notebooks(folder)
    assert (again.written, again.kept) == ((), ())


def test_a_notebook_is_laid_out_without_its_outputs_which_are_of_other_traces(tmp_path):
    lay_out_notebooks(tmp_path)
    shown = nbformat.read(shipped("notebooks") / FIRST, as_version=4)
    clean = nbformat.read(tmp_path / FIRST, as_version=4)
    assert any(cell.get("outputs") for cell in shown.cells)
    assert not any(cell.get("outputs") for cell in clean.cells)
    assert [(cell.id, cell.source) for cell in clean.cells] == [
        (cell.id, cell.source) for cell in shown.cells
    ]


def test_what_the_user_changed_is_kept_and_what_is_old_is_brought_up_to_date(tmp_path):
    lay_out_notebooks(tmp_path)
    (tmp_path / FIRST).write_text("mine")
    old = b"# an older version, as it was laid out"
    (tmp_path / "bugs.py").write_bytes(old)
    hashes = json.loads((tmp_path / LAID_OUT).read_text())
    (tmp_path / "checks.py").unlink()
    layout = lay_out_notebooks(tmp_path)
    assert (layout.written, layout.kept) == (("checks.py",), (FIRST, "bugs.py"))
    assert FIRST in str(layout)
    hashes["bugs.py"] = sha256(old).hexdigest()
    (tmp_path / LAID_OUT).write_text(json.dumps(hashes))
    layout = lay_out_notebooks(tmp_path)
    assert (layout.written, layout.kept) == (("bugs.py",), (FIRST,))
    assert (tmp_path / FIRST).read_text() == "mine"


@pytest.fixture
def clone(tmp_path):
    """What of a clone the command needs."""
    junk = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for folder in ("toolkit", "notebooks"):
        shutil.copytree(ROOT / folder, tmp_path / "clone" / folder, ignore=junk)
    return tmp_path / "clone"


def contents(folder):
    files = [path for path in folder.rglob("*") if path.suffix in {".ipynb", ".py", ".json"}]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_workshop_in_a_clone_leaves_its_notebooks_as_they_are_and_keeps_the_learners(clone):
    committed = contents(clone / "notebooks")
    for _ in range(2):
        run = subprocess.run(
            LAB, cwd=clone, capture_output=True, text=True, timeout=120, check=True
        )
        (clone / "fieldbook-notebooks" / FIRST).write_text("a learner's own")
    assert f"kept: {FIRST}" in run.stdout
    assert contents(clone / "notebooks") == committed
    assert set(contents(clone / "fieldbook-notebooks")) == {*committed, LAID_OUT}


def test_the_learners_copies_are_nothing_that_git_would_commit():
    ignores = (ROOT / ".gitignore").read_text().splitlines()
    assert {"fieldbook-notebooks/", "fieldbook-out/"} <= set(ignores)


def test_whoever_writes_the_notebooks_opens_them_where_they_are():
    before = contents(shipped("notebooks"))
    layout = lay_out_notebooks(shipped("notebooks"))
    assert (layout.written, layout.kept) == ((), ())
    assert contents(shipped("notebooks")) == before


def test_labels_are_found_when_traces_are_moved_and_when_more_are_added(tmp_path, monkeypatch):
    monkeypatch.setenv("FIELDBOOK_OUT", str(tmp_path / "out"))
    (tmp_path / "out").mkdir()
    traces = tmp_path / "own.jsonl"
    traces.write_text('{"id": "a"}\n')
    labels = label_path(traces)
    labels.write_text("")
    (tmp_path / "elsewhere").mkdir()
    moved = traces.rename(tmp_path / "elsewhere" / "own.jsonl")
    assert label_path(moved) == labels
    traces.write_text('{"id": "a"}\n{"id": "b"}\n')
    assert label_path(traces) == labels
    moved.write_text('{"id": "c"}\n')
    assert label_path(moved) != labels


def test_labels_under_the_name_of_an_earlier_version_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv("FIELDBOOK_OUT", str(tmp_path))
    traces = tmp_path / "own.jsonl"
    traces.write_text('{"id": "a"}\n')
    place = label_path(traces).name.split("-")[1]
    old = tmp_path / f"own-{place}.labels.jsonl"
    old.write_text("")
    assert label_path(traces) == old


def annotate(folder, *options):
    """`fieldbook annotate`, which starts nothing."""
    command = [*LAB[:-2], "annotate", "--no-open", "--folder", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_annotate_writes_a_notebook_of_one_panel_and_keeps_the_cells_that_follow_it(tmp_path):
    own = tmp_path / "own.jsonl"
    own.write_text('{"messages": [{"role": "user", "content": "Hello"}]}\n')
    ran = annotate(tmp_path / "mine", str(own), "--tags", "tone, policy", "--rater", "ada")
    assert ran.returncode == 0, ran.stderr
    path = tmp_path / "mine" / "annotate.ipynb"
    book = nbformat.read(path, as_version=4)
    assert book.cells[0].source.endswith("label_file, rater='ada', tags=('tone', 'policy'))")
    compile(book.cells[0].source, "cell", "exec")
    book.cells.append(nbformat.v4.new_code_cell("1 + 1"))
    nbformat.write(book, path)
    assert annotate(tmp_path / "mine", str(own)).returncode == 0
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells]
    assert cells[0].endswith("rater=None, tags=())")
    assert cells[1:] == ["1 + 1"]


def test_annotate_refuses_a_tag_that_is_none_before_it_writes_anything(tmp_path):
    own = tmp_path / "own.jsonl"
    own.write_text('{"messages": [{"role": "user", "content": "Hello"}]}\n')
    ran = annotate(tmp_path / "mine", str(own), "--tags", "a" * 50)
    assert ran.returncode == 2
    assert "a tag has at most 40 characters" in ran.stderr
    assert not (tmp_path / "mine").exists()
