"""Origin: who labelled, what judged, and where the traces come from."""

from dataclasses import dataclass

from toolkit.shown import Shown
from toolkit.traces.sources import Mixture, first_in, least_live

RATER_KINDS = ("simulated", "model", "human")
"""From the least human to the most."""
LABELS_OF = {
    "simulated": "simulated labels",
    "model": "a model's labels",
    "human": "people's labels",
    None: "labels of unstated origin",
}


@dataclass(frozen=True, kw_only=True)
class Origin(Shown):
    """Who labelled (a `RaterKind`), and where verdicts and traces come from (a `Source`); None
    where nobody said.
    """

    human_kind: str | None = None
    judge_source: str | None = None
    trace_source: str | None = None

    @property
    def origin(self) -> dict[str, str | None]:
        """The three, to be handed on to whatever is made of this."""
        return {
            "human_kind": self.human_kind,
            "judge_source": self.judge_source,
            "trace_source": self.trace_source,
        }

    @property
    def labels_are(self) -> str:
        """In words, whose labels these are."""
        return LABELS_OF[self.human_kind]

    @property
    def rest_is(self) -> str:
        """In words, to end a title with: that the judge is simulated, and the traces are, where
        they are.
        """
        sentences = ""
        if self.judge_source == "simulated":
            sentences += ". The judge is simulated"
        if self.trace_source == "simulated":
            sentences += ". The traces are simulated"
        return sentences

    @property
    def simulated(self) -> bool:
        """Whether labels, verdicts or traces are simulated."""
        return "simulated" in (self.human_kind, self.judge_source, self.trace_source)


def origin_of(*results: Origin) -> dict[str, str | None]:
    """The origin of several results together: the least human label, the least live judge and
    traces.
    """
    return {
        "human_kind": least_human(result.human_kind for result in results),
        "judge_source": least_live(result.judge_source for result in results),
        "trace_source": least_live(result.trace_source for result in results),
    }


def least_human(*kinds: Mixture) -> str | None:
    """The kind of rater that a mixture is called by: its least human part; None where none is
    known.
    """
    return first_in(RATER_KINDS, *kinds)


def judge_in_words(source: str | None, computed: bool) -> str:
    """In words, where verdicts come from: ``live`` alone would read as a live model."""
    return "computed here" if computed and source == "live" else str(source)
