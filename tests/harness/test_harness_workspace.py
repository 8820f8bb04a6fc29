"""The folder keeps what is written to it whole, and lets nothing out."""

import os
import signal
import subprocess
import sys

import pytest

from toolkit.harness import (
    ContractError,
    Evaluator,
    Planner,
    TextFile,
    Workspace,
    WorkspaceError,
    propose_contract,
)
from toolkit.harness.roles import Place
from toolkit.harness.sandbox import lay_files


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path / "work")
    made.restart("a goal")
    return made


@pytest.mark.parametrize(
    "path",
    [
        "/etc/x",
        "../x",
        "a/../../x",
        "",
        ".",
        "..",
        "a\\..\\x",
        "C:/x",
        "a\0b",
        "link/x",
        "leak",
        ".git/config",
        "a/.GIT/hooks/post-commit",
    ],
)
def test_a_path_that_leaves_the_build_is_refused_and_nothing_is_written(workspace, tmp_path, path):
    (workspace.attempt / "link").symlink_to(tmp_path, target_is_directory=True)
    (workspace.attempt / "leak").symlink_to(tmp_path / "x")
    with pytest.raises(WorkspaceError, match="refused"):
        lay_files(workspace.attempt, [TextFile("good.txt", "fine"), TextFile(path, "bad")])
    assert not (workspace.attempt / "good.txt").exists()
    assert not (tmp_path / "x").exists()


def test_an_absolute_path_is_refused_even_where_it_leads_into_the_build(workspace):
    with pytest.raises(WorkspaceError, match="must be relative"):
        lay_files(workspace.attempt, [TextFile(str(workspace.attempt / "x"), "")])


@pytest.mark.parametrize("path", ["a", "a/b.txt/c", "long" * 100])
def test_a_file_in_the_place_of_a_folder_or_with_too_long_a_name_is_refused(workspace, path):
    lay_files(workspace.attempt, [TextFile("a/b.txt", "")])
    with pytest.raises(WorkspaceError, match="'build/"):
        lay_files(workspace.attempt, [TextFile(path, "")])
    assert workspace.read_build() == {"a/b.txt": ""}


def test_what_is_written_is_read_back_by_path_and_links_are_not_followed(workspace, tmp_path):
    (tmp_path / "secret").write_text("key")
    (workspace.attempt / "z").symlink_to(tmp_path / "secret")
    files = (TextFile("a/b.txt", "one\r\n"), TextFile("c.txt", "två"))
    lay_files(workspace.attempt, files[::-1])
    assert list(workspace.read_build()) == ["a/b.txt", "c.txt"]
    assert (workspace.attempt / "a/b.txt").read_bytes() == b"one\r\n"
    assert not list(workspace.path.rglob("*.tmp"))


def test_each_run_begins_from_what_was_there_before_the_first(tmp_path):
    (tmp_path / "build").mkdir()
    (tmp_path / "build/kept.txt").write_text("mine")
    workspace = Workspace(tmp_path)
    workspace.restart("a goal")
    lay_files(workspace.attempt, [TextFile("kept.txt", "changed"), TextFile("new.txt", "")])
    Workspace(tmp_path).restart("a goal")
    assert workspace.read_build() == {"kept.txt": "mine"}
    assert (tmp_path / "build/kept.txt").read_text() == "mine"


def test_a_frozen_contract_is_not_replaced_and_a_changed_one_is_noticed(workspace):
    def signed(claim):
        check = {"kind": "command", "argv": ["true"]}
        criteria = [{"id": "runs", "claim": claim, "check": check}]
        return propose_contract("g", criteria).sign("generator").sign("evaluator")

    workspace.freeze(signed("It runs."))
    workspace.freeze(signed("It runs."))
    with pytest.raises(ContractError, match=r"contract\.json|differs"):
        workspace.freeze(signed("It walks."))
    place = workspace.path / "contract.json"
    place.write_text(place.read_text().replace("It runs.", "It rests."))
    with pytest.raises(ContractError, match=r"contract\.json|differs"):
        workspace.freeze(signed("It rests."))


def test_one_run_at_a_time_may_hold_the_folder(workspace):
    with (
        workspace.held(),
        pytest.raises(WorkspaceError, match="another run"),
        Workspace(workspace.path).held(),
    ):
        pass


def test_another_goal_is_refused_before_anything_is_changed(workspace):
    workspace.write("progress.md", "so far")
    with pytest.raises(WorkspaceError, match="a new goal needs a new folder"):
        workspace.restart("another goal")
    assert (workspace.read("goal.md"), workspace.read("progress.md")) == ("a goal", "so far")
    workspace.write("goal.md", "two\r\nlines")
    workspace.restart("two\r\nlines")


def test_a_build_of_very_many_files_is_shown_in_part_and_says_so(workspace):
    lay_files(workspace.attempt, [TextFile(f"{n:04}.txt", "x" * 1000) for n in range(3000)])
    shown = workspace.read_build()
    assert sum(len(path) + len(text) for path, text in shown.items()) < 301_000
    assert shown.pop("/left-out").startswith(f"{3000 - len(shown)} of 3000 files are not shown")
    question = Evaluator(None).question("judge", Place(), workspace)
    assert "files are not shown" in question["files"]["/left-out"]


