"""`fieldbook eval`: an experiment from a file, in a process of its own once, and refused in this
one.
"""

import asyncio
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolkit.cli import app
from toolkit.evals.experiments import Case, Dataset, Experiment, evaluate
from toolkit.files import shipped
from toolkit.sessions import MemoryLog, NatsLog, NatsServer, Session

FIELDBOOK = Path(sys.executable).with_name("fieldbook")
HARBOR = shipped("data") / "harbor" / "eval.yaml"
TIMEOUT_S = 200
MODULE = """
import asyncio
import os
from pathlib import Path

from toolkit.traces import Step, Trace

CALLS = Path(__file__).with_name("calls")


async def answer(case):
    with CALLS.open("ab", buffering=0) as file:
        file.write(f"{case.id}\\n".encode())
    await asyncio.sleep(float(os.environ.get("ANSWER_S", "0")))
    return Trace(case.id, (Step("1", "message", "assistant", "yes"),), source="simulated")


def is_yes(trace):
    return trace.text() == "yes"


def breaks(cases):
    raise KeyError("no gold plan")
"""


def called(*arguments):
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a module of its own name, two configs' worth of cases, and nothing else."""
    monkeypatch.chdir(tmp_path)
    name = f"agent_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    Dataset([Case(f"c{number}", f"question {number}") for number in range(12)]).save("cases.jsonl")
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def config_in(folder, **fields):
    module = next(folder.glob("agent_*.py")).stem
    content = {
        "dataset": "cases.jsonl",
        "task": f"{module}:answer",
        "scorers": f"[{module}:is_yes]",
    }
    content |= fields
    lines = [f"{name}: {value}" for name, value in content.items() if value is not None]
    path = folder / "eval.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def calls(folder):
    path = folder / "calls"
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()


