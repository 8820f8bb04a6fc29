"""Checks are made on the app as it runs, in a box of its own, and what they saw is kept."""

import hashlib
import json

import pytest

from tests.harness.todo import APP, PAGE
from toolkit.harness import (
    Browse,
    Command,
    Contract,
    Criterion,
    EvidenceFolder,
    Exchange,
    HttpRequest,
    Judged,
    RowChange,
    Sandbox,
    Serve,
    StateCheck,
    Step,
    TextFile,
    Value,
    check_criterion,
)

SERVE = Serve(("python", "app.py"), ready_s=60)
MILK = '{"title": "milk"}'
ADD = HttpRequest("POST", "/tasks", MILK, status=201, values=(Value("title", "milk"),))
ONE = HttpRequest("GET", "/tasks", texts=("milk",), values=(Value("tasks.#", 1),))
NONE = HttpRequest("GET", "/tasks", values=(Value("tasks.#", 0),))
ADDED = RowChange("added", "tasks", (Value("title", "milk"), Value("done", 0)))
WRITE_A_TASK = Step("fill", "New task", "milk"), Step("click", "Add")
ADD_ONE = (Step("open", "/"), *WRITE_A_TASK, Step("see", "1 left"), Step("picture", "added"))

pytestmark = pytest.mark.sandbox


@pytest.fixture
def build(tmp_path):
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    (folder / "page.html").write_text(PAGE)
    return folder


@pytest.fixture
def check(tmp_path, build):
    """Run a check on the build. Returns its result."""
    folder = EvidenceFolder(tmp_path, "evidence/round-1")

    async def run(check, serve=SERVE, kind="bwrap"):
        criterion = Criterion("one", "It is so.", check)
        contract = Contract("a to-do app", (criterion,), serve)
        return await check_criterion(criterion, contract, Sandbox(kind), build, folder)

    return run


@pytest.mark.parametrize("kind", ["bwrap", "unshare"])
async def test_an_exchange_with_the_running_app_is_graded_and_kept(tmp_path, check, kind):
    result = await check(Exchange((ADD, ONE)), kind=kind)
    assert (result.grade, result.why) == ("pass", "the check shows it")
    assert result.observed["exchange"][1]["status"] == 200
    for evidence in result.evidence:
        content = (tmp_path / evidence.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == evidence.sha256
        assert evidence.path.startswith("evidence/round-1/one-" + evidence.sha256[:16])
    index = json.loads((tmp_path / "evidence/round-1/index.json").read_text())
    assert [file["name"] for file in index["one"]] == ["exchange.json", "app.log"]


async def test_each_check_has_an_app_of_its_own(check, build):
    assert (await check(Exchange((NONE, ADD)))).grade == "pass"
    assert (await check(Exchange((NONE,)))).grade == "pass"
    assert not (build / "tasks.db").exists()


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (HttpRequest("GET", "/nowhere"), "status 404, and 200 was promised"),
        (HttpRequest("POST", "/tasks", "{", status=201), "status 400, and 201"),
        (HttpRequest("GET", "/", texts=("dark mode",)), "'dark mode' is not in the answer"),
        (HttpRequest("GET", "/", values=(Value("tasks.#", 0),)), "the answer is no JSON"),
        (HttpRequest("GET", "/tasks", values=(Value("tasks.0.title", "x"),)), "there is no tasks"),
        (
            HttpRequest("GET", "/tasks", values=(Value("tasks.#", False),)),
            "tasks.# is 0, and False",
        ),
        (HttpRequest("GET", "/broken"), "RemoteDisconnected"),
        (HttpRequest("GET", "/large"), "larger than 256 kB"),
        (HttpRequest("GET", "/hang"), "no answer in time"),
    ],
)
async def test_an_answer_that_is_not_as_promised_fails_and_says_what_is_wrong(
    check, request_, named
):
    result = await check(Exchange((request_,), timeout_s=3))
    assert result.grade == "fail"
    assert named in result.why
    assert "GET" in result.why or "POST" in result.why


async def test_what_the_app_printed_is_shown_where_a_check_fails(check):
    result = await check(Exchange((HttpRequest("GET", "/broken"),)))
    assert "ZeroDivisionError" in result.observed["app"]
    assert "app" not in (await check(Exchange((NONE,)))).observed


@pytest.mark.parametrize(
    ("app", "named"),
    [("1 / 0", "ZeroDivisionError"), ("import time; time.sleep(600)", "does not answer on port")],
)
async def test_an_app_that_does_not_start_fails_its_checks(check, build, app, named):
    (build / "app.py").write_text(app)
    result = await check(Exchange((NONE,)), Serve(("python", "app.py"), ready_s=3))
    assert result.grade == "fail"
    assert "the app does not start" in result.why
    assert named in result.why
    assert result.evidence


async def test_an_app_that_is_never_ready_fails_its_checks(check):
    result = await check(Exchange((NONE,)), Serve(("python", "app.py"), ready="/broken", ready_s=2))
    assert (result.grade, "not ready" in result.why) == ("fail", True)


async def test_what_the_database_holds_afterwards_is_checked(check):
    result = await check(StateCheck("tasks.db", (ADDED,), requests=(ADD,)))
    assert (result.grade, result.why) == ("pass", "the check shows it")
    assert result.observed == {"changes": "1 change"}


