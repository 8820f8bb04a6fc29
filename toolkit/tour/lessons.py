"""What the notebooks open: Harbor's traces or your own, where their labels go, and a codebook."""

import os
from collections.abc import Iterable, Mapping
from glob import escape
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

from toolkit import evals, harbor
from toolkit.tour.notebooks import out_folder
from toolkit.traces import Traces, read_traces

SIMULATED_CODER = "sim-coder"
TRACES_VARIABLE = "FIELDBOOK_TRACES"
"""Names the file that the notebooks open instead of Harbor's; `fieldbook lab --traces` sets it."""


def label_path(traces: str | Path) -> Path:
    """Where the labels of a file of traces are kept: one file, wherever one works from.

    It lies in `out_folder`. Its name tells the content of the traces and their place, so that it is
    found again when the traces were moved, and when more of them were added.
    """
    folder = out_folder()
    path = Path(traces).resolve()
    content = _short_hash(path.read_bytes() if path.is_file() else b"")
    place = _short_hash(str(path).encode())
    stem = escape(path.stem)
    for pattern in (
        f"{stem}-*-{content}.labels.jsonl",
        f"{stem}-{place}-*.labels.jsonl",
        f"{stem}-{place}.labels.jsonl",  # as earlier versions called it
    ):
        for labels in sorted(folder.glob(pattern)):
            return labels
    return folder / f"{path.stem}-{place}-{content}.labels.jsonl"


def _short_hash(data: bytes) -> str:
    return sha256(data).hexdigest()[:8]


def codebook_in_use(
    mine: evals.Codebook, suggestions: Mapping[str, Iterable[str]]
) -> evals.Codebook:
    """The learner's own codebook where it has failure modes, else one that a simulated coder fills.

    The simulated coder confirms every group of `suggestions` (a code to the ids of its labels), bad
    ones included, and makes a failure mode of each. Its codebook is in a temporary file, and
    nothing of it gets into `mine`.
    """
    if mine.now.modes:
        return mine
    reasons = {label.id: label.why for label in mine.labels}
    book = evals.Codebook(Path(mkdtemp()) / "codes.jsonl", mine.labels)
    book.suggest(suggestions, by="TF-IDF clusters")
    for code in suggestions:
        book.confirm(code, by=SIMULATED_CODER, kind="simulated")
    for code, codings in book.now.groups("codes").items():
        definition = f"The reasons speak of: {code}."
        example = {codings[0].trace_id: reasons[codings[0].label_id]}
        book.merge(
            evals.FailureMode(
                code, definition, (code,), by=SIMULATED_CODER, kind="simulated", include=example
            )
        )
    return book


def class_traces() -> tuple[Traces, Path]:
    """The traces that a notebook opens, and where their labels go.

    The file that FIELDBOOK_TRACES names, else Harbor's simulated ones.
    """
    path = Path(os.environ.get(TRACES_VARIABLE) or harbor.files.DATA / harbor.files.TRACES)
    return read_traces(path), label_path(path)
