"""GatePolicy: what an agent must show, as a YAML file that is reviewed like code."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

from toolkit.evals.judges.front_matter import fields_in, located
from toolkit.records import RecordError, read_text, validate
from toolkit.shown import Shown

STRICT: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class JudgeEvidence(Shown):
    """The files that show how far a judge may be trusted."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    labels: str
    """A file of labels, one a trace: what people say."""
    verdicts: str
    """A file of a `VerdictStore`: what the judge says of those traces."""
    school: Literal["rates", "bands"] = "rates"
    """By which policy it is decided: `RATES` or `BANDS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy(Shown):
    """What an experiment must show. Bounds of 95% intervals decide, and no point estimates; what is
    unscored is not passed. Raises ValueError for a policy that asks for nothing.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    name: str = "gate"
    min_pass_rate: float | None = None
    """What the lower bound of the pass rate must reach; None asks for none. So it is below."""
    min_pass_rate_without_free: float | None = None
    """Of the cases that an agent does not pass by doing nothing."""
    min_pass_hat: dict[int, float] = field(default_factory=dict)
    """Of pass^k, by k."""
    min_scores: dict[str, float] = field(default_factory=dict)
    """Of the share of trials on which a score is True, by its name."""
    margin: float | None = None
    """It must be shown that the agent is not worse than the baseline by this share."""
    better: bool = False
    """It must be shown that the agent is better than the baseline."""
    max_unscored: float | None = None
    """The largest share of planned trials without a verdict: unscored, errored, or not run."""
    max_cost_usd: float | None = None
    """What all trials together may cost."""
    judges: dict[str, JudgeEvidence] = field(default_factory=dict)
    """What shows that the judge behind a score may be trusted, by the name of the score."""

    def __post_init__(self) -> None:
        shares = {
            "min_pass_rate": self.min_pass_rate,
            "min_pass_rate_without_free": self.min_pass_rate_without_free,
            "margin": self.margin,
            "max_unscored": self.max_unscored,
        }
        shares |= {f"min_pass_hat {k}": share for k, share in self.min_pass_hat.items()}
        shares |= {f"min_scores {name}": share for name, share in self.min_scores.items()}
        for name, share in shares.items():
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name} is {share:g}: a share of 1, as 0.9")
        if self.margin == 0:
            raise ValueError("no sample shows a margin of 0: give one above it, as 0.05")
        asks = [share for share in shares.values() if share is not None]
        if not asks and not self.better and self.max_cost_usd is None:
            raise ValueError("the policy asks for nothing: give it min_pass_rate, or another bound")

    @property
    def needs_baseline(self) -> bool:
        """Whether it asks for a comparison."""
        return self.margin is not None or self.better

    @property
    def goes_by_all_scores(self) -> bool:
        """Whether it asks how many trials passed, which is what all scores say together."""
        rates = (self.min_pass_rate, self.min_pass_rate_without_free)
        return rates != (None, None) or bool(self.min_pass_hat) or self.needs_baseline

    @classmethod
    def load(cls, path: str | Path) -> "GatePolicy":
        """Read a YAML file. Raises RecordError with the line: a name that is misspelt is a bound
        that would not be checked.
        """
        source = read_text(path)
        try:
            return validate(cls, fields_in(source, path), str(path))
        except RecordError as error:
            why = error.why
            if why.startswith("Unexpected"):
                why += f": known are {', '.join(_known_fields(error.field))}"
            plainer = RecordError(why, str(path), error.line, error.field)
            raise located(plainer, source, path) from None


def _known_fields(path: str | None) -> list[str]:
    """The names that may stand beside the field at `path`."""
    is_evidence = (path or "").startswith("judges.")
    return [each.name for each in fields(JudgeEvidence if is_evidence else GatePolicy)]
