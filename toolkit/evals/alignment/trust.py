"""Trust: whether a judge may score at scale. The decision is about one judge, by its hash, and no
other.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from toolkit import render
from toolkit.evals.alignment.alignment import Alignment

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.evals.judges.judge import Judge

ENOUGH_LABELS = 30
"""Labels of either verdict below which nothing is said about the judge."""
EXPLORATION, TRENDS = 0.4, 0.7
"""Where the bands of kappa end; from the second on a judge is a candidate for a gate."""
Measure = Literal["tpr", "tnr", "kappa"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """What a judge must show. Bounds are those of its 95% intervals, so that a lucky few labels do
    not pass.
    """

    name: str
    min_tpr: float | None = None
    """What the lower bound must reach; None asks for none. So are the next two."""
    min_tnr: float | None = None
    min_kappa: float | None = None
    min_labels: int = 30
    """Counted items of either kind: of those that people pass, and of those that they fail."""
    max_unparsed: float = 0.05
    """Share of the labelled items without a verdict that can be read."""
    human: bool = True
    """Whether the labels must be people's."""


RATES = TrustPolicy(name="rates", min_tpr=0.8, min_tnr=0.8)
"""One school: TPR and TNR above 0.9 and never below 0.8; kappa is for people against people."""
BANDS = TrustPolicy(name="bands", min_kappa=0.7)
"""Another: kappa below 0.4 is for exploration, to 0.7 for trends, from there a candidate for a
gate.
"""


@dataclass(frozen=True, slots=True)
class Trust:
    """A decision."""

    alignment: Alignment = field(repr=False)
    policy: TrustPolicy
    judge: str | None
    """The hash of the judge that this is about."""
    checks: "pd.DataFrame"
    """A row a check: ``wanted``, ``found``, ``met``."""

    @property
    def trusted(self) -> bool:
        """Whether every check is met."""
        return bool(self.checks["met"].all())

    def covers(self, judge: "Judge | str") -> bool:
        """Whether `judge` (or its hash) is trusted: False for a judge that has changed in any way."""
        return self.trusted and (judge if isinstance(judge, str) else judge.hash) == self.judge

    @property
    def title(self) -> str:
        """The decision in a sentence, with whose labels it rests on."""
        missing = [str(check) for check, met in self.checks["met"].items() if not met]
        decision = f"not trusted: {', '.join(missing)}" if missing else "trusted to score at scale"
        about = ""
        if self.alignment.human_kind != "human":
            about = f". It rests on {self.alignment.labels_are}: nothing here is about people"
        return (
            f"Judge {self.judge or 'of unknown hash'} is {decision}{about}{self.alignment.rest_is}"
        )

    @property
    def too_few(self) -> str:
        """How many labels of which verdict are missing before anything can be said; blank where
        there are enough.
        """
        wanted = missing_labels(self.alignment)
        if not wanted:
            return ""
        counts = [f"{number} more of {verdict}" for verdict, number in wanted.items()]
        total = labels_to_draw(self.alignment)
        drawn = f", about {total} more labels where they are drawn as so far" if total else ""
        return f"Too few labels to say: it takes {ENOUGH_LABELS} of either verdict, {' and '.join(counts)}{drawn}."

    @property
    def schools(self) -> str:
        """What either school says of the judge: shown, whichever decides. Its intervals are those
        of the checks.
        """
        rates = f"{bounded(self.alignment, 'tpr')}, {bounded(self.alignment, 'tnr')}"
        sentences = (
            f"By the school of rates: {rates}. By the school of bands: {band(self.alignment)}."
        )
        return f"{self.too_few} {sentences}" if self.too_few else sentences

    def _repr_html_(self) -> str:
        rows = [(*row[:3], "met" if row[3] else "not met") for row in self.checks.itertuples()]
        table = render.table(rows, ["check", "wanted", "found", ""])
        return render.block(render.tag("p", self.title), table, render.tag("p", self.schools))


