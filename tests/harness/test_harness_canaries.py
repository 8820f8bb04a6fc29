"""Isolation by canaries: a word is put wherever one side knows more than the other may, and every
request of a build is searched for it, as it arrived at the server.
"""

import json
import os
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.harness.builds import Notes, question, runs, writes
from toolkit.harness import Budget, Evaluator, Generator, Harness, Planner, Sandbox, Workspace
from toolkit.models import Answer, ClaudeModel, LoopbackServer
from toolkit.sessions import MemoryLog, Session

pytestmark = pytest.mark.sandbox
NARRATED = "CANARY-of-the-generator"
HELD_OUT = "CANARY-held-out"
MINE = "CANARY-of-the-user"
APP = '''
import http.server, pathlib, subprocess, sys

class App(http.server.BaseHTTPRequestHandler):
    """Says all that it was ever asked for, and all that the search finds."""

    def do_GET(self):
        with open("asked.txt", "a") as file:
            file.write(self.path + " ")
        print(self.path, flush=True)
        search = [sys.executable, "search.py"]
        found = subprocess.run(search, capture_output=True, text=True).stdout
        asked = pathlib.Path("asked.txt").read_text()
        body = f"<p>{FEATURE}</p><p>{asked}</p><p>{found}</p>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", 8000), App).serve_forever()
'''
SEARCH = """
import os, pathlib, sys

MARK = "CANARY" + "-of-the-user"
SKIPPED = "/usr", "/bin", "/sbin", "/lib", "/lib64", "/sys", sys.base_prefix

def text_of(path):
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""

hits = [name for name, value in os.environ.items() if MARK in value]
n_files = 0
for top, folders, files in os.walk(sys.argv[1] if len(sys.argv) > 1 else "/"):
    folders[:] = [name for name in folders if os.path.join(top, name) not in SKIPPED]
    if top.startswith("/proc"):
        folders[:] = [name for name in folders if name.isdigit() and top == "/proc"]
        files = [name for name in files if name in ("environ", "cmdline")]
    for name in files:
        path = pathlib.Path(top, name)
        is_small = path.is_file() and path.stat().st_size < 1 << 20
        n_files += is_small
        if is_small and MARK in text_of(path):
            hits.append(str(path))
print("{FEATURE} searched", "something" if n_files else "nothing", "hits", hits)
"""
NOTHING = "searched something hits []"


def served(id: str, path: str, text: str) -> dict:
    """The criterion that the app says `text` at a path."""
    get = {"method": "GET", "path": path, "texts": [text]}
    return {"id": id, "claim": "It is said.", "check": {"kind": "exchange", "requests": [get]}}


def seen(id: str, path: str, text: str) -> dict:
    """The criterion that the page shows `text`, with a picture of it."""
    acts = [("open", path), ("see", text), ("picture", "page")]
    steps = [{"act": act, "target": target} for act, target in acts]
    return {"id": id, "claim": "It is seen.", "check": {"kind": "browse", "steps": steps}}


