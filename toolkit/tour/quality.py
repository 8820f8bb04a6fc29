"""Quality: the traces that fell out of the sessions are scored, judged, compared with labels, and
become cases.
"""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit import evals, harbor
from toolkit.harbor.raters import rate_all
from toolkit.models import Model, connect_model
from toolkit.render import block
from toolkit.shown import values_html
from toolkit.traces import Trace

if TYPE_CHECKING:
    import pandas as pd

RUBRIC = Path(harbor.__file__).with_name("rubric.md")
RATER = harbor.RATERS[0].name


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

    def _repr_html_(self) -> str:
        return block(values_html(self.counts()))

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
    begin: Callable[[str], object] = lambda _: None,
) -> Quality:
    """Score, judge, align, map and promote the tour's `fresh` traces, together with Harbor's 300.

    `truth` says what is planted in the fresh ones: the simulated raters and the simulated judge
    rest on it. It says nothing about what a live agent did, so traces that are not simulated get no
    label and become no case. `progress` takes how many traces are judged, of how many, and `begin`
    each part that begins.
    """
    scripted = [trace for trace in fresh if trace.source == "simulated"]
    traces = [*fresh, *harbor.load_traces()]
    truths = [*truth, *harbor.load_truth()]
    labels = {}
    for label in [*rate_all(scripted, truth), *harbor.load_labels()]:
        if label.rater == RATER:
            labels[label.trace_id] = label
    labelled = [trace for trace in traces if trace.id in labels]
    begin("judging traces")
    async with AsyncExitStack() as stack:
        if judge_model is None:
            judge_model = connect_model(policy=harbor.judge_policy(truths))
            await stack.enter_async_context(judge_model)
        judge = evals.Judge(evals.Rubric.load(RUBRIC), judge_model)
        verdicts = await judge.score_all(labelled, progress)
    alignment = evals.align(
        [labels[trace.id].verdict for trace in labelled],
        [verdict.verdict for verdict in verdicts],
        human_kind="simulated",
        judge_source=[verdict.source for verdict in verdicts],
    )
    begin("scoring traces")
    scores = await evals.score_traces(traces)
    begin("finding topics")
    topics = evals.fit_topics(traces)
    return Quality(tuple(traces), scores, alignment, topics, _promoted(scripted, labels))


def _promoted(traces: Sequence[Trace], labels: dict[str, evals.Label]) -> evals.Dataset:
    """The traces that are labelled as failures, as cases."""
    cases = []
    for trace in traces:
        label = labels[trace.id]
        if label.verdict == "fail":
            cases.append(evals.promote(trace, [label], by="fieldbook tour"))
    return evals.Dataset(cases, "tour")


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
