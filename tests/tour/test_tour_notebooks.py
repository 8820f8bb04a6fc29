"""The notebooks in a folder of the user's, and the labels of a file that is moved."""

import json
from hashlib import sha256

from toolkit.files import shipped
from toolkit.tour import label_path
from toolkit.tour.notebooks import LAID_OUT, lay_out_notebooks

FIRST = "00_a_ten_minute_tour.ipynb"


def test_all_notebooks_and_what_they_import_are_laid_out_once(tmp_path):
    folder = tmp_path / "mine"
    layout = lay_out_notebooks(folder)
    assert {FIRST, "checks.py", "bugs.py"} <= set(layout.written)
    assert (folder / FIRST).read_bytes() == (shipped("notebooks") / FIRST).read_bytes()
    again = lay_out_notebooks(folder)
    assert (again.written, again.kept) == ((), ())


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
