"""What is committed of a notebook's outputs, and what is compared when it runs again."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebooks.collect import CommittedNotebook, NotebookFile
from tests.notebooks.execute import execute
from tests.notebooks.outputs import CAPTION, difference, gallery, texts, tidy

PNG = "iVBORw0KGgo="
HERE = Path("/somewhere/else")


def notebook_of(*outputs, **metadata):
    cell = new_code_cell("", id="cell", outputs=list(outputs), metadata=metadata)
    return new_notebook(cells=[new_markdown_cell("# Title", id="title"), cell])


def tidied(notebook, images=HERE):
    tidy(notebook, images, [HERE])
    return notebook.cells[1].outputs


def shown(**data):
    forms = {kind.replace("_", "/"): content for kind, content in data.items()}
    return new_output("execute_result", forms, execution_count=7, metadata={"needs": "light"})


def printed(text):
    return new_output("stream", name="stdout", text=text)


def test_counts_metadata_and_widgets_of_a_run_are_not_committed():
    widget = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}})
    notebook = notebook_of(widget, shown(text_plain="7"))
    notebook.cells[1].execution_count = 7
    notebook.cells[1].metadata["execution"] = {"shell.execute_reply": "2026-11-30T10:16:32Z"}
    notebook.metadata["widgets"] = {"state": {}}
    (output,) = tidied(notebook)
    assert output == {
        "output_type": "execute_result",
        "data": {"text/plain": "7"},
        "metadata": {},
        "execution_count": None,
    }
    assert (notebook.cells[1].execution_count, notebook.cells[1].metadata) == (None, {})
    assert "widgets" not in notebook.metadata


def test_of_the_forms_of_an_output_the_one_that_is_best_on_the_web_is_kept():
    html, plot = tidied(
        notebook_of(
            shown(text_plain="Report(...)", text_html="<p>Report</p>"),
            shown(text_plain="<Figure>", text_html="<svg></svg>", image_png=PNG),
        )
    )
    assert (list(html.data), list(plot.data)) == (["text/html"], ["image/png"])


def test_folders_of_this_machine_are_taken_out_of_what_is_printed_and_shown():
    stream, html = tidied(
        notebook_of(printed(f"read {HERE}/data/a.jsonl\n"), shown(text_html=f"<b>{HERE}/b</b>"))
    )
    assert (stream.text, html.data["text/html"]) == ("read data/a.jsonl\n", "<b>b</b>")


def test_a_panel_becomes_a_sentence_and_its_picture(tmp_path):
    (tmp_path / "annotate.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    sentence, picture = tidied(notebook_of(picture="annotate.png"), tmp_path)
    assert (sentence.data["text/plain"], picture.data["image/png"]) == (CAPTION, PNG)


def test_what_is_tidy_stays_as_it_is_but_for_a_new_picture(tmp_path):
    (tmp_path / "annotate.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    notebook = notebook_of(picture="annotate.png")
    first = tidied(notebook, tmp_path)
    assert tidied(notebook, tmp_path) == first
    (tmp_path / "annotate.png").write_bytes(b"another")
    assert [output.data.keys() for output in tidied(notebook, tmp_path)] == [
        {"text/plain"},
        {"image/png"},
    ]
    assert notebook.cells[1].outputs != first


def test_what_is_good_for_one_moment_is_not_committed():
    assert tidied(notebook_of(printed("http://127.0.0.1:8000/?token=x"), tags=["momentary"])) == []


def test_a_plot_is_given_to_the_gallery_under_its_name():
    notebook = notebook_of(printed("a line"), shown(image_png=PNG), gallery="delivery.png")
    tidied(notebook)
    assert gallery(notebook) == {"delivery.png": b"\x89PNG\r\n\x1a\n"}


def test_a_text_that_differs_is_shown_with_its_cell():
    changed = difference(notebook_of(printed("3 lost\n")), notebook_of(printed("4 lost\n")))
    assert changed.splitlines()[-2:] == ["-[cell stdout] 3 lost", "+[cell stdout] 4 lost"]


@pytest.mark.parametrize("form", ["text/html", "text/plain", "text/markdown"])
def test_every_form_of_text_is_compared(form):
    before, after = (notebook_of(shown(**{form.replace("/", "_"): text})) for text in "ab")
    assert difference(before, after)


def test_of_html_the_words_are_compared_and_not_its_look():
    row = "<tr><td>tokens</td><td>{}&nbsp;lost</td></tr>"
    pages = [
        "<style>td{color:red}</style>" + row.format("3"),
        "<style>td{color:blue}</style>" + row.format("<b class='new'>3</b>"),
        "<style>td{color:red}</style>" + row.format("4"),
    ]
    before, restyled, after = (notebook_of(shown(text_html=page)) for page in pages)
    assert not difference(before, restyled)
    assert "+[cell text/html] tokens 4 lost" in difference(before, after)


def test_plots_and_measured_cells_may_differ():
    assert not difference(notebook_of(shown(image_png="a")), notebook_of(shown(image_png="b")))
    before, after = (notebook_of(printed(text), tags=["measured"]) for text in "ab")
    assert (difference(before, after), texts(before)) == ("", [])


def test_a_notebook_runs_in_an_empty_folder_of_its_own(tmp_path):
    code = "import os, checks; from pathlib import Path\nprint(os.getenv('FIELDBOOK_OUT'), Path('..').resolve())"
    path = tmp_path / "lesson.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(code, id="where")]), path)
    (line,) = texts(execute(path))
    assert line.startswith("[where stdout] ../fieldbook-out /")
    assert str(tmp_path) not in line


def test_a_notebook_that_says_something_else_fails_with_the_difference_and_the_command(
    request, tmp_path
):
    path = tmp_path / "07_lesson.ipynb"
    cell = new_code_cell("print(4)", id="sum", outputs=[printed("3\n")])
    nbformat.write(new_notebook(cells=[cell]), path)
    file = NotebookFile.from_parent(request.session, path=path)
    (item,) = file.collect()
    assert isinstance(item, CommittedNotebook)
    with pytest.raises(Exception, match="3") as caught:
        item.runtest()
    message = item.repr_failure(caught)
    assert "-[sum stdout] 3\n+[sum stdout] 4" in message
    assert "python -m tests.notebooks 07" in message
