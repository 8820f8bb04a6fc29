"""The files of Harbor: texts and tables beside the code, and what is generated from them in
data/harbor.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from toolkit.evals import Label
from toolkit.files import shipped
from toolkit.jsonl import JsonlFile
from toolkit.traces import Traces, read_traces

DATA = shipped("data") / "harbor"
TRACES = "traces.jsonl"
TRUTH = "truth.jsonl"
LABELS = "labels.jsonl"


@cache
def text(name: str) -> str:
    """A text file of this room, as ``policy.md``."""
    return files("toolkit.harbor").joinpath(name).read_text(encoding="utf-8")


@cache
def content(name: str) -> Any:
    """A YAML file of this room, as ``shop.yaml``. All callers share it: do not change it."""
    import yaml

    return yaml.load(text(name), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@dataclass(frozen=True, slots=True)
class Truth:
    """What was planted in a trace: a failure mode, or None where the agent behaves well."""

    trace_id: str
    failure: str | None
    situation: str
    """The situation's id."""


def load_traces(folder: str | Path = DATA) -> Traces:
    """The simulated traces. Raises FileNotFoundError where they are not there."""
    return read_traces(_there(folder, TRACES), format="fieldbook")


def load_truth(folder: str | Path = DATA) -> list[Truth]:
    """What was planted in each trace, in the order of the traces. Raises FileNotFoundError, or
    RecordError.
    """
    return list(JsonlFile(_there(folder, TRUTH), Truth).records())


def load_labels(folder: str | Path = DATA) -> list[Label]:
    """The simulated raters' labels. Raises FileNotFoundError, or RecordError."""
    return list(JsonlFile(_there(folder, LABELS), Label).records())


def _there(folder: str | Path, name: str) -> Path:
    path = Path(folder) / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there: Harbor's data come with the package, in {DATA}"
        )
    return path
