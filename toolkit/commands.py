"""The commands that read traces of yours: ``view``, ``import``, ``lab`` and ``annotate``."""

import json
import os
import sys
import warnings
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from toolkit.errors import UsageError
from toolkit.render import printable

OUT = Path("fieldbook-out")
"""The folder for pages that were given no place."""
STDIN = Path("-")
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")]
Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="Traces in any form: files, folders, patterns, gzip, zip; - is standard input.",
    ),
]
FormatName = Annotated[str, typer.Option(help="The format by name; auto: by content.")]
FormatsFile = Annotated[
    Path | None, typer.Option(help="A Python file that registers formats of yours.")
]
IdColumn = Annotated[str | None, typer.Option(help="A table's column of ids.")]
InputColumn = Annotated[
    str | None, typer.Option(help="A table's column of what was asked, or of whole conversations.")
]
OutputColumn = Annotated[str | None, typer.Option(help="A table's column of what was answered.")]
NotebookFolder = Annotated[
    Path | None,
    typer.Option(help="Where to lay the notebooks out: fieldbook-notebooks by default."),
]
NoOpen = Annotated[
    bool, typer.Option("--no-open", help="Lay the notebooks out, and start nothing.")
]


def import_(
    files: Files,
    to: Annotated[Path, typer.Option("--to", help="The JSONL file to write.")],
    format: FormatName = "auto",
    formats: FormatsFile = None,
    id: IdColumn = None,
    input: InputColumn = None,
    output: OutputColumn = None,
    form: Annotated[
        str,
        typer.Option(help="What to write: fieldbook, or chat, atif or otlp for other programs."),
    ] = "fieldbook",
    as_json: AsJson = False,
) -> None:
    """Read traces, say what was found, and write them as JSONL: Fieldbook's, or another form."""
    from toolkit.tour.story import import_figures
    from toolkit.traces import write_traces
    from toolkit.traces.amounts import quantity
    from toolkit.traces.write import check_form

    check_form(form)
    for file in files:
        _check_apart(file, to)
    say = teller(as_json)
    traces = read(files, say, format, formats, id=id, input=input, output=output)
    if traces:
        write_traces(to, traces, form=form)
        say(f"wrote {quantity(len(traces), 'trace')} to {to}")
    else:
        say("nothing was written: no record could be read")
    end({"ok": bool(traces), "to": str(to), **import_figures(traces)}, as_json)


def view(
    files: Files,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the page here, and open nothing: to keep it, or to mail it."),
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
    every_page: Annotated[
        bool,
        typer.Option("--all", help="Put in the page of every trace, however large it becomes."),
    ] = False,
    format: FormatName = "auto",
    formats: FormatsFile = None,
    id: IdColumn = None,
    input: InputColumn = None,
    output: OutputColumn = None,
    as_json: AsJson = False,
) -> None:
    """See your traces: one page with a list to search and sort, and what happened in each.

    The page needs no server and no network, and can be mailed.
    """
    from toolkit.files import write_whole
    from toolkit.traces.amounts import quantity
    from toolkit.traces.garbage import uncollected_garbage
    from toolkit.traces.viewer import viewer

    title, file_name = names_of_page(files)
    path = out or OUT / f"{file_name}.html"
    for file in files:
        _check_is_another(file, path, "--out")
    say = teller(as_json)
    traces = read(files, say, format, formats, id=id, input=input, output=output)
    if not traces:
        raise UsageError("no record could be read, so there is nothing to see")
    with uncollected_garbage():
        page = viewer(traces, title, every_page, files=traces.report.file_of_each_trace())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page.html)
    n_traces = quantity(page.n_traces, "trace")
    if page.n_pages == page.n_traces:
        say(f"wrote {path}: {n_traces} to read")
    else:
        say(f"wrote {path}: {page.n_pages:,} of {n_traces} can be read in it")
        say("those that failed were taken first; --all takes every one")
    if not (out or no_open):
        webbrowser.open(path.resolve().as_uri())
    end({"ok": True, "page": str(path), "traces": page.n_traces, "pages": page.n_pages}, as_json)


def lab(
    context: typer.Context,
    traces: Annotated[
        Path | None, typer.Option(help="Your own traces, for the notebooks to open.")
    ] = None,
    formats: FormatsFile = None,
    folder: NotebookFolder = None,
    no_open: NoOpen = False,
) -> None:
    """Open JupyterLab on the notebooks. Further options go to JupyterLab.

    With --traces it opens the annotation notebook on your own traces. The notebooks are copies of
    yours, in a clone too: what you change in them is never overwritten, and git does not see it.
    """
    from toolkit.tour.notebooks import ANNOTATION

    if traces:
        _offer_traces(traces, formats)
    notebooks = _notebooks(folder)
    start = "/lab"
    if traces:
        from toolkit.tour.lessons import label_path

        start = f"/lab/tree/{ANNOTATION}"
        print(f"to label them: {notebooks / ANNOTATION}, its first two cells (Shift+Enter)")
        print(f"labels: {label_path(traces)}", flush=True)
    if not no_open:
        _open_lab(notebooks, start, context.args)


