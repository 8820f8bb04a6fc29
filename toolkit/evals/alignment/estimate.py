"""The estimate of a corrected rate: its value, its interval, and all that it rests on."""

from dataclasses import dataclass
from typing import Any, Literal

from toolkit.evals.alignment.origin import Origin

Method = Literal["rogan-gladen", "ppi"]
IntervalMethod = Literal["resampled", "normal"]


@dataclass(frozen=True)
class Estimate(Origin):
    """A rate with its interval. All three are None where they are undefined."""

    value: float | None
    """The corrected share of the positive label."""
    low: float | None
    high: float | None
    n: int
    """Judged items that count, by their verdict or by their label: the effective n."""
    n_labels: int
    """Labelled items behind the correction."""
    n_unscored: int
    """Judged items with neither; none of them is a pass."""
    raw: float | None
    """The judge's own share, uncorrected, on the items that are not labelled."""
    raw_interval: tuple[float, float] | None
    """Wilson's, as if the judge never erred: too narrow, and in the wrong place."""
    method: Method
    level: float
    degenerate: float
    """Share of the resamples in which the judge was no better than a coin; they widen the interval
    to both sides.
    """
    reason: str
    """Why there is no value; blank where there is."""
    n_known: int = 0
    """Judged items that are labelled too: they count as people say, and have no error."""
    n_examples: int = 0
    """Judged items that the judge was shown with their answer, and nobody labelled; they are in no
    number.
    """
    n_groups: int | None = None
    """Groups of the judged items; None where each stands alone."""
    interval: IntervalMethod = "resampled"
    positive: Any = "pass"
    """The category whose share this is."""

    @property
    def title(self) -> str:
        """The value and what it rests on, in words."""
        rate = "undefined"
        if self.value is not None:
            rate = f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"
        parts = [f"corrected rate {rate}", f"n = {self.n}"]
        if self.n_groups is not None:
            parts.append(f"{self.n_groups} groups")
        if self.n_known:
            parts.append(f"{self.n_known} known from their labels")
        if self.n_unscored:
            parts.append(f"{self.n_unscored} unscored")
        if self.n_examples:
            parts.append(f"{self.n_examples} examples of the judge's prompt")
        parts.append(f"by {self.n_labels} of {self.labels_are}{self.rest_is}")
        return ", ".join(parts)
