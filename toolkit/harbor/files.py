"""The generated files of Harbor, in data/harbor beside the package."""

from pathlib import Path

from toolkit.evals import Label
from toolkit.harbor.raters import Truth
from toolkit.records import JsonlFile
from toolkit.traces import Traces, read_traces

DATA = Path(__file__).resolve().parents[2] / "data" / "harbor"
TRACES, TRUTH, LABELS = "traces.jsonl", "truth.jsonl", "labels.jsonl"


def load_traces(folder: str | Path = DATA) -> Traces:
    """The simulated traces. Raises FileNotFoundError where they are not there."""
    return read_traces(_there(folder, TRACES), format="fieldbook")


def load_truth(folder: str | Path = DATA) -> list[Truth]:
    """What was planted in each trace, in the order of the traces. Raises FileNotFoundError, or RecordError."""
    return list(JsonlFile(_there(folder, TRUTH), Truth).records())


def load_labels(folder: str | Path = DATA) -> list[Label]:
    """The simulated raters' labels. Raises FileNotFoundError, or RecordError."""
    return list(JsonlFile(_there(folder, LABELS), Label).records())


def _there(folder: str | Path, name: str) -> Path:
    path = Path(folder) / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there: the data lies beside the package in a clone of the repository. "
            f"Elsewhere run `python -m toolkit.harbor.generate --to FOLDER` and pass folder=FOLDER."
        )
    return path
