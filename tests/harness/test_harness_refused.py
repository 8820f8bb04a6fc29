"""Where no sandbox runs, what a model wrote is not run, and the message says what to do."""

import os
import subprocess
import sys

import pytest

from toolkit.harness import Harness, SandboxUnavailable, Workspace, demo_harness, sandbox
from toolkit.harness.demo import GOAL
from toolkit.harness.sandbox import Sandbox
from toolkit.harness.sandbox.remedies import Machine, remedy
from toolkit.sessions import MemoryLog, Session

UBUNTU = Machine("linux", True, False, True, False)
REFUSING = """#!/bin/sh
echo "{name}: setting up uid map: Permission denied" >&2
exit 1
"""


@pytest.fixture
def refusing(tmp_path, monkeypatch):
    """A machine whose bwrap and unshare are refused by the kernel."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bwrap", "setpriv"):
        program = programs / name
        program.write_text(REFUSING.format(name=name))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    sandbox.runs.cache_clear()
    yield
    sandbox.runs.cache_clear()


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine that has neither program."""
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox.runs.cache_clear()
    yield
    sandbox.runs.cache_clear()


@pytest.mark.sandbox
def test_bubblewrap_is_taken_first():
    assert Sandbox.best().kind == "bwrap"


@pytest.mark.sandbox
def test_unshare_is_taken_where_bubblewrap_is_refused(tmp_path, monkeypatch):
    (tmp_path / "bwrap").write_text(REFUSING.format(name="bwrap"))
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    sandbox.runs.cache_clear()
    assert Sandbox.best().kind == "unshare"
    sandbox.runs.cache_clear()


def test_a_refusal_speaks_of_the_remedy_and_not_in_the_kernels_words(refusing):
    with pytest.raises(SandboxUnavailable) as refused:
        Sandbox.best()
    assert "unsafe=True" in str(refused.value)
    assert "uid map" not in str(refused.value)


def test_unsafe_runs_without_walls_and_says_so(bare):
    box = Sandbox.best(unsafe=True)
    assert box.kind == "none"
    assert box.describes == box.banner
    assert box.banner.startswith("UNSAFE: run without a sandbox")


async def test_a_build_is_refused_before_a_role_is_asked(bare, tmp_path):
    session = Session(MemoryLog(), "build")
    async with demo_harness(tmp_path, session) as harness:
        roles = harness.planner, harness.generator, harness.evaluator
        refused = await Harness(*roles, Workspace(tmp_path), session).run(GOAL)
    assert (refused.outcome, refused.model_calls) == ("halted", 0)
    assert "no sandbox runs on this machine" in refused.why


async def test_a_build_that_ships_with_fieldbook_runs_all_the_same_with_a_banner(bare, tmp_path):
    session = Session(MemoryLog(), "build")
    async with demo_harness(tmp_path, session) as harness:
        outcome = await harness.run(GOAL)
    assert outcome.outcome == "complete"
    assert "without a sandbox" in outcome.banner
    checks = [e async for e in session.read(follow=False) if e.kind == "check.result"]
    assert {check.data["banner"] for check in checks} == {outcome.banner}


@pytest.mark.parametrize(
    ("machine", "advice"),
    [
        (UBUNTU, "kernel.apparmor_restrict_unprivileged_userns=0"),
        (UBUNTU, "/etc/apparmor.d/bwrap"),
        (Machine("linux", False, False, False, False), "apt install bubblewrap"),
        (Machine("linux", True, True, False, False), "--security-opt seccomp=unconfined"),
        (Machine("linux", True, False, False, True), "user.max_user_namespaces"),
        (Machine("linux", True, False, False, False), "ask whoever runs the machine"),
        (Machine("darwin", False, False, False, False), "needs Linux"),
    ],
)
def test_the_remedy_is_that_of_the_machine(machine, advice):
    assert advice in remedy(machine)
    assert "unsafe=True" in remedy(machine)


def test_a_probe_is_made_once_a_process(tmp_path):
    counting = tmp_path / "bwrap"
    counting.write_text(f"#!/bin/sh\necho tried >> {tmp_path}/tries\nexit 1\n")
    counting.chmod(0o755)
    code = "from toolkit.harness.sandbox import runs; print(runs('bwrap'), runs('bwrap'))"
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, timeout=120
    )
    assert ended.stdout == b"False False\n"
    assert (tmp_path / "tries").read_text() == "tried\n"
