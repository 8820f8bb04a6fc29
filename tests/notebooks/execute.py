"""A run of a notebook as a newcomer has it: a copy in an empty folder, on Harbor, without labels."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.notebooks.outputs import tidy
from toolkit.tour.notebooks import lay_out_notebooks

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
IMAGES = NOTEBOOKS / "images"
CELL_S = 600
"""How long one cell may take, on a busy machine too."""
OF_THE_USER = {"FIELDBOOK_TRACES", "ANTHROPIC_API_KEY"}
"""Variables that must not change what a committed notebook shows."""


def execute(path: Path) -> NotebookNode:
    """The notebook at `path`, run from its first cell to its last, with outputs fit to commit."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as folder:
        copies = Path(folder) / "notebooks"
        lay_out_notebooks(copies)
        environment = {k: v for k, v in os.environ.items() if k not in OF_THE_USER}
        client = NotebookClient(
            notebook,
            timeout=CELL_S,
            kernel_name="python3",
            resources={"metadata": {"path": str(copies)}},
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=True,
        )
        client.execute(env={**environment, "FIELDBOOK_OUT": "../fieldbook-out"})
    tidy(notebook, IMAGES, [ROOT, Path(folder)])
    return notebook