def trusted(
    alignment: Alignment, policy: TrustPolicy = RATES, judge: "Judge | str | None" = None
) -> Trust:
    """Decide whether the judge that `alignment` is of may score at scale.

    `judge` (or its hash) is needed where the alignment was not made of `Verdict`s, which tell it.
    Bounds are those of `cautious_interval`, in the table and in the text. Raises ValueError where
    `judge` is not the one that was aligned.
    """
    import pandas as pd

    given = judge if isinstance(judge, str | None) else judge.hash
    if given and alignment.judge_hash not in (None, given):
        raise ValueError(
            f"the verdicts are of judge {alignment.judge_hash}, not of {given}: align that one"
        )
    judge_hash = given or alignment.judge_hash
    asked = len(alignment.pairs) - alignment.n_deferred - alignment.n_examples
    unparsed = alignment.n_unparsed / asked if asked else 1.0
    fewest = min(alignment.counts(name)[1] for name in ("tpr", "tnr"))
    checks = {
        "labels": (
            "people's labels" if policy.human else "any",
            alignment.labels_are,
            alignment.human_kind == "human" or not policy.human,
        ),
        "judge": ("a hash", judge_hash or "none", judge_hash is not None),
        "n": (f"{policy.min_labels} of either kind", str(fewest), fewest >= policy.min_labels),
        "unparsed": (
            f"at most {policy.max_unparsed:.0%}, none taken for a pass",
            f"{unparsed:.0%}",
            unparsed <= policy.max_unparsed and not (unparsed and alignment.policy == "pass"),
        ),
    }
    wanted: tuple[tuple[Measure, float | None], ...] = (
        ("tpr", policy.min_tpr),
        ("tnr", policy.min_tnr),
        ("kappa", policy.min_kappa),
    )
    for name, least_bound in wanted:
        if least_bound is not None:
            checks[name] = _bound_check(alignment, name, least_bound)
    table = pd.DataFrame.from_dict(checks, orient="index", columns=["wanted", "found", "met"])
    return Trust(alignment, policy, judge_hash, table)


def _bound_check(alignment: Alignment, name: Measure, wanted: float) -> tuple[str, str, bool]:
    found = cautious_interval(alignment, name)
    if found is None:
        return f"lower bound {wanted:.2f}", "undefined", False
    low, _, method = found
    return f"lower bound {wanted:.2f}", f"{low:.2f} ({method})", low >= wanted


def cautious_interval(alignment: Alignment, name: Measure) -> tuple[float, float, str] | None:
    """The 95% interval of a measure that decides, and the name of its method; None where it is
    undefined.

    A rate has the exact one, or where there are groups the one of it and the bootstrap's that
    begins lower; kappa has the bootstrap's.
    """
    methods = ["bootstrap"] if name == "kappa" else ["exact"]
    if name != "kappa" and alignment.groups is not None:
        methods.append("bootstrap")
    found = []
    for method in methods:
        if interval := alignment.interval(name, method):
            found.append((*interval, method))
    return min(found, default=None)


def bounded(alignment: Alignment, name: Measure) -> str:
    """A measure with the interval that decides, as ``TPR 0.75 (exact 95% interval 0.30 to 0.95)``."""
    value = getattr(alignment, name)
    interval = cautious_interval(alignment, name)
    title = name if name == "kappa" else name.upper()
    if value is None or interval is None:
        return f"{title} undefined"
    low, high, method = interval
    return f"{title} {value:.2f} ({method} 95% interval {low:.2f} to {high:.2f})"


def band(alignment: Alignment) -> str:
    """What kappa is good for, by the lower end of its interval."""
    interval = cautious_interval(alignment, "kappa")
    if alignment.kappa is None or interval is None:
        return "kappa undefined"
    low, high, method = interval
    if alignment.kappa <= 0 or low <= 0:
        use = "no better than chance"
    elif low < EXPLORATION:
        use = "good for exploration"
    elif low < TRENDS:
        use = "good for trends"
    else:
        use = "good for a gate"
    return f"kappa {alignment.kappa:.2f}, {use} (by the lower end of its {method} 95% interval {low:.2f} to {high:.2f})"


def missing_labels(alignment: Alignment) -> dict[Any, int]:
    """For each verdict with too few labels, how many it takes to have `ENOUGH_LABELS`."""
    others = [label for label in alignment.confusion.index if label != alignment.positive]
    negative = others[0] if len(others) == 1 else "other verdicts"
    counts = {alignment.positive: alignment.counts("tpr")[1], negative: alignment.counts("tnr")[1]}
    return {verdict: ENOUGH_LABELS - n for verdict, n in counts.items() if n < ENOUGH_LABELS}


def labels_to_draw(alignment: Alignment) -> int | None:
    """How many more labels it takes to have enough of either verdict; None where one was never
    seen.
    """
    counts = [alignment.counts(name)[1] for name in ("tpr", "tnr")]
    if not all(counts):
        return None
    return max(0, *(math.ceil((ENOUGH_LABELS - n) * alignment.n / n) for n in counts))
