"""Kept: a file of evidence in a workspace, found by its SHA-256 and by nothing else."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from toolkit.harness.evidence import HASH_CHARS, MAX_FILE_BYTES

SHA256 = re.compile(r"[0-9a-f]{64}")
PLACES = (
    "evidence/round-*",
    "sprints/*/evidence/round-*",
    "sprints/*/earlier/*/evidence/round-*",
)
"""Where a workspace keeps evidence."""


def find_evidence(workspace: str | Path, sha256: str) -> bytes | None:
    """The content whose hash that is; None where the workspace holds no such evidence.

    No path is taken from whoever asks, no symbolic link is followed, and what was changed since is
    not given out under its old hash.
    """
    if not SHA256.fullmatch(sha256):
        return None
    for path in _candidates(Path(workspace).resolve(), sha256):
        content = _content(path)
        if content is not None and hashlib.sha256(content).hexdigest() == sha256:
            return content
    return None


def _candidates(workspace: Path, sha256: str) -> Iterator[Path]:
    for place in PLACES:
        for path in workspace.glob(f"{place}/*-{sha256[:HASH_CHARS]}-*"):
            if path.resolve() == path:
                yield path


def _content(path: Path) -> bytes | None:
    try:
        if path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
            return path.read_bytes()
    except OSError:
        return None
    return None
