"""Tables of labels: several raters side by side, and labels from and to data frames and CSV."""

import warnings
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from toolkit.evals.labels.labels import (
    Judgement,
    Label,
    LabelStore,
    RaterKind,
    new_spelling,
)
from toolkit.evals.labels.spelled import TAG_SEPARATOR
from toolkit.evals.text import first_few, python_value

if TYPE_CHECKING:
    import pandas as pd

SAME_WORDS: dict[Any, Judgement] = {"pass": "pass", "fail": "fail", "defer": "defer"}


def merge_labels(stores: Iterable[str | PathLike[str]], field: str = "verdict") -> "pd.DataFrame":
    """The labels of several raters: a row a trace, a column a rater, None where there is no label.

    As verdicts it is what `agreement` takes: a deferred one is None too, for it is in no statistic.
    Another `field` (``why``, ``step``, ``rater_kind`` ...) gives the same table of that field,
    deferred labels included. A line that cannot be read is a warning. Raises FileNotFoundError,
    since a name that was mistyped must not lose a rater, and ValueError where two files hold
    different labels of one rater on one trace.
    """
    import pandas as pd

    cells: dict[str, dict[str, Any]] = {}
    for label in gather_labels(stores):
        value = getattr(label, field)
        if field == "verdict" and value == "defer":
            value = None
        cells.setdefault(label.rater, {})[label.trace_id] = value
    table = pd.DataFrame(cells, dtype=object).rename_axis(index="trace_id", columns="rater")
    return table.where(table.notna(), None)


def gather_labels(stores: Iterable[str | PathLike[str]]) -> list[Label]:
    """What counts now in all `stores`. Warns and raises as `merge_labels` does."""
    if isinstance(stores, str | PathLike):
        raise TypeError(
            f"stores is a list of the raters' files, and not one file: [{str(stores)!r}]"
        )
    labels: dict[tuple[str, str], Label] = {}
    raters: dict[str, list[str]] = {}
    for path in stores:
        store = LabelStore(path)
        if problems := store.problems:
            warnings.warn(f"{len(problems)} lines need a look; first {problems[0]}", stacklevel=3)
        for label in store.labels():
            if why := new_spelling(label.rater, raters):
                warnings.warn(f"{store.path}: {why}", stacklevel=3)
            earlier = labels.setdefault((label.trace_id, label.rater), label)
            if earlier != label:
                other = f"{label.rater} has another label of {label.trace_id} in another file"
                raise ValueError(f"{store.path}: {other}")
    return list(labels.values())


