"""The command ``fieldbook``. With ``--json`` one JSON object goes to stdout, and all else to
stderr.
"""

import asyncio
import json
import os
import sys
import warnings
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from runpy import run_path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from toolkit.errors import UsageError, message_for_user

SHOWN = "harbor"
"""The session that `fieldbook serve` shows."""
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")]


class Commands(TyperGroup):
    """The commands. What a user can mend is told in one line, with exit 2; a bug keeps its
    traceback, with exit 1.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            message = message_for_user(error)
            if message is None:
                raise
            print(f"fieldbook: {message}", file=sys.stderr)
            raise typer.Exit(2) from None


ABOUT = "A Jupyter-first research toolkit: does it arrive, is it good, does it hold together?"
app = typer.Typer(
    cls=Commands,
    help=ABOUT,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def tour(
    as_json: AsJson = False,
    memory: Annotated[
        bool, typer.Option("--memory", help="Use a log in memory: no server.")
    ] = False,
    traces: Annotated[
        Path | None, typer.Option(help="Do the eval half on your own file of traces.")
    ] = None,
    harness: Annotated[
        bool, typer.Option("--harness", help="Run the small build of the harness.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Use the real model. It costs money.")
    ] = False,
    max_usd: Annotated[
        float | None, typer.Option(help="The most that --live may spend, in dollars.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for what the command leaves behind.")] = Path(
        "fieldbook-out"
    ),
) -> None:
    """See the whole idea work, on real parts, without a key."""
    from toolkit.tour import story

    _check_cap(live, max_usd)
    if harness and live:
        raise UsageError("--harness runs scripted roles: it goes without --live")
    if traces and (harness or live or memory):
        raise UsageError("--traces goes without --harness, --live and --memory")
    say = _teller(as_json)
    out.mkdir(parents=True, exist_ok=True)
    if traces:
        figures = asyncio.run(story.own_traces(traces, _read(traces, say), say))
    elif harness:
        figures = asyncio.run(story.watched_build(out, say, memory))
    else:
        figures = asyncio.run(story.whole_tour(out, say, memory, max_usd))
    _end(figures, as_json)


def _check_cap(live: bool, max_usd: float | None) -> None:
    """Raise UsageError where what is live has no cap in dollars, or a cap that is none."""
    if live and max_usd is None:
        raise UsageError(
            "--live spends real money: say how much at most, as in `--live --max-usd 0.50`"
        )
    if max_usd is not None and not live:
        raise UsageError("--max-usd goes with --live")
    if max_usd is not None and not max_usd > 0:
        raise UsageError(f"--max-usd {max_usd:g}: a cap is a number of dollars above 0")


@app.command(name="import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Traces in any form: files, folders, patterns, gzip, zip."
        ),
    ],
    to: Annotated[Path, typer.Option("--to", help="The JSONL file to write.")],
    format: Annotated[str, typer.Option(help="The format by name; auto: by content.")] = "auto",
    formats: Annotated[
        Path | None, typer.Option(help="A Python file that registers formats of yours.")
    ] = None,
    form: Annotated[
        str,
        typer.Option(help="What to write: fieldbook, or chat, atif or otlp for other programs."),
    ] = "fieldbook",
    as_json: AsJson = False,
) -> None:
    """Read traces, say what was found, and write them as JSONL: Fieldbook's, or another form."""
    from toolkit.tour.story import import_figures
    from toolkit.traces import write_traces

    for file in files:
        _check_apart(file, to)
    if formats:
        run_path(str(formats))
    say = _teller(as_json)
    traces = _read(files[0] if len(files) == 1 else files, say, format)
    if traces:
        write_traces(to, traces, form=form)
        say(f"wrote {len(traces)} traces to {to}")
    else:
        say("nothing was written: no record could be read")
    _end({"ok": bool(traces), "to": str(to), **import_figures(traces)}, as_json)


def _check_apart(file: Path, to: Path) -> None:
    """Raise UsageError where the file to write is one of those to read."""
    if file.is_dir() and to.resolve().is_relative_to(file.resolve()):
        raise UsageError(f"{to} is in the folder to be read: name a file elsewhere for --to")
    if to.exists() and file.exists() and to.samefile(file):
        raise UsageError(f"{to} is the file to be read: name another for --to")


