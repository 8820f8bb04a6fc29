"""The command: one page for a person, one JSON object for a program, and an endpoint of one's own."""

import asyncio
import json
from itertools import count

import pytest
from typer.testing import CliRunner

from toolkit.cli import app


def called(*arguments):
    return CliRunner().invoke(app, ["assess", *map(str, arguments)])


def test_with_json_one_object_is_on_stdout_and_the_page_is_not():
    result = called("--json", "--production", "--devices", 1)
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert figures["answer"] == "evals"
    assert {fact["source"] for fact in figures["facts"]} == {
        "said: --production",
        "said: --devices",
    }
    assert "Evals first" in result.stderr


def test_without_evidence_it_names_a_measurement_with_its_command():
    result = called()
    assert result.exit_code == 0
    assert result.stdout.startswith("Measure first")
    assert "fieldbook assess FOLDER --url URL" in result.stdout


def test_what_is_wrong_is_said_in_one_line():
    result = called("--devices", 0)
    assert result.exit_code == 2
    assert result.stderr.strip().count("\n") == 0
    assert "one device at least" in result.stderr


def test_names_of_files_cannot_write_on_the_terminal(tmp_path):
    (tmp_path / "x\x1b[31m.json").write_text("{")
    result = called(tmp_path)
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("option", ["--production", "--live-control", "--tolerates-drops"])
def test_each_yes_or_no_may_be_left_open(option):
    for given in (option, option.replace("--", "--no-")):
        figures = json.loads(called("--json", given).stdout)
        fact = figures["facts"][0]
        assert fact["value"] is ("--no-" not in given)
    assert json.loads(called("--json").stdout)["facts"] == []


async def test_a_trap_is_audited_and_sessions_come_first():
    from starlette.applications import Starlette
    from starlette.routing import Route

    from toolkit.sessions.lab.trap import direct_stream
    from toolkit.web import serving

    numbers = count()

    async def words():
        for _ in range(120):
            await asyncio.sleep(0.02)
            yield f"word {next(numbers)} "

    trap = Starlette(routes=[Route("/trap", lambda request: direct_stream(words()))])
    async with serving(trap) as port:
        url = f"http://127.0.0.1:{port}/trap"
        result = await asyncio.to_thread(called, "--json", "--url", url)
    figures = json.loads(result.stdout)
    assert figures["answer"] == "sessions"
    rests_on = figures["frameworks"][0]["reasons"][0]["rests_on"]
    assert rests_on == {"survives": f"measured: {url}"}
