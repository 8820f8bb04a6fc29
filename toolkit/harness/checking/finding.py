"""Finding: what came of a check, before its evidence is kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from toolkit.harness.evidence import Grade

SHOWN = "the check shows it"


@dataclass(frozen=True, slots=True)
class Finding:
    """A grade, and what it rests on."""

    grade: Grade
    why: str
    observed: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    """The evidence by the names of its files."""

    def with_log(self, log: str) -> "Finding":
        """With what the app printed, which a role sees only of a check that does not pass: most
        apps print the time.
        """
        files = {**self.files, "app.log": log.encode(errors="replace")}
        observed = self.observed
        if self.grade != "pass":
            observed = {**observed, "app": log}
        return replace(self, observed=observed, files=files)


def unscored(why: str) -> Finding:
    """The finding where the check could not be run."""
    return Finding("unscored", f"the check could not be run: {why}")


def as_file(value: Any) -> bytes:
    """Plain data as the text of a file."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode(errors="replace")
