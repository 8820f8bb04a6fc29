"""The notebooks in a folder of the user's: what a user changed is never overwritten."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from toolkit.files import clone, shipped, write_whole
from toolkit.traces.amounts import quantity

ANNOTATION = "02_thumbs_and_a_reason_why.ipynb"
"""The notebook in which traces are labelled: its first two cells are enough."""
PANEL = "annotate.ipynb"
"""The notebook of `lay_out_panel`."""
PANEL_CODE = """\
from toolkit.tour import class_traces
from toolkit.views import AnnotationPanel

traces, label_file = class_traces()
AnnotationPanel(traces, label_file, rater={rater!r}, tags={tags!r})"""
LAID_OUT = ".fieldbook.json"
"""The file that says what was laid out: the hash of each file by its name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What was done with each file, by its name."""

    folder: Path
    written: tuple[str, ...]
    """New here, or unchanged since an older version laid it out."""
    kept: tuple[str, ...]
    """Changed by the user: left as it is."""

    def __str__(self) -> str:
        text = f"notebooks: {self.folder} ({quantity(len(self.written), 'file')} written"
        if self.kept:
            text += f"; those that you changed are kept: {', '.join(self.kept)}"
        return text + ")"


def default_folder() -> Path:
    """Where the notebooks are laid out: in the clone, or where the package is installed, here."""
    return (clone() or Path()) / "fieldbook-notebooks"


def out_folder() -> Path:
    """Where labels and the like are kept: in the folder that FIELDBOOK_OUT names, else in
    ``fieldbook-out`` of the clone, or of this folder.
    """
    home = clone() or Path.cwd()
    return Path(os.environ.get("FIELDBOOK_OUT") or home / "fieldbook-out")


def lay_out_notebooks(folder: Path) -> Layout:
    """Copy the notebooks, and the modules that they import, to `folder`.

    The folder of the shipped ones themselves is left as it is: whoever writes them works there.
    """
    if folder.resolve() == shipped("notebooks"):
        return Layout(folder, (), ())
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / LAID_OUT
    hashes: dict[str, str] = json.loads(record.read_text("utf-8")) if record.is_file() else {}
    written: list[str] = []
    kept: list[str] = []
    for source in _shipped_files():
        name = source.relative_to(shipped("notebooks")).as_posix()
        content = _content(source)
        target = folder / name
        present = _hash(target.read_bytes()) if target.exists() else None
        if present == _hash(content):
            hashes[name] = present
        elif present is None or present == hashes.get(name):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, content)
            hashes[name] = _hash(content)
            written.append(name)
        else:
            kept.append(name)
    write_whole(record, json.dumps(hashes, indent=1))
    return Layout(folder, tuple(written), tuple(kept))


def lay_out_panel(folder: Path, rater: str | None, tags: Sequence[str]) -> None:
    """Write a notebook whose first cell is a panel; cells that follow it in the file stay."""
    path = folder / PANEL
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook: dict[str, Any] = {
        "cells": [],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    if path.exists():
        notebook = json.loads(path.read_text("utf-8"))
    code = PANEL_CODE.format(rater=rater, tags=tuple(tags))
    cell = {"cell_type": "code", "id": "panel", "metadata": {}, "source": code}
    notebook["cells"][:1] = [cell | {"execution_count": None, "outputs": []}]
    write_whole(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def _shipped_files() -> list[Path]:
    """The notebooks, their modules and their pictures: not what a run of them left behind."""
    files: list[Path] = []
    for pattern in ("*.ipynb", "*.py", "images/*"):
        files += sorted(shipped("notebooks").glob(pattern))
    return files


def _content(source: Path) -> bytes:
    """A file as it is laid out: a notebook without its outputs, which are of Harbor's traces."""
    if source.suffix != ".ipynb":
        return source.read_bytes()
    notebook = json.loads(source.read_text("utf-8"))
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = []
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()
