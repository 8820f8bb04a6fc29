"""Trust: whether a judge may score at scale. The decision is about one judge, by its hash, and no other."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from toolkit import render
from toolkit.evals.alignment import Alignment
from toolkit.evals.columns import Origin

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.evals.judge import Judge

Band = Literal["exploration", "trends", "gate", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """What a judge must show. Bounds are those of its 95% intervals, so that a lucky few labels do not pass."""

    name: str
    min_tpr: float | None = None
    """The least lower bound; None asks for none. So are the next two."""
    min_tnr: float | None = None
    min_kappa: float | None = None
    min_labels: int = 30
    """Counted items of either kind, of those that people pass and of those that they fail."""
    max_unparsed: float = 0.05
    """Share of the labelled items without a verdict that can be read."""
    human: bool = True
    """Whether the labels must be people's."""


RATES = TrustPolicy(name="rates", min_tpr=0.8, min_tnr=0.8)
"""One school: TPR and TNR above 0.9 and never below 0.8; kappa is for people against people."""
BANDS = TrustPolicy(name="bands", min_kappa=0.7)
"""Another: kappa below 0.4 is for exploration, to 0.7 for trends, from there a candidate for a gate."""


@dataclass(frozen=True, kw_only=True)
class Trust(Origin):
    """A decision."""

    trusted: bool
    policy: TrustPolicy
    judge: str | None
    """The hash of the judge that this is about."""
    checks: "pd.DataFrame" = field(repr=False)
    """A row a check: ``wanted``, ``found``, ``met``."""
    other_school: str
    """What the measures say that the policy does not ask: shown, whatever is decided."""

    def covers(self, judge: "Judge | str") -> bool:
        """Whether `judge` (or its hash) is trusted: False for a judge that has changed in any way."""
        return self.trusted and getattr(judge, "hash", judge) == self.judge

    @property
    def title(self) -> str:
        """The decision in a sentence, with whose labels it rests on."""
        missing = ", ".join(self.checks.index[~self.checks["met"].astype(bool)])
        said = "trusted to score at scale" if self.trusted else f"not trusted: {missing}"
        about = "" if self.human_kind == "human" else f". It rests on {self.labels_are}: nothing here is about people"
        return f"Judge {self.judge or 'of unknown hash'} is {said}{about}"

    def _repr_html_(self) -> str:
        rows = [(name, row.wanted, row.found, "met" if row.met else "not met") for name, row in self.checks.iterrows()]
        table = render.table(rows, ["check", "wanted", "found", ""])
        return render.block(render.tag("p", self.title), table, render.tag("p", self.other_school))


def trusted(alignment: Alignment, policy: TrustPolicy = RATES, judge: "Judge | str | None" = None) -> Trust:
    """Decide whether the judge that `alignment` is of may score at scale.

    `judge` (or its hash) is needed where the alignment was not made of `Verdict`s, which tell it. Where there are
    groups, a bound is the lower of the exact interval's and the bootstrap's.
    Raises ValueError where `judge` is not the one that was aligned.
    """
    import pandas as pd

    given = judge if isinstance(judge, str | None) else judge.hash
    if given and alignment.judge_hash not in (None, given):
        raise ValueError(f"the verdicts are of judge {alignment.judge_hash}, not of {given}: align that one")
    bound = given or alignment.judge_hash
    labelled = alignment.n + (alignment.n_unparsed if alignment.policy in ("report", "exclude") else 0)
    unparsed = alignment.n_unparsed / labelled if labelled else 1.0
    least_of = min(alignment.counts(name)[1] for name in ("tpr", "tnr"))
    checks: dict[str, tuple[str, str, bool]] = {
        "labels": ("of people" if policy.human else "of anyone", alignment.labels_are, _fits(alignment, policy)),
        "judge": ("a hash", bound or "none", bound is not None),
        "n": (f"{policy.min_labels} of either kind", str(least_of), least_of >= policy.min_labels),
        "unparsed": (f"at most {policy.max_unparsed:.0%}", f"{unparsed:.0%}", unparsed <= policy.max_unparsed),
    }
    for name in ("tpr", "tnr", "kappa"):
        wanted: float | None = getattr(policy, f"min_{name}")
        low = lower_bound(alignment, name)
        if wanted is not None:
            met = low is not None and low >= wanted
            checks[name] = (f"lower bound {wanted:.2f}", "undefined" if low is None else f"{low:.2f}", met)
    return Trust(
        trusted=all(met for _, _, met in checks.values()),
        policy=policy,
        judge=bound,
        checks=pd.DataFrame.from_dict(checks, orient="index", columns=["wanted", "found", "met"]),
        other_school=_both_schools(alignment),
        human_kind=alignment.human_kind,
        judge_source=alignment.judge_source,
    )


def lower_bound(alignment: Alignment, name: str) -> float | None:
    """The lower end of a measure's 95% interval, by the most cautious method that fits."""
    share = name in ("tpr", "tnr")
    methods = ["exact"] * share + ["bootstrap"] * ("group" in alignment.pairs or not share)
    found = [alignment.interval(name, method) for method in methods]
    return min((interval[0] for interval in found if interval), default=None)


def _fits(alignment: Alignment, policy: TrustPolicy) -> bool:
    return alignment.human_kind == "human" or not policy.human


def _both_schools(alignment: Alignment) -> str:
    kappa = alignment.kappa
    band = "unknown" if kappa is None else "exploration" if kappa < 0.4 else "trends" if kappa < 0.7 else "a gate"
    said = "kappa undefined" if kappa is None else f"kappa {kappa:.2f}, good for {band}"
    return f"By the school of rates: {alignment.rate('tpr')}, {alignment.rate('tnr')}. By the school of bands: {said}."
