"""Folders: copied and removed in one step, so that a kill leaves all of one or nothing."""

import shutil
from pathlib import Path


def copy_whole(folder: Path, target: Path) -> None:
    """Copy `folder` to `target`, where nothing is yet."""
    draft_of(folder, target).rename(target)


def draft_of(folder: Path, target: Path) -> Path:
    """A copy of `folder` beside `target`, whose place it can take in one step."""
    draft = target.with_name(f".{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(folder, draft, symlinks=True)
    return draft


def remove_whole(folder: Path) -> None:
    """Remove `folder`: it is gone before the first of its files is."""
    gone = folder.with_name(f".{folder.name}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone)