DONE = HttpRequest("POST", "/tasks/1/done", "{}")
INSERT = (
    "python",
    "-c",
    "import sqlite3; d = sqlite3.connect('a.db'); d.execute('{}'); d.commit()",
)


def sql(statement):
    return (*INSERT[:2], INSERT[2].format(statement))


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (StateCheck("tasks.db", (ADDED,), requests=(ADD, ADD)), "1 collateral"),
        (StateCheck("tasks.db", (ADDED,), requests=(ADD, DONE)), "tasks"),
        (StateCheck("tasks.db", (ADDED,), requests=(NONE,)), "missing: added in tasks"),
        (StateCheck("nowhere.db", (ADDED,), requests=(ADD,)), "there is no such file"),
        (StateCheck("page.html", (ADDED,), requests=(ADD,)), "not a database"),
        (StateCheck("a.db", (ADDED,), (("false",),)), "false: exit code 1"),
        (StateCheck("a.db", (ADDED,), (("sleep", "60"),), timeout_s=0.5), "sleep 60: no end"),
        (StateCheck("tasks.db", (ADDED,), requests=(HttpRequest("GET", "/x"),)), "status 404"),
    ],
)
async def test_a_state_that_is_not_as_promised_fails_and_says_what_is_wrong(check, state, named):
    result = await check(state)
    assert result.grade == "fail"
    assert named in result.why


async def test_commands_that_make_a_table_and_change_rows_are_checked_without_an_app(check):
    rows = RowChange("added", "t", (Value("name", "milk"),))
    make = sql("create table t (id integer primary key, name text)")
    insert = sql('insert into t (name) values ("milk")')
    result = await check(StateCheck("a.db", (rows,), (make, insert)), serve=None)
    assert (result.grade, result.why) == ("pass", "the check shows it")


async def test_a_build_cannot_put_its_own_modules_under_our_programs(check, build):
    for name in ("json", "sqlite3", "http", "socket", "usercustomize", "sitecustomize"):
        (build / f"{name}.py").write_text("raise SystemExit('faked')")
    site = build / ".local/lib/python3.11/site-packages"
    site.mkdir(parents=True)
    (site / "usercustomize.py").write_text("raise SystemExit('faked')")
    serve = Serve(("python", "-I", "app.py"), ready_s=60)
    assert (await check(Exchange((ADD, ONE)), serve)).why == "the check shows it"
    state = StateCheck("tasks.db", (ADDED,), requests=(ADD,))
    assert (await check(state, serve)).why == "the check shows it"


async def test_a_database_that_would_fill_the_memory_of_its_reader_harms_its_box_alone(check):
    bomb = sql("create table t (id integer primary key, x as (hex(zeroblob(900000000))))")
    state = StateCheck("a.db", (RowChange("added", "t"),), (bomb, sql("insert into t values (1)")))
    result = await check(state, serve=None)
    assert result.grade != "pass"


async def test_what_a_rubric_looks_at_is_run_and_kept(check):
    look = Command(("python", "-c", "print('hello')"), stdout=("hello",))
    result = await check(Judged("It is kind.", look))
    assert (result.grade, result.observed["stdout"]) == ("pass", "hello\n")
    assert [evidence.name for evidence in result.evidence] == ["output.json"]
    red = await check(Judged("It is kind.", Command(("python", "nothing.py"))))
    assert red.grade == "fail"


async def test_a_command_has_the_files_of_its_contract_and_leaves_the_build_as_it_was(check, build):
    command = Command(("sh", "-c", "cat x; rm app.py"), (TextFile("x", "mine"),), stdout=("mine",))
    assert (await check(command)).grade == "pass"
    assert (build / "app.py").exists()


async def test_without_chromium_a_browse_is_unscored(check, monkeypatch):
    monkeypatch.setenv("FIELDBOOK_CHROMIUM", "no-such-browser")
    result = await check(Browse(ADD_ONE))
    assert result.grade == "unscored"
    assert "no Chromium" in result.why


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["bwrap", "unshare"])
async def test_steps_in_a_real_chromium_are_made_and_pictures_kept(tmp_path, check, kind):
    steps = (
        Step("open", "/"),
        Step("see", "0 left"),
        *WRITE_A_TASK,
        Step("fill", "New task", "bread"),
        Step("press", "Enter"),
        Step("see", "2 left"),
        Step("click", "Done", within="milk"),
        Step("see", "1 left"),
        Step("not_see", "Error"),
        Step("see", "bread", within="bread"),
        Step("picture", "list"),
    )
    result = await check(Browse(steps), kind=kind)
    assert (result.grade, result.why) == ("pass", "the check shows it"), result.observed
    names = [evidence.name for evidence in result.evidence]
    assert names == ["steps.json", "list.png", "end.png", "app.log"]
    picture = next(evidence for evidence in result.evidence if evidence.name == "list.png")
    assert (tmp_path / picture.path).read_bytes().startswith(b"\x89PNG")
    assert "bread" in result.observed["text"]
    assert result.observed["messages"] == ()


@pytest.mark.browser
async def test_a_step_that_is_not_possible_fails_and_shows_the_page_as_it_was(check):
    result = await check(Browse((*ADD_ONE, Step("press", "NoKey"), Step("see", "milk"))))
    assert result.grade == "fail"
    assert "pressing NoKey" in result.why
    names = [evidence.name for evidence in result.evidence]
    assert names == ["steps.json", "added.png", "end.png", "app.log"]
    assert result.observed["steps"][-1].startswith("pressing NoKey: ")
