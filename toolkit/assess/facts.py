"""Facts: what is known of a team's product, each with where it comes from; what is not known is
None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from toolkit.shown import Shown

Probed = Literal["yes", "no"] | None
"""What an audit found; None where it could not probe."""
Build = Literal["complete", "open"] | None
"""How a build of the harness stands: every criterion passed, or not."""
Origin = Literal["measured", "said"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Shown):
    """What the rules go by."""

    devices: int | None = None
    """On how many devices one person follows one answer."""
    tolerates_drops: bool | None = None
    """Whether an answer that is lost may simply be asked for again."""
    live_control: bool | None = None
    """Whether people stop, steer or approve while it runs."""
    production: bool | None = None
    """Whether it is in production, or on a path to it."""
    run_minutes: float | None = None
    """How long one run takes without a person in it."""

    survives: Probed = None
    """Whether an answer that was cut can be had again."""
    resumes: Probed = None
    """Whether a reader goes on where it was cut."""
    shared: Probed = None
    """Whether a second reader sees the same answer at the same time."""
    goes_on: Probed = None
    """Whether the answer is made to its end while nobody is connected."""
    terminal: Probed = None
    """Whether an event says that the answer has ended."""

    phase: int | None = None
    """The maturity of the evals, 0 to 4."""
    n_decided: int = 0
    """Traces that people passed or failed."""
    n_failed: int = 0
    """Of those, the ones that somebody failed."""
    share_failing: float = 0.0
    """The lower bound of the share of those (Wilson's at 95%)."""
    simulated: bool = False
    """Whether the labels behind these numbers are of simulated raters too."""
    n_weak_judges: int = 0
    """Judges that score, and whose agreement with people is not shown."""

    build: Build = None
    n_rounds: int = 0
    """Rounds of the build that were judged."""
    n_open: int = 0
    """Criteria that did not pass in the last of them."""
    n_overruled: int = 0
    """Times that the Evaluator said pass, and what was run did not."""
    n_handoffs: int = 0
    """Notes by which a context went on from another."""
    contract_kept: bool | None = None
    """Whether the contract is the one that both roles signed."""

    @property
    def raters(self) -> str:
        """Who gave the labels."""
        return "simulated raters" if self.simulated else "people"


def fact_words(name: str) -> str:
    """The name of a fact in words.

    >>> fact_words("n_weak_judges")
    'weak judges'
    """
    return name.removeprefix("n_").replace("_", " ")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact comes from."""

    origin: Origin
    where: str
    """A file, a folder, an address, or an option."""


@dataclass(frozen=True, slots=True)
class Evidence(Shown):
    """Facts, the source of each by its name, and what could not be read."""

    facts: Facts = field(default_factory=Facts)
    sources: Mapping[str, Source] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def source_of(self, name: str) -> str:
        """The source of a fact, as ``measured: audit.json``."""
        source = self.sources.get(name)
        return f"{source.origin}: {source.where}" if source else "given"
