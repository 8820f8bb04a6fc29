"""Labels and scores that people, models and code gave traces in the tool that they come from.

A person's verdict stays a person's, and a model's is never one. No verdict is made up: a number
becomes one only where you say from which on it passes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from toolkit.evals.labels.labels import Judgement, Label, RaterKind
from toolkit.evals.labels.tables import as_text
from toolkit.evals.text import first_few, python_value
from toolkit.records import canonical, fingerprint
from toolkit.traces import Trace
from toolkit.traces.times import epoch_s

if TYPE_CHECKING:
    import pandas as pd

Meaning: TypeAlias = float | Mapping[Any, Judgement]
"""What the values of a score mean: from which number on it passes, or the verdict of each value."""
COLUMNS = ("trace_id", "scorer", "value", "why", "rater", "rater_kind", "step")
RATERS = ("human", "model")
THUMBS: dict[str, Judgement] = {
    **dict.fromkeys(("thumbs up", "thumb up", "thumbsup", "👍"), "pass"),
    **dict.fromkeys(("thumbs down", "thumb down", "thumbsdown", "👎"), "fail"),
}
"""The values that are thumbs by themselves."""
UP: dict[str, Judgement] = {
    **dict.fromkeys(("1", "true", "up", "positive"), "pass"),
    **dict.fromkeys(("0", "-1", "false", "down", "negative"), "fail"),
}
"""The values of a score that is called a thumb."""
WORDS: dict[str, Judgement] = {
    **dict.fromkeys(("pass", "passed"), "pass"),
    **dict.fromkeys(("fail", "failed"), "fail"),
}
"""The values that are verdicts by themselves."""
TIMES = ("time", "timestamp", "created_at", "createdAt", "updated_at")


class Exported(NamedTuple):
    """A score in an export, with the trace that it is of."""

    trace: Trace
    number: int
    """Its place among the entries of its trace."""
    name: str
    value: Any
    comment: str
    rater: str
    rater_kind: str
    step: str | None
    verdict: Judgement | None
    """None where nobody said whether the trace passes."""
    entry: Mapping[str, Any]


def labels_of(
    traces: Iterable[Trace], meanings: Mapping[str, Meaning] | None = None
) -> list[Label]:
    """The labels that people and models gave the traces in the tool that they come from.

    A verdict is one where the export itself says so (passed or failed, a thumb up or down), or
    where `meanings` says what the values of a score mean. What is no verdict is in `scores_of`.

    Parameters
    ----------
    traces
        As `read_traces` reads them from an export.
    meanings
        By the name of a score, from which number on it passes, or the verdict of each value, as
        ``{"helpful": 4, "tone": {"kind": "pass", "curt": "fail"}}``.

    Returns
    -------
    list of Label
        A rater who gave several scores is named with the score, as ``ada (tone)``. The reason is
        the comment; where there is none, what stands in the export. The same export gives the same
        labels, ids and times included; where it states no time, that of the trace's last step.

    Raises
    ------
    ValueError
        For a value that `meanings` does not know, and a name in it that no score has.

    Examples
    --------
    >>> entry = {"name": "thumbs", "value": 1, "rater": "ada", "rater_kind": "human"}
    >>> label, = labels_of([Trace("t1", (), {"scores": [entry]})])
    >>> label.verdict, label.rater, label.why
    ('pass', 'ada', 'thumbs: 1, in the export')
    """
    place = _place(traces)
    exported = list(_exported_scores(traces, meanings or {}))
    names_of: dict[str, set[str]] = {}
    verdicts = [
        score for score in exported if score.verdict is not None and score.rater_kind in RATERS
    ]
    for score in verdicts:
        names_of.setdefault(score.rater, set()).add(score.name)
    labels = []
    for score in verdicts:
        rater = score.rater if len(names_of[score.rater]) == 1 else f"{score.rater} ({score.name})"
        labels.append(_label(score, rater, place))
    return labels


def scores_of(
    traces: Iterable[Trace], meanings: Mapping[str, Meaning] | None = None
) -> "pd.DataFrame":
    """What an export says of the traces that is no label: a row each.

    Its columns are ``trace_id, scorer, value, why, rater, rater_kind, step``. What code decided is
    always here, and what people or models said is where it is no verdict. `meanings` is that of
    `labels_of`, so that each entry is in one of the two.
    """
    import pandas as pd

    rows = []
    for score in _exported_scores(traces, meanings or {}):
        if score.verdict is not None and score.rater_kind in RATERS:
            continue
        value = python_value(score.value)
        if not isinstance(value, bool | int | float | str | None):
            value = canonical(value)
        why = score.comment or ("" if value is not None else "the export states no value")
        rows.append(
            (score.trace.id, score.name, value, why, score.rater, score.rater_kind, score.step)
        )
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def _place(traces: Iterable[Trace]) -> str:
    """Where it was said, as a reason names it."""
    report = getattr(traces, "report", None)
    return str(report.format) if report else "the export"


def _exported_scores(
    traces: Iterable[Trace], meanings: Mapping[str, Meaning]
) -> Iterator[Exported]:
    """Each entry of each trace. Raises ValueError where a meaning is of no score."""
    names: set[str] = set()
    for trace in traces:
        entries = trace.meta.get("scores")
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, Mapping):
                name = str(entry.get("name"))
                names.add(name)
                yield _exported_score(trace, number, name, entry, meanings.get(name))
    unknown = sorted(meanings.keys() - names)
    if unknown:
        raise ValueError(f"no score is called {first_few(unknown)}; there is {first_few(names)}")


def _exported_score(
    trace: Trace, number: int, name: str, entry: Mapping[str, Any], meaning: Meaning | None
) -> Exported:
    rater = entry.get("rater")
    rater_kind = str(entry.get("rater_kind"))
    step = entry.get("step")
    value = entry.get("value")
    return Exported(
        trace,
        number,
        name,
        value,
        str(entry.get("comment") or "").strip(),
        str(rater).strip() if rater else _unnamed(name, rater_kind),
        rater_kind,
        step if isinstance(step, str) and step.strip() else None,
        _verdict(name, value, entry.get("verdict"), meaning),
        entry,
    )


def _unnamed(name: str, rater_kind: str) -> str:
    """A rater whom the export does not name: code and models by what they score."""
    return "unnamed person" if rater_kind == "human" else name


def _verdict(name: str, value: Any, stated: Any, meaning: Meaning | None) -> Judgement | None:
    """Whether a score says that the trace passes: as you say, else as the export says."""
    value = python_value(value)
    if meaning is not None:
        return None if value is None else _meant(name, value, meaning)
    if stated in ("pass", "fail"):
        return cast(Judgement, stated)
    word = as_text(value).lower().replace("_", " ").replace("-", " ").strip()
    if word in THUMBS or word in WORDS:
        return THUMBS.get(word) or WORDS[word]
    if "thumb" in name.lower():
        return UP.get(as_text(value).lower())
    return None


def _meant(name: str, value: Any, meaning: Meaning) -> Judgement:
    """The verdict that a value stands for. Raises ValueError where `meaning` does not say."""
    if isinstance(meaning, Mapping):
        known = {as_text(key): verdict for key, verdict in meaning.items()}
        if as_text(value) not in known:
            raise ValueError(
                f"score {name!r} is {value!r}: say what it means, as {{{value!r}: 'pass'}}; "
                f"known are {first_few(known)}"
            )
        return known[as_text(value)]
    if isinstance(value, str) or not isinstance(value, int | float):
        raise ValueError(f"score {name!r} is {value!r}: it is no number to compare with {meaning}")
    return "pass" if value >= meaning else "fail"


def _label(score: Exported, rater: str, place: str) -> Label:
    why = score.comment or f"{score.name}: {as_text(score.value)}, in {place}"
    content = [
        score.trace.id,
        score.number,
        score.name,
        as_text(score.value),
        score.verdict,
        rater,
        why,
    ]
    return Label(
        score.trace.id,
        rater,
        cast(Judgement, score.verdict),
        why,
        cast(RaterKind, score.rater_kind),
        score.step,
        id="import-" + fingerprint(content)[:24],
        time=_time(score),
    )


def _time(score: Exported) -> float:
    """When it was said; where the export does not say, when the trace ended, or 0."""
    for name in TIMES:
        time = epoch_s(score.entry.get(name))
        if time is not None:
            return time
    times = [step.time for step in score.trace.steps if step.time is not None]
    return max(times, default=0.0)
