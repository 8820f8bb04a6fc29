"""Runs the notebooks and writes their outputs into them: ``python -m tests.notebooks [00 04 ...]``.

With ``--pictures`` nothing runs: the pictures of panels in the notebooks are made those of the
folder of images.
"""

import argparse
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tests.notebooks.execute import IMAGES, NOTEBOOKS, execute
from tests.notebooks.outputs import difference, gallery, tidy


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.notebooks", description=__doc__)
    parser.add_argument(
        "numbers", nargs="*", help="which notebooks, as 00; all where none is named"
    )
    parser.add_argument(
        "--pictures", action="store_true", help="only put in new pictures of panels"
    )
    chosen = parser.parse_args()
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in paths:
        if not chosen.numbers or path.name.split("_")[0] in chosen.numbers:
            committed = nbformat.read(path, as_version=4)
            notebook = with_pictures(path) if chosen.pictures else execute(path)
            write(notebook, path)
            changed = difference(committed, notebook) or "its texts are the same"
            print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; {changed}", flush=True)
    print(f"together: {sum(path.stat().st_size for path in paths) / 1e6:.2f} MB")


def with_pictures(path: Path) -> NotebookNode:
    """The notebook as it is committed, with the pictures that are in the folder of images."""
    notebook = nbformat.read(path, as_version=4)
    tidy(notebook, IMAGES, [])
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Write the notebook, and the images that the gallery has of it."""
    nbformat.write(notebook, path)
    for name, image in gallery(notebook).items():
        (IMAGES / name).write_bytes(image)


if __name__ == "__main__":
    main()
