"""Each turn that changed something is a git commit of its role, and git runs nothing of a build's."""

import shutil
import subprocess

import pytest

from tests.harness.builds import GOAL, Notes, question
from toolkit.harness import history
from toolkit.sessions import MemoryLog, Session


@pytest.fixture
def session():
    return Session(MemoryLog(), "build")


def git(folder, *arguments):
    line = ["git", f"--git-dir={folder / 'history.git'}", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=True, timeout=60).stdout


def repository(folder):
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True, timeout=60)


needs_git = pytest.mark.skipif(not shutil.which("git"), reason="no git")


@needs_git
async def test_each_turn_that_changed_something_is_a_commit_of_its_role(tmp_path, session):
    outcome = await Notes(["alpha"]).harness(tmp_path, session).run(GOAL)
    assert outcome.history == ""
    log = git(tmp_path, "log", "--reverse", "--format=%an|%s|%at").splitlines()
    assert log == [
        "planner|plan 1|1700000000",
        "generator|sprints/1/propose 1|1700000000",
        "evaluator|sprints/1/contract|1700000000",
        "generator|sprints/1/build 1|1700000000",
        "evaluator|sprints/1/judge 1|1700000000",
        "evaluator|sprints/1/findings/round-1|1700000000",
        "evaluator|sprints/1/passes|1700000000",
    ]
    assert "alpha is here" in git(tmp_path, "show", "main:attempt/alpha.txt")


@needs_git
async def test_a_run_that_plays_back_another_has_its_commits_and_one_that_differs_keeps_them(
    tmp_path, session
):
    await Notes(["alpha"]).harness(tmp_path, session).run(GOAL)
    first = git(tmp_path, "rev-parse", "main")
    await Notes(["alpha"]).harness(tmp_path, session).run(GOAL)
    assert git(tmp_path, "rev-parse", "main") == first
    assert len(git(tmp_path, "for-each-ref").splitlines()) == 1
    (tmp_path / "journal.jsonl").unlink()
    await Notes(["alpha"], right_from=2).harness(tmp_path, session).run(GOAL)
    assert git(tmp_path, "rev-parse", "main") != first
    assert git(tmp_path, "rev-parse", f"earlier-{first[:12]}") == first


@needs_git
async def test_a_git_that_was_killed_at_its_work_keeps_no_later_turn_from_being_committed(
    tmp_path, session
):
    work = tmp_path / "work"
    made = Notes(["alpha"], right_from=9).harness(work, session, budget={"rounds": 1})
    assert (await made.run(GOAL)).outcome == "failed"
    repository = work / "history.git"
    for lock in ("HEAD.lock", "config.lock", "refs/heads/main.lock", "index-1.lock"):
        (repository / lock).touch()
    (repository / "HEAD").unlink()  # as where it was killed at its first step
    again = Notes(["alpha"], right_from=2)
    outcome = await again.harness(work, Session(MemoryLog(), "2")).run(GOAL)
    assert (outcome.outcome, outcome.history) == ("complete", "")
    assert "evaluator|sprints/1/passes" in git(work, "log", "--format=%an|%s", "main")


@needs_git
async def test_no_hook_and_no_setting_of_the_machine_or_of_the_build_is_run(
    tmp_path, session, monkeypatch
):
    home = tmp_path / "home"
    hooks = home / "hooks"
    hooks.mkdir(parents=True)
    trap = f"#!/bin/sh\ntouch {tmp_path}/trapped\n"
    for name in ("post-commit", "pre-commit", "post-index-change", "reference-transaction"):
        (hooks / name).write_text(trap)
        (hooks / name).chmod(0o755)
    (home / ".gitconfig").write_text(f"[core]\nhooksPath = {hooks}\n[user]\nname = me\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(home / "elsewhere"))

    class Sly(Notes):
        def generate(self, request):
            answer = super().generate(request)
            if question(request)["task"] == "build":
                sly = {"path": ".gitattributes", "content": "* filter=trap\n"}
                answer.data["files"].append(sly)
            return answer

    outcome = await Sly().harness(tmp_path / "work", session).run(GOAL)
    assert (outcome.outcome, outcome.history) == ("complete", "")
    assert not (tmp_path / "trapped").exists()
    assert not (home / "elsewhere").exists()
    authors = git(tmp_path / "work", "log", "--format=%an %cn").split()
    assert set(authors) == {"planner", "generator", "evaluator"}


@needs_git
async def test_a_repository_in_the_build_is_left_alone_and_nothing_of_it_is_run(tmp_path, session):
    mine = tmp_path / "build"
    repository(mine)
    (mine / "mine.txt").write_text("mine")
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/trapped\n")
    trap.chmod(0o755)
    (mine / ".git/config").write_text(f"[core]\nfsmonitor = {trap}\n")
    outcome = await Notes().harness(tmp_path, session).run(GOAL)
    assert (outcome.outcome, outcome.history) == ("complete", "")
    assert not (tmp_path / "trapped").exists()
    listed = git(tmp_path, "ls-tree", "-r", "--name-only", "main", "attempt").split()
    assert listed == ["attempt/mine.txt", "attempt/notes.txt"]


async def test_without_git_the_build_goes_on_and_says_so(tmp_path, session, monkeypatch):
    made = Notes().harness(tmp_path, session)
    monkeypatch.setattr(history, "PROGRAM", "no-such-git")
    outcome = await made.run(GOAL)
    assert outcome.outcome == "complete"
    assert "no git here" in outcome.history
    assert not (tmp_path / "history.git").exists()