def _read(path: Path | list[Path], say: Callable[[str], object], format: str = "auto") -> Any:
    from toolkit.traces import SkippedRecords, read_traces

    with warnings.catch_warnings(action="ignore", category=SkippedRecords):  # the report names each
        traces = read_traces(path, format)
    say(str(traces.report))
    return traces


@app.command()
def view(
    file: Annotated[Path, typer.Argument(help="Traces in any format that Fieldbook reads.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Write the page here, and open nothing: to keep it, or to mail it."),
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
    every_page: Annotated[
        bool,
        typer.Option("--all", help="Put in the page of every trace, however large it becomes."),
    ] = False,
    format: Annotated[str, typer.Option(help="The format by name; auto: by content.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """See your traces: one page with a list to search and sort, and what happened in each.

    The page needs no server and no network, and can be mailed.
    """
    from toolkit.files import write_whole
    from toolkit.traces.viewer import viewer

    say = _teller(as_json)
    traces = _read(file, say, format)
    if not traces:
        raise UsageError(f"{file}: no record could be read, so there is nothing to see")
    page = viewer(traces, file.name, every_page)
    path = out or Path("fieldbook-out") / f"{file.name}.html"
    if path.exists() and path.samefile(file):
        raise UsageError(f"{path} is the file to be read: name another for --out")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page.html)
    say(f"wrote {path}: {page.n_pages:,} of {page.n_traces:,} traces can be read in it")
    if page.n_pages < page.n_traces:
        say("those that failed come first; --all puts in every one")
    if not (out or no_open):
        webbrowser.open(path.resolve().as_uri())
    _end({"ok": True, "page": str(path), "traces": page.n_traces, "pages": page.n_pages}, as_json)


@app.command()
def audit(
    url: Annotated[
        str, typer.Argument(help="A streaming endpoint of yours: SSE, NDJSON or a WebSocket.")
    ],
    method: Annotated[
        str, typer.Option(help="Of HTTP: POST for most endpoints that call a model.")
    ] = "GET",
    body: Annotated[str | None, typer.Option(help="What each connection sends.")] = None,
    body_file: Annotated[Path | None, typer.Option(help="A file that holds the body.")] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(help="'Name: value', as often as you like. No value is printed."),
    ] = None,
    patience: Annotated[
        float, typer.Option(help="Seconds without a word until a connection is given up.")
    ] = 30.0,
    timeout: Annotated[float, typer.Option(help="Seconds until all of it ends.")] = 300.0,
    as_json: AsJson = False,
) -> None:
    """Probe a streaming endpoint while it answers: what survives a cut? It may be charged for four
    answers.
    """
    from toolkit.sessions.lab import audit_endpoint

    if body is not None and body_file:
        raise UsageError("give --body or --body-file, not both")
    content = body_file.read_bytes() if body_file else body
    headers = dict(_header(line) for line in header or [])
    say = _teller(as_json)
    card = asyncio.run(audit_endpoint(url, method, content, headers, patience, timeout))
    for finding in card.findings:
        say(f"{finding.capability:>29}: {finding.verdict} ({finding.evidence})")
        if finding.advice:
            say(f"{'':>31}-> {finding.advice}")
    could_probe = any(finding.verdict != "could not probe" for finding in card.findings)
    _end({"ok": could_probe, **card.to_dict()}, as_json)


def _header(line: str) -> tuple[str, str]:
    """The name and the value of one header. What is wrong is said without the value."""
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise UsageError("a --header is 'Name: value'")
    return name.strip(), value.strip()


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    traces: Annotated[
        Path | None, typer.Option(help="Your own traces, for the notebooks to open.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where to lay the notebooks out: fieldbook-notebooks, or in a clone its own."
        ),
    ] = None,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Lay the notebooks out, and start nothing.")
    ] = False,
) -> None:
    """Open JupyterLab on the notebooks. Further options go to JupyterLab.

    With --traces it opens the annotation notebook on your own traces. In a clone the notebooks
    are the clone's own, so that git shows what you change. Elsewhere, or with --folder, they are
    copies of yours: what you change in them is never overwritten.
    """
    from toolkit.files import shipped
    from toolkit.tour.lessons import TRACES_VARIABLE
    from toolkit.tour.notebooks import ANNOTATION, lay_out_notebooks

    start = "/lab"
    if traces:
        if not _read(traces, _teller(False)):
            raise UsageError(f"{traces}: nothing could be read, so there is nothing to label")
        start = f"/lab/tree/{ANNOTATION}"
        os.environ[TRACES_VARIABLE] = str(traces.resolve())
    notebooks = shipped("notebooks")
    in_clone = Path(__file__).resolve().parent not in notebooks.parents
    if folder or not in_clone:
        notebooks = (folder or Path("fieldbook-notebooks")).resolve()
        os.environ.setdefault("FIELDBOOK_OUT", str(notebooks.parent / "fieldbook-out"))
        print(lay_out_notebooks(notebooks), flush=True)
    if no_open:
        return
    if traces:
        print(f"{ANNOTATION} opens: run its first two cells (Shift+Enter), and label.", flush=True)
    options = [f"--ServerApp.root_dir={notebooks}", f"--LabApp.default_url={start}"]
    os.execl(sys.executable, sys.executable, "-m", "jupyterlab", *options, *context.args)


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="0.0.0.0 lets phones on your network in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Let in every program on this machine.")
    ] = False,
    person: Annotated[
        list[str] | None, typer.Option(help="Print a link for this person too; repeat it.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Keep the session in this folder, for the next start.")
    ] = None,
) -> None:
    """Show a live session on a page for laptop and phone, answered by a simulated agent."""
    from toolkit.sessions.http.app import is_loopback

    if port not in range(65_536):
        raise UsageError(
            f"--port {port}: a port is a number from 1 to 65535, and 0 takes a free one"
        )
    if no_token and not is_loopback(host):
        raise UsageError(
            f"--no-token lets everybody who reaches {host} read and control: "
            "leave one of the two out"
        )
    if no_token and person:
        raise UsageError("--person makes a link with a token: leave --no-token out")
    if store and "NATS_URL" in os.environ:
        raise UsageError("NATS_URL names the server that keeps the session: leave --store out")
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(host, port, no_token, person or [], store))


async def _serve(
    host: str, port: int, no_token: bool, people: list[str], store: Path | None
) -> None:
    from toolkit.sessions import NatsLog, NatsServer, attend
    from toolkit.sessions.http.app import Tokens, is_loopback, serve, speaking
    from toolkit.web import connection_limit

    tokens = None if no_token else Tokens()
    answer = partial(attend, agent=speaking(_slowly), actor="support", source="simulated")
    async with (
        NatsServer(store=store) as server,
        await NatsLog.connect(server.url) as log,
        serve(log, tokens, answer, host=host, port=port) as url,
    ):
        _print_links(f"{url}/sessions/{SHOWN}", tokens, people)
        print(f"Up to {connection_limit()} connections at a time.")
        if is_loopback(host):
            print("Only this machine can open it; with --host 0.0.0.0 a phone on your network can.")
        else:
            print("This is plain HTTP: whoever can listen on your network can read the token too.")
        sys.stdout.flush()
        while True:
            await server.ended()
            await server.restart()
            news = "nats-server had ended and runs again: what it acknowledged is there."
            print(news, flush=True)


def _print_links(page: str, tokens: Any, people: list[str]) -> None:
    """The links to the page, the first also as a QR code."""
    import segno

    link = f"{page}?token={tokens.issue(SHOWN, 'control')}" if tokens else page
    segno.make(link).terminal(compact=True)
    print(f"Watch and control: {link}")
    if tokens:
        for name in people:
            print(f"As {name}: {page}?token={tokens.issue(SHOWN, 'control', name)}")
        print(f"Only watch: {page}?token={tokens.issue(SHOWN)}")


async def _slowly(text: str) -> Any:
    """Harbor's agent, played by a script that takes its time."""
    from toolkit import harbor
    from toolkit.models.script import pieces_of

    opening = f"You wrote: {text}\n\nI am a script, so here is what Harbor Bikes' agents go by."
    for piece in pieces_of(f"{opening}\n\n{harbor.text('policy.md')}"):
        await asyncio.sleep(0.08)
        yield piece


def _teller(as_json: bool) -> Callable[[str], None]:
    """Takes the story: to stderr where stdout is for figures."""
    return lambda line: print(line, file=sys.stderr if as_json else sys.stdout, flush=True)


def _end(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures))
    if not figures["ok"]:
        raise typer.Exit(1)
