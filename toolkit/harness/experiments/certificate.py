"""Certificate: on which criteria an evaluator may decide. It is void once the evaluator changes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from toolkit.errors import UsageError
from toolkit.harness.experiments.reviews import Review
from toolkit.records import decode, encode, fingerprint
from toolkit.shown import Shown
from toolkit.traces import Source

PARTS = ("rubric", "few_shots", "prompt", "model")
"""What an evaluator is made of. A change of any is another evaluator."""
NAMES = {
    "rubric": "rubric",
    "few_shots": "set of few-shots",
    "prompt": "prompt",
    "model": "model",
}


class HasParts(Protocol):
    """An evaluator that can be told from another."""

    @property
    def parts(self) -> Mapping[str, str]:
        """The text of each of `PARTS`; of the model its name."""

    @property
    def source(self) -> Source:
        """Where its answers come from: a script is another model than the one it stands in for."""


def hashes(evaluator: HasParts) -> dict[str, str]:
    """The hash of each part. Raises UsageError where a part is missing, or there is another."""
    parts = evaluator.parts
    if set(parts) != set(PARTS):
        raise UsageError(f"an evaluator has the parts {', '.join(PARTS)}, not {', '.join(parts)}")
    by_part = {name: fingerprint(parts[name])[:16] for name in PARTS}
    by_part["model"] = fingerprint([parts["model"], evaluator.source == "simulated"])[:16]
    return by_part


def evaluator_hash(parts: Mapping[str, str]) -> str:
    """Of all parts together."""
    return fingerprint(dict(parts))[:16]


@dataclass(frozen=True, slots=True)
class Certificate(Shown):
    """What a calibration allows. It is written as JSON, and holds for one evaluator alone."""

    parts: dict[str, str]
    """The hash of each part, by its name."""
    gates: tuple[str, ...]
    """The criteria on which the evaluator decides."""
    not_gating: dict[str, str]
    """The other criteria, and why it does not."""
    policy: str
    """The name of the policy."""

    @classmethod
    def from_json(cls, text: str) -> "Certificate":
        """Read a certificate. Raises RecordError where it is none."""
        return decode(cls, text)

    def to_json(self) -> str:
        """One line."""
        return encode(self)

    def changed_parts(self, evaluator: HasParts) -> tuple[str, ...]:
        """The parts of `evaluator` that are not those that were calibrated."""
        now = hashes(evaluator)
        return tuple(name for name in PARTS if now[name] != self.parts.get(name))

    def void(self, evaluator: HasParts) -> str:
        """Why the certificate says nothing about `evaluator`; blank where it holds."""
        changed = [NAMES[name] for name in self.changed_parts(evaluator)]
        if not changed:
            return ""
        listed = " and ".join(changed)
        return f"void: what was calibrated had another {listed}; calibrate this evaluator anew"

    def decide(self, evaluator: HasParts, criterion: str, review: Review) -> Review:
        """The `review` as it counts: unscored where the evaluator may not decide the criterion."""
        why = self.void(evaluator)
        if not why and criterion not in self.gates:
            why = self.not_gating.get(criterion, f"{criterion} was not calibrated")
        if not why:
            return review
        return replace(review, passed=None, why=f"{why}. It had: {review.why}")
