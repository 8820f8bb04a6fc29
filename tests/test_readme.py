"""The README says what is so: its blocks run, its links lead somewhere, its map is the library's."""

import ast
import inspect
import re
import shlex
from collections import Counter
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from toolkit.cli import app
from toolkit.evals import Experiment, Label, LabelStore, TrialResult
from toolkit.evals.experiments.decision import EXIT_CODES
from toolkit.harbor import load_labels
from toolkit.tour import class_traces
from toolkit.traces.formats import known_formats

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
GATE_PAGE = (ROOT / "notebooks" / "pages" / "gate.md").read_text()
PAGES = sorted([ROOT / "README.md", *ROOT.glob(".github/*.md"), *ROOT.glob("notebooks/**/*.md")])
COMMANDS = ("pip install uv && uv run fieldbook tour", "pip install uv && uv run pytest")
SHOWN = re.findall(r"```python\n(.+?)```\n\n```text\n(.+?)```", README, re.DOTALL)
"""Each block of code, and what it is said to print."""
COLUMNS_SHOWN = 90
"""Of a block of code, on a page of 1,012 px with a column beside it."""
LONGEST_SENTENCE = 25
"""How many words it has at most."""
WORKFLOW = re.compile(r"```yaml\n(on: .+?)```", re.DOTALL)
POLICY = "name: refunds\nmin_pass_rate: 0.8\nmargin: 0.1\n"


def targets_of(page: Path) -> list[str]:
    """Where the links and pictures of a page lead, in Markdown and in HTML."""
    return re.findall(r"""(?:\]\(|(?:href|src)=")([^)"]+)""", page.read_text())


def names_in_map() -> set[str]:
    rows = re.findall(r"^\| (`[^|]+`) \| .+ \|$", README, re.MULTILINE)
    quoted = " ".join(row.strip("`") for row in rows)
    return {name.strip("`").rstrip("/") for name in quoted.split() if name.strip("`").endswith("/")}


def test_the_map_names_every_room_of_the_library():
    rooms = set()
    for path in (ROOT / "toolkit").iterdir():
        if (path / "__init__.py").exists():
            rooms.add(path.name)
    assert names_in_map() == rooms


def test_the_table_of_exports_names_every_form():
    exports = (ROOT / "notebooks" / "pages" / "exports.md").read_text()
    assert [name for name in known_formats() if f"`{name}`" not in exports] == []
    (counted,) = re.findall(r"read from more than (\d+) forms", README)
    assert int(counted) < len(known_formats())


def test_the_front_page_is_short_and_has_the_two_commands_once():
    lines = README.splitlines()
    assert len(lines) < 150
    assert len(SHOWN) == README.count("```python") == 3
    begun = Counter(command for command in COMMANDS for line in lines if line.startswith(command))
    assert begun == dict.fromkeys(COMMANDS, 1)


def test_no_sentence_of_the_front_page_is_long():
    prose = re.sub(r"```.+?```", "", README, flags=re.DOTALL).rpartition("\nMore: ")[0]
    words_seen = re.sub(r"<[^>]+>|\]\([^)]+\)", " ", prose)
    sentences = re.split(r"[.?!:]\s|\n\n|\|", words_seen)
    assert len(sentences) > 50
    assert [sentence for sentence in sentences if len(sentence.split()) > LONGEST_SENTENCE] == []


def test_the_first_steps_can_be_pasted_and_name_the_page_that_they_make():
    begin = README.partition("## Begin")[2].partition("## ")[0]
    assert not re.search(r"<[^>]*>", begin)  # a shell reads < as a redirection
    assert "fieldbook-out/tour.html" in begin
    assert "pytest" not in begin


def test_the_command_for_a_laptop_and_a_phone_lets_a_phone_in():
    (row,) = [line for line in README.splitlines() if "with a laptop and a phone" in line]
    assert "serve --host 0.0.0.0" in row


