"""The command ``fieldbook assess``: which framework first, by what was measured and said."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from toolkit.commands import AsJson, end, teller


def assess_(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Labels, codebooks, verdicts, experiments, policies, and audits that "
            "`fieldbook audit URL --json` printed."
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="Audit this endpoint now, by GET. It may be charged for four answers. For another "
            "method, save what `fieldbook audit` prints in FOLDER."
        ),
    ] = None,
    harness: Annotated[
        Path | None, typer.Option(metavar="WORKSPACE", help="The folder of a build by the harness.")
    ] = None,
    devices: Annotated[
        int | None, typer.Option(help="On how many devices one person follows one answer.")
    ] = None,
    run_minutes: Annotated[
        float | None, typer.Option(help="How long a run takes without a person in it.")
    ] = None,
    live_control: Annotated[
        bool | None,
        typer.Option(
            "--live-control/--no-live-control", help="Whether people stop or steer it as it runs."
        ),
    ] = None,
    production: Annotated[
        bool | None,
        typer.Option(
            "--production/--no-production", help="Whether it is in production, or on a path to it."
        ),
    ] = None,
    tolerates_drops: Annotated[
        bool | None,
        typer.Option(
            "--tolerates-drops/--no-tolerates-drops",
            help="Whether an answer that is lost may be asked for again.",
        ),
    ] = None,
    count_simulated: Annotated[
        bool,
        typer.Option("--count-simulated", help="Count labels of simulated raters, and say so."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say which framework comes first for you, why, and what would change the answer.

    It decides by what was measured: a folder of evals, an endpoint, a build of the harness. The
    options say what nothing measures; each is marked as said. "None yet" and "skip" are answers.
    """
    from toolkit.assess import assess, gather

    audit = None
    if url:
        from toolkit.sessions.lab import audit_endpoint

        audit = asyncio.run(audit_endpoint(url))
    said = {
        "devices": devices,
        "run_minutes": run_minutes,
        "live_control": live_control,
        "production": production,
        "tolerates_drops": tolerates_drops,
    }
    found = assess(gather(folder, audit, harness, said, count_simulated))
    teller(as_json)(str(found))
    end({"ok": True, **found.to_dict()}, as_json)