class Telling(Notes):
    """A Generator that speaks of its work wherever it can, and an Evaluator that holds out a check
    of each kind; what the first sprint promised breaks once in the second.
    """

    is_seen = False
    """Whether a browser is among the checks."""

    def generate(self, request):
        asked = question(request)
        name = asked["feature"]["id"]
        if asked["task"] == "propose":
            searched = runs(f"{name}-searched", "python", "search.py", stdout=[name, NOTHING])
            criteria = [searched, served(f"{name}-served", "/", name)]
            if self.is_seen:
                criteria.append(seen(f"{name}-seen", "/", name))
            serve = {"argv": ["python", "app.py"], "ready_s": 60}
            return Answer(data={"criteria": criteria, "serve": serve})
        features = "alpha and beta" if name == "beta" and asked["number"] > 1 else name
        texts = {"app.py": APP, "search.py": SEARCH}
        files = {path: text.replace("{FEATURE}", features) for path, text in texts.items()}
        return writes(files, **dict.fromkeys(("tried", "found", "decided", "next"), NARRATED))

    def evaluate(self, request):
        asked = question(request)
        if asked["task"] == "judge":
            return super().evaluate(request)
        name = asked["feature"]["id"]
        held_out = [
            runs(f"{name}-a", "grep", "-c", f"{name}\\|{HELD_OUT}", "app.py", stdout=["1"]),
            served(f"{name}-b", f"/{HELD_OUT}", name),
        ]
        if self.is_seen:
            held_out.append(seen(f"{name}-c", f"/{HELD_OUT}", name))
        return Answer(data={"agree": True, "objections": [], "held_out": held_out})


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with a key in each place where people keep one."""
    home = tmp_path / "home"
    for name in (".ssh/id_ed25519", ".aws/credentials", ".env", "notes.txt"):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MINE)
    monkeypatch.setenv("HOME", str(home))
    for name in ("ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "A_PASSWORD"):
        monkeypatch.setenv(name, MINE)
    return home


async def build(folder: Path, session: Session, roles: Telling):
    """Run the build, each role on a server of its own. Returns the outcome, and the body of each
    request by role.
    """
    servers = {}
    async with AsyncExitStack() as stack:
        made = []
        for kind, policy in (
            (Planner, roles.plan),
            (Generator, roles.generate),
            (Evaluator, roles.evaluate),
        ):
            server = LoopbackServer(policy)
            model = ClaudeModel("claude-haiku-5-5", api_key=MINE, server=server)
            made.append(kind(await stack.enter_async_context(model)))
            servers[made[-1].name] = server
        budget = Budget(seconds=600)
        workspace = Workspace(folder)
        outcome = await Harness(*made, workspace, session, budget, Sandbox.best()).run("A page.")
    bodies = {}
    for name, server in servers.items():
        bodies[name] = [
            json.dumps(received.body, ensure_ascii=False) for received in server.requests
        ]
    return outcome, bodies


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def written_by_role(folder: Path) -> dict[str, set[str]]:
    """The files that the commits of each role touch."""
    repository = f"--git-dir={folder / 'history.git'}"
    log = output_of("git", repository, "log", "--format=%x00%an", "--name-only")
    files: dict[str, set[str]] = {}
    for commit in log.split("\0")[1:]:
        author, *names = commit.split()
        files.setdefault(author, set()).update(names)
    return files


WITH_BROWSER = pytest.param(True, marks=[pytest.mark.slow, pytest.mark.browser])


@pytest.mark.parametrize("is_seen", [False, WITH_BROWSER])
async def test_no_canary_crosses_from_one_side_of_a_build_to_the_other(tmp_path, home, is_seen):
    session = Session(MemoryLog(), "build")
    work = home / "work"
    roles = Telling(["alpha", "beta"])
    roles.is_seen = is_seen
    outcome, asked = await build(work, session, roles)
    assert (outcome.outcome, outcome.rounds) == ("complete", 3), outcome.why
    assert {name: len(bodies) for name, bodies in asked.items()} == {
        "planner": 1,
        "generator": 5,
        "evaluator": 5,
    }

    # The Evaluator is told nothing of what the Generator says of its work, which the next is.
    assert NARRATED in asked["generator"][-1]
    assert not [body for body in asked["evaluator"] if NARRATED in body]

    # The Generator is told nothing of a check that is held out, which the Evaluator is: not by the
    # app that saw it, not by a check of before that broke, not by a picture.
    assert HELD_OUT in asked["evaluator"][-1]
    assert '\\"beta-b\\"' in asked["generator"][-1]
    assert '\\"alpha-b\\"' in asked["generator"][-1]
    assert not [body for body in asked["generator"] + asked["planner"] if HELD_OUT in body]
    pictures = list(work.glob("sprints/2/evidence/round-*/beta-*.png"))
    assert {path.name.split("-")[1] for path in pictures} == ({"seen", "c"} if is_seen else set())
    assert HELD_OUT.encode() in b"".join(
        p.read_bytes() for p in work.glob("sprints/*/evidence/*/*")
    )

    # Nothing of the user's was found by what was built: by a command, a server, a page.
    found_outside = output_of(sys.executable, str(work / "build/search.py"), str(home))
    assert all(name in found_outside for name in ("id_ed25519", ".env", "ANTHROPIC_API_KEY"))
    events = [event async for event in session.read(follow=False)]
    checks = [event.data for event in events if event.kind == "check.result"]
    assert sum(NOTHING in json.dumps(check) for check in checks) > 6
    assert MINE not in json.dumps(checks) + json.dumps(asked)
    for path in work.rglob("*"):
        assert not path.is_file() or MINE.encode() not in path.read_bytes(), path

    # The Evaluator has no tool, and nothing that it does touches what was built.
    assert not [body for body in asked["evaluator"] if "tools" in json.loads(body)]
    written = written_by_role(work)
    assert {"attempt/app.py", "attempt/search.py"} <= written["generator"]
    assert not [name for name in written["evaluator"] if name.startswith("attempt/")]
    assert os.environ["HOME"] == str(home)
