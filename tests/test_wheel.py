"""The wheel in a folder of its own, without the clone: data and notebooks come with it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
UV = shutil.which("uv")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(UV is None, reason="there is no uv, which builds and installs the wheel"),
]


def run(*command, cwd, **environment) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=1500,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(UV, "build", "--wheel", "--out-dir", folder, ROOT, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The scripts of a fresh environment with the locked dependencies and the wheel."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    sync = "sync --frozen --no-install-project --no-default-groups --extra topics"
    run(UV, *sync.split(), cwd=ROOT, UV_PROJECT_ENVIRONMENT=str(folder))
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(UV, "pip", "install", "--no-deps", "--python", python, wheel, cwd=ROOT)
    return python.parent


def test_the_wheel_carries_data_and_notebooks_and_nothing_that_a_run_left(wheel):
    names = {Path(name) for name in ZipFile(wheel).namelist() if "/_shipped/" in name}
    inside = {name.relative_to("toolkit/_shipped").as_posix() for name in names}
    assert {"data/harbor/traces.jsonl", "notebooks/checks.py", "notebooks/bugs.py"} <= inside
    assert len([name for name in inside if name.endswith(".ipynb")]) == len(
        list((ROOT / "notebooks").glob("*.ipynb"))
    )
    assert not [name for name in inside if "fieldbook-out" in name or "__pycache__" in name]


def test_tour_import_view_and_lab_work_in_an_empty_folder(installed, tmp_path):
    fieldbook = installed / "fieldbook"
    figures = json.loads(run(fieldbook, "tour", "--memory", "--json", cwd=tmp_path))
    assert (figures["ok"], figures["lost"]) == (True, 0)
    chat = {"id": "a", "messages": [{"role": "user", "content": "Is a bike free?"}]}
    (tmp_path / "chat.jsonl").write_text(json.dumps(chat))
    run(fieldbook, "import", "chat.jsonl", "--to", "traces.jsonl", cwd=tmp_path)
    assert "Is a bike free?" in (tmp_path / "traces.jsonl").read_text()
    run(fieldbook, "view", "chat.jsonl", "--out", "page.html", cwd=tmp_path)
    assert "Is a bike free?" in (tmp_path / "page.html").read_text()
    printed = run(fieldbook, "lab", "--no-open", cwd=tmp_path)
    folder = tmp_path / "fieldbook-notebooks"
    assert str(folder) in printed
    code = (
        "import sys; sys.path.insert(0, '.'); import checks, bugs, toolkit; print(toolkit.__file__)"
    )
    assert str(ROOT) not in run(installed / "python", "-c", code, cwd=folder)
