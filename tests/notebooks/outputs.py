"""The outputs of a notebook as they are committed: what a reader sees on the web, and nothing that
differs from one run to the next.
"""

from base64 import b64decode, b64encode
from difflib import unified_diff
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from nbformat import NotebookNode
from nbformat.v4 import new_output

MEASURED = "measured"
"""The tag of a cell whose text differs from run to run: a time, a random id, what a fault cost."""
MOMENTARY = "momentary"
"""The tag of a cell whose outputs are of use only while its kernel lives: a link, and its token."""
PICTURE = "picture"
"""The entry of a cell's metadata that names the picture of its panel, in the folder of images."""
GALLERY = "gallery"
"""The entry of a cell's metadata that names the image which is made of its plot."""
WIDGET = "application/vnd.jupyter.widget-view+json"
BLOCKS = ["article", "div", "h1", "h2", "h3", "li", "p", "pre", "summary", "table", "tr"]
"""Tags after which a new line begins."""
CAPTION = "The panel, as a browser test saw it on simulated traces. Run the cell to have your own."


def tidy(notebook: NotebookNode, images: Path, folders: list[Path]) -> None:
    """Make the outputs of a run those to commit.

    A panel becomes its picture, and any other widget goes. Names of `folders` of this machine are
    taken out of the text. What is tidy stays as it is, but for pictures that are new.
    """
    for cell in code_cells(notebook):
        cell.execution_count = None
        cell.metadata.pop("execution", None)  # when it ran
        cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
        for output in cell.outputs:
            _tidy_output(output, folders)
        if PICTURE in cell.metadata:
            cell.outputs = _picture(images / cell.metadata[PICTURE])
        if MOMENTARY in _tags(cell):
            cell.outputs = []
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that are run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _tags(cell: NotebookNode) -> list[str]:
    tags: list[str] = cell.metadata.get("tags", [])
    return tags


def _tidy_output(output: NotebookNode, folders: list[Path]) -> None:
    if "execution_count" in output:
        output.execution_count = None
    if output.output_type == "stream":
        output.text = _without_folders(output.text, folders)
    if "data" in output:
        output.metadata = NotebookNode()
        output.data = NotebookNode(_best_forms(output.data, folders))


def _best_forms(data: NotebookNode, folders: list[Path]) -> dict[str, Any]:
    """What a reader of the web sees: of a plot its picture, on a light ground of its own.

    GitHub strips a drawing from HTML, and has shown SVG outputs as black boxes or not at all
    (jupyter/nbviewer#1037, xflr6/graphviz#182); JupyterLab shows none in a notebook that it does
    not trust (jupyterlab/jupyterlab#10464). A PNG is shown by each of them, in the dark too.
    """
    for kind in ("image/png", "text/html", "text/markdown"):
        if kind in data:
            data = NotebookNode({kind: data[kind]})
            break
    forms: dict[str, Any] = {}
    for kind, content in data.items():
        is_text = kind.startswith("text/")
        forms[kind] = _without_folders(content, folders) if is_text else content
    return forms


def _without_folders(text: str, folders: list[Path]) -> str:
    for folder in folders:
        text = text.replace(f"{folder}/", "")
    return text


def _picture(path: Path) -> list[NotebookNode]:
    """The outputs of a panel: a sentence, and its picture."""
    picture = b64encode(path.read_bytes()).decode()
    return [
        new_output("display_data", {"text/plain": CAPTION}),
        new_output("display_data", {"image/png": picture}),
    ]


def gallery(notebook: NotebookNode) -> dict[str, bytes]:
    """The plots that a tidy notebook gives to the folder of images, by the names of their files."""
    images: dict[str, bytes] = {}
    for cell in code_cells(notebook):
        if GALLERY in cell.metadata:
            (plot,) = [output for output in cell.outputs if "image/png" in output.get("data", {})]
            images[cell.metadata[GALLERY]] = b64decode(plot.data["image/png"])
    return images


def difference(committed: NotebookNode, executed: NotebookNode) -> str:
    """What the texts of the two say differently, as a diff; empty where they say the same."""
    lines = unified_diff(
        texts(committed), texts(executed), "as committed", "as executed", lineterm="", n=1
    )
    return "\n".join(lines)


def texts(notebook: NotebookNode) -> list[str]:
    """The lines of all text that a tidy notebook shows, `measured` cells apart."""
    lines: list[str] = []
    for cell in code_cells(notebook):
        if MEASURED in _tags(cell):
            continue
        for output in cell.outputs:
            for kind, text in _texts_of(output).items():
                lines += [f"[{cell.id} {kind}] {line}" for line in text.splitlines()]
    return lines


def _texts_of(output: NotebookNode) -> dict[str, str]:
    """The text of each kind in an output: of a stream, of an error, or of what was shown."""
    if output.output_type == "stream":
        return {output.name: output.text}
    if output.output_type == "error":
        return {"error": f"{output.ename}: {output.evalue}"}
    shown = {kind: text for kind, text in output.data.items() if kind.startswith("text/")}
    if "text/html" in shown:
        shown["text/html"] = _words(shown["text/html"])
    return shown


def _words(html: str) -> str:
    """What a reader reads of HTML, a line for each block: not its style sheet, nor its tags."""
    page = BeautifulSoup(html, "html.parser")
    for block in page.find_all(BLOCKS):
        block.append("\n")
    for cell in page.find_all(["td", "th"]):
        cell.append(" ")
    lines = [" ".join(line.split()) for line in page.get_text().splitlines()]
    return "\n".join(line for line in lines if line)
