"""Runs the notebooks and writes their outputs into them: ``python -m tests.notebooks [00 04 ...]``."""

import sys

import nbformat

from tests.notebooks.execute import IMAGES, NOTEBOOKS, execute
from tests.notebooks.outputs import difference, gallery


def main(chosen: list[str]) -> None:
    total = 0
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if not chosen or path.name.split("_")[0] in chosen:
            committed = nbformat.read(path, as_version=4)
            executed = execute(path)
            nbformat.write(executed, path)
            for name, image in gallery(executed).items():
                (IMAGES / name).write_bytes(image)
            changed = difference(committed, executed) or "its texts are the same"
            print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; {changed}")
        total += path.stat().st_size
    print(f"together: {total / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
