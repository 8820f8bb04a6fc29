"""Trust: whether a judge may score at scale. The decision is about one judge, by its hash, and no
other.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from toolkit import render
from toolkit.evals.alignment.alignment import Alignment
from toolkit.shown import Shown

if TYPE_CHECKING:
    import pandas as pd

ENOUGH_LABELS = 30
"""Labels of either verdict below which nothing is said about the judge."""
EXPLORATION = 0.4
"""Where the first band of kappa ends."""
TRENDS = 0.7
"""Where the second ends; from there on a judge is a candidate for a gate."""
Measure = Literal["tpr", "tnr", "kappa"]
Check = tuple[str, str, bool]
"""What was wanted, what there is, and whether that is enough."""


class HashedJudge(Protocol):
    """A judge that is known by its hash, as `Judge` is."""

    @property
    def hash(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy(Shown):
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

    def covers(self, judge: HashedJudge | str) -> bool:
        """Whether `judge` (or its hash) is trusted: False for one that has changed in any way."""
        judge_hash = judge if isinstance(judge, str) else judge.hash
        return self.trusted and judge_hash == self.judge

    @property
    def title(self) -> str:
        """The decision in a sentence, with whose labels it rests on."""
        decision = "trusted to score at scale"
        if not self.trusted:
            missing = self.checks.index[~self.checks["met"].astype(bool)]
            decision = f"not trusted: {', '.join(missing)}"
        labels = ""
        if self.alignment.human_kind != "human":
            labels = f". It rests on {self.alignment.labels_are}: nothing here is about people"
        return f"This judge is {decision}{labels}{self.alignment.rest_is}"

    @property
    def too_few(self) -> str:
        """How many labels of which verdict are missing before anything can be said; blank where
        there are enough.
        """
        wanted = missing_labels(self.alignment)
        if not wanted:
            return ""
        counts = [f"{number} more of {verdict}" for verdict, number in wanted.items()]
        missing = " and ".join(counts)
        total = labels_to_draw(self.alignment)
        if total:
            missing += f", about {total} more labels where they are drawn as so far"
        return f"Too few labels to say: it takes {ENOUGH_LABELS} of either verdict, {missing}."

    @property
    def schools(self) -> str:
        """What either school says of the judge: shown, whichever decides. Its intervals are those
        of the checks.
        """
        rates = [bounded(self.alignment, name) for name in ("tpr", "tnr")]
        sentences = [
            self.too_few,
            f"By the school of rates: {', '.join(rates)}.",
            f"By the school of bands: {band(self.alignment)}.",
        ]
        return " ".join(sentence for sentence in sentences if sentence)

    def _repr_html_(self) -> str:
        rows = []
        for name, check in self.checks.iterrows():
            decision = "met" if check["met"] else "not met"
            rows.append((name, check["wanted"], check["found"], decision))
        table = render.table(rows, ["check", "wanted", "found", ""])
        return render.block(render.tag("p", self.title), table, render.tag("p", self.schools))


def trusted(
    alignment: Alignment, policy: TrustPolicy = RATES, judge: HashedJudge | str | None = None
) -> Trust:
    """Decide whether the judge that `alignment` is of may score at scale.

    `judge` (or its hash) is needed where the alignment was not made of `Verdict`s, which tell it.
    Bounds are those of `cautious_interval`, in the table and in the text. Raises ValueError where
    `judge` is not the one that was aligned.
    """
    import pandas as pd

    judge_hash = _judge_hash(alignment, judge)
    checks: dict[str, Check] = {
        "labels": _check_labels(alignment, policy),
        "judge": ("a hash", judge_hash or "none", judge_hash is not None),
        "n": _check_n(alignment, policy),
        "unparsed": _check_unparsed(alignment, policy),
    }
    if policy.min_tpr is not None:
        checks["tpr"] = _check_bound(alignment, "tpr", policy.min_tpr)
    if policy.min_tnr is not None:
        checks["tnr"] = _check_bound(alignment, "tnr", policy.min_tnr)
    if policy.min_kappa is not None:
        checks["kappa"] = _check_bound(alignment, "kappa", policy.min_kappa)
    table = pd.DataFrame.from_dict(checks, orient="index", columns=["wanted", "found", "met"])
    return Trust(alignment, policy, judge_hash, table)


def _judge_hash(alignment: Alignment, judge: HashedJudge | str | None) -> str | None:
    given = judge if isinstance(judge, str | None) else judge.hash
    aligned = alignment.judge_hash
    if given and aligned not in (None, given):
        judges = f"the verdicts are of judge {aligned}, not of {given}"
        raise ValueError(f"{judges}: align that one")
    return given or aligned


def _check_labels(alignment: Alignment, policy: TrustPolicy) -> Check:
    if not policy.human:
        return "any", alignment.labels_are, True
    return "people's labels", alignment.labels_are, alignment.human_kind == "human"


def _check_n(alignment: Alignment, policy: TrustPolicy) -> Check:
    fewest = min(_labels_of_either_kind(alignment))
    return f"{policy.min_labels} of either kind", str(fewest), fewest >= policy.min_labels


def _check_unparsed(alignment: Alignment, policy: TrustPolicy) -> Check:
    n_asked = len(alignment.pairs) - alignment.n_deferred - alignment.n_examples
    share = alignment.n_unparsed / n_asked if n_asked else 1.0
    taken_for_a_pass = alignment.policy == "pass" and share > 0
    wanted = f"at most {policy.max_unparsed:.0%}, none taken for a pass"
    return wanted, f"{share:.0%}", share <= policy.max_unparsed and not taken_for_a_pass


def _check_bound(alignment: Alignment, name: Measure, lowest: float) -> Check:
    wanted = f"lower bound {lowest:.2f}"
    interval = cautious_interval(alignment, name)
    if interval is None:
        return wanted, "undefined", False
    low, _, method = interval
    return wanted, f"{low:.2f} ({method})", low >= lowest


def _labels_of_either_kind(alignment: Alignment) -> tuple[int, int]:
    """How many counted items people pass, and how many they do not."""
    return alignment.counts("tpr")[1], alignment.counts("tnr")[1]


def cautious_interval(alignment: Alignment, name: Measure) -> tuple[float, float, str] | None:
    """The 95% interval of a measure that decides, and the name of its method; None where it is
    undefined.

    A rate has the exact one, or where there are groups the one of it and the bootstrap's that
    begins lower; kappa has the bootstrap's.
    """
    methods = ["bootstrap"] if name == "kappa" else ["exact"]
    if name != "kappa" and alignment.groups is not None:
        methods.append("bootstrap")
    known = []
    for method in methods:
        interval = alignment.interval(name, method)
        if interval:
            known.append((*interval, method))
    return min(known, default=None)


def bounded(alignment: Alignment, name: Measure) -> str:
    """A measure and what decides, as ``TPR 0.75 (exact 95% interval 0.30 to 0.95)``."""
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
    bounds = f"{method} 95% interval {low:.2f} to {high:.2f}"
    return f"kappa {alignment.kappa:.2f}, {use} (by the lower end of its {bounds})"


def missing_labels(alignment: Alignment) -> dict[Any, int]:
    """For each verdict with too few labels, how many it takes to have `ENOUGH_LABELS`."""
    others = [label for label in alignment.confusion.index if label != alignment.positive]
    negative = others[0] if len(others) == 1 else "other verdicts"
    missing = {}
    verdicts = (alignment.positive, negative)
    for verdict, n in zip(verdicts, _labels_of_either_kind(alignment), strict=True):
        if n < ENOUGH_LABELS:
            missing[verdict] = ENOUGH_LABELS - n
    return missing


def labels_to_draw(alignment: Alignment) -> int | None:
    """How many more labels it takes to have enough of either verdict; None where one was never
    seen.
    """
    counts = _labels_of_either_kind(alignment)
    if not all(counts):
        return None
    rarer = min(counts)
    return max(0, math.ceil((ENOUGH_LABELS - rarer) * alignment.n / rarer))
