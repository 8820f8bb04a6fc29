"""The command ``fieldbook``. With ``--json`` one JSON object goes to stdout, and all else to
stderr.
"""

import asyncio
import json
import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from typer.core import TyperCommand, TyperGroup

from toolkit.assess_command import assess_
from toolkit.commands import AsJson, annotate, end, import_, lab, read, teller, view
from toolkit.errors import UsageError, message_for_user
from toolkit.eval_command import eval_
from toolkit.render import printable

EXIT_USAGE = 2
EXIT_BROKEN = 3
"""Of a gate that cannot decide."""
SHOWN = "harbor"
"""The session that `fieldbook serve` shows."""
ABOUT_HARBOR = (
    "A script plays the agent of Harbor Bikes: all that it says is simulated, and it answers by "
    "the number of a booking. Begin with one of these."
)


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
            print(f"fieldbook: {printable(message)}", file=sys.stderr)
            raise typer.Exit(2) from None


class StrictCommand(TyperCommand):
    """A command whose wrong options are broken too: their usual exit code has another meaning."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the options."""
        try:
            return super().make_context(*args, **kwargs)
        except Exception as error:
            if getattr(error, "exit_code", None) == EXIT_USAGE:
                error.exit_code = EXIT_BROKEN  # type: ignore[attr-defined]
            raise


ABOUT = "A Jupyter-first research toolkit: does it arrive, is it good, does it hold together?"
app = typer.Typer(
    cls=Commands,
    help=ABOUT,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


app.command(name="import")(import_)
app.command()(view)
app.command(name="eval", cls=StrictCommand)(eval_)
app.command(name="assess")(assess_)
OF_JUPYTERLAB = {"allow_extra_args": True, "ignore_unknown_options": True}
app.command(context_settings=OF_JUPYTERLAB)(lab)
app.command(context_settings=OF_JUPYTERLAB)(annotate)


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
        bool, typer.Option("--harness", help="Let the harness build a to-do app.")
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
    say = teller(as_json)
    out.mkdir(parents=True, exist_ok=True)
    if traces:
        figures = asyncio.run(story.own_traces(traces, read([traces], say), say))
    elif harness:
        figures = asyncio.run(story.watched_build(out, say, memory))
    else:
        figures = asyncio.run(story.whole_tour(out, say, memory, max_usd))
    end(figures, as_json)


@app.command(cls=StrictCommand)
def gate(
    experiment: Annotated[Path, typer.Argument(help="A saved experiment.")],
    policy: Annotated[Path, typer.Argument(help="A YAML file of what it must show.")],
    baseline: Annotated[
        Path | None, typer.Option(help="The experiment that it is compared with.")
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(help="Add the decision to this Markdown file, as $GITHUB_STEP_SUMMARY."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide by bounds whether an experiment shows what a policy asks for.

    Exit 0 pass, 1 fail, 2 inconclusive, 3 broken: no case, no result, a file that cannot be read.
    """
    try:
        from toolkit.evals.experiments.gate_files import gate_files

        decision = gate_files(experiment, policy, baseline)
        if summary:
            with summary.open("a", encoding="utf-8") as file:
                file.write(decision.markdown)
        say = teller(as_json)
        for check in decision.checks:
            say(f"{check.outcome:>12}  {check.name}: wanted {check.wanted}; {check.found}")
        say(str(decision))
        if as_json:
            print(json.dumps(decision.to_dict()))
    except Exception as error:  # exit 1 of a bug would be taken for a fail
        print(f"fieldbook gate: {type(error).__name__}: {printable(str(error))}", file=sys.stderr)
        raise typer.Exit(EXIT_BROKEN) from error
    raise typer.Exit(decision.exit_code)


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
    say = teller(as_json)
    card = asyncio.run(audit_endpoint(url, method, content, headers, patience, timeout))
    for finding in card.findings:
        say(f"{finding.capability:>29}: {finding.verdict} ({finding.evidence})")
        if finding.advice:
            say(f"{'':>31}-> {finding.advice}")
    could_probe = any(finding.verdict != "could not probe" for finding in card.findings)
    end({"ok": could_probe, **card.to_dict()}, as_json)


def _header(line: str) -> tuple[str, str]:
    """The name and the value of one header. What is wrong is said without the value."""
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise UsageError("a --header is 'Name: value'")
    return name.strip(), value.strip()


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
    session: Annotated[
        str | None,
        typer.Option(help="Show this session, as an experiment's, at NATS_URL: nobody answers it."),
    ] = None,
    harness: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Show the build of this folder; in an empty one a simulated build begins.",
        ),
    ] = None,
) -> None:
    """Show a live session on a page for laptop and phone, answered by a simulated agent."""
    from toolkit.sessions.http.app import is_loopback

    if session and "NATS_URL" not in os.environ:
        raise UsageError("--session names one that others write: say in NATS_URL on which server")
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
    if harness and (store or session):
        raise UsageError("--harness names a folder of its own: leave --store and --session out")
    with suppress(KeyboardInterrupt):
        if harness:
            asyncio.run(_serve_build(harness, host, port, no_token, person or []))
        else:
            asyncio.run(_serve(host, port, no_token, person or [], store, session))


async def _serve(
    host: str,
    port: int,
    no_token: bool,
    people: list[str],
    store: Path | None,
    session: str | None,
) -> None:
    from toolkit.harbor import front_desk, openings
    from toolkit.sessions import NatsLog, NatsServer, attend
    from toolkit.sessions.http.app import Tokens, Welcome, is_loopback, serve
    from toolkit.web import connection_limit

    tokens = None if no_token else Tokens()
    answer = None
    welcome = Welcome("What is written to this session appears here.")
    if session is None:
        answer = partial(attend, agent=front_desk(), actor="support", source="simulated")
        welcome = Welcome("Ask about a bike.", ABOUT_HARBOR, openings(), "Harbor Bikes, simulated")
    async with (
        NatsServer(store=store) as server,
        await NatsLog.connect(server.url) as log,
        serve(log, tokens, answer, welcome=welcome, host=host, port=port) as url,
    ):
        _print_links(url, session or SHOWN, tokens, people)
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


async def _serve_build(
    folder: Path, host: str, port: int, no_token: bool, people: list[str]
) -> None:
    from toolkit.harness.watching.served import served_build
    from toolkit.sessions.http.app import Tokens

    tokens = None if no_token else Tokens()
    async with served_build(folder, tokens, host=host, port=port) as served:
        _print_links(served.url, served.session, tokens, people)
        print(printable(served.about), flush=True)
        await asyncio.Event().wait()


def _print_links(url: str, session: str, tokens: Any, people: list[str]) -> None:
    """The links to the page, the first also as a QR code where a phone can open it."""
    import segno

    from toolkit.sessions.http.app import is_loopback

    page = f"{url}/sessions/{session}"
    link = f"{page}?token={tokens.issue(session, 'control')}" if tokens else page
    if not is_loopback(urlsplit(page).hostname or ""):
        segno.make(link).terminal(compact=True)
    print(f"Watch and control: {link}")
    if tokens:
        for name in people:
            print(f"As {name}: {page}?token={tokens.issue(session, 'control', name)}")
        print(f"Only watch: {page}?token={tokens.issue(session)}")
