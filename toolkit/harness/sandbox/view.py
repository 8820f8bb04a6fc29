"""View: what a box shows of the machine, read-only."""

import os
import site
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

Binds = list[tuple[str, str]]
"""Files and folders outside, and where a box shows them, read-only."""

PACKAGES = "/packages"
SYSTEM = "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"
SETTINGS = "alternatives", "chromium", "chromium.d", "fonts", "ld.so.cache", "localtime"
"""What programs look up in /etc."""
PYTHON = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
"""The running interpreter, outside of its virtual environment."""
BASE = Path(PYTHON).parents[1]
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"


@dataclass(frozen=True)
class View:
    """What a box shows of the machine."""

    binds: Binds
    links: Binds
    """Symbolic links, as (target, link)."""
    hidden: list[str]
    """Folders within what is shown that are empty inside."""


def readable(packages: Sequence[str], paths: Sequence[str | Path]) -> View:
    """The system's programs, Python with its standard library, the named `packages` of the running
    environment, and `paths`.
    """
    binds: Binds = []
    links: Binds = []
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            links.append((str(path.readlink()), name))
        elif path.is_dir():
            binds.append((name, name))
    for name in SETTINGS:
        path = Path("/etc") / name
        if path.exists():
            binds.append((os.path.realpath(path), str(path)))
    for path in (Path(__file__).parent / "etc").iterdir():
        binds.append((str(path), f"/etc/{path.name}"))
    for shown in [*_python_folders(), *paths]:
        real = os.path.realpath(shown)
        binds.append((real, real))
    for package in packages:
        source = package_path(package)
        binds.append((str(source), f"{PACKAGES}/{source.name}"))
    hidden = {os.path.realpath(path) for path in site.getsitepackages([str(BASE)])}
    hidden.add(DEBIAN_PACKAGES)
    return View(binds, links, [path for path in sorted(hidden) if Path(path).is_dir()])


def package_path(package: str) -> Path:
    """The folder, or the one file, of an importable package. Raises ModuleNotFoundError."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no package {package}")
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def _python_folders() -> list[Path]:
    if BASE.is_relative_to("/usr"):
        return []
    folders = [BASE / "bin", BASE / "lib", BASE / "lib64"]
    return [folder for folder in folders if folder.is_dir() and not folder.is_symlink()]
