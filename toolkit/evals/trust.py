"""Trust: whether a judge may score at scale. The decision is about one judge, by its hash, and no other."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolkit import render
from toolkit.evals.alignment import Alignment

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.evals.judge import Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """What a judge must show. Bounds are those of its 95% intervals, so that a lucky few labels do not pass."""

    name: str
    min_tpr: float | None = None
    """The least lower bound; None asks for none. So are the next two."""
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
"""Another: kappa below 0.4 is for exploration, to 0.7 for trends, from there a candidate for a gate."""


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
        missing = ", ".join(map(str, self.checks.index[~self.checks["met"].astype(bool)]))
        said = f"not trusted: {missing}" if missing else "trusted to score at scale"
        real = self.alignment.human_kind == "human"
        about = "" if real else f". It rests on {self.alignment.labels_are}: nothing here is about people"
        return f"Judge {self.judge or 'of unknown hash'} is {said}{about}{self.alignment.rest_is}"

    @property
    def schools(self) -> str:
        """What either school says of the judge: shown, whichever decides."""
        found, kappa = self.alignment, self.alignment.kappa
        band = "" if kappa is None else "exploration" if kappa < 0.4 else "trends" if kappa < 0.7 else "a gate"
        said = "kappa undefined" if kappa is None else f"kappa {kappa:.2f}, good for {band}"
        return f"By the school of rates: {found.rate('tpr')}, {found.rate('tnr')}. By the school of bands: {said}."

    def _repr_html_(self) -> str:
        rows = [(*row[:3], "met" if row[3] else "not met") for row in self.checks.itertuples()]
        table = render.table(rows, ["check", "wanted", "found", ""])
        return render.block(render.tag("p", self.title), table, render.tag("p", self.schools))


def trusted(alignment: Alignment, policy: TrustPolicy = RATES, judge: "Judge | str | None" = None) -> Trust:
    """Decide whether the judge that `alignment` is of may score at scale.

    `judge` (or its hash) is needed where the alignment was not made of `Verdict`s, which tell it. A bound is that of
    the exact interval, or where there are groups the lower of it and the bootstrap's.
    Raises ValueError where `judge` is not the one that was aligned.
    """
    import pandas as pd

    given = judge if isinstance(judge, str | None) else judge.hash
    if given and alignment.judge_hash not in (None, given):
        raise ValueError(f"the verdicts are of judge {alignment.judge_hash}, not of {given}: align that one")
    bound, labelled = given or alignment.judge_hash, len(alignment.pairs) - alignment.n_deferred
    unparsed = alignment.n_unparsed / labelled if labelled else 1.0
    least_of, real = min(alignment.counts(name)[1] for name in ("tpr", "tnr")), alignment.human_kind == "human"
    read = unparsed <= policy.max_unparsed and not (unparsed and alignment.policy == "pass")
    checks = {
        "labels": ("people's labels" if policy.human else "any", alignment.labels_are, real or not policy.human),
        "judge": ("a hash", bound or "none", bound is not None),
        "n": (f"{policy.min_labels} of either kind", str(least_of), least_of >= policy.min_labels),
        "unparsed": (f"at most {policy.max_unparsed:.0%}, none taken for a pass", f"{unparsed:.0%}", read),
    }
    for name, wanted in (("tpr", policy.min_tpr), ("tnr", policy.min_tnr), ("kappa", policy.min_kappa)):
        low = lower_bound(alignment, name)
        if wanted is not None:
            found = "undefined" if low is None else f"{low:.2f}"
            checks[name] = (f"lower bound {wanted:.2f}", found, low is not None and low >= wanted)
    table = pd.DataFrame.from_dict(checks, orient="index", columns=["wanted", "found", "met"])
    return Trust(alignment, policy, bound, table)


def lower_bound(alignment: Alignment, name: str) -> float | None:
    """The lower end of a measure's 95% interval, by the most cautious method that fits."""
    methods = ["exact"] * (name != "kappa") + ["bootstrap"] * (name == "kappa" or "group" in alignment.pairs)
    found = [alignment.interval(name, method) for method in methods]
    return min((interval[0] for interval in found if interval), default=None)
