"""Evidence: what came of a check, and the files that show it.

The files lie in the workspace under ``evidence/round-N/``, named by criterion and content: the same
content has the same name, and nothing that was kept is written over.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from toolkit.records import write_whole
from toolkit.shown import Shown

Grade = Literal["pass", "fail", "unscored"]
"""``unscored`` is the absence of a verdict. It is never a pass."""
MAX_FILE_BYTES = 4 << 20
HASH_CHARS = 16


@dataclass(frozen=True, slots=True)
class Evidence(Shown):
    """A file that shows what came of a check."""

    name: str
    """What it is, as ``list.png``."""
    path: str
    """Where it lies within the workspace."""
    sha256: str


@dataclass(frozen=True, slots=True)
class CheckResult(Shown):
    """What came of the check of one criterion."""

    grade: Grade
    why: str
    observed: Mapping[str, Any] = field(default_factory=dict)
    """What was seen, as plain JSON. Nothing in it changes from one run to the next by itself."""
    evidence: tuple[Evidence, ...] = ()
    seconds: float = 0.0
    banner: str = ""
    """What it ran without, where no sandbox was there."""


class EvidenceFolder:
    """The evidence of one round in a workspace."""

    def __init__(self, workspace: Path, folder: str):
        self._workspace = workspace
        self._folder = folder
        self._index: dict[str, list[dict[str, str]]] = {}

    def keep(self, criterion: str, files: Mapping[str, bytes]) -> tuple[Evidence, ...]:
        """Keep the files of a criterion by their names, and list them in ``index.json``.

        A file that is too large is cut off at its end.
        """
        (self._workspace / self._folder).mkdir(parents=True, exist_ok=True)
        kept: list[Evidence] = []
        for name, content in files.items():
            content = content[:MAX_FILE_BYTES]
            sha256 = hashlib.sha256(content).hexdigest()
            path = f"{self._folder}/{criterion}-{sha256[:HASH_CHARS]}-{name}"
            write_whole(self._workspace / path, content)
            kept.append(Evidence(name, path, sha256))
        self._index[criterion] = [asdict(file) for file in kept]
        index = self._workspace / self._folder / "index.json"
        write_whole(index, json.dumps(self._index, indent=1) + "\n")
        return tuple(kept)
