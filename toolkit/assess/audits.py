"""Saved audits: what ``fieldbook audit URL --json`` printed, found in a folder."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from toolkit.records import read_text

FILE_BYTES = 1_000_000
MOST_FILES = 200


class SavedAudit(NamedTuple):
    """A file, and the scorecard in it."""

    path: Path
    audit: dict[str, Any]


def newest_audit(folder: Path) -> tuple[SavedAudit | None, list[str]]:
    """The audit that was saved last in `folder`, and which others do not count."""
    audits = []
    problems = []
    for path in sorted(folder.glob("*.json"))[:MOST_FILES]:
        try:
            audit = audit_in(path)
            if audit:
                audits.append((path.stat().st_mtime, SavedAudit(path, audit)))
        except (OSError, ValueError, RecursionError) as error:
            problems.append(f"{path}: {error}")
    audits.sort()
    for _, older in audits[:-1]:
        problems.append(f"{older.path}: an older audit, which does not count beside a newer one")
    return (audits[-1][1] if audits else None), problems


def audit_in(path: Path) -> dict[str, Any] | None:
    """The audit that a file holds; None where it holds something else.

    Raises ValueError for an audit whose findings cannot be read.
    """
    if path.is_symlink() or path.stat().st_size > FILE_BYTES:
        return None
    value = json.loads(read_text(path))
    if not isinstance(value, dict) or not {"url", "findings"} <= value.keys():
        return None
    findings = value["findings"]
    are_whole = isinstance(findings, list) and all(_is_finding(each) for each in findings)
    if not are_whole:
        raise ValueError("the findings of this audit have no capability and verdict")
    return value


def _is_finding(value: Any) -> bool:
    return isinstance(value, dict) and {"capability", "verdict"} <= value.keys()
