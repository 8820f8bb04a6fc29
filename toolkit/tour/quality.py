"""Quality: the traces that fell out of the sessions are scored, judged, compared with labels, and
become cases.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from glob import escape
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from toolkit import evals, harbor
from toolkit.harbor.raters import rate_all
from toolkit.models import Model, connect_model
from toolkit.traces import Trace, Traces, read_traces

if TYPE_CHECKING:
    import pandas as pd

RUBRIC = Path(harbor.__file__).with_name("rubric.md")
RATER = harbor.RATERS[0].name
SIMULATED_CODER = "sim-coder"
TRACES_VARIABLE = "FIELDBOOK_TRACES"
"""Names the file that the notebooks open instead of Harbor's; `fieldbook lab --traces` sets it."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What the eval half of the tour found."""

    traces: tuple[Trace, ...]
    """Those of the tour's own sessions first, then Harbor's 300."""
    scores: "pd.DataFrame"
    alignment: evals.Alignment
    """The judge against one simulated rater."""
    topics: evals.TopicMap
    dataset: evals.Dataset
    """The tour's own failures, promoted."""

    def counts(self) -> dict[str, Any]:
        """The figures of the tour's eval half."""
        alignment = self.alignment
        return {
            "traces": len(self.traces),
            "scores": score_counts(self.scores),
            "label_kind": alignment.human_kind,
            "labelled": len(alignment.pairs),
            "unscored": alignment.n_unparsed,
            "judge_source": alignment.judge_source,
            "n": alignment.n,
            "tpr": alignment.tpr,
            "tpr_interval": alignment.tpr_interval,
            "tnr": alignment.tnr,
            "tnr_interval": alignment.tnr_interval,
            "kappa": alignment.kappa,
            "topics": len(self.topics.topics),
            "topic_outliers": round(self.topics.outliers, 3),
            "promoted": len(self.dataset),
        }


async def assess_traces(
    fresh: Sequence[Trace],
    truth: Sequence[harbor.Truth],
    judge_model: Model | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Quality:
    """Score, judge, align, map and promote the tour's `fresh` traces, together with Harbor's 300.

    `truth` says what is planted in the fresh ones: the simulated raters and the simulated judge
    rest on it. It says nothing about what a live agent did, so traces that are not simulated get no
    label and become no case.
    """
    scripted = [trace for trace in fresh if trace.source == "simulated"]
    traces = [*fresh, *harbor.load_traces()]
    truths = [*truth, *harbor.load_truth()]
    labels = {}
    for label in [*rate_all(scripted, truth), *harbor.load_labels()]:
        if label.rater == RATER:
            labels[label.trace_id] = label
    labelled = [trace for trace in traces if trace.id in labels]
    rubric = evals.Rubric.load(RUBRIC)
    async with AsyncExitStack() as stack:
        if judge_model is None:
            judge_model = connect_model(policy=harbor.judge_policy(truths))
            await stack.enter_async_context(judge_model)
        verdicts = await evals.Judge(rubric, judge_model).score_all(labelled, progress)
    alignment = evals.align(
        [labels[trace.id].verdict for trace in labelled],
        [verdict.verdict for verdict in verdicts],
        human_kind="simulated",
        judge_source=[verdict.source for verdict in verdicts],
    )
    cases = []
    for trace in scripted:
        label = labels[trace.id]
        if label.verdict == "fail":
            cases.append(evals.promote(trace, [label], by="fieldbook tour"))
    return Quality(
        tuple(traces),
        evals.score_traces(traces),
        alignment,
        evals.fit_topics(traces),
        evals.Dataset(cases, "tour"),
    )


def score_counts(scores: "pd.DataFrame") -> dict[str, dict[str, int]]:
    """For each scorer how many traces pass, fail, stay unscored, or have a number or a category
    instead.
    """
    counts: dict[str, dict[str, int]] = {}
    for name, value in zip(scores["scorer"], scores["value"], strict=True):
        none = {"pass": 0, "fail": 0, "unscored": 0, "other": 0}
        counts.setdefault(str(name), none)[_kind_of(value)] += 1
    return dict(sorted(counts.items()))


def _kind_of(value: Any) -> str:
    """What the `value` of a score is: a verdict, none, or other than a verdict."""
    import pandas as pd

    if value is None:
        return "unscored"
    if not pd.api.types.is_bool(value):
        return "other"
    return "pass" if value else "fail"


def label_path(traces: str | Path) -> Path:
    """Where the labels of a file of traces are kept: one file, wherever one works from.

    It lies in the folder that FIELDBOOK_OUT names, else in ``fieldbook-out`` of the clone, or of
    this folder. Its name tells the content of the traces and their place, so that it is found again
    when the traces were moved, and when more of them were added.
    """
    root = Path(__file__).resolve().parents[2]
    home = root if (root / "notebooks").is_dir() else Path.cwd()
    folder = Path(os.environ.get("FIELDBOOK_OUT") or home / "fieldbook-out")
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