@pytest.mark.nats
@pytest.mark.parametrize(("code", "printed"), SHOWN, ids=["quality", "delivery", "coherence"])
async def test_a_block_of_code_runs_as_it_stands_and_prints_what_is_said(
    code, printed, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    block = compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(block, {})
    if inspect.iscoroutine(running):
        await running
    assert capsys.readouterr().out == printed


async def test_the_block_about_your_labels_measures_a_judge_by_what_a_person_labelled(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("FIELDBOOK_TRACES", str(ROOT / "data" / "harbor" / "traces.jsonl"))
    monkeypatch.setenv("FIELDBOOK_OUT", str(tmp_path))
    _, label_file = class_traces()
    store = LabelStore(label_file, make=True)
    for number, label in enumerate(load_labels()[:40]):
        verdict = "defer" if number == 0 else label.verdict
        store.add(Label(label.trace_id, "ada", verdict, label.why))
    page = (ROOT / "notebooks" / "pages" / "exports.md").read_text()
    (code,) = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    block = compile(code, "exports.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    defined: dict[str, Any] = {}
    await eval(block, defined)
    tpr, tnr = capsys.readouterr().out.splitlines()
    assert tpr.startswith("TPR 0.")
    assert tnr.startswith("TNR 0.")
    assert defined["alignment"].n == 39


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_and_picture_of_a_page_leads_to_a_file_of_the_repository(page):
    files = [target for target in targets_of(page) if target and "://" not in target]
    assert [
        target for target in files if not (page.parent / target.partition("#")[0]).exists()
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_into_a_page_leads_to_one_of_its_headings(page):
    for target in targets_of(page):
        file, _, heading = target.partition("#")
        if heading and "://" not in file:
            text = ((page.parent / file) if file else page).read_text()
            titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            words = [re.sub(r"[^a-z0-9 -]", "", title.lower()) for title in titles]
            assert heading in [title.replace(" ", "-") for title in words]


def test_each_picture_of_the_front_page_opens_in_full_size():
    pictures = re.findall(r"notebooks/images/\w+\.png", README)
    shown = re.findall(r'(?:<img src="|!\[[^\]]+\]\()(notebooks/images/\w+\.png)', README)
    assert len(shown) == 7
    for picture in shown:
        assert pictures.count(picture) == 2  # what is shown, and where a click leads


def test_no_table_of_the_front_page_has_an_empty_header():
    rows = [line for line in README.splitlines() if line.startswith("|")]
    assert rows
    assert [row for row in rows if not row.strip("| ")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_of_code_of_a_page_is_cut_at_the_width_of_a_code_host(page):
    fences = re.findall(r"```\w+\n(.+?)```", page.read_text(), re.DOTALL)
    lines = [line for fence in fences for line in fence.splitlines()]
    assert [line for line in lines if len(line) > COLUMNS_SHOWN] == []


def test_the_list_of_the_course_names_each_notebook():
    course = (ROOT / "notebooks" / "README.md").read_text()
    notebooks = [path.name for path in (ROOT / "notebooks").glob("*.ipynb")]
    assert notebooks
    assert [name for name in notebooks if f"({name})" not in course] == []


def test_each_page_beside_the_notebooks_is_linked_from_the_front_page():
    pages = [page.name for page in (ROOT / "notebooks" / "pages").iterdir()]
    assert pages
    assert [name for name in pages if f"notebooks/pages/{name}" not in README] == []


def test_the_workflow_that_the_front_page_links_is_one_of_a_code_host():
    assert "notebooks/pages/gate.md#a-workflow" in README
    (workflow,) = WORKFLOW.findall(GATE_PAGE)
    steps = yaml.safe_load(workflow)["jobs"]["gate"]["steps"]
    assert [step.get("uses", "").partition("@")[0] for step in steps if "run" not in step] == [
        "actions/checkout",
        "astral-sh/setup-uv",
        "actions/upload-artifact",
    ]


def made(wrong_one_in):
    """An experiment of an agent that is wrong so often."""
    results = [TrialResult(str(n), 0, "scored", passed=n % wrong_one_in > 0) for n in range(1, 81)]
    return Experiment("agent", results, len(results))


def test_the_commands_of_the_workflow_run_and_let_a_good_agent_through_but_no_worse_one(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (workflow,) = WORKFLOW.findall(GATE_PAGE)
    steps = yaml.safe_load(workflow)["jobs"]["gate"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert all(command.startswith("uv run fieldbook ") for command in commands)
    evaluation, gate = [shlex.split(command)[3:] for command in commands]
    Path("evals").mkdir()
    for name in ("eval.yaml", "cases.jsonl"):
        copy(ROOT / "data" / "harbor" / name, "evals")
    Path("evals/policy.yaml").write_text(POLICY)
    made(wrong_one_in=20).save("evals/baseline.jsonl")
    assert CliRunner().invoke(app, evaluation).exit_code == 0
    assert Experiment.load("experiment.jsonl").simulated
    for wrong_one_in, outcome in ((40, "pass"), (3, "fail")):
        made(wrong_one_in).save("experiment.jsonl")
        words = [word.replace("$GITHUB_STEP_SUMMARY", "summary.md") for word in gate]
        assert CliRunner().invoke(app, words).exit_code == EXIT_CODES[outcome]
        assert f"## Gate: {outcome}" in Path("summary.md").read_text()