def annotate(
    context: typer.Context,
    traces: Annotated[Path, typer.Argument(metavar="FILE", help="Your own traces, in any form.")],
    tags: Annotated[
        str, typer.Option(help="What a label may have beside its verdict, as tone,policy.")
    ] = "",
    rater: Annotated[str | None, typer.Option(help="Who labels: you, by default.")] = None,
    formats: FormatsFile = None,
    folder: NotebookFolder = None,
    no_open: NoOpen = False,
) -> None:
    """Label your traces: JupyterLab with one panel. Further options go to JupyterLab."""
    from toolkit.evals.labels.spelled import tidy_tags
    from toolkit.tour.lessons import label_path
    from toolkit.tour.notebooks import PANEL, lay_out_panel

    try:
        chosen = tidy_tags(tag for tag in tags.split(",") if tag.strip())
    except ValueError as error:
        raise UsageError(str(error)) from None
    _offer_traces(traces, formats)
    notebooks = _notebooks(folder)
    lay_out_panel(notebooks, rater, chosen)
    print(f"to label them: {notebooks / PANEL}, its only cell (Shift+Enter)")
    print(f"labels: {label_path(traces)}", flush=True)
    if not no_open:
        _open_lab(notebooks, f"/lab/tree/{PANEL}", context.args)


def _open_lab(notebooks: Path, start: str, options: list[str]) -> None:
    """Become JupyterLab on a folder of notebooks, with the page `start` open."""
    own = [f"--ServerApp.root_dir={notebooks}", f"--LabApp.default_url={start}"]
    os.execl(sys.executable, sys.executable, "-m", "jupyterlab", *own, *options)


def _offer_traces(traces: Path, formats: Path | None) -> None:
    """Let the notebooks open a file of traces, which is read once before to see that it can be."""
    from toolkit.tour.lessons import TRACES_VARIABLE
    from toolkit.traces.formats.known import FORMATS_VARIABLE

    if traces == STDIN:
        raise UsageError("labels belong to a file of traces: save what comes in, and name it")
    if not read([traces], teller(False), formats=formats):
        raise UsageError(f"{traces}: nothing could be read, so there is nothing to label")
    os.environ[TRACES_VARIABLE] = str(traces.resolve())
    if formats:
        os.environ[FORMATS_VARIABLE] = str(formats.resolve())


def _notebooks(folder: Path | None) -> Path:
    """The folder of the user's copies of the notebooks, laid out."""
    from toolkit.tour.notebooks import default_folder, lay_out_notebooks, out_folder

    notebooks = (folder or default_folder()).resolve()
    os.environ["FIELDBOOK_OUT"] = str(out_folder().resolve())  # a kernel works in another folder
    print(lay_out_notebooks(notebooks), flush=True)
    return notebooks


def names_of_page(files: list[Path]) -> tuple[str, str]:
    """The title of the page of some files, and the name of its own file without an ending.

    >>> names_of_page([Path("runs/a.jsonl"), Path("runs/b.jsonl")])
    ('runs (2 files)', 'runs')
    """
    if len(files) == 1:
        if files == [STDIN] or files[0].is_fifo():
            return "stdin", "stdin"
        name = files[0].resolve().name
        return name, name.replace("*", "all")
    count = f"{len(files):,} files"
    folder = Path(os.path.commonpath([file.resolve() for file in files]))
    if not folder.name:
        return count, "traces"
    return f"{folder.name} ({count})", folder.name


def _check_apart(file: Path, to: Path) -> None:
    """Raise UsageError where the file to write is one of those to read."""
    if file.is_dir() and to.resolve().is_relative_to(file.resolve()):
        raise UsageError(f"{to} is in the folder to be read: name a file elsewhere for --to")
    _check_is_another(file, to, "--to")


def _check_is_another(file: Path, to: Path, option: str) -> None:
    """Raise UsageError where the file to write is the file to read."""
    if to.exists() and file.exists() and to.samefile(file):
        raise UsageError(f"{to} is the file to be read: name another for {option}")


def read(
    files: list[Path],
    say: Callable[[str], object],
    format: str = "auto",
    formats: Path | None = None,
    id: str | None = None,
    input: str | None = None,
    output: str | None = None,
) -> Any:
    """The traces of `files`, after `say` was told of them; formats of the user's are registered."""
    from toolkit.traces import SkippedRecords, read_traces
    from toolkit.traces.formats.known import register_formats_of

    if formats:
        register_formats_of(formats)
    given = files[0] if len(files) == 1 else files
    with warnings.catch_warnings(action="ignore", category=SkippedRecords):  # the report names each
        traces = read_traces(given, format, id=id, input=input, output=output)
    say(str(traces.report))
    return traces


def teller(as_json: bool) -> Callable[[str], None]:
    """Takes the story: to stderr where stdout is for figures. All that a file says is printable."""

    def say(text: str) -> None:
        lines = [printable(line) for line in text.split("\n")]
        print("\n".join(lines), file=sys.stderr if as_json else sys.stdout, flush=True)

    return say


def end(figures: dict[str, Any], as_json: bool) -> None:
    """End a command with its figures, and with exit 1 where it did not do what was asked."""
    if as_json:
        print(json.dumps(figures))
    if not figures["ok"]:
        raise typer.Exit(1)
