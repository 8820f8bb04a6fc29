"""Counts: how many traces carry each failure mode, and whether new traces still bring new codes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolkit.evals.alignment.intervals import proportion
from toolkit.evals.labels.codes import Version
from toolkit.evals.labels.labels import Label

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["name", "traces", "n", "share", "low", "high", "n_deferred", "n_uncoded", "coded_by"]


def counts(version: Version, labels: Sequence[Label], of: str) -> "pd.DataFrame":
    """The table of `Codebook.counts`.

    Parameters
    ----------
    version
        What the codebook says.
    labels
        Those whose reasons are coded.
    of
        ``modes`` or ``codes``.

    Returns
    -------
    DataFrame
        A row a mode or code, the most frequent first, with `COLUMNS`.
    """
    import pandas as pd

    decided = [label for label in labels if label.verdict != "defer"]
    decided_ids = {label.id for label in decided}
    judged = {label.trace_id for label in decided}
    n_deferred = len({label.trace_id for label in labels} - judged)
    coded = {
        coding.trace_id
        for coding in version.codings
        if coding.status == "confirmed" and coding.label_id in decided_ids
    }
    failed = {label.trace_id for label in decided if label.verdict == "fail"}
    n = len(judged)
    rows = []
    for name, codings in version.groups(of).items():
        counted = [coding for coding in codings if coding.label_id in decided_ids]
        n_traces = len({coding.trace_id for coding in counted})
        low, high = proportion(n_traces, n) or (None, None)
        row: dict[str, Any] = {
            "name": name,
            "traces": n_traces,
            "n": n,
            "share": n_traces / n if n else None,
            "low": low,
            "high": high,
            "n_deferred": n_deferred,
            "n_uncoded": len(failed - coded),
            "coded_by": "; ".join(sorted({coding.coder for coding in counted})),
        }
        rows.append(row)
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.sort_values("traces", ascending=False, ignore_index=True)


def saturation(version: Version, labels: Sequence[Label]) -> "pd.DataFrame":
    """The table of `Codebook.saturation`: a row a trace that was read, in the order of `labels`,
    with ``read, trace_id, new, codes``.
    """
    import pandas as pd

    codes_of: dict[str, set[str]] = {}
    for coding in version.codings:
        if coding.status == "confirmed":
            codes_of.setdefault(coding.label_id, set()).add(coding.code)
    seen = {""}  # "nothing to code" is no code
    n_new: dict[str, int] = {}
    for label in labels:
        codes = codes_of.get(label.id)
        if codes and label.verdict != "defer":
            n_new.setdefault(label.trace_id, 0)
            n_new[label.trace_id] += len(codes - seen)
            seen |= codes
    frame = pd.DataFrame({"trace_id": list(n_new), "new": list(n_new.values())})
    frame.insert(0, "read", range(1, len(frame) + 1))
    return frame.assign(codes=frame["new"].cumsum())