def test_the_example_runs_without_a_key_and_the_command_that_it_names_works(tmp_path):
    run = subprocess.run(
        [FIELDBOOK, "eval", HARBOR, "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=os.environ | {"ANTHROPIC_API_KEY": "must-not-be-used"},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)
    assert figures["source"] == "simulated"
    assert (figures["planned"], figures["unscored"], figures["errored"]) == (33, 0, 0)
    assert figures["passed"] + figures["failed"] == 33
    assert figures["failed"] > 0
    assert figures["pass_rate"] == figures["passed"] / 33
    assert 0 < figures["trials_at_once"] <= 4
    saved = Experiment.load(tmp_path / figures["experiment"])
    assert len(saved.free) == 2
    assert "of 33 trials" in run.stderr
    assert "simulated: no real model was asked" in run.stderr
    last = run.stderr.strip().splitlines()[-1]
    *_, experiment, policy = last.split("Next: ")[1].split()
    gate = CliRunner().invoke(app, ["gate", str(tmp_path / experiment), policy])
    assert gate.exit_code == 0, gate.output


WRONG = {
    "a field that is misspelt": ({"trails": 3}, "eval.yaml:4: field trails: Unexpected"),
    "no number": ({"trials": "many"}, "eval.yaml:4: field trials"),
    "no trial": ({"trials": 0}, "trials is at least 1"),
    "nothing to run": ({"task": None}, "give task, or model"),
    "nothing that scores": ({"scorers": None}, "give scorers, or rubrics"),
    "a module that is not there": (
        {"task": "no_such_module:answer"},
        "eval.yaml:2: field task: no_such_module cannot be imported",
    ),
    "a function that is not there": (
        {"scorers": "[json:is_yes]"},
        "eval.yaml:3: field scorers.0: json has no is_yes",
    ),
    "a task that is no name": ({"task": "answer"}, "'answer' is not module:function"),
    "a file that is not there": ({"dataset": "none.jsonl"}, "eval.yaml:1: field dataset"),
    "a live model without a budget": (
        {"task": None, "model": "{name: claude-haiku-5-5, live: true}"},
        "a live model spends real money: give budget_usd",
    ),
    "a paid server that is not said to be live": (
        {"task": None, "model": "{name: m, base_url: 'http://127.0.0.1:1/v1'}"},
        "say live: true, or price: 0",
    ),
    "no YAML": ({"dataset": "[cases"}, "not YAML"),
    "YAML without end": ({"dataset": "[" * 9000}, "nested too deeply"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_config_that_cannot_be_used_says_where_and_ends_with_3(name, folder):
    fields, why = WRONG[name]
    run = called(config_in(folder, **fields))
    assert run.exit_code == 3, run.output
    assert why in run.stderr
    assert not calls(folder)


def test_what_a_config_names_is_refused_with_3_where_it_is_broken(folder):
    module = next(folder.glob("agent_*.py")).stem
    run = called(config_in(folder, audit=f"{module}:breaks"))
    assert (run.exit_code, "field audit" in run.stderr) == (3, True)
    (folder / "cases.jsonl").write_text("")
    run = called(config_in(folder))
    assert (run.exit_code, "has no case" in run.stderr) == (3, True)
    (folder / "cases.jsonl").write_text('{"id": "c1", "input": "hello"}\n{"id": 1}\n')
    run = called(config_in(folder))
    assert (run.exit_code, "cases.jsonl:2" in run.stderr) == (3, True)
    assert called("absent.yaml").exit_code == 3
    assert called("--no-such-option").exit_code == 3


def test_what_ends_the_program_or_is_no_function_is_broken_and_never_0(folder):
    name = next(folder.glob("agent_*.py")).stem
    (folder / f"{name}_quits.py").write_text("raise SystemExit(0)")
    with (folder / f"{name}.py").open("a") as module:
        module.write("\n\nCONSTANT = 5\n\n\ndef quits(*arguments):\n    raise SystemExit(0)\n")
    broken = {
        "eval.yaml:2: field task": {"task": f"{name}_quits:answer"},
        "CONSTANT is no function": {"task": f"{name}:CONSTANT"},
        "field audit: it ended the program": {"audit": f"{name}:quits"},
        "and not a CaseAudit": {"audit": "builtins:len"},
    }
    for why, fields in broken.items():
        run = called(config_in(folder, **fields))
        assert (run.exit_code, why in run.stderr) == (3, True), run.output
    assert not calls(folder)
    run = called(config_in(folder, scorers=f"[{name}:quits]"))
    assert (run.exit_code, calls(folder).total()) == (1, 12), run.output


def test_a_store_that_another_process_writes_is_refused(folder):
    config = config_in(folder, store="store.jsonl")
    with MemoryLog(folder / "store.jsonl").exclusive("other"):
        run = called(config)
    assert run.exit_code == 3
    assert "store.jsonl is being written by another process" in run.stderr
    assert not calls(folder)
    assert called(config).exit_code == 0
    assert calls(folder).total() == 12


def test_a_model_with_a_prompt_is_a_task(folder):
    model = "{name: claude-haiku-5-5, prompt: Be brief.}"
    run = called(config_in(folder, task=None, model=model, name="a model"), "--json")
    assert run.exit_code == 0, run.stderr
    figures = json.loads(run.stdout)
    assert (figures["planned"], figures["failed"], figures["source"]) == (12, 12, "simulated")
    assert "policy.yaml is yours to write" in run.stderr


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(folder):
    config = config_in(folder, store="store.jsonl", concurrency=2)
    process = subprocess.Popen(
        [FIELDBOOK, "eval", config],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"ANSWER_S": "0.1"},
    )
    deadline = time.monotonic() + TIMEOUT_S
    while calls(folder).total() < 5:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert f"What has a result is kept: fieldbook eval {config} goes on" in err
    assert "Traceback" not in err
    before = calls(folder)
    run = called(config, "--json")
    assert json.loads(run.stdout)["passed"] == 12
    again = calls(folder) - before
    assert len(calls(folder)) == 12
    assert again.total() <= 12 - before.total() + 2


@pytest.mark.nats
async def test_join_works_with_another_on_an_experiment_and_refuses_where_there_is_none(
    folder, monkeypatch
):
    module = next(folder.glob("agent_*.py")).stem
    config = config_in(folder, name="joined", concurrency=2)
    async with NatsServer() as server, await NatsLog.connect(server.url) as log:
        refused = await asyncio.to_thread(called, config, "--join", server.url)
        assert refused.exit_code == 3
        assert "no experiment joined was begun" in refused.stderr
        assert server.url not in refused.stderr, "the token was printed"
        cases = Dataset.load("cases.jsonl")
        session = Session(log, "joined")
        await evaluate(lambda case: case.id, cases, [len], store=session)  # another task
        refused = await asyncio.to_thread(called, config, "--join", server.url)
        assert refused.exit_code == 3
        assert "join it with the same config" in refused.stderr
        monkeypatch.setenv("ANSWER_S", "0.02")
        monkeypatch.syspath_prepend(folder)
        agent = importlib.import_module(module)
        working = asyncio.create_task(
            evaluate(agent.answer, cases, [agent.is_yes], concurrency=2, store=session)
        )
        async with asyncio.timeout(TIMEOUT_S):
            while not calls(folder):
                await asyncio.sleep(0.01)
        done = await asyncio.to_thread(called, config, "--join", server.url, "--json")
        experiment = await working
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["passed"] == 12
    assert [row.passed for row in experiment.results] == [True] * 12
    assert calls(folder) == {f"c{number}": 1 for number in range(12)}