def labels_from_frame(
    frame: "pd.DataFrame | str | PathLike[str]",
    verdicts: Mapping[Any, Judgement] = SAME_WORDS,
    *,
    trace_id: str = "trace_id",
    rater: str = "rater",
    verdict: str = "verdict",
    why: str = "why",
    rater_kind: RaterKind | None = None,
) -> list[Label]:
    """The labels of a table, or of a CSV file, a row each.

    Parameters
    ----------
    frame
        The table, or the path of a CSV file, whose cells are all read as text: an id keeps its
        leading zeros.
    verdicts
        Which verdict each value of the column stands for, as ``{1: "pass", 0: "fail"}``. A value is
        looked up by its text, so 1, 1.0 and ``"1"`` are the same, and True and ``"True"`` are.
    trace_id, rater, verdict, why
        The names of the columns.
    rater_kind
        What the raters are, where the table has no column ``rater_kind``.

    Returns
    -------
    list of Label
        With the ``step``, the ``quote``, the ``tags``, the ``id`` and the ``time`` of the table,
        where it has those columns.

    Raises
    ------
    ValueError
        For a column that is missing, a value that is not in `verdicts`, a blank reason, trace or
        rater, each with its rows, and where a rater has two rows on one trace.

    Examples
    --------
    >>> import pandas as pd
    >>> sheet = pd.DataFrame({"trace": [7], "who": ["ada"], "ok": [1], "note": ["It is kind."]})
    >>> columns = {"trace_id": "trace", "rater": "who", "verdict": "ok", "why": "note"}
    >>> label, = labels_from_frame(sheet, {1: "pass", 0: "fail"}, rater_kind="human", **columns)
    >>> label.trace_id, label.verdict
    ('7', 'pass')
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        frame = pd.read_csv(frame, dtype=str, keep_default_na=False)
    columns = {"trace_id": trace_id, "rater": rater, "verdict": verdict, "why": why}
    _refuse_missing_columns(frame, columns, rater_kind)
    fields: dict[str, list[Any]] = {}
    for name, column in columns.items():
        fields[name] = [as_text(cell) for cell in frame[column]]
        if name != "verdict":
            _refuse_blank_cells(fields[name], column)
    _refuse_two_labels(fields["trace_id"], fields["rater"], rater)
    fields["verdict"] = _judgements(fields["verdict"], verdicts, verdict)
    fields["rater_kind"] = [rater_kind] * len(frame)
    if "rater_kind" in frame:
        fields["rater_kind"] = list(frame["rater_kind"])
    for name in ("step", "quote"):
        if name in frame:
            fields[name] = [as_text(cell) or None for cell in frame[name]]
    if "tags" in frame:
        fields["tags"] = [_tags(cell) for cell in frame["tags"]]
    if "time" in frame:
        fields["time"] = [float(cell) for cell in frame["time"]]
    if "id" in frame:
        fields["id"] = [as_text(cell) for cell in frame["id"]]
    labels = []
    for row in zip(*fields.values(), strict=True):
        labels.append(Label(**dict(zip(fields, row, strict=True))))
    return labels


def _tags(cell: Any) -> list[str]:
    """The tags of a cell, as `labels_frame` writes them."""
    if isinstance(cell, list | tuple):
        return list(cell)
    text = as_text(cell)
    return text.split(TAG_SEPARATOR) if text else []


def as_text(value: Any) -> str:
    """A cell as text: a whole number without a point, blank where nothing is there."""
    value = python_value(value)
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _refuse_missing_columns(
    frame: "pd.DataFrame", columns: Mapping[str, str], rater_kind: RaterKind | None
) -> None:
    for argument, column in columns.items():
        if column not in frame:
            there = ", ".join(map(str, frame.columns))
            hint = f"give {argument}= its name"
            if argument == "rater":
                hint += ", or add it with frame.assign(rater='ada')"
            raise ValueError(f"no column {column!r} among {there}: {hint}")
    if rater_kind is None and "rater_kind" not in frame:
        raise ValueError("say who rated: rater_kind='human', 'model' or 'simulated'")


def _refuse_blank_cells(texts: list[str], column: str) -> None:
    blank = [number for number, text in enumerate(texts, 1) if not text.strip()]
    if blank:
        raise ValueError(f"column {column!r} is blank in row {first_few(blank)}")


def _refuse_two_labels(trace_ids: list[str], raters: list[str], column: str) -> None:
    """Refuse two rows of one rater on one trace."""
    seen: dict[tuple[str, str], int] = {}
    for number, key in enumerate(zip(trace_ids, raters, strict=True), 1):
        earlier = seen.setdefault(key, number)
        if earlier != number:
            raise ValueError(
                f"rows {earlier} and {number} are two labels of trace {key[0]} by {key[1]}: keep "
                f"one, or tell two raters apart in column {column!r}"
            )


def _judgements(
    texts: list[str], verdicts: Mapping[Any, Judgement], column: str
) -> list[Judgement]:
    """The verdict that each text stands for."""
    known = {as_text(value): judgement for value, judgement in verdicts.items()}
    for text in texts:
        if text not in known:
            rows = [number for number, other in enumerate(texts, 1) if other == text]
            value = repr(text) if text else "nothing"
            raise ValueError(
                f"column {column!r} holds {value} in row {first_few(rows)}: say what it means in "
                f"verdicts=, which knows {first_few(known)}"
            )
    return [known[text] for text in texts]
