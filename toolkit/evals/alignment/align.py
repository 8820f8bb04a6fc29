"""Aligning: a judge's verdicts beside people's labels, item by item."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_args

from toolkit.evals.alignment.alignment import Alignment
from toolkit.evals.alignment.categories import (
    Policy,
    categories,
    comparable,
    ordered_grades,
    refuse_other_codes,
)
from toolkit.evals.alignment.measured import measured
from toolkit.evals.alignment.origin import least_human
from toolkit.evals.alignment.pairing import Values, by_trace, side_by_side
from toolkit.evals.text import first_few
from toolkit.traces.sources import Mixture, least_live

if TYPE_CHECKING:
    import pandas as pd


def align(
    human: Values,
    judge: Values,
    positive: Any = "pass",
    unparsed: Policy = "report",
    human_kind: Mixture = None,
    judge_source: Mixture = None,
    groups: "Values | None" = None,
    slices: "Values | None" = None,
    grades: "Iterable[Any] | None" = None,
    trace_source: Mixture = None,
) -> Alignment:
    """Compare a judge's verdicts with labels, in the same order, or as Series (or dicts) that are
    aligned by index.

    True and False are 1 and 0; words that look the same are the same. A label ``"defer"`` is set
    aside and counted, and so is a trace that the judge was shown as an example.

    Parameters
    ----------
    human : (n_items,) values, or list of Label
        Labels tell their kind themselves, and are aligned by trace.
    judge : (n_items,) values, or list of Verdict
        Verdicts tell their source and the judge's hash. One that is None, NaN, blank or no human
        label is unparsed.
    positive
        The category that tpr is of; with more than two, it is against the rest.
    unparsed : {"report", "exclude", "fail", "pass", "wrong"}
        Unparsed verdicts are left out (the first two), or counted as ``fail`` (where no label is
        called so, as agreeing with nobody), as ``pass`` (where none is, as `positive`), or as
        ``wrong``: agreeing with nobody.
    human_kind, judge_source, trace_source : str or iterable of str, optional
        A mixture, as ``frame["rater_kind"]``, is called by its least human, least live part.
    groups : (n_items,) values, optional
        Items that are not independent, as turns of one conversation, share a group.
    slices : (n_items,) values, optional
        What `Alignment.by_slice` goes by.
    grades : iterable, optional
        The whole scale in its order, so that AC1 and PABAK know the grades that nobody gave; those
        of an ordered Categorical are taken from it.

    Raises
    ------
    ValueError
        Where lengths or indexes differ, a label or group is missing, verdicts are of several
        judges, or the two use different codes for the same thing: a judge that writes "2" as 0 is
        a mistake in the table, and not a bad judge.
    """
    if unparsed not in get_args(Policy):
        raise ValueError(f"unparsed is one of {', '.join(get_args(Policy))}, not {unparsed!r}")
    if grades is None:
        grades = ordered_grades([human])
    human, of_labels = by_trace(human)
    judge, of_verdicts = by_trace(judge)
    optional = {
        "group": groups,
        "slice": slices,
        "why": of_labels.get("why"),
        "critique": of_verdicts.get("critique"),
        "example": of_verdicts.get("example"),
    }
    if "quote" in of_labels and any(of_labels["quote"]):
        optional |= {"step": of_labels["step"], "quote": of_labels["quote"]}
    given = {name: values for name, values in optional.items() if values is not None}
    pairs = side_by_side(human=human, judge=judge, **given)
    _refuse_gaps(pairs)
    positive = comparable(positive)
    labels = categories(pairs["human"], {positive} & set(pairs["judge"]), grades)
    refuse_other_codes(pairs["judge"][pairs["human"].ne("defer")], labels)
    pairs["status"] = _status(pairs, labels)
    pairs = pairs.drop(columns="example", errors="ignore")
    return Alignment(
        positive=positive,
        policy=unparsed,
        human_kind=least_human(of_labels.get("rater_kind"), human_kind),
        judge_source=least_live(of_verdicts.get("source"), judge_source),
        trace_source=least_live(of_verdicts.get("trace_source"), trace_source),
        judge_hash=_judge_hash(of_verdicts),
        computed=bool(of_verdicts) and all(of_verdicts["computed"]),
        **measured(pairs, labels, positive, unparsed),
    )


def _refuse_gaps(pairs: "pd.DataFrame") -> None:
    for name in ("human", "group", "slice"):
        if name not in pairs:
            continue
        missing = list(pairs.index[pairs[name].isna()])
        if missing:
            value = "human label" if name == "human" else name
            wanted = f"no {value} for {first_few(missing)}"
            raise ValueError(f"{wanted}: leave such items out before you align")


def _status(pairs: "pd.DataFrame", labels: tuple[Any, ...]) -> "pd.Series":
    """``compared`` or ``unparsed``; ``deferred`` where people put the item off, ``example`` where
    the judge knew it.
    """
    status = pairs["judge"].isin(labels).map({True: "compared", False: "unparsed"})
    if "example" in pairs:
        status = status.mask(pairs["example"].eq(1), "example")
    return status.mask(pairs["human"].eq("defer"), "deferred")


def _judge_hash(of_verdicts: Mapping[str, Any]) -> str | None:
    """The hash of the judge whose verdicts these are; None where they tell none."""
    hashes = sorted(set(of_verdicts.get("judge", ())))
    if len(hashes) > 1:
        judges = f"{len(hashes)} judges ({first_few(hashes)})"
        raise ValueError(f"the verdicts are of {judges}: align one at a time")
    return hashes[0] if hashes else None
