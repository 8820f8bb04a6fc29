"""The folder keeps what is written to it whole, and lets nothing out."""

import pytest

from toolkit.harness import ContractError, Evaluator, Planner, TextFile, Workspace, WorkspaceError, propose_contract
from toolkit.harness.roles import Judgement, Plan
from toolkit.harness.workspace import lay_files


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path / "work")
    made.restart("a goal")
    return made


@pytest.mark.parametrize(
    "path", ["/etc/x", "../x", "a/../../x", "", ".", "..", "a\\..\\x", "C:/x", "a\0b", "link/x", "leak"]
)
def test_a_path_that_leaves_the_build_is_refused_and_nothing_is_written(workspace, tmp_path, path):
    (workspace.build / "link").symlink_to(tmp_path, target_is_directory=True)
    (workspace.build / "leak").symlink_to(tmp_path / "x")
    with pytest.raises(WorkspaceError, match="refused"):
        lay_files(workspace.build, [TextFile("good.txt", "fine"), TextFile(path, "bad")])
    assert not (workspace.build / "good.txt").exists()
    assert not (tmp_path / "x").exists()


def test_an_absolute_path_is_refused_even_where_it_leads_into_the_build(workspace):
    with pytest.raises(WorkspaceError, match="must be relative"):
        lay_files(workspace.build, [TextFile(str(workspace.build / "x"), "")])


@pytest.mark.parametrize("path", ["a", "a/b.txt/c", "long" * 100])
def test_a_file_in_the_place_of_a_folder_or_with_too_long_a_name_is_refused(workspace, path):
    lay_files(workspace.build, [TextFile("a/b.txt", "")])
    with pytest.raises(WorkspaceError, match="'build/"):
        lay_files(workspace.build, [TextFile(path, "")])
    assert workspace.read_build() == {"a/b.txt": ""}


def test_what_is_written_is_read_back_by_path_and_links_are_not_followed(workspace, tmp_path):
    (tmp_path / "secret").write_text("key")
    (workspace.build / "z").symlink_to(tmp_path / "secret")
    files = (TextFile("a/b.txt", "one\r\n"), TextFile("c.txt", "två"))
    lay_files(workspace.build, files[::-1])
    assert list(workspace.read_build()) == ["a/b.txt", "c.txt"]
    assert (workspace.build / "a/b.txt").read_bytes() == b"one\r\n"
    assert not list(workspace.path.rglob("*.tmp"))


def test_each_run_begins_from_what_was_there_before_the_first(tmp_path):
    (tmp_path / "build").mkdir()
    (tmp_path / "build/kept.txt").write_text("mine")
    workspace = Workspace(tmp_path)
    workspace.restart("a goal")
    lay_files(workspace.build, [TextFile("kept.txt", "changed"), TextFile("new.txt", "")])
    Workspace(tmp_path).restart("a goal")
    assert workspace.read_build() == {"kept.txt": "mine"}


def test_a_frozen_contract_is_not_replaced_and_a_changed_one_is_noticed(workspace):
    def signed(text):
        criteria = [{"id": "runs", "text": text, "command": ["true"]}]
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
    with workspace.held(), pytest.raises(WorkspaceError, match="another run"), Workspace(workspace.path).held():
        pass


def test_another_goal_is_refused_before_anything_is_changed(workspace):
    workspace.write("progress.md", "so far")
    with pytest.raises(WorkspaceError, match="a new goal needs a new folder"):
        workspace.restart("another goal")
    assert (workspace.read("goal.md"), workspace.read("progress.md")) == ("a goal", "so far")
    workspace.write("goal.md", "two\r\nlines")
    workspace.restart("two\r\nlines")


def test_a_build_of_very_many_files_is_shown_in_part_and_says_so(workspace):
    lay_files(workspace.build, [TextFile(f"{n:04}.txt", "x" * 1000) for n in range(3000)])
    shown = workspace.read_build()
    assert sum(len(path) + len(text) for path, text in shown.items()) < 301_000
    assert shown.pop("/left-out").startswith(f"{3000 - len(shown)} of 3000 files are not shown")
    told = Evaluator(None).ask("judge", 1, workspace, Judgement).messages[0]["content"]
    assert "files are not shown" in told


def test_a_task_that_does_not_see_the_build_does_not_read_it(workspace):
    lay_files(workspace.build, [TextFile("a.txt", "")])
    workspace.read_build = None
    assert "a goal" in Planner(None).ask("plan", 1, workspace, Plan).messages[0]["content"]