def test_a_task_that_does_not_see_the_build_does_not_read_it(workspace):
    lay_files(workspace.attempt, [TextFile("a.txt", "")])
    workspace.read_build = None
    assert Planner(None).question("plan", Place(), workspace)["goal"] == "a goal"


def passed(workspace, **files):
    """One run that ends well, and makes `files` the build."""
    workspace.restart("a goal")
    workspace.lay([TextFile(f"{name}.txt", text) for name, text in files.items()])
    workspace.adopt()


def texts(folder):
    return {place.name: place.read_text() for place in folder.iterdir()}


def test_a_build_stays_until_the_next_one_has_passed(workspace):
    passed(workspace, a="first")
    workspace.restart("a goal")
    workspace.lay([TextFile("a.txt", "second")])
    assert texts(workspace.build) == {"a.txt": "first"}
    workspace.adopt()
    assert texts(workspace.build) == {"a.txt": "second"}
    assert workspace.kept == []
    assert not (workspace.path / "edits").exists()


@pytest.mark.parametrize("how", ["changed", "added", "removed"])
def test_what_somebody_changed_in_the_build_is_kept_for_good(workspace, how):
    passed(workspace, a="first", b="first")
    if how == "removed":
        (workspace.build / "b.txt").unlink()
    else:
        (workspace.build / {"changed": "a.txt", "added": "c.txt"}[how]).write_text("mine")
    mine = texts(workspace.build)
    for number in (1, 2):
        passed(workspace, a=f"later {number}")
    assert workspace.kept == ["build in edits/1"]
    assert texts(workspace.path / "edits/1/build") == mine
    assert texts(workspace.build) == {"a.txt": "later 2"}


def test_what_somebody_changed_in_an_attempt_or_in_a_file_of_the_workspace_is_kept(workspace):
    workspace.lay([TextFile("a.txt", "made here")])
    workspace.write("spec.md", "made here")
    workspace.write("findings/round-1.json", [])
    (workspace.attempt / "a.txt").write_text("mine")
    (workspace.path / "spec.md").write_text("mine")
    (workspace.path / "findings/round-1.json").write_text('["mine"]')
    workspace.restart("a goal")
    workspace.write("spec.md", "made again")
    workspace.write("findings/round-1.json", [])
    assert workspace.kept == [
        "attempt in edits/1",
        "spec.md in edits/2",
        "findings-round-1.json in edits/3",
    ]
    assert (workspace.path / "edits/1/attempt/a.txt").read_text() == "mine"
    assert (workspace.path / "edits/2/spec.md").read_text() == "mine"
    assert workspace.read("spec.md") == "made again"


def test_a_build_of_before_there_was_a_record_of_what_was_made_is_kept(tmp_path):
    for name in ("start", "build"):
        (tmp_path / name).mkdir()
    (tmp_path / "build/a.txt").write_text("who knows")
    workspace = Workspace(tmp_path)
    passed(workspace, a="new")
    assert texts(tmp_path / "edits/1/build") == {"a.txt": "who knows"}


KILLED = """
import os, signal, sys
from toolkit.harness import TextFile, Workspace

folder, nth = sys.argv[1], int(sys.argv[2])
workspace = Workspace(folder)
workspace.restart("a goal")
workspace.lay([TextFile("a.txt", "second")])
moves = 0

def kill(event, arguments):
    global moves
    if event in ("os.rename", "shutil.rmtree") and "tmp" not in str(arguments[0]).rsplit("/", 1)[-1]:
        moves += 1
        if moves == nth:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
workspace.adopt()
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("nth", range(1, 8))
def test_a_kill_in_the_middle_of_a_swap_leaves_one_whole_build_and_every_edit(
    workspace, nth, edited
):
    passed(workspace, a="first")
    if edited:
        (workspace.build / "b.txt").write_text("mine")
    before = texts(workspace.build)
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(workspace.path), str(nth)], timeout=60, check=False
    )
    n_moves = 4 if edited else 6
    assert child.returncode == (-signal.SIGKILL if nth <= n_moves else 0)
    again = Workspace(workspace.path)
    again.restart("a goal")
    assert texts(again.build) in (before, {"a.txt": "second"})
    kept = [texts(place) for place in workspace.path.glob("edits/*/build")]
    assert not edited or before in [texts(again.build), *kept]
    passed(again, a="third")
    assert texts(again.build) == {"a.txt": "third"}
    assert not edited or before in [texts(place) for place in workspace.path.glob("edits/*/build")]


def test_a_goal_that_an_editor_saved_in_its_own_way_is_the_same_goal(workspace):
    workspace.path.joinpath("goal.md").write_bytes(b"\xef\xbb\xbfa goal\r\n")
    workspace.restart("a goal")
    assert workspace.read("goal.md").strip() == "a goal"
